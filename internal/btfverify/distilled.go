// SPDX-License-Identifier: GPL-2.0-only

package btfverify

import (
	"errors"
	"fmt"
)

// distilled has the kinds of a distilled base. It has no references: whoever splits BTF against it brings pointers and the like.
var distilled = set(Int, Float, Fwd, Struct, Union, Enum, Enum64)

// VerifyDistilled checks a .BTF.base section: the few types of the real base that a module needs, by name and size, from which a
// kernel finds their ids when it loads the module. With a base each of them has to be in there. Without problems the result is
// the base of the module's .BTF.
func VerifyDistilled(raw []byte, base *BTF, kernel *Kernel) (*BTF, []Problem) {
	if !kernel.Relocates {
		reason := kernel.Version + " does not read it, and takes .BTF for split against vmlinux"
		return nil, []Problem{{Reason: reason}}
	}
	small, problems := Verify(raw, nil, kernel)
	if len(problems) > 0 {
		return nil, problems
	}
	v := &verifier{BTF: small, kernel: kernel}
	var known map[essence]bool
	if base != nil {
		known = base.knownEssences()
	}
	for id := uint32(1); id < small.end(); id++ {
		r := small.record(id)
		if err := distillate(r, known); err != nil {
			v.refuseType(r, err.Error())
		}
	}
	if len(v.problems) > 0 {
		return nil, v.problems
	}
	return small, nil
}

func distillate(r record, known map[essence]bool) error {
	switch {
	case !distilled.has(r.kind()):
		return fmt.Errorf("%v in a distilled base", r.kind())
	case r.name() == "":
		return errors.New("no name to find it by")
	case known == nil || known[essenceOf(r)]:
		return nil
	case r.kind() == Fwd:
		return errors.New("the base has none of this name")
	}
	return fmt.Errorf("the base has none of this name and %d bytes", r.third())
}

// An essence is what a distilled type is looked for by.
type essence struct {
	kind Kind // Enum for ENUM64 as well, Void for a forward's structs and unions
	flag bool // of a forward: a union
	name string
	size uint32
}

func essenceOf(r record) essence {
	e := essence{kind: r.kind(), name: r.name(), size: r.third()}
	switch e.kind {
	case Fwd:
		e.kind, e.flag = Void, r.flag()
	case Enum64:
		e.kind = Enum
	}
	return e
}

// knownEssences lists all that a distilled base may ask for, once for all modules.
func (b *BTF) knownEssences() map[essence]bool {
	b.essencesOnce.Do(func() { b.essences = b.listEssences() })
	return b.essences
}

func (b *BTF) listEssences() map[essence]bool {
	known := make(map[essence]bool)
	for id := b.firstID; id < b.end(); id++ {
		r := b.record(id)
		if !distilled.has(r.kind()) || r.word(0) == 0 {
			continue
		}
		e := essenceOf(r)
		known[e] = true
		if e.kind == Struct || e.kind == Union {
			known[essence{kind: Void, flag: e.kind == Union, name: e.name}] = true
		}
	}
	return known
}
