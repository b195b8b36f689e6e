// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"strings"
	"testing"
)

// hashCString returns the hash of hashName, at any offset, and close to the end of the table.
func TestHashCString(t *testing.T) {
	for length := range 40 {
		s := strings.Repeat("abcdefgh-", 5)[:length]
		want := hashName([]byte(s))
		for before := range 10 {
			for after := range 12 {
				tab := append(bytes.Repeat([]byte{'x'}, before), s...)
				tab = append(append(tab, 0), bytes.Repeat([]byte{'y'}, after)...)
				h, n, ok := hashCString(tab, uint32(before))
				if !ok || int(n) != length || h != want {
					t.Fatalf("length %d, %d before, %d after: hash %#x length %d ok %v, want %#x",
						length, before, after, h, n, ok, want)
				}
			}
		}
	}
}

func TestHashCStringWithoutNUL(t *testing.T) {
	for _, s := range []string{"", "a", "abcdefgh", "abcdefghi"} {
		if _, _, ok := hashCString([]byte(s), 0); ok {
			t.Errorf("%q has no NUL, but a hash", s)
		}
	}
	if _, _, ok := hashCString([]byte("a\x00"), 2); ok {
		t.Error("a string past the end of its section has a hash")
	}
}

func TestHashNameDistinguishes(t *testing.T) {
	seen := map[uint64]string{}
	for _, s := range []string{"", "a", "b", "ab", "ba", "abc", "acb", "abcdefgh", "abcdefgi",
		"abcdefghi", "abcdefgha", "abcdefg",
		"\x01", "\x01\x01", "aaaaaaaa", "aaaaaaaaa", "aaaaaaaaaaaaaaaa"} {
		if other, ok := seen[hashName([]byte(s))]; ok {
			t.Errorf("%q and %q have the same hash", s, other)
		}
		seen[hashName([]byte(s))] = s
	}
}

func TestNamesIntern(t *testing.T) {
	n := NewNames()
	var ids []Name
	for i := range 10000 { // enough to grow the table
		ids = append(ids, n.Intern([]byte(strings.Repeat("n", i%100)+string(rune('a'+i/100%26))+
			strings.Repeat("m", i/2600))))
	}
	for i, id := range ids {
		s := n.Bytes(id)
		if again := n.Intern(s); again != id {
			t.Fatalf("string %d: %q is %d, then %d", i, s, id, again)
		}
	}
	if n.Intern(nil) != 0 || n.String(0) != "" {
		t.Error("the empty string is not 0")
	}
}
