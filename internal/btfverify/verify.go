// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"fmt"
	"slices"
	"sync"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// A Problem is a reason to refuse BTF.
type Problem struct {
	// Offset of the type or of the header's field, in bytes from the beginning of the section; -1
	// if it is unknown.
	Offset int
	// The type; ID is 0 if it is the section that has the problem.
	ID     uint32
	Kind   btfraw.Kind
	Name   string
	Reason string
}

func (p Problem) String() string {
	if p.Offset < 0 {
		return p.Reason
	}
	if p.ID == 0 {
		return fmt.Sprintf("offset %#x: %s", p.Offset, p.Reason)
	}
	name := p.Kind.String()
	if p.Name != "" {
		name += " " + p.Name
	}
	return fmt.Sprintf("[%d] %s: %s", p.ID, name, p.Reason)
}

// Verify checks the contents of a .BTF section that is split against base, or that stands alone if
// base is nil. Each type has at most one problem, its first. BTF without problems may be a base
// itself; with problems the result is nil. The bytes are used in place and must not change.
func Verify(raw []byte, base *BTF, kernel *Kernel) (*BTF, []Problem) {
	v := &verifier{BTF: &BTF{}, kernel: kernel}
	if base != nil {
		v.base = base.BTF
	}
	v.BTF.BTF = btfraw.New(btfraw.Header{}, nil, v.base)
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

// blameBase puts a wrong base first in the list if too many types are wrong for a bug of an
// encoder.
func (v *verifier) blameBase() {
	if n, all := len(v.problems), v.NumTypes(); v.base != nil && n >= 3 && 10*n >= all {
		reason := fmt.Sprintf("%d of %d types are invalid: encoded against another base?", n, all)
		v.problems = slices.Insert(v.problems, 0, Problem{Offset: v.TypesAt, Reason: reason})
	}
}

// BTF is a .BTF section without problems. It may be used as a base.
type BTF struct {
	*btfraw.BTF

	essencesOnce sync.Once
	essences     map[stub]bool // distilled.go
}

type verifier struct {
	*BTF
	base     *btfraw.BTF // nil without
	kernel   *Kernel
	problems []Problem
}

// refuse adds a problem of the section.
func (v *verifier) refuse(offset int, format string, args ...any) {
	v.problems = append(v.problems, Problem{Offset: offset, Reason: fmt.Sprintf(format, args...)})
}

// refuseType adds a problem of a type.
func (v *verifier) refuseType(r btfraw.Record, reason string) {
	v.problems = append(v.problems, Problem{
		Offset: r.Offset(),
		ID:     r.ID,
		Kind:   r.Kind(),
		Name:   nameOf(r),
		Reason: reason,
	})
}

// index finds the types, up to the first one whose length cannot be known.
func (v *verifier) index() {
	wrong := v.Index(func(r btfraw.Record) string {
		if r.ID > maxID {
			return fmt.Sprintf("more types than the %d that base and split may have together", maxID)
		}
		if unknown := r.Word(1) &^ v.kernel.InfoMask; unknown != 0 {
			return fmt.Sprintf("type %d: info %#x: %s does not support bits %#x",
				r.ID, r.Word(1), v.kernel.Version, unknown)
		}
		return ""
	})
	if wrong != nil {
		v.refuse(wrong.Offset, "%s", wrong.Reason)
	}
}

// checks are run on each type in this order. A check may rely on earlier ones, but only for the
// same type.
var checks = []func(*verifier, btfraw.Record) error{
	(*verifier).form,
	(*verifier).names,
	(*verifier).contents,
	(*verifier).targets,
	(*verifier).chain,
	(*verifier).layout,
}

func (v *verifier) eachType() {
	for r := range v.All {
		for _, check := range checks {
			if err := check(v, r); err != nil {
				v.refuseType(r, err.Error())
				break
			}
		}
	}
}
