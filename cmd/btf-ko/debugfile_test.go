// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
	"github.com/kbtf/kbtf/internal/fetchtest"
)

// Without a flag the debug file is found where packages put it, also where that is behind a link.
func TestInstalledDebugFile(t *testing.T) {
	dir, root := buildFixture(t, 5), t.TempDir()
	elftest.Run(t, dir, "ld", "-r", "--build-id=sha1", "-o", "whole.ko", "ring.ko")
	elftest.Run(t, dir, "strip", "-g", "-o", "ring.ko", "whole.ko")
	elftest.Run(t, dir, "objcopy", "--only-keep-debug", "whole.ko", "debug")
	ring, err := elfimage.Open(filepath.Join(dir, "ring.ko"))
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	id := hex.EncodeToString(ring.BuildID())
	elsewhere := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "usr/lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(root, debugFolder)); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{".build-id/" + id[:2] + "/" + id[2:] + ".debug", "lib/modules/6.1/kernel/ring.ko", "usr/lib/modules/6.1/ring.ko.debug"} {
		find := func() (string, error) {
			found, err := (&debugSource{}).of(ring, host{root: root})
			if err != nil {
				return "", err
			}
			defer found.Close()
			return found.Path, nil
		}
		if path, err := find(); err == nil {
			t.Errorf("found %s before it was there", path)
		}
		path := filepath.Join(elsewhere, place)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "debug"), path); err != nil {
			t.Fatal(err)
		}
		if found, err := find(); err != nil || !strings.HasSuffix(found, place) {
			t.Errorf("found %q, %v; want %s", found, err, place)
		}
		if err := os.Rename(path, filepath.Join(dir, "debug")); err != nil {
			t.Fatal(err)
		}
	}
}

// Debian's modules as it ships them - stripped, signed, with pahole's BTF - and its debug files: the BTF is that of the debug file itself, and
// takes the place of pahole's.
func TestDebianDebugFiles(t *testing.T) {
	image, debug := fetchtest.Path(t, "linux-6.1-image"), filepath.Join(fetchtest.Path(t, "linux-6.1-dbg"), "usr/lib/debug")
	find := func(pattern string) string {
		t.Helper()
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		return found[0]
	}
	vmlinux := find(filepath.Join(debug, "boot/vmlinux-*"))
	dir := t.TempDir()
	btfKo := func(args ...string) (string, int) {
		var stderr bytes.Buffer
		status := run(append([]string{"--btf_base", vmlinux, "--base_cache", "off"}, args...), &stderr, &stderr)
		return stderr.String(), status
	}
	for _, module := range []string{"fs/xfs/xfs.ko", "net/8021q/8021q.ko", "net/netfilter/nf_conntrack.ko"} {
		t.Run(filepath.Base(module), func(t *testing.T) {
			shipped := elftest.Read(t, find(filepath.Join(image, "lib/modules/*/kernel", module)))
			path, want := filepath.Join(dir, filepath.Base(module)), filepath.Join(dir, "want.btf")
			if err := os.WriteFile(path, shipped, 0o644); err != nil {
				t.Fatal(err)
			}
			if out, status := btfKo("--btf_encode_detached", want, find(filepath.Join(debug, "lib/modules/*/kernel", module))); status != exitDone {
				t.Fatal(out)
			}
			if out, status := btfKo("--debug_file", debug, path); status != exitFailed || !strings.Contains(out, "--strip_signature") ||
				!bytes.Equal(elftest.Read(t, path), shipped) {
				t.Errorf("signed: exit status %d, %s", status, out)
			}
			if out, status := btfKo("--strip_signature", "--debug_file", debug, path); status != exitDone {
				t.Fatal(out)
			}
			if got, err := section(path, ".BTF"); err != nil || !bytes.Equal(got, elftest.Read(t, want)) {
				t.Errorf("other BTF than of the debug file (%v)", err)
			}
			var out bytes.Buffer
			if status := run([]string{"verify", "--btf_base", vmlinux, path}, &out, &out); status != exitDone {
				t.Errorf("verify: %s", out.String())
			}
			if out, err := exec.Command("readelf", "-SW", path).CombinedOutput(); err != nil || strings.Count(string(out), " .BTF ") != 1 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
