// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"errors"
	"fmt"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// distilled has the kinds of a distilled base. It has no references: split BTF brings its own
// pointers and the like.
var distilled = set(btfraw.Int, btfraw.Float, btfraw.Fwd, btfraw.Struct, btfraw.Union, btfraw.Enum, btfraw.Enum64)

// VerifyDistilled checks a .BTF.base section: the few types of the real base that a module needs,
// by name and size, from which a kernel finds their ids when it loads the module. With a base each
// of them has to be in there. Without problems the result is the base of the module's .BTF.
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
	var known map[stub]bool
	if base != nil {
		known = base.stubs()
	}
	for r := range small.All {
		if err := distillate(r, known); err != nil {
			v.refuseType(r, err.Error())
		}
	}
	if len(v.problems) > 0 {
		return nil, v.problems
	}
	return small, nil
}

func distillate(r btfraw.Record, known map[stub]bool) error {
	switch {
	case !distilled.has(r.Kind()):
		return fmt.Errorf("%v in a distilled base", r.Kind())
	case nameOf(r) == "":
		return errors.New("no name to find it by")
	case known == nil || known[stubOf(r)]:
		return nil
	case r.Kind() == btfraw.Fwd:
		return errors.New("the base has none of this name")
	}
	return fmt.Errorf("the base has none of this name and %d bytes", r.Size())
}

// A stub is the key by which a distilled type is looked up.
type stub struct {
	kind btfraw.Kind // Enum for ENUM64 as well, Void for a forward's structs and unions
	flag bool        // of a forward: a union
	name string
	size uint32
}

func stubOf(r btfraw.Record) stub {
	e := stub{kind: r.Kind(), name: nameOf(r), size: r.Size()}
	switch e.kind {
	case btfraw.Fwd:
		e.kind, e.flag = btfraw.Void, r.Flag()
	case btfraw.Enum64:
		e.kind = btfraw.Enum
	}
	return e
}

// stubs lists all types that a distilled base may refer to, once for all modules.
func (b *BTF) stubs() map[stub]bool {
	b.essencesOnce.Do(func() { b.essences = b.listEssences() })
	return b.essences
}

func (b *BTF) listEssences() map[stub]bool {
	known := make(map[stub]bool)
	for r := range b.All {
		if !distilled.has(r.Kind()) || r.NameOffset() == 0 {
			continue
		}
		e := stubOf(r)
		known[e] = true
		if e.kind == btfraw.Struct || e.kind == btfraw.Union {
			known[stub{kind: btfraw.Void, flag: e.kind == btfraw.Union, name: e.name}] = true
		}
	}
	return known
}
