// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// sign appends a signature as scripts/sign-file does: struct module_signature with PKEY_ID_PKCS7
// (2), and the magic text.
func sign(data, signature []byte) []byte {
	info := [12]byte{2: 2}
	binary.BigEndian.PutUint32(info[8:], uint32(len(signature)))
	return slices.Concat(data, signature, info[:], []byte(signatureMagic))
}

// attachUnsigned attaches in place of a signature.
func attachUnsigned(path, name string, contents []byte) error {
	img, err := Open(path)
	if err != nil {
		return err
	}
	defer img.Close()
	if err := img.DropSignature(); err != nil {
		return err
	}
	return img.Attach(NewSection{Name: name, Contents: contents})
}

func detachUnsigned(path string, names ...string) (bool, error) {
	img, err := Open(path)
	if err != nil {
		return false, err
	}
	defer img.Close()
	if err := img.DropSignature(); err != nil {
		return false, err
	}
	return img.Detach(names...)
}

// After DropSignature, Attach writes what it would have written to the unsigned file, whatever the
// size of the signature, and whatever was attached before.
func TestAttachDropSignature(t *testing.T) {
	contents := bytes.Repeat([]byte("types "), 500)
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			object := elftest.Read(t, elftest.Object(t, target, "ring.c"))
			path := writeFile(t, object)
			mustAttach(t, path, ".BTF", []byte("earlier"))
			attached := elftest.Read(t, path)
			mustAttach(t, path, ".BTF", contents)
			want := elftest.Read(t, path)
			tail := len(want) - len(object)
			for _, size := range []int{0, 1, 700, tail - 60, tail - 40, tail - 39, tail, 100000} {
				for _, data := range [][]byte{object, attached} {
					path := writeFile(t, sign(data, make([]byte, size)))
					if err := attempt(t, path,
						func() error { return attach(path, ".BTF", contents) }); !errors.Is(err,
						errSigned) {
						t.Fatalf("without DropSignature: %v", err)
					}
					if err := attachUnsigned(path, ".BTF", contents); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(elftest.Read(t, path), want) {
						t.Errorf("signature of %d bytes: differs from the unsigned file", size)
					}
				}
			}
			path = writeFile(t, object)
			if err := attachUnsigned(path, ".BTF", contents); err != nil ||
				!bytes.Equal(elftest.Read(t, path), want) {
				t.Errorf("without a signature: %v, or the file differs", err)
			}
		})
	}
}

// A killed Attach leaves a module that still counts as signed, though not for a kernel: the next
// one completes or undoes it.
func TestSignedAfterKill(t *testing.T) {
	contents := []byte("type information")
	object := elftest.Read(t, elftest.Object(t, elftest.GCC, "ring.c"))
	path := writeFile(t, object)
	mustAttach(t, path, ".BTF", contents)
	want := elftest.Read(t, path)
	signed := sign(object, make([]byte, 700))
	length := uint64(len(signed))
	for _, left := range [][]byte{mark(length)[:4], mark(length)[:markSize-1], mark(length),
		append(mark(length), "some types"...)} {
		killed := slices.Concat(signed, left)
		path := writeFile(t, killed)
		if err := attempt(t, path,
			func() error { return attach(path, ".BTF", contents) }); !errors.Is(err, errSigned) {
			t.Errorf("%d bytes left: %v", len(left), err)
		}
		if err := attachUnsigned(path, ".BTF", contents); err != nil ||
			!bytes.Equal(elftest.Read(t, path), want) {
			t.Errorf("%d bytes left: %v, or the file differs", len(left), err)
		}
		path = writeFile(t, killed)
		if removed, err := detach(path, ".BTF"); err != nil || removed ||
			!bytes.Equal(elftest.Read(t, path), signed) {
			t.Errorf("%d bytes left: removed %v, %v; or the signature is not the end again",
				len(left), removed, err)
		}
	}
	// The magic text followed by other bytes is not a signature.
	path = writeFile(t, slices.Concat(signed, []byte("not by us")))
	if open(t, path).Signed() {
		t.Error("signed, with other bytes after the magic text")
	}
}

// A malformed signature is left alone.
func TestDamagedSignature(t *testing.T) {
	object := elftest.Read(t, elftest.Object(t, elftest.GCC, "ring.c"))
	long := sign(object, make([]byte, 100))
	binary.BigEndian.PutUint32(long[len(long)-len(signatureMagic)-4:], 101)
	wrapped := sign(object, nil)
	binary.BigEndian.PutUint32(wrapped[len(wrapped)-len(signatureMagic)-4:], 1<<32-1)
	for _, test := range []struct {
		data []byte
		want string
	}{
		{long, "signature of 101 bytes at its end, where 100 follow the sections: " +
			"damaged: rebuild it"},
		{wrapped, "signature of 4294967295 bytes at its end, where 0 follow the sections: " +
			"damaged: rebuild it"},
		{append(bytes.Clone(object), signatureMagic...), "no room for a signature between its " +
			"sections and the signature marker: damaged: rebuild it"},
	} {
		path := writeFile(t, test.data)
		for _, do := range []func() error{
			func() error { return attachUnsigned(path, ".BTF", nil) },
			func() error { _, err := detachUnsigned(path, ".BTF"); return err },
		} {
			if err := attempt(t, path, do); err == nil || err.Error() != path+": "+test.want {
				t.Errorf("got:  %v\nwant: %s", err, test.want)
			}
		}
	}
}

// Detach removes the signature of a file that it changes.
func TestDetachSigned(t *testing.T) {
	path := object(t, elftest.GCC)
	plain := elftest.Read(t, path)
	signature := make([]byte, 700)

	t.Run("ours", func(t *testing.T) {
		path := writeFile(t, plain)
		mustAttach(t, path, ".BTF", []byte("types"))
		path = writeFile(t, sign(elftest.Read(t, path), signature))
		if removed, err := detachUnsigned(path, ".BTF"); err != nil || !removed ||
			!bytes.Equal(elftest.Read(t, path), plain) {
			t.Errorf("removed %v, %v; or other bytes than before", removed, err)
		}
	})
	t.Run("another program's", func(t *testing.T) {
		contents := filepath.Join(t.TempDir(), "contents")
		if err := os.WriteFile(contents, bytes.Repeat([]byte("x"), 1001), 0o644); err != nil {
			t.Fatal(err)
		}
		foreign := writeFile(t, plain)
		elftest.Run(t, "", "objcopy", "--add-section", ".BTF="+contents, foreign)
		path := writeFile(t, sign(elftest.Read(t, foreign), signature))
		mustDetach(t, foreign, ".BTF")
		if removed, err := detachUnsigned(path, ".BTF"); err != nil || !removed ||
			!bytes.Equal(elftest.Read(t, path), elftest.Read(t, foreign)) {
			t.Errorf("removed %v, %v; or other bytes than without a signature", removed, err)
		}
	})
	t.Run("none", func(t *testing.T) {
		signed := sign(plain, signature)
		path := writeFile(t, signed)
		if removed, err := detachUnsigned(path, ".BTF"); err != nil || removed ||
			!bytes.Equal(elftest.Read(t, path), signed) {
			t.Errorf("removed %v, %v; or the signature is gone", removed, err)
		}
	})
	// Killed between the header and the rest.
	t.Run("killed", func(t *testing.T) {
		path := writeFile(t, plain)
		mustAttach(t, path, ".BTF", []byte("types"))
		killed := sign(elftest.Read(t, path), signature)
		copy(killed, plain[:64])
		path = writeFile(t, killed)
		if _, err := detachUnsigned(path, ".BTF"); err != nil ||
			!bytes.Equal(elftest.Read(t, path), plain) {
			t.Errorf("%v, or the bytes have changed", err)
		}
	})
}

// The error names the flag to use.
func TestErrSigned(t *testing.T) {
	if !strings.Contains(errSigned.Error(), "--strip_signature") {
		t.Error(errSigned)
	}
}
