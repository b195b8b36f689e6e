// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/kbtf/kbtf/internal/elfimage"
)

// A mutation damages a copy of a file.
type mutation struct {
	name  string
	apply func(file []byte, in span, r *rand.Rand) []byte
}

// A span is a part of a file, in bytes.
type span struct{ from, to int }

var mutations = []mutation{
	{"flip", func(f []byte, in span, r *rand.Rand) []byte {
		f[in.pick(r)] ^= 1 << r.IntN(8)
		return f
	}},
	{"byte", func(f []byte, in span, r *rand.Rand) []byte {
		f[in.pick(r)] = byte(r.Uint32())
		return f
	}},
	{"extreme", func(f []byte, in span, r *rand.Rand) []byte {
		at := in.pick(r)
		for i := range 1 << r.IntN(5) {
			if at+i < in.to {
				f[at+i] = []byte{0, 0x7f, 0x80, 0xff}[r.IntN(4)]
			}
		}
		return f
	}},
	{"word", func(f []byte, in span, r *rand.Rand) []byte { // an aligned number, small or large
		at := in.pick(r) &^ 3
		if at+8 <= len(f) {
			numbers := []uint32{0, 1, 0x7fffffff, 0x80000000, 0xffffffff, uint32(len(f)), r.Uint32()}
			binary.LittleEndian.PutUint32(f[at:], numbers[r.IntN(len(numbers))])
		}
		return f
	}},
	{"copy", func(f []byte, in span, r *rand.Rand) []byte { // valid data from another place
		from := in.pick(r)
		copy(f[in.pick(r):in.to], f[from:min(in.to, from+1+r.IntN(64))])
		return f
	}},
	{"zero", func(f []byte, in span, r *rand.Rand) []byte {
		at := in.pick(r)
		clear(f[at:min(in.to, at+1+r.IntN(256))])
		return f
	}},
	{"shift", func(f []byte, in span, r *rand.Rand) []byte { // one byte more or less
		at := in.pick(r)
		if r.IntN(2) == 0 {
			copy(f[at:in.to], f[min(at+1, in.to):in.to])
		} else {
			copy(f[min(at+1, in.to):in.to], f[at:in.to])
		}
		return f
	}},
	{"truncate", func(f []byte, in span, r *rand.Rand) []byte { return f[:in.pick(r)] }},
}

func (s span) pick(r *rand.Rand) int { return s.from + r.IntN(max(s.to-s.from, 1)) }

// encoded are the sections that the encoder reads.
var encoded = []string{".debug_info", ".debug_abbrev", ".debug_str", ".debug_loclists",
	".rela.debug_info", ".rela.debug_loclists", ".symtab", ".strtab", ".shstrtab", ".BTF_ids", ".BTF"}

// partsOf returns the parts of a file to damage: its headers and these sections.
func partsOf(path string, file []byte, sections []string) (list []span, err error) {
	if !elfimage.IsELF(file) { // raw BTF
		return []span{{0, min(64, len(file))}, {0, len(file)}}, nil
	}
	img, err := elfimage.Parse(path, file)
	if err != nil {
		return nil, err
	}
	list = []span{{0, 64}}
	for _, name := range sections {
		if s := img.Section(name); s != nil && s.Size > 0 {
			list = append(list, span{int(s.Offset), int(s.Offset + s.Size)})
		}
	}
	if len(list) < 2 {
		return nil, fmt.Errorf("%s: no section that the encoder reads", path)
	}
	headers := int(binary.LittleEndian.Uint64(file[40:]))
	return append(list, span{headers, min(len(file), headers+64*len(img.Sections))}), nil
}

// mutate damages a copy of a file in one to four places, and describes the damage.
func mutate(file []byte, parts []span, r *rand.Rand) (damaged []byte, what string) {
	damaged = append([]byte(nil), file...)
	for range 1 + r.IntN(4) {
		m, in := mutations[r.IntN(len(mutations))], parts[r.IntN(len(parts))]
		in.from, in.to = min(in.from, len(damaged)), min(in.to, len(damaged))
		if in.from == in.to {
			continue
		}
		damaged = m.apply(damaged, in, r)
		what += fmt.Sprintf(" %s in %#x-%#x", m.name, in.from, in.to)
	}
	return damaged, what
}
