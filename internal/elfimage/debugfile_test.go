// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"encoding/hex"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// split makes a module with or without a build ID, its stripped copy with a .gnu_debuglink, and its
// debug file, in a folder.
func split(t *testing.T, target elftest.Target, buildID string) (dir string) {
	t.Helper()
	object := elftest.Object(t, target, "ring.c")
	dir = filepath.Dir(object)
	objcopy := target.Objcopy
	target.Link(t, dir, "-r", "--build-id="+buildID, "-o", "whole.ko", "x.o")
	elftest.Run(t, dir, objcopy, "--only-keep-debug", "whole.ko", "x.debug")
	elftest.Run(t, dir, objcopy, "--strip-debug", "whole.ko", "x.ko")
	elftest.Run(t, dir, objcopy, "--add-gnu-debuglink=x.debug", "x.ko")
	return dir
}

// Build IDs and checksums are those that binutils write, in all classes and byte orders.
func TestDebugFile(t *testing.T) {
	buildID := regexp.MustCompile(`Build ID: ([0-9a-f]+)`)
	for _, target := range elftest.Targets {
		if target.LD == nil {
			continue
		}
		t.Run(target.Name, func(t *testing.T) {
			dir := split(t, target, "sha1")
			module, debug := open(t, filepath.Join(dir, "x.ko")),
				open(t, filepath.Join(dir, "x.debug"))
			want := buildID.FindStringSubmatch(elftest.Run(t, dir, "readelf", "-n", "x.ko"))
			if want == nil || hex.EncodeToString(module.BuildID()) != want[1] ||
				!bytes.Equal(debug.BuildID(), module.BuildID()) {
				t.Errorf("build IDs %x and %x, readelf prints %q",
					module.BuildID(), debug.BuildID(),
					want)
			}
			if name, _, ok := module.DebugLink(); !ok || name != "x.debug" {
				t.Errorf("link to %q, %v", name, ok)
			}
			if err := module.CheckDebugFile(debug); err != nil {
				t.Error(err)
			}
			dir = split(t, target, "none")
			module, debug = open(t, filepath.Join(dir, "x.ko")),
				open(t, filepath.Join(dir, "x.debug"))
			if id := module.BuildID(); id != nil {
				t.Errorf("build ID %x, want none", id)
			}
			if err := module.CheckDebugFile(debug); err != nil {
				t.Error(err)
			}
		})
	}
}

// A file that does not belong to a module is refused, and the error names the difference.
func TestOtherDebugFile(t *testing.T) {
	gcc := elftest.GCC
	first, second, bare := split(t, gcc, "0x01020304"), split(t, gcc, "0x01020305"),
		split(t, gcc, "none")
	elftest.Run(t, bare, "objcopy", "--remove-section=.gnu_debuglink", "x.ko", "unlinked.ko")
	other := split(t, elftest.I386, "0x01020304")
	for _, test := range []struct{ name, module, debug, want string }{
		{"build ID", first + "/x.ko", second + "/x.debug", "its build ID is 01020305, that of M " +
			"01020304: use the file of the same build"},
		{"checksum", bare + "/x.ko", bare + "/whole.ko", "its checksum is C, that of " +
			".gnu_debuglink in M C: use the file of the same build"},
		{"a build ID in one file only", bare + "/x.ko", first + "/x.debug",
			"its checksum is C, that of .gnu_debuglink in M C: use the file of the same build"},
		{"no build ID and no link", bare + "/unlinked.ko", bare + "/x.debug",
			"cannot verify that it belongs to M: no build IDs in both, and no .gnu_debuglink " +
				"(objcopy --add-gnu-debuglink adds one)"},
		{"machine", first + "/x.ko", other + "/x.debug", "built for EM_386, 32 bits, not for " +
			"EM_X86_64, 64 bits"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := open(t, test.module).CheckDebugFile(open(t, test.debug))
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.ReplaceAll(err.Error(), test.module, "M")
			if strings.Contains(test.want, "is C,") {
				got = regexp.MustCompile(`\b[0-9a-f]{8}\b`).ReplaceAllString(got, "C")
			}
			if got != test.want {
				t.Errorf("got:  %s\nwant: %s", got, test.want)
			}
		})
	}
}

// Truncated notes and links are ignored.
func TestDamagedNote(t *testing.T) {
	dir := split(t, elftest.GCC, "sha1")
	whole := elftest.Read(t, filepath.Join(dir, "x.ko"))
	for _, name := range []string{".note.gnu.build-id", ".gnu_debuglink"} {
		img, err := Parse("x.ko", whole)
		if err != nil {
			t.Fatal(err)
		}
		s := img.Section(name)
		for size := range s.Size {
			s.Size = size
			id := img.BuildID()
			if _, _, link := img.DebugLink(); name == ".gnu_debuglink" && link ||
				name != ".gnu_debuglink" && id != nil {
				t.Errorf("no error for %s of %d bytes", name, size)
			}
		}
		for i := range 12 {
			data := bytes.Clone(whole)
			data[s.Offset+uint64(i)] ^= 0xff
			damaged, err := Parse("x.ko", data)
			if err != nil {
				t.Fatal(err)
			}
			damaged.BuildID() // must not panic
			damaged.DebugLink()
		}
	}
}
