// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdump

import (
	"bufio"
	"fmt"
	"io"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// Raw writes all types but those of the base, as "bpftool btf dump file FILE format raw" does: a
// line for each, and one that begins with a tab for each member, enumerator, parameter or variable.
func Raw(out io.Writer, b *btfraw.BTF) error {
	w := &rawWriter{bufio.NewWriterSize(out, 1<<16)}
	for r := range b.All {
		w.record(r)
		w.items(r)
	}
	return w.Flush()
}

type rawWriter struct{ *bufio.Writer }

func (w *rawWriter) printf(format string, args ...any) { fmt.Fprintf(w, format, args...) }

// anonymous stands for a name that is empty.
const anonymous = "(anon)"

// rawName returns the string at a name offset as the raw format spells it.
func rawName(r btfraw.Record, off uint32) []byte {
	if name := r.BTF.Bytes(off); len(name) > 0 {
		return name
	}
	return []byte(anonymous)
}

// word returns the word for a number, or UNKN like bpftool.
func word(words map[uint32]string, v uint32) string {
	if s, ok := words[v]; ok {
		return s
	}
	return "UNKN"
}

var (
	encodings = map[uint32]string{0: "(none)", 1: "SIGNED", 2: "CHAR", 4: "BOOL"}
	linkages  = map[uint32]string{0: "static", 1: "global", 2: "extern"}
)

func signedness(flag bool) string {
	if flag {
		return "SIGNED"
	}
	return "UNSIGNED"
}

// record writes the line of a type.
func (w *rawWriter) record(r btfraw.Record) {
	w.printf("[%d] %v '%s'", r.ID, r.Kind(), rawName(r, r.NameOffset()))
	switch r.Kind() {
	case btfraw.Int:
		v := r.Extra()
		w.printf(" size=%d bits_offset=%d nr_bits=%d encoding=%s",
			r.Size(), v>>16&0xff, v&0xff, word(encodings, v>>24&0xf))
	case btfraw.Ptr, btfraw.Typedef, btfraw.Volatile, btfraw.Const, btfraw.Restrict, btfraw.TypeTag:
		w.printf(" type_id=%d", r.Type())
	case btfraw.Array:
		a := r.Array()
		w.printf(" type_id=%d index_type_id=%d nr_elems=%d", a.Element, a.Index, a.Count)
	case btfraw.Struct, btfraw.Union, btfraw.Datasec:
		w.printf(" size=%d vlen=%d", r.Size(), r.Vlen())
	case btfraw.Enum, btfraw.Enum64:
		w.printf(" encoding=%s size=%d vlen=%d", signedness(r.Flag()), r.Size(), r.Vlen())
	case btfraw.Fwd:
		kind := "struct"
		if r.Flag() {
			kind = "union"
		}
		w.printf(" fwd_kind=%s", kind)
	case btfraw.Func:
		w.printf(" type_id=%d linkage=%s", r.Type(), word(linkages, uint32(r.Vlen())))
	case btfraw.FuncProto:
		w.printf(" ret_type_id=%d vlen=%d", r.Type(), r.Vlen())
	case btfraw.Var:
		w.printf(" type_id=%d, linkage=%s", r.Type(), word(linkages, r.Extra()))
	case btfraw.Float:
		w.printf(" size=%d", r.Size())
	case btfraw.DeclTag:
		w.printf(" type_id=%d component_idx=%d", r.Type(), int32(r.Extra()))
	}
	w.printf("\n")
}

// items writes what follows a type, a line for each.
func (w *rawWriter) items(r btfraw.Record) {
	switch r.Kind() {
	case btfraw.Struct, btfraw.Union:
		for i := range r.Vlen() {
			m := r.Member(i)
			w.printf("\t'%s' type_id=%d bits_offset=%d", rawName(r, m.Name), m.Type, m.Offset)
			if m.Width != 0 {
				w.printf(" bitfield_size=%d", m.Width)
			}
			w.printf("\n")
		}
	case btfraw.Enum, btfraw.Enum64:
		for i := range r.Vlen() {
			w.printf("\t'%s' val=%s\n", rawName(r, r.Item(i, 0)), rawValue(r, r.Value(i)))
		}
	case btfraw.FuncProto:
		for i := range r.Vlen() {
			w.printf("\t'%s' type_id=%d\n", rawName(r, r.Item(i, 0)), r.Item(i, 1))
		}
	case btfraw.Datasec:
		for i := range r.Vlen() {
			v := r.Variable(i)
			w.printf("\ttype_id=%d offset=%d size=%d", v.Type, v.Offset, v.Size)
			if v.Type != 0 {
				of := r.BTF.Record(v.Type)
				w.printf(" (%v '%s')", of.Kind(), rawName(of, of.NameOffset()))
			}
			w.printf("\n")
		}
	}
}

// rawValue spells a value of an enum. Those of ENUM64 have a suffix.
func rawValue(r btfraw.Record, v uint64) string {
	switch wide := r.Kind() == btfraw.Enum64; {
	case wide && r.Flag():
		return fmt.Sprintf("%dLL", int64(v))
	case wide:
		return fmt.Sprintf("%dULL", v)
	case r.Flag():
		return fmt.Sprint(int32(v))
	}
	return fmt.Sprint(v)
}
