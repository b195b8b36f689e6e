// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package scripts tests the scripts that can be tested without a network.
package scripts

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A fetcher runs scripts/fetch with its own cache and archive.
type fetcher struct {
	*archive
	cache string
	env   []string
	// prefix is a shell command that runs before the script.
	prefix string
}

func newFetcher(t *testing.T) *fetcher {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "with a blank")
	f := &fetcher{
		archive: newArchive(t, filepath.Join(dir, "archive")), cache: filepath.Join(dir, "cache"), prefix: ":",
	}
	tmp := filepath.Join(dir, "tmp")
	check(t, os.MkdirAll(tmp, 0o755))
	f.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C", "TMPDIR=" + tmp,
		"KBTF_CACHE=" + f.cache, "KBTF_MIRROR=" + f.uri(), "KBTF_KEYRING=" + f.keyring}
	return f
}

func (f *fetcher) command(args ...string) *exec.Cmd {
	cmd := exec.Command("bash", append([]string{"-c", f.prefix + `; exec ./fetch "$@"`, "fetch"}, args...)...)
	cmd.Env = f.env
	return cmd
}

func (f *fetcher) run(args ...string) (stdout, stderr string, err error) {
	var out, messages bytes.Buffer
	cmd := f.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &messages
	err = cmd.Run()
	return out.String(), messages.String(), err
}

// path returns the path that fetch prints for an input.
func (f *fetcher) path(name string) string {
	programs := map[string]string{"pahole-1.24": "pahole", "resolve_btfids-6.12": "resolve_btfids"}
	return filepath.Join(f.cache, name, programs[name])
}

// succeeds fetches inputs and checks the paths that are printed.
func (f *fetcher) succeeds(t *testing.T, names ...string) {
	t.Helper()
	stdout, stderr, err := f.run(names...)
	if err != nil {
		t.Fatalf("fetch %v: %v\n%s", names, err, stderr)
	}
	want := ""
	for _, name := range names {
		want += f.path(name) + "\n"
	}
	if stdout != want {
		t.Errorf("fetch %v prints %q, want %q", names, stdout, want)
	}
}

// fails checks that fetching an input fails, that the last line of stderr contains all of want, and
// that the cache is unchanged.
func (f *fetcher) fails(t *testing.T, name string, want ...string) {
	t.Helper()
	before := f.cached(t)
	stdout, stderr, err := f.run(name)
	if err == nil || stdout != "" {
		t.Fatalf("fetch %s: %v, prints %q, want a failure\n%s", name, err, stdout, stderr)
	}
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	for _, w := range append(want, "fetch: ") {
		if !strings.Contains(lines[len(lines)-1], w) {
			t.Errorf("fetch %s: the last line lacks %q:\n%s", name, w, stderr)
		}
	}
	if after := f.cached(t); !slices.Equal(after, before) {
		t.Errorf("the cache had %q, and after a failure %q", before, after)
	}
}

// readLists makes fetch read the lists again, which it does before it fails.
func (f *fetcher) readLists(t *testing.T) {
	t.Helper()
	f.fails(t, "linux-headers-6.12-common", "no version of set 6.12-bookworm is complete")
}

// cached returns the names in the cache, without apt's folder.
func (f *fetcher) cached(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(f.cache)
	if !os.IsNotExist(err) {
		check(t, err)
	}
	names := []string{}
	for _, e := range entries {
		if e.Name() != "apt" {
			names = append(names, e.Name())
		}
	}
	return names
}

// has checks the output of --versions, lines of NAME PACKAGE VERSION, and that the unpacked files are
// those of that package.
func (f *fetcher) has(t *testing.T, want ...string) {
	t.Helper()
	args := []string{"--versions"}
	for _, line := range want {
		args = append(args, strings.Fields(line)[0])
	}
	stdout, stderr, err := f.run(args...)
	if err != nil || stdout != strings.Join(want, "\n")+"\n" {
		t.Errorf("fetch %v: %v\n%s%s\nwant\n%s", args, err, stderr, stdout, strings.Join(want, "\n"))
	}
	for _, line := range want {
		fields := strings.Fields(line)
		marker, err := os.ReadFile(filepath.Join(f.cache, fields[0], "usr/share/build"))
		if os.IsNotExist(err) { // a tool
			marker, err = os.ReadFile(filepath.Join(f.cache, fields[0], "root/usr/share/build"))
		}
		if want := fields[1] + " " + fields[2]; err != nil || string(marker) != want {
			t.Errorf("%s has the files of %q, %v, want %q", fields[0], marker, err, want)
		}
	}
}

// debOf returns a package with a file that names it.
func debOf(name, version, arch string) deb {
	files := map[string]string{"usr/share/build": name + " " + version}
	return deb{name: name, version: version, arch: arch, files: files}
}

// dbg and image are the packages of set 6.1.
func dbg(kernel, version string) deb {
	return debOf("linux-image-"+kernel+"-amd64-dbg", version, "amd64")
}
func image(kernel, version string) deb {
	return debOf("linux-image-"+kernel+"-amd64", version, "amd64")
}

// hasDbg and hasImage are lines of --versions for these packages.
func hasDbg(kernel, version string) string {
	return "linux-6.1-dbg linux-image-" + kernel + "-amd64-dbg " + version
}
func hasImage(kernel, version string) string {
	return "linux-6.1-image linux-image-" + kernel + "-amd64 " + version
}

// The newest version that all inputs of a set have is used.
func TestFetchSet(t *testing.T) {
	for _, test := range []struct {
		name    string
		archive []deb
		want    []string
	}{
		{
			"debug files newer than the image",
			[]deb{
				dbg("6.1.0-57", "6.1.192-3"),
				dbg("6.1.0-56", "6.1.192-2"), image("6.1.0-56", "6.1.192-2"),
				dbg("6.1.0-9", "6.1.27-1"), image("6.1.0-9", "6.1.27-1"),
			},
			[]string{hasDbg("6.1.0-56", "6.1.192-2"), hasImage("6.1.0-56", "6.1.192-2")},
		},
		{
			"image newer than the debug files",
			[]deb{image("6.1.0-57", "6.1.192-3"), dbg("6.1.0-56", "6.1.192-2"), image("6.1.0-56", "6.1.192-2")},
			[]string{hasDbg("6.1.0-56", "6.1.192-2"), hasImage("6.1.0-56", "6.1.192-2")},
		},
		{
			"a rebuild under the same name that only one has",
			[]deb{dbg("6.1.0-56", "6.1.192-3"), dbg("6.1.0-56", "6.1.192-2"), image("6.1.0-56", "6.1.192-2")},
			[]string{hasDbg("6.1.0-56", "6.1.192-2"), hasImage("6.1.0-56", "6.1.192-2")},
		},
		{
			"a rebuild under the same name that both have",
			[]deb{
				dbg("6.1.0-56", "6.1.192-10"), image("6.1.0-56", "6.1.192-10"),
				dbg("6.1.0-56", "6.1.192-9"), image("6.1.0-56", "6.1.192-9"),
			},
			[]string{hasImage("6.1.0-56", "6.1.192-10"), hasDbg("6.1.0-56", "6.1.192-10")},
		},
		{
			"six inputs and five packages",
			slices.Concat([]deb{libc}, set612("6.12.99+deb12", "6.12.99-1~deb12u1"),
				set612("6.12.100+deb12", "6.12.100-1~deb12u1")[1:]),
			[]string{
				"resolve_btfids-6.12 linux-kbuild-6.12.99+deb12 6.12.99-1~deb12u1",
				"linux-headers-6.12-common linux-headers-6.12.99+deb12-common 6.12.99-1~deb12u1",
				"linux-6.12-cloud-image linux-image-6.12.99+deb12-cloud-amd64 6.12.99-1~deb12u1",
				"linux-kbuild-6.12 linux-kbuild-6.12.99+deb12 6.12.99-1~deb12u1",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFetcher(t)
			f.publish(t, test.archive...)
			var names []string
			for _, line := range test.want {
				names = append(names, strings.Fields(line)[0])
			}
			f.succeeds(t, names...)
			f.has(t, test.want...)
		})
	}
}

// set612 returns the packages of the 6.12 cloud kernel.
func set612(kernel, version string) []deb {
	const resolver = "usr/lib/linux-kbuild-6.12/tools/bpf/resolve_btfids/resolve_btfids"
	kbuild := toolOf("linux-kbuild-"+kernel, version, resolver, 129)
	debs := []deb{kbuild, debOf("linux-headers-"+kernel+"-common", version, "all")}
	for _, name := range []string{
		"linux-image-%s-cloud-amd64-dbg", "linux-image-%s-cloud-amd64", "linux-headers-%s-cloud-amd64",
	} {
		debs = append(debs, debOf(fmt.Sprintf(name, kernel), version, "amd64"))
	}
	return debs
}

// fetch runs a tool once after unpacking it, with the loader from libc6: here both are scripts.
func toolOf(name, version, program string, status int) deb {
	d := debOf(name, version, "amd64")
	d.depends = "libc6"
	d.files[program] = fmt.Sprintf("#!/bin/sh\nexit %d\n", status)
	return d
}

var libc = deb{name: "libc6", version: "2.36-9", arch: "amd64", files: map[string]string{
	"lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": "#!/bin/sh\nshift 2\nexec \"$@\"\n"}}

// Each architecture has its own newest complete version, and its own folder in the cache.
func TestFetchArchitectureThatLags(t *testing.T) {
	t.Parallel()
	f := newFetcher(t)
	f.publish(t, dbg("6.1.0-57", "6.1.192-3"), image("6.1.0-57", "6.1.192-3"),
		debOf("linux-image-6.1.0-57-s390x-dbg", "6.1.192-3", "s390x"),
		debOf("linux-image-6.1.0-55-s390x-dbg", "6.1.192-1", "s390x"),
		debOf("linux-image-6.1.0-55-s390x", "6.1.192-1", "s390x"))
	f.succeeds(t, "linux-6.1-dbg")
	other := f.of("s390x")
	other.succeeds(t, "linux-6.1-dbg", "linux-6.1-image")
	other.has(t, "linux-6.1-dbg linux-image-6.1.0-55-s390x-dbg 6.1.192-1",
		"linux-6.1-image linux-image-6.1.0-55-s390x 6.1.192-1")
	f.succeeds(t, "linux-6.1-image")
	f.has(t, hasDbg("6.1.0-57", "6.1.192-3"), hasImage("6.1.0-57", "6.1.192-3"))
}

// of returns a fetcher of another architecture's inputs.
func (f *fetcher) of(arch string) *fetcher {
	other := *f
	other.cache = filepath.Join(f.cache, arch)
	other.env = append(slices.Clone(f.env), "KBTF_ARCH="+arch)
	return &other
}

// Debian's kernels of some architectures have another name than the architecture.
func TestFetchFlavours(t *testing.T) {
	t.Parallel()
	f := newFetcher(t)
	flavours := map[string]string{"armhf": "armmp", "ppc64el": "powerpc64le", "s390x": "s390x"}
	var debs []deb
	for arch, flavour := range flavours {
		for _, suffix := range []string{"", "-dbg", "-rt-dbg", "-64k-dbg"} {
			debs = append(debs, debOf("linux-image-6.1.0-57-"+flavour+suffix, "6.1.192-3", arch))
		}
	}
	f.publish(t, debs...)
	for arch, flavour := range flavours {
		other := f.of(arch)
		other.succeeds(t, "linux-6.1-dbg")
		other.has(t, "linux-6.1-dbg linux-image-6.1.0-57-"+flavour+"-dbg 6.1.192-3")
	}
}

// Sets of architectures without cloud kernels are complete without them.
func TestFetchWithoutCloudKernels(t *testing.T) {
	t.Parallel()
	f := newFetcher(t).of("s390x")
	const kernel, version = "6.12.99+deb12", "6.12.99-1~deb12u1"
	f.publish(t, debOf("linux-headers-"+kernel+"-common", version, "all"), debOf("linux-kbuild-"+kernel, version, "s390x"))
	f.succeeds(t, "linux-headers-6.12-common")
	f.has(t, "linux-headers-6.12-common linux-headers-"+kernel+"-common "+version)
	f.fails(t, "linux-6.12-cloud-dbg", "in bookworm for s390x: linux-6.12-cloud-dbg none;")
}

// A sample has vmlinux, every 40th module by path, and the large ones.
func TestFetchSample(t *testing.T) {
	const debug = "usr/lib/debug/"
	const modules = debug + "lib/modules/6.12/"
	for name, vmlinux := range map[string]string{
		"vmlinux in boot": debug + "boot/vmlinux-6.12", "vmlinux with the modules": modules + "vmlinux",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFetcher(t).of("armhf")
			d := debOf("linux-image-6.12.99+deb13-armmp-dbg", "6.12.99-1", "armhf")
			d.files[vmlinux] = ""
			d.files[modules+"System.map"] = ""
			for i := range 100 {
				d.files[fmt.Sprintf("%skernel/b/m%02d.ko", modules, i)] = ""
			}
			for _, path := range []string{"a/first", "c/xfs", "c/xfs_other", "c/kvm/kvm-hv"} {
				d.files[modules+"kernel/"+path+".ko"] = ""
			}
			f.publish(t, d)
			f.succeeds(t, "linux-6.12-sample-dbg")

			var got []string
			root := filepath.Join(f.cache, "linux-6.12-sample-dbg")
			check(t, filepath.WalkDir(filepath.Join(root, "usr"), func(path string, entry fs.DirEntry, err error) error {
				if err == nil && !entry.IsDir() {
					got = append(got, strings.TrimPrefix(path, root+"/"))
				}
				return err
			}))
			want := []string{vmlinux}
			for _, path := range []string{"a/first", "b/m39", "b/m79", "c/kvm/kvm-hv", "c/xfs"} {
				want = append(want, modules+"kernel/"+path+".ko")
			}
			if slices.Sort(want); !slices.Equal(got, want) {
				t.Errorf("the sample has %q, want %q", got, want)
			}
		})
	}
}

// If the mirror lacks a package that its lists have, the next older version of the set is used.
func TestFetchMissingOnMirror(t *testing.T) {
	t.Parallel()
	f := newFetcher(t)
	newest := []deb{dbg("6.1.0-57", "6.1.192-3"), image("6.1.0-57", "6.1.192-3")}
	older := []deb{dbg("6.1.0-56", "6.1.192-2"), image("6.1.0-56", "6.1.192-2")}
	f.publish(t, slices.Concat(newest, older)...)
	check(t, os.Remove(f.pool(newest[0])))
	f.succeeds(t, "linux-6.1-dbg", "linux-6.1-image")
	f.has(t, hasDbg("6.1.0-56", "6.1.192-2"), hasImage("6.1.0-56", "6.1.192-2"))

	// Inputs in the cache are replaced if their version cannot be completed.
	check(t, os.RemoveAll(filepath.Join(f.cache, "linux-6.1-image")))
	f.publish(t, slices.Concat(newest, older)...)
	check(t, os.Remove(f.pool(older[1])))
	f.succeeds(t, "linux-6.1-image")
	f.has(t, hasDbg("6.1.0-57", "6.1.192-3"), hasImage("6.1.0-57", "6.1.192-3"))

	// The message names the package that cannot be downloaded.
	check(t, os.RemoveAll(filepath.Join(f.cache, "linux-6.1-image")))
	check(t, os.Remove(f.pool(newest[1])))
	f.fails(t, "linux-6.1-image", "fetch: cannot download linux-image-6.1.0-56-amd64 6.1.192-2")
}

// If no version is complete, the message lists the versions of each input.
func TestFetchIncompleteSet(t *testing.T) {
	t.Parallel()
	f := newFetcher(t)
	f.publish(t, dbg("6.1.0-57", "6.1.192-3"), dbg("6.1.0-56", "6.1.192-2"))
	f.fails(t, "linux-6.1-dbg", "fetch: no version of set 6.1 is complete in bookworm for amd64: "+
		"linux-6.1-dbg 6.1.0-57 (6.1.192-3), 6.1.0-56 (6.1.192-2); linux-6.1-image none; try again later")
	f.publish(t, dbg("6.1.0-57", "6.1.192-3"), image("6.1.0-56", "6.1.192-2"))
	f.fails(t, "linux-6.1-image", "linux-6.1-dbg 6.1.0-57 (6.1.192-3); linux-6.1-image 6.1.0-56 (6.1.192-2); ")
	// The lists are read again before fetch gives up.
	f.publish(t, dbg("6.1.0-57", "6.1.192-3"), image("6.1.0-57", "6.1.192-3"))
	f.succeeds(t, "linux-6.1-image")
}

// A cache with one version of a set is completed with that version while the archive has it, and
// otherwise replaced.
func TestFetchArchiveMovesOn(t *testing.T) {
	t.Parallel()
	f := newFetcher(t)
	old := []deb{dbg("6.1.0-56", "6.1.192-2"), image("6.1.0-56", "6.1.192-2")}
	f.publish(t, old...)
	f.succeeds(t, "linux-6.1-dbg")

	moved := []deb{dbg("6.1.0-57", "6.1.192-3"), image("6.1.0-57", "6.1.192-3")}
	f.publish(t, append(moved, old[1])...)
	f.readLists(t)
	f.succeeds(t, "linux-6.1-image")
	f.has(t, hasDbg("6.1.0-56", "6.1.192-2"), hasImage("6.1.0-56", "6.1.192-2"))

	check(t, os.RemoveAll(filepath.Join(f.cache, "linux-6.1-image")))
	f.publish(t, moved...)
	f.succeeds(t, "linux-6.1-image")
	want := []string{hasDbg("6.1.0-57", "6.1.192-3"), hasImage("6.1.0-57", "6.1.192-3")}
	f.has(t, want...)

	// The archive moves on between reading the lists and downloading, so the first download fails.
	check(t, os.RemoveAll(filepath.Join(f.cache, "linux-6.1-image")))
	f.publish(t, dbg("6.1.0-58", "6.1.193-1"), image("6.1.0-58", "6.1.193-1"))
	f.readLists(t)
	f.publish(t, dbg("6.1.0-59", "6.1.193-2"), image("6.1.0-59", "6.1.193-2"))
	f.succeeds(t, "linux-6.1-image")
	want = []string{hasDbg("6.1.0-59", "6.1.193-2"), hasImage("6.1.0-59", "6.1.193-2")}
	f.has(t, want...)

	// A cached set needs no archive.
	check(t, os.RemoveAll(f.dir))
	f.succeeds(t, "linux-6.1-image", "linux-6.1-dbg")
	f.has(t, want...)
	if got := f.cached(t); !slices.Equal(got, []string{"linux-6.1-dbg", "linux-6.1-image"}) {
		t.Errorf("the cache has %q", got)
	}
}

// A cache with two kernels in one set, from older versions of fetch, is repaired by fetching any input
// of the set.
func TestFetchMixedCache(t *testing.T) {
	t.Parallel()
	f := newFetcher(t)
	for name, fetched := range map[string]string{
		"linux-6.1-dbg":      "linux-image-6.1.0-57-amd64-dbg_6.1.192-3_amd64",
		"linux-6.1-image":    "linux-image-6.1.0-56-amd64_6.1.192-2_amd64",
		".set-6.1.interrupt": "",
	} {
		write(t, filepath.Join(f.cache, name, ".fetched"), []byte(fetched+"\n"))
	}
	write(t, filepath.Join(f.cache, "linux-6.1-image/usr/share/build"), []byte("linux-image-6.1.0-56-amd64 6.1.192-2"))
	f.publish(t, dbg("6.1.0-57", "6.1.192-3"))
	if _, _, err := f.run("linux-6.1-image"); err == nil {
		t.Error("a mixed cache was used")
	}
	f.publish(t, dbg("6.1.0-57", "6.1.192-3"), dbg("6.1.0-56", "6.1.192-2"))
	f.succeeds(t, "linux-6.1-image")
	f.has(t, hasDbg("6.1.0-56", "6.1.192-2"), hasImage("6.1.0-56", "6.1.192-2"))
	if got := f.cached(t); !slices.Equal(got, []string{"linux-6.1-dbg", "linux-6.1-image"}) {
		t.Errorf("the cache has %q", got)
	}
}

// A broken download leaves nothing in the cache, and the next run succeeds.
func TestFetchBrokenDownload(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"missing":   func(t *testing.T, path string) { check(t, os.Remove(path)) },
		"truncated": func(t *testing.T, path string) { check(t, os.Truncate(path, 300)) },
		"other bytes": func(t *testing.T, path string) {
			data, err := os.ReadFile(path)
			check(t, err)
			data[len(data)/2] ^= 1
			write(t, path, data)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFetcher(t)
			debs := []deb{dbg("6.1.0-56", "6.1.192-2"), image("6.1.0-56", "6.1.192-2")}
			f.publish(t, debs...)
			f.succeeds(t, "linux-6.1-image")
			damage(t, f.pool(debs[0]))
			f.fails(t, "linux-6.1-dbg", "fetch: cannot download linux-image-6.1.0-56-amd64-dbg 6.1.192-2")
			f.publish(t, debs...)
			f.succeeds(t, "linux-6.1-dbg")
			f.has(t, hasDbg("6.1.0-56", "6.1.192-2"))
		})
	}
}

// Lists signed with another key are refused.
func TestFetchOtherSignature(t *testing.T) {
	t.Parallel()
	f := newFetcher(t)
	write(t, f.keyring, newSigningKey(t).public())
	f.publish(t, dbg("6.1.0-56", "6.1.192-2"), image("6.1.0-56", "6.1.192-2"))
	f.fails(t, "linux-6.1-dbg", "fetch: cannot read the package lists of bookworm")
}

// A full disk leaves nothing in the cache, and the next run succeeds. The test limits the size of
// files instead, as that needs no privileges: the package is larger than the first limit, and a file
// in it is larger than the second.
func TestFetchFullDisk(t *testing.T) {
	t.Parallel()
	f := newFetcher(t)
	big := dbg("6.1.0-56", "6.1.192-2")
	noise := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{}).Read(noise)
	big.files["vmlinux"] = string(noise) + strings.Repeat("\x00", 8<<20)
	f.publish(t, big, image("6.1.0-56", "6.1.192-2"))
	f.succeeds(t, "linux-6.1-image")
	f.prefix = "trap '' XFSZ; ulimit -f 2048"
	f.fails(t, "linux-6.1-dbg", "fetch: cannot download linux-image-6.1.0-56-amd64-dbg 6.1.192-2")
	f.prefix = "trap '' XFSZ; ulimit -f 8192"
	f.fails(t, "linux-6.1-dbg", "fetch: linux-6.1-dbg: unpacking "+
		"linux-image-6.1.0-56-amd64-dbg_6.1.192-2_amd64.deb failed: ", "if "+f.cache+" is full")
	f.prefix = ":"
	f.succeeds(t, "linux-6.1-dbg")
	f.has(t, hasDbg("6.1.0-56", "6.1.192-2"))
}

// Of two concurrent fetches of an input one downloads it, and the other waits and uses the result.
func TestFetchConcurrent(t *testing.T) {
	for name, lock := range map[string]string{"linux-6.1-image": "set-6.1", "pahole-1.24": "pahole-1.24"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFetcher(t)
			f.publish(t, dbg("6.1.0-56", "6.1.192-2"), image("6.1.0-56", "6.1.192-2"), libc,
				toolOf("dwarves", "1.24-4", "usr/bin/pahole", 0))

			// The test holds the lock until both wait for it.
			path := filepath.Join(f.cache, "apt", lock+".lock")
			write(t, path, nil)
			held, err := os.Open(path)
			check(t, err)
			defer held.Close()
			check(t, syscall.Flock(int(held.Fd()), syscall.LOCK_EX))
			type process struct {
				*exec.Cmd
				stdout bytes.Buffer
				stderr *bufio.Scanner
			}
			var processes [2]process
			for i := range processes {
				p := &processes[i]
				p.Cmd = f.command(name)
				p.Stdout = &p.stdout
				stderr, err := p.StderrPipe()
				check(t, err)
				check(t, p.Start())
				p.stderr = bufio.NewScanner(stderr)
				if !p.stderr.Scan() || !strings.Contains(p.stderr.Text(), "waiting for another fetch of "+lock) {
					t.Errorf("process %d does not wait: %q", i, p.stderr.Text())
				}
			}
			check(t, syscall.Flock(int(held.Fd()), syscall.LOCK_UN))

			downloads := 0
			for i := range processes {
				p := &processes[i]
				for p.stderr.Scan() {
					if strings.Contains(p.stderr.Text(), ": downloading ") {
						downloads++
					}
				}
				check(t, p.Wait())
				if want := f.path(name) + "\n"; p.stdout.String() != want {
					t.Errorf("process %d prints %q, want %q", i, p.stdout.String(), want)
				}
			}
			if downloads != 1 {
				t.Errorf("downloaded %d times, want once", downloads)
			}
		})
	}
}
