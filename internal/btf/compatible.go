// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

// Compatible reports whether two types of a module are compatible for a caller that passes values
// of them. pahole compares the prototypes of one function this way. It is weaker than equality: a
// name stands for its definition, const is ignored where only one side has it, and the names of
// parameters and the values of type tags do not matter.
func (m *Module) Compatible(a, b Ref) bool {
	return a == b || m.compatible(a, b, map[[2]Ref]bool{})
}

// compatible compares each pair of prototypes once: there may be many paths to a pair, and the
// first difference ends the comparison. It terminates because in C every cycle of references passes
// through a name.
func (m *Module) compatible(a, b Ref, seen map[[2]Ref]bool) bool {
	for {
		if a == b {
			return true
		}
		if a == 0 || b == 0 {
			return false
		}
		if a.isTag() && b.isTag() {
			return false // different numbers are different tags
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
			return s.Name == t.Name && s.Size == t.Size && s.Extra == t.Extra
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
				if !m.compatible(m.params[s.First+i].Type, m.params[t.First+i].Type, seen) {
					return false
				}
			}
		}
		a, b = s.To, t.To
	}
}
