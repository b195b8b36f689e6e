// SPDX-License-Identifier: GPL-2.0-only

package btf

// Alike tells whether two types of a module look the same to a caller that passes values of them: what pahole asks before it
// calls two prototypes of one function consistent. It is weaker than equality: names stand for definitions, const is looked
// through where only one side has it, names of parameters and values of type tags do not matter.
func (m *Module) Alike(a, b Ref) bool { return a == b || m.alike(a, b, map[[2]Ref]bool{}) }

// alike looks at no pair of prototypes twice: there may be many ways to it, and one that differs ends everything. In C every cycle passes
// through a name, so this ends.
func (m *Module) alike(a, b Ref, seen map[[2]Ref]bool) bool {
	for {
		if a == b {
			return true
		}
		if a == 0 || b == 0 {
			return false
		}
		if a.isTag() && b.isTag() {
			return false // other numbers are other tags
		}
		if a.isTag() != b.isTag() {
			if a.isTag() {
				a, b = b, a
			}
			if t := &m.types[a.index()]; t.Kind == KindConst {
				a = t.To
				continue
			}
			return false
		}
		s, t := &m.types[a.index()], &m.types[b.index()]
		if s.Kind != t.Kind {
			switch {
			case s.Kind == KindConst:
				a = s.To
			case t.Kind == KindConst:
				b = t.To
			default:
				return false
			}
			continue
		}
		switch s.Kind {
		case KindInt, KindFloat:
			return s.Name == t.Name && s.Number == t.Number && s.Extra == t.Extra
		case KindTypedef, KindStruct, KindUnion, KindEnum, KindEnum64:
			return s.Name == t.Name
		case KindArray:
			if s.Extra != t.Extra {
				return false
			}
		case KindFuncProto:
			if s.N != t.N {
				return false
			}
			if seen[[2]Ref{a, b}] {
				return true
			}
			seen[[2]Ref{a, b}] = true
			for i := range s.N {
				if !m.alike(m.params[s.First+i].Type, m.params[t.First+i].Type, seen) {
					return false
				}
			}
		}
		a, b = s.To, t.To
	}
}
