// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// argsOf splits the input of a fuzz target into arguments. ok is false if they may name files outside the
// folder.
func argsOf(line string) (args []string, ok bool) {
	const most = 20
	if line == "" {
		return nil, true
	}
	args = strings.Split(line, "\n")
	return args, len(args) <= most && !strings.ContainsAny(line, "/\x00") && !strings.Contains(line, "..")
}

// A folder is the directory that commands run in, with its original contents.
type folder struct {
	dir   string
	files map[string][]byte
}

// folderOf reads a folder.
func folderOf(t testing.TB, dir string) *folder {
	t.Helper()
	f := &folder{dir: dir}
	f.files = f.read(t)
	return f
}

func (f *folder) read(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(f.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// restore restores the original contents of the folder. It returns the files that had changed, and whether
// a temporary file was left.
func (f *folder) restore(t testing.TB) (changed []string, left bool) {
	t.Helper()
	is := f.read(t)
	for path := range is {
		if _, ok := f.files[path]; !ok {
			left = left || strings.HasSuffix(path, ".kbtf-tmp")
			_ = os.Remove(path)
		}
	}
	for path, was := range f.files {
		if now, ok := is[path]; ok && bytes.Equal(now, was) {
			continue
		}
		changed = append(changed, path)
		if err := os.WriteFile(path, was, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return changed, left
}

// oneFile reports whether a command line certainly names one file. If it names several, a command that fails
// may have changed some of them.
func oneFile(args []string) bool {
	isCommand := func(c *cli.Command) bool { return len(args) > 0 && c.Name == args[0] }
	if slices.ContainsFunc(program().Commands, isCommand) {
		args = args[1:]
	}
	names := 0
	for _, arg := range args {
		if arg == "-" || arg == "--" || !strings.HasPrefix(arg, "-") {
			names++
		} else if strings.Contains(arg, "order") || strings.Contains(arg, "html") {
			return false
		}
	}
	return names == 1
}

// mappings returns the number of memory mappings of this process.
func mappings(t testing.TB) int {
	t.Helper()
	return bytes.Count(elftest.Read(t, "/proc/self/maps"), []byte("\n"))
}

// FuzzRun runs arbitrary command lines, under both names of the program. They must exit with a documented
// status, prefix errors with the program's name, and on error leave files unchanged.
func FuzzRun(f *testing.F) {
	dir := buildFixture(f, 5)
	for name, contents := range map[string]string{
		"modules.order": "ring.o\necho.ko\n", "empty": "", "text": "CONFIG_MODULES=y\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(contents), 0o644); err != nil {
			f.Fatal(err)
		}
	}
	done := filepath.Join(dir, "done.ko")
	if err := os.WriteFile(done, elftest.Read(f, filepath.Join(dir, "ring.ko")), 0o644); err != nil {
		f.Fatal(err)
	}
	vmlinux := filepath.Join(dir, "vmlinux")
	if status := run([]string{"--btf_base", vmlinux, done}, io.Discard, os.Stderr); status != exitDone {
		f.Fatalf("status %d", status)
	}
	where := folderOf(f, dir)
	for _, line := range []string{
		"", "--help", "--help_all", "--version", "-h", "nothing.ko", "vmlinux.plain", "text", "empty",
		"--btf_base\nvmlinux\nring.ko", "-J\n-j\n--btf_base=vmlinux\nring.ko\necho.ko",
		"-j3\n-v\n--btf_base\nvmlinux\n--modules_order=modules.order",
		"--btf_base=vmlinux\n--btf_encode_detached\nx.btf\nring.ko",
		"--btf_base=vmlinux\n--btf_encode_detached\n.\nring.ko\necho.ko",
		"--btf_base\nauto\nring.ko", "--btf_base\nempty\nring.ko",
		"--btf_base\nring.o\n--on_error=strip\nring.ko", "--on_error\nkeep\ntext",
		"--btf_features=encode_force,var,float,decl_tag,type_tag,enum64\n--btf_features\n+distilled_base\n" +
			"--btf_base\nvmlinux\necho.ko",
		"--btf_features_strict=all,layout\nvmlinux.plain",
		"--btf_gen_floats\n--skip_encoding_btf_enum64\n--lang_exclude=rust,c\nring.ko",
		"--base_cache=cache\n--compat=1.30\n-q\n--btf_base=vmlinux\necho.ko",
		"--base_cache\noff\n--btf_encode_force\nring.ko",
		"base\n-v\nvmlinux", "base\n--raw\n-o\nx.btf\nvmlinux", "base\n--find\nring.ko", "base\n--help",
		"diff\n--all\n-v\n--btf_base\nvmlinux\nring.ko\necho.ko", "diff\n--btf_base\nvmlinux\nring.ko\ndone.ko",
		"diff\nvmlinux\nvmlinux", "diff\n-h",
		"dump\n--btf_base=vmlinux\ndone.ko", "dump\n--c\nstruct list_head\n--c=device\nvmlinux", "dump\n--help",
		"report\n--btf_base\nvmlinux\n.", "report\n--json\n--btf_base=vmlinux\nring.ko\n-j",
		"report\n--html\nx.html\n--btf_base=vmlinux\nring.ko",
		"strip\n-v\ndone.ko\necho.ko", "strip\ntext", "verify\n-v\n--kernel\n6.1\nvmlinux",
		"verify\n--all\n-j2\n--btf_base=vmlinux\ndone.ko\nvmlinux",
		"-V\n-J\n--btf_base\nvmlinux\nring.ko", "--numeric_version", "--supported_btf_features",
		"-J\n--btf_encode_detached=x.btf\nvmlinux.plain",
	} {
		f.Add(line)
	}
	const mostMappings = 40000 // bases stay mapped, and a process may have no more than 65,530 mappings
	bases, full := 0, false
	f.Fuzz(func(t *testing.T, line string) {
		args, ok := argsOf(line)
		if !ok || strings.Contains(line, "profile") { // a process can have only one CPU profile at a time
			return
		}
		if strings.Contains(line, "base") {
			if bases++; bases%500 == 0 {
				full = mappings(t) > mostMappings
			}
			if full {
				return
			}
		}
		t.Chdir(where.dir)
		t.Setenv("PATH", "/nowhere") // no programs
		t.Setenv("XDG_CACHE_HOME", where.dir)
		for _, name := range []string{"MAKEFLAGS", "KBTF_COMPAT", "KBTF_BASE_CACHE", "PAHOLE_LANG_EXCLUDE"} {
			t.Setenv(name, "")
		}
		type command func(args []string, stdout, stderr io.Writer) int
		for name, command := range map[string]command{"btf-ko": run, "pahole": runPahole} {
			var stdout, stderr bytes.Buffer
			status := command(args, &stdout, &stderr)
			changed, left := where.restore(t)
			lines := strings.Split(strings.TrimSuffix(stderr.String(), "\n"), "\n")
			for _, s := range lines {
				if !strings.HasPrefix(s, "btf-ko") && stderr.Len() > 0 || strings.Contains(s, "internal error") {
					t.Errorf("%s %q: stderr %q", name, args, s)
				}
			}
			switch {
			case status < exitDone || status > exitUsage:
				t.Errorf("%s %q: status %d", name, args, status)
			case status != exitDone && stderr.Len() == 0 && stdout.Len() == 0:
				t.Errorf("%s %q: status %d without a message", name, args, status)
			case status == exitUsage && stderr.Len() > 0 && len(lines) != 1:
				t.Errorf("%s %q: %d lines on stderr: %s", name, args, len(lines), stderr.String())
			case status == exitUsage && len(changed) > 0, status == exitFailed && len(changed) > 0 && oneFile(args):
				t.Errorf("%s %q: status %d, but changed: %v", name, args, status, changed)
			case left:
				t.Errorf("%s %q: status %d, and left a temporary file", name, args, status)
			}
		}
	})
}
