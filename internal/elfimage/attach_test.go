// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
	"github.com/kbtf/kbtf/internal/fault"
)

var longAgo = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// attach attaches sections and recovers from a fault if another process truncates the file, as the
// program does.
func attach(path, name string, contents []byte) error {
	return fault.Recover(func() error {
		img, err := Open(path)
		if err != nil {
			return err
		}
		defer img.Close()
		return img.Attach(NewSection{Name: name, Contents: contents})
	})
}

func mustAttach(t testing.TB, path, name string, contents []byte) {
	t.Helper()
	if err := os.Chtimes(path, longAgo, longAgo); err != nil {
		t.Fatal(err)
	}
	if err := attach(path, name, contents); err != nil {
		t.Fatal(err)
	}
	if !modTime(t, path).After(longAgo) {
		t.Errorf("%s: time stamp not updated", path)
	}
}

func modTime(t testing.TB, path string) time.Time {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.ModTime()
}

// attempt runs an attach function. If it fails, attempt checks that the error is one line and the
// file unchanged.
func attempt(t *testing.T, path string, attach func() error) error {
	t.Helper()
	original := elftest.Read(t, path)
	if err := os.Chtimes(path, longAgo, longAgo); err != nil {
		t.Fatal(err)
	}
	err := attach()
	if err == nil {
		return nil
	}
	if !strings.HasPrefix(err.Error(), path+": ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error is not a line that starts with the path: %q", err)
	}
	if !bytes.Equal(elftest.Read(t, path), original) {
		t.Errorf("%s has changed despite the error: %v", path, err)
	}
	if !modTime(t, path).Equal(longAgo) {
		t.Errorf("%s has a new time stamp despite the error: %v", path, err)
	}
	return err
}

func writeFile(t testing.TB, data []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "x.ko")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkSection reads a section with debug/elf.
func checkSection(t *testing.T, path, name string, contents []byte) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for _, s := range f.Sections {
		if s.Name != name {
			continue
		}
		n++
		if s.Type != elf.SHT_PROGBITS || s.Flags != 0 || s.Addr != 0 || s.Link != 0 ||
			s.Info != 0 || s.Addralign != 8 ||
			s.Offset%8 != 0 {
			t.Errorf("%s: %+v", name, s.SectionHeader)
		}
		if data, err := s.Data(); err != nil || !bytes.Equal(data, contents) {
			t.Errorf("%s: wrong contents (%v)", name, err)
		}
	}
	if n != 1 {
		t.Errorf("%d sections %s, want 1", n, name)
	}
}

// Attach changes two header fields of the original bytes; other programs see the old sections and
// the new one.
func TestAttach(t *testing.T) {
	contents := []byte("type information")
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			path := elftest.Object(t, target, "ring.c")
			original := elftest.Read(t, path)
			old, err := elf.NewFile(bytes.NewReader(original))
			if err != nil {
				t.Fatal(err)
			}
			mustAttach(t, path, ".BTF", contents)
			checkSection(t, path, ".BTF", contents)

			after := bytes.Clone(elftest.Read(t, path)[:len(original)])
			shoff, shnum, size := 32, 48, 4
			if old.Class == elf.ELFCLASS64 {
				shoff, shnum, size = 40, 60, 8
			}
			copy(after[shoff:shoff+size], original[shoff:])
			copy(after[shnum:shnum+2], original[shnum:])
			if !bytes.Equal(after, original) {
				t.Error("changes other than e_shoff and e_shnum")
			}

			f, err := elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if len(f.Sections) != len(old.Sections)+1 {
				t.Fatalf("%d sections, want %d", len(f.Sections), len(old.Sections)+1)
			}
			for i, s := range old.Sections {
				if s.Name == f.Sections[i].Name && s.Type == elf.SHT_STRTAB &&
					s == old.Section(".shstrtab") {
					continue // has a longer copy
				}
				if s.Name == ".strtab" && old.Section(".shstrtab") == nil {
					continue // clang puts the names of sections here
				}
				if s.SectionHeader != f.Sections[i].SectionHeader {
					t.Errorf("section %d was %+v, is %+v",
						i, s.SectionHeader, f.Sections[i].SectionHeader)
				}
			}
			if out := elftest.Run(t, "", "readelf", "-aW", path); !strings.Contains(out, " .BTF ") {
				t.Errorf("readelf shows no .BTF:\n%s", out)
			}
		})
	}
}

// The result does not depend on what was attached before.
func TestAttachAgain(t *testing.T) {
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			object := elftest.Read(t, elftest.Object(t, target, "ring.c"))
			large, small := bytes.Repeat([]byte("large "), 3000), []byte("small")
			for _, final := range [][]byte{nil, small, large, large[:6000]} {
				once := writeFile(t, object)
				mustAttach(t, once, ".BTF", final)
				want := elftest.Read(t, once)
				for _, first := range [][]byte{nil, small, large, large[:5999]} {
					path := writeFile(t, object)
					mustAttach(t, path, ".BTF", first)
					mustAttach(t, path, ".BTF", final)
					checkSection(t, path, ".BTF", final)
					if !bytes.Equal(elftest.Read(t, path), want) {
						t.Errorf("%d bytes after %d: differs from a first Attach",
							len(final), len(first))
					}
					mustAttach(t, path, ".BTF", final)
					if !bytes.Equal(elftest.Read(t, path), want) {
						t.Errorf("%d bytes again after %d: differs from a first Attach",
							len(final), len(first))
					}
				}
			}
		})
	}
}

// The next Attach removes the bytes that a killed one has left after the end.
func TestAttachAfterKill(t *testing.T) {
	contents := []byte("type information")
	for _, target := range elftest.Targets {
		path := elftest.Object(t, target, "ring.c")
		original := elftest.Read(t, path)
		mustAttach(t, path, ".BTF", contents)
		want := elftest.Read(t, path)
		tail := want[len(original):]
		for n := range len(tail) + 1 {
			if n > 0 && n < 4 {
				continue // without a mark: not ours
			}
			path := writeFile(t, slices.Concat(original, tail[:n]))
			mustAttach(t, path, ".BTF", contents)
			if got := elftest.Read(t, path); !bytes.Equal(got, want) {
				t.Fatalf("%s: killed after %d of %d bytes: wrong result",
					target.Name, n, len(tail))
			}
		}
	}
}

// Concurrent processes attach different contents: one wins, the file is intact, and the others
// succeed or get an error.
func TestAttachConcurrent(t *testing.T) {
	path := elftest.Object(t, elftest.GCC, "ring.c")
	original := elftest.Read(t, path)
	var want [8][]byte
	contents := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 1000+100*i) }
	for i := range want {
		path := writeFile(t, original)
		mustAttach(t, path, ".BTF", contents(i))
		want[i] = elftest.Read(t, path)
	}
	// Two images of the same file.
	first, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := first.Attach(NewSection{Name: ".BTF", Contents: contents(0)}); err != nil {
		t.Fatal(err)
	}
	if err := second.Attach(NewSection{Name: ".BTF", Contents: contents(1)}); err == nil ||
		!strings.Contains(err.Error(), "changed while it was being") {
		t.Errorf("second Attach: %v", err)
	}
	if !bytes.Equal(elftest.Read(t, path), want[0]) {
		t.Error("the second Attach has changed the file")
	}
	for range 20 {
		var errs [len(want)]error
		var all sync.WaitGroup
		for i := range want {
			all.Go(func() { errs[i] = attach(path, ".BTF", contents(i)) })
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else {
				t.Log(err) // too late, or the header was being written
			}
		}
		got := elftest.Read(t, path)
		if won == 0 || !slices.ContainsFunc(want[:],
			func(w []byte) bool { return bytes.Equal(got, w) }) {
			t.Fatalf("%d succeeded, but the file is none of their results", won)
		}
	}
}

// A .BTF of another program is replaced, also if that program moved ours.
func TestAttachOverForeign(t *testing.T) {
	path := elftest.Object(t, elftest.GCC, "ring.c")
	foreign := writeFile(t, bytes.Repeat([]byte("foreign "), 100))
	elftest.Run(t, "", "objcopy", "--add-section", ".BTF="+foreign, path)
	original := elftest.Read(t, path)
	want := []byte("ours")
	mustAttach(t, path, ".BTF", want)
	checkSection(t, path, ".BTF", want)
	once := elftest.Read(t, path)
	mustAttach(t, path, ".BTF", []byte("something else"))
	mustAttach(t, path, ".BTF", want)
	if !bytes.Equal(elftest.Read(t, path), once) {
		t.Error("differs from a first Attach")
	}
	if !bytes.Equal(elftest.Read(t, path)[64:len(original)], original[64:]) {
		t.Error("the foreign section was overwritten")
	}
	elftest.Run(t, "", "objcopy", "--update-section", ".BTF="+foreign, path)
	checkSection(t, path, ".BTF", elftest.Read(t, foreign))
	mustAttach(t, path, ".BTF", want)
	checkSection(t, path, ".BTF", want)
}

// Several sections are added, and one is removed, whether Attach or another program has added it.
func TestAttachSeveral(t *testing.T) {
	attach := func(path string, sections ...NewSection) {
		t.Helper()
		img, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer img.Close()
		if err := img.Attach(sections...); err != nil {
			t.Fatal(err)
		}
	}
	split, base := NewSection{Name: ".BTF", Contents: []byte("split")},
		NewSection{Name: ".BTF.base", Contents: []byte("its base")}
	noBase := NewSection{Name: ".BTF.base", Remove: true}
	for _, foreign := range []bool{false, true} {
		path := elftest.Object(t, elftest.GCC, "ring.c")
		if foreign {
			other := writeFile(t, []byte("foreign"))
			elftest.Run(t, "", "objcopy", "--add-section", ".BTF.base="+other, "--add-section",
				".BTF="+other, path)
		}
		attach(path, split, base)
		checkSection(t, path, ".BTF", split.Contents)
		checkSection(t, path, ".BTF.base", base.Contents)
		both := elftest.Read(t, path)
		attach(path, split, base)
		if !bytes.Equal(elftest.Read(t, path), both) {
			t.Errorf("foreign %v: attaching the same contents again changed the file", foreign)
		}
		attach(path, split, noBase)
		checkSection(t, path, ".BTF", split.Contents)
		f, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if f.Section(".BTF.base") != nil {
			t.Errorf("foreign %v: .BTF.base is still there", foreign)
		}
		f.Close()
		elftest.Run(t, "", "readelf", "-SW", path)
		attach(path, split, base)
		if !bytes.Equal(elftest.Read(t, path), both) {
			t.Errorf("foreign %v: differs from a first Attach", foreign)
		}
	}
}

// The tools of a kernel build accept the result.
// A program that changes section headers or names after Attach, in place, does not have its changes undone by the
// next Attach, which starts from the original file.
func TestAttachAfterChangedHeaders(t *testing.T) {
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			object := elftest.Object(t, target, "echo.c")
			mustAttach(t, object, ".BTF", []byte("contents"))
			attached := elftest.Read(t, object)
			img, err := Parse(object, attached)
			if err != nil {
				t.Fatal(err)
			}
			header := func(name string) int { return int(img.shoff) + img.Section(name).Index*int(img.layout().shdr) }
			const flags = 8 // offset of sh_flags
			for _, tt := range []struct {
				name   string
				change func(data []byte)
				want   func(*Image) bool
			}{
				{"type", func(data []byte) { img.Order.PutUint32(data[header(".comment")+4:], uint32(elf.SHT_NOTE)) },
					func(img *Image) bool { return img.Section(".comment").Type == elf.SHT_NOTE }},
				{"SHT_NULL", func(data []byte) { img.Order.PutUint32(data[header(".comment")+4:], uint32(elf.SHT_NULL)) },
					func(img *Image) bool { return img.Section(".comment").Type == elf.SHT_NULL }},
				{"name", func(data []byte) {
					names := img.Sections[img.shstrndx]
					data[int(names.Offset)+bytes.Index(data[names.Offset:], []byte(".comment"))+1] = 'k'
				}, func(img *Image) bool { return img.Section(".komment") != nil }},
				{"flags of what is attached", func(data []byte) { data[header(".BTF")+flags] ^= 0xff },
					func(img *Image) bool { return img.Section(".BTF").Flags == 0 }},
			} {
				data := bytes.Clone(attached)
				tt.change(data)
				path := writeFile(t, data)
				for _, contents := range []string{"contents", "other", "contents"} {
					mustAttach(t, path, ".BTF", []byte(contents))
				}
				again, err := Parse(path, elftest.Read(t, path))
				if err != nil {
					t.Fatal(err)
				}
				if !tt.want(again) {
					t.Errorf("%s: undone", tt.name)
				}
				if c, err := again.InflateNamed(".BTF"); err != nil || string(c) != "contents" {
					t.Errorf("%s: %q, %v", tt.name, c, err)
				}
			}
		})
	}
}

func TestAttachThenTools(t *testing.T) {
	gcc := elftest.GCC
	path := elftest.Object(t, gcc, "ring.c")
	dir := filepath.Dir(path)
	contents := bytes.Repeat([]byte("types "), 1000)
	mustAttach(t, path, ".BTF", contents)
	commands := [][]string{
		{"strip", "--strip-debug", "-o", "out.ko", "x.o"},
		{"objcopy", "x.o", "out.ko"},
	}
	for _, target := range elftest.Native {
		ld := target.LD[0]
		commands = append(commands, []string{ld, "-r", "-o", "out.ko", "x.o"},
			[]string{ld, "-r", "-o", "out.ko", "x.o", elftest.Object(t, gcc, "echo.c")})
	}
	for _, args := range commands {
		elftest.Run(t, dir, args[0], args[1:]...)
		f, err := elf.Open(filepath.Join(dir, "out.ko"))
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		if s := f.Section(".BTF"); s == nil {
			t.Errorf("%v: no .BTF", args)
		} else if data, err := s.Data(); err != nil || !bytes.Equal(data, contents) {
			t.Errorf("%v: wrong contents (%v)", args, err)
		}
		f.Close()
	}
	elftest.Run(t, dir, "objcopy", "--dump-section", ".BTF=out.btf", "x.o", "ignored.o")
	if !bytes.Equal(elftest.Read(t, filepath.Join(dir, "out.btf")), contents) {
		t.Error("objcopy --dump-section: wrong contents")
	}
	elftest.Run(t, dir, "objcopy", "--remove-section=.BTF", "x.o", "removed.o")
	removed := filepath.Join(dir, "removed.o")
	if open(t, removed).Section(".BTF") != nil {
		t.Error("objcopy --remove-section had no effect")
	}
	mustAttach(t, removed, ".BTF", contents)
	checkSection(t, removed, ".BTF", contents)
}

// From 65,280 sections, their number is in section header 0. -ffunction-sections and LTO produce
// such objects.
func TestAttachManySections(t *testing.T) {
	const border = int(elf.SHN_LORESERVE)
	for _, total := range []int{border - 2, border - 1, border, border + 2} {
		t.Run(fmt.Sprint(total), func(t *testing.T) {
			dir := t.TempDir()
			// as adds 7: the null section, .text, .data, .bss, .symtab, .strtab, .shstrtab; and
			// .symtab_shndx above border.
			var source strings.Builder
			n := total - 7
			if total > border {
				n--
			}
			for i := range n {
				fmt.Fprintf(&source, ".section s%d\n", i)
			}
			fmt.Fprintf(&source, ".globl last\nlast: .byte 1\n")
			if err := os.WriteFile(filepath.Join(dir, "x.s"), []byte(source.String()),
				0o644); err != nil {
				t.Fatal(err)
			}
			elftest.Run(t, dir, "as", "-o", "x.o", "x.s")
			path := filepath.Join(dir, "x.o")
			img := open(t, path)
			if len(img.Sections) != total {
				t.Fatalf("as made %d sections, want %d", len(img.Sections), total)
			}
			f, err := elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			compareImages(t, img, f)
			f.Close()
			syms, err := img.SymbolTable()
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for i := range syms.Len() {
				if s := syms.At(i); string(syms.Name(&s)) == "last" {
					found = true
					if got, want := img.Sections[s.Section].Name,
						fmt.Sprintf("s%d", n-1); got != want {
						t.Errorf("symbol last is in section %s, want %s", got, want)
					}
				}
			}
			if !found {
				t.Error("no symbol last")
			}

			for _, contents := range []string{"types", "other types", "types"} {
				mustAttach(t, path, ".BTF", []byte(contents))
				checkSection(t, path, ".BTF", []byte(contents))
			}
			f, err = elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if len(f.Sections) != total+1 {
				t.Errorf("%d sections, want %d", len(f.Sections), total+1)
			}
			if out := elftest.Run(t, dir, "readelf", "-hW", "x.o"); !strings.Contains(out,
				fmt.Sprint(total+1)) {
				t.Errorf("readelf does not count %d sections:\n%s", total+1, out)
			}
		})
	}
}

func TestAttachRefused(t *testing.T) {
	object := elftest.Read(t, elftest.Object(t, elftest.GCC, "ring.c"))
	t.Run("signed", func(t *testing.T) {
		path := writeFile(t, append(bytes.Clone(object), "PKCS 7~Module signature appended~\n"...))
		if err := attempt(t, path,
			func() error { return attach(path, ".BTF", []byte("types")) }); !errors.Is(err,
			errSigned) {
			t.Errorf("got %v, want ErrSigned", err)
		}
	})
	for _, first := range []string{"", "other types", "types"} {
		t.Run("read-only/"+first, func(t *testing.T) {
			path := writeFile(t, object)
			if first != "" {
				mustAttach(t, path, ".BTF", []byte(first))
			}
			if err := os.Chmod(path, 0o444); err != nil {
				t.Fatal(err)
			}
			err := attempt(t, path, func() error { return attach(path, ".BTF", []byte("types")) })
			if want := path + ": read-only (mode 0444): make it writable first"; err == nil ||
				err.Error() != want {
				t.Errorf("got:  %v\nwant: %s", err, want)
			}
		})
	}
	t.Run("changed in between", func(t *testing.T) {
		path := writeFile(t, object)
		img := open(t, path)
		if err := os.WriteFile(path, append(bytes.Clone(object), 0), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := img.Attach(NewSection{Name: ".BTF"}); err == nil ||
			err.Error() != path+": changed while it was being read" {
			t.Errorf("got %v", err)
		}
	})
}

// TestMain lets the test program run itself with a file size limit: see attachLimited.
func TestMain(m *testing.M) {
	if limit := os.Getenv("KBTF_TEST_LIMIT"); limit != "" {
		os.Exit(attachMain(limit, os.Args[1], os.Args[2]))
	}
	os.Exit(m.Run())
}

// attachLimited attaches in a process whose writes beyond limit bytes of a file fail.
func attachLimited(t *testing.T, limit int, path string, contents []byte) error {
	t.Helper()
	cmd := exec.Command(os.Args[0], path, writeFile(t, contents))
	cmd.Env = append(os.Environ(), fmt.Sprintf("KBTF_TEST_LIMIT=%d", limit))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 3:
		return errors.New(string(out))
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	}
	return nil
}

func attachMain(limit, path, contents string) (status int) {
	n, err := strconv.ParseUint(limit, 10, 64)
	if err == nil {
		err = unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: n})
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(contents)
	}
	if err == nil {
		if err = attachUnsigned(path, ".BTF", data); err == nil {
			return 0
		}
		fmt.Print(err)
		return 3
	}
	fmt.Print(err)
	return 1
}

// attachCases are contents to attach first, a signature, and contents to attach last; nil for none.
var attachCases = []struct {
	name                   string
	first, signature, then []byte
}{
	{"first time", nil, nil, bytes.Repeat([]byte("types "), 2000)},
	{"smaller", bytes.Repeat([]byte("old "), 5000), nil, bytes.Repeat([]byte("types "), 2000)},
	{"larger", []byte("old"), nil, bytes.Repeat([]byte("types "), 2000)},
	{"signed", nil, make([]byte, 700), bytes.Repeat([]byte("types "), 2000)},
}

// A failed write, wherever it happens, leaves the file unchanged.
func TestAttachFileTooLarge(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("the limit also hits the coverage file")
	}
	object := elftest.Read(t, elftest.Object(t, elftest.GCC, "ring.c"))
	for _, test := range attachCases {
		t.Run(test.name, func(t *testing.T) {
			path := writeFile(t, object)
			if test.first != nil {
				mustAttach(t, path, ".BTF", test.first)
			}
			if test.signature != nil {
				path = writeFile(t, sign(elftest.Read(t, path), test.signature))
			}
			refused := 0
			for limit := len(elftest.Read(t, path)); ; limit += 1999 {
				err := attempt(t, path,
					func() error { return attachLimited(t, limit, path, test.then) })
				if err == nil {
					break
				}
				if !strings.HasSuffix(err.Error(), ": file too large") {
					t.Fatalf("limit of %d bytes: %v", limit, err)
				}
				refused++
			}
			checkSection(t, path, ".BTF", test.then)
			if refused < 5 {
				t.Errorf("only %d errors", refused)
			}
		})
	}
}
