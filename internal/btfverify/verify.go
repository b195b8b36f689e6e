// SPDX-License-Identifier: GPL-2.0-only

package btfverify

import (
	"fmt"
	"slices"
)

// A Problem is a reason to refuse BTF.
type Problem struct {
	// Offset of the type or of the header's field, in bytes from the beginning of the section.
	Offset int
	// The type; ID is 0 if it is the section that has the problem.
	ID     uint32
	Kind   Kind
	Name   string
	Reason string
}

func (p Problem) String() string {
	if p.ID == 0 {
		return fmt.Sprintf("offset %#x: %s", p.Offset, p.Reason)
	}
	name := p.Kind.String()
	if p.Name != "" {
		name += " " + p.Name
	}
	return fmt.Sprintf("[%d] %s: %s", p.ID, name, p.Reason)
}

// Verify checks the contents of a .BTF section that is split against base, or that stands alone if base is nil. Each type has
// at most one problem, its first. BTF without problems may be a base itself; with problems the result is nil. The bytes are
// used in place and must not change.
func Verify(raw []byte, base *BTF, kernel *Kernel) (*BTF, []Problem) {
	v := &verifier{BTF: &BTF{base: base, firstID: 1}, kernel: kernel}
	if base != nil {
		v.firstID, v.firstString = base.end(), base.endOfStrings()
	}
	if v.sections(raw) {
		v.index()
		v.eachType()
	}
	if len(v.problems) == 0 {
		v.cycles()
	}
	if len(v.problems) > 0 {
		v.blameBase()
		return nil, v.problems
	}
	return v.BTF, nil
}

// blameBase puts the likely reason first if so many types are wrong that no slip of an encoder explains it.
func (v *verifier) blameBase() {
	if n, all := len(v.problems), v.Types(); v.base != nil && n >= 3 && 10*n >= all {
		reason := fmt.Sprintf("%d of %d types make no sense: encoded against another base?", n, all)
		v.problems = slices.Insert(v.problems, 0, Problem{Offset: v.typesAt, Reason: reason})
	}
}

type verifier struct {
	*BTF
	kernel   *Kernel
	problems []Problem
}

// refuse adds a problem of the section.
func (v *verifier) refuse(offset int, format string, args ...any) {
	v.problems = append(v.problems, Problem{Offset: offset, Reason: fmt.Sprintf(format, args...)})
}

// refuseType adds a problem of a type.
func (v *verifier) refuseType(r record, reason string) {
	v.problems = append(v.problems, Problem{
		Offset: v.typesAt + len(v.types) - len(r.data),
		ID:     r.id,
		Kind:   r.kind(),
		Name:   r.name(),
		Reason: reason,
	})
}

// index finds where each type begins, up to the first one whose length cannot be known.
func (v *verifier) index() {
	for off := 0; off < len(v.types); {
		left := len(v.types) - off
		if left < recordSize {
			v.refuse(v.typesAt+off, "type %d is cut off: %d bytes of %d", v.end(), left, recordSize)
			return
		}
		if v.end() > maxID {
			v.refuse(v.typesAt+off, "more types than the %d that base and split may have together", maxID)
			return
		}
		r := record{v.BTF, v.types[off:], v.end()}
		if unknown := r.word(4) &^ v.kernel.InfoMask; unknown != 0 {
			v.refuse(v.typesAt+off, "type %d: info %#x: %s does not know the bits %#x", r.id, r.word(4), v.kernel.Version, unknown)
			return
		}
		if k := r.kind(); k == Void || k >= kindCount {
			v.refuse(v.typesAt+off, "type %d: there is no kind %d", r.id, k)
			return
		}
		n := recordSize + r.form().fixed
		if r.form().vlen == count {
			n += r.form().each * r.vlen()
		}
		if n > left {
			v.refuse(v.typesAt+off, "type %d, %v, is cut off: %d bytes of %d", r.id, r.kind(), left, n)
			return
		}
		v.records = append(v.records, uint32(off))
		off += n
	}
}

// checks are made of each type in this order. One may rely on those before it, for that type only.
var checks = []func(*verifier, record) error{
	(*verifier).form,
	(*verifier).names,
	(*verifier).contents,
	(*verifier).targets,
	(*verifier).chain,
	(*verifier).layout,
}

func (v *verifier) eachType() {
	for id := v.firstID; id < v.end(); id++ {
		r := v.record(id)
		for _, check := range checks {
			if err := check(v, r); err != nil {
				v.refuseType(r, err.Error())
				break
			}
		}
	}
}
