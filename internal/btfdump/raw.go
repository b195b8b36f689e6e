// SPDX-License-Identifier: GPL-2.0-only

package btfdump

import (
	"bufio"
	"fmt"
	"io"

	"github.com/kbtf/kbtf/internal/btf"
)

// Raw writes all types but those of the base, as "bpftool btf dump file FILE format raw" does: a line for each, and one that
// begins with a tab for each member, enumerator, parameter or variable.
func (b *BTF) Raw(out io.Writer) error {
	w := &rawWriter{bufio.NewWriterSize(out, 1<<16)}
	for r := range b.own {
		w.record(r)
		w.items(r)
	}
	return w.Flush()
}

type rawWriter struct{ *bufio.Writer }

func (w *rawWriter) printf(format string, args ...any) { fmt.Fprintf(w, format, args...) }

// anonymous stands for a name that is empty.
const anonymous = "(anon)"

// rawName is a name as the raw format has it.
func rawName(name []byte) []byte {
	if len(name) == 0 {
		return []byte(anonymous)
	}
	return name
}

// word gives the word for a number, or UNKN as bpftool says.
func word(words map[uint32]string, v uint32) string {
	if s, ok := words[v]; ok {
		return s
	}
	return "UNKN"
}

var (
	encodings = map[uint32]string{0: "(none)", btf.IntSigned: "SIGNED", btf.IntChar: "CHAR", btf.IntBool: "BOOL"}
	linkages  = map[uint32]string{0: "static", 1: "global", 2: "extern"}
)

func signedness(flag bool) string {
	if flag {
		return "SIGNED"
	}
	return "UNSIGNED"
}

// record writes the line of a type.
func (w *rawWriter) record(r record) {
	w.printf("[%d] %v '%s'", r.id, r.kind(), rawName(r.name()))
	switch r.kind() {
	case btf.KindInt:
		v := r.word(recordSize)
		w.printf(" size=%d bits_offset=%d nr_bits=%d encoding=%s", r.third(), v>>16&0xff, v&0xff, word(encodings, v>>24&0xf))
	case btf.KindPtr, btf.KindTypedef, btf.KindVolatile, btf.KindConst, btf.KindRestrict, btf.KindTypeTag:
		w.printf(" type_id=%d", r.third())
	case btf.KindArray:
		w.printf(" type_id=%d index_type_id=%d nr_elems=%d", r.word(recordSize), r.word(recordSize+4), r.word(recordSize+8))
	case btf.KindStruct, btf.KindUnion, btf.KindDatasec:
		w.printf(" size=%d vlen=%d", r.third(), r.vlen())
	case btf.KindEnum, btf.KindEnum64:
		w.printf(" encoding=%s size=%d vlen=%d", signedness(r.flag()), r.third(), r.vlen())
	case btf.KindFwd:
		kind := "struct"
		if r.flag() {
			kind = "union"
		}
		w.printf(" fwd_kind=%s", kind)
	case btf.KindFunc:
		w.printf(" type_id=%d linkage=%s", r.third(), word(linkages, uint32(r.vlen())))
	case btf.KindFuncProto:
		w.printf(" ret_type_id=%d vlen=%d", r.third(), r.vlen())
	case btf.KindVar:
		w.printf(" type_id=%d, linkage=%s", r.third(), word(linkages, r.word(recordSize)))
	case btf.KindFloat:
		w.printf(" size=%d", r.third())
	case btf.KindDeclTag:
		w.printf(" type_id=%d component_idx=%d", r.third(), int32(r.word(recordSize)))
	}
	w.printf("\n")
}

// items writes what follows a type, a line for each.
func (w *rawWriter) items(r record) {
	switch r.kind() {
	case btf.KindStruct, btf.KindUnion:
		for i := range r.vlen() {
			at := r.item(i)
			offset, width := r.bitOffset(i)
			w.printf("\t'%s' type_id=%d bits_offset=%d", rawName(r.str(r.word(at))), r.word(at+4), offset)
			if width != 0 {
				w.printf(" bitfield_size=%d", width)
			}
			w.printf("\n")
		}
	case btf.KindEnum:
		for i := range r.vlen() {
			at := r.item(i)
			w.printf("\t'%s' val=", rawName(r.str(r.word(at))))
			if r.flag() {
				w.printf("%d\n", int32(r.word(at+4)))
			} else {
				w.printf("%d\n", r.word(at+4))
			}
		}
	case btf.KindEnum64:
		for i := range r.vlen() {
			at := r.item(i)
			v := uint64(r.word(at+8))<<32 | uint64(r.word(at+4))
			w.printf("\t'%s' val=", rawName(r.str(r.word(at))))
			if r.flag() {
				w.printf("%dLL\n", int64(v))
			} else {
				w.printf("%dULL\n", v)
			}
		}
	case btf.KindFuncProto:
		for i := range r.vlen() {
			at := r.item(i)
			w.printf("\t'%s' type_id=%d\n", rawName(r.str(r.word(at))), r.word(at+4))
		}
	case btf.KindDatasec:
		for i := range r.vlen() {
			at := r.item(i)
			w.printf("\ttype_id=%d offset=%d size=%d", r.word(at), r.word(at+4), r.word(at+8))
			if id := r.word(at); id != 0 {
				v := r.btf.record(id)
				w.printf(" (%v '%s')", v.kind(), rawName(v.name()))
			}
			w.printf("\n")
		}
	}
}
