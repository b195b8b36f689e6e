// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"fmt"
	"slices"
)

// Module collects the types of all units of a file, each content once.
//
// A *node* is a type with all references cut at tags, as for the cut hash; equal types of several
// units share a node. References from a node lead to a node or, at a cut, to a *tag*. Which
// definition a tag stands for is resolved when all units have been added (resolve.go).
type Module struct {
	Names *Names
	base  *Base

	types         []Type  // by node; references are noderefs
	hash          []Hash  // by node: its cut hash
	key           []Hash  // by node: key in byKey; not the cut hash if it reaches a pinned tag
	tag           []int32 // by node: number of the tag that it defines, or noTag
	byKey         idTable
	members       []Member // the names of members, enumerators and params may be deferred
	enumerators   []Enumerator
	params        []Param
	deferredNames []StringRef
	tables        [4][]byte // the tables that deferredNames refer to

	tags  []tag
	tagOf [enumTag + 1][]uint32 // by class and name: number of the tag, from 1

	units [][]uint32  // by unit: its nodes, in the order of their DIEs
	added []addedNode // nodes of AddFunc, AddDeclTag and the like, in order
	vars  []Variable

	unitTags []int32 // by type of the current unit: number of its tag, or noTag

	Notes []string // on what Marshal has left out of types
}

// maxNotes limits the notes on a damaged file.
const maxNotes = 100

func (m *Module) note(format string, args ...any) {
	if len(m.Notes) < maxNotes {
		m.Notes = append(m.Notes, fmt.Sprintf(format, args...))
	}
}

// tag is the name of a struct, union or enum.
type tag struct {
	class    tagClass
	name     Name
	size     uint32 // of a declared enum, in bytes
	defs     []uint32
	lastUnit int // last unit that defines the tag, from 1
	lastType int // index of that definition in the unit
}

const noTag = -1

// A noderef refers to a node or a tag: (number+1)<<1, plus 1 for a tag. 0 is void.
func nodeRef(n uint32) Ref { return Ref(n+1) << 1 }
func tagRef(t uint32) Ref  { return Ref(t+1)<<1 | 1 }

func (r Ref) isTag() bool   { return r&1 != 0 }
func (r Ref) index() uint32 { return uint32(r>>1) - 1 }

// NewModule returns an empty module to be split against base.
func NewModule(base *Base) *Module { return &Module{Names: NewNames(), base: base} }

// Reset empties the module for reuse with another base, and keeps its memory. base may be nil if no
// unit is added before the next Reset.
func (m *Module) Reset(base *Base) {
	m.Names.reset()
	clear(m.tags) // including the slices in it
	clear(m.units)
	clear(m.vars)
	for c := range m.tagOf {
		m.tagOf[c] = m.tagOf[c][:0]
	}
	*m = Module{Names: m.Names, base: base,
		types: m.types[:0], hash: m.hash[:0], key: m.key[:0], tag: m.tag[:0], byKey: m.byKey,
		members: m.members[:0], enumerators: m.enumerators[:0], params: m.params[:0],
		deferredNames: m.deferredNames[:0],
		tags:          m.tags[:0], tagOf: m.tagOf, units: m.units[:0], added: m.added[:0],
		vars:     m.vars[:0],
		unitTags: m.unitTags[:0]}
	m.byKey.reset(0)
}

// tagNumber returns the number of a tag, which is added if it is new.
func (m *Module) tagNumber(c tagClass, name Name) uint32 {
	list := m.tagOf[c]
	if int(name) >= len(list) {
		list = append(list, make([]uint32, m.Names.Len()+m.Names.Len()/2-len(list))...)
		m.tagOf[c] = list
	}
	if list[name] == 0 {
		m.tags = append(m.tags, tag{class: c, name: name})
		list[name] = uint32(len(m.tags))
	}
	return list[name] - 1
}

// definedTag returns the tag that a node defines, if any.
func (m *Module) definedTag(n uint32) (k uint32, ok bool) {
	return uint32(m.tag[n]), m.tag[n] != noTag
}

// findNode finds a node by its key.
func (m *Module) findNode(key Hash) (uint32, bool) {
	it := m.byKey.find(key.lo)
	for id := it.next(); id != 0; id = it.next() {
		if m.key[id-1] == key {
			return id - 1, true
		}
	}
	return 0, false
}

func (m *Module) newNode(hash, key Hash, tag int32, t Type) uint32 {
	n := uint32(len(m.types))
	m.types = append(m.types, t)
	m.hash = append(m.hash, hash)
	m.key = append(m.key, key)
	m.tag = append(m.tag, tag)
	if tag != noTag {
		m.tags[tag].defs = append(m.tags[tag].defs, n)
	}
	if 2*len(m.key) > len(m.byKey.slots) {
		m.byKey.reset(2 * len(m.key))
		for i, key := range m.key {
			m.byKey.insert(key.lo, uint32(i+1))
		}
	} else {
		m.byKey.insert(key.lo, n+1)
	}
	return n
}

// grow reserves memory for twice the types of the first unit, which is often all that is needed.
func (m *Module) grow(u *Unit) {
	n := 2 * len(u.Types)
	m.types, m.hash, m.key, m.tag = slices.Grow(m.types, n), slices.Grow(m.hash, n),
		slices.Grow(m.key, n), slices.Grow(m.tag, n)
	m.byKey.reset(n)
	m.members = slices.Grow(m.members, 2*len(u.Members))
	m.enumerators = slices.Grow(m.enumerators, 2*len(u.Enumerators))
	m.params = slices.Grow(m.params, 2*len(u.Params))
	m.deferredNames = slices.Grow(m.deferredNames, 2*(len(u.Members)+len(u.Enumerators)))
}

// newType in Unit.nodes marks a type that the module does not have yet.
const newType = ^uint32(0)

// AddUnit adds the types of a unit that has been hashed. It returns the number of the unit, and for
// each of the unit's types, from 0, the reference to use in AddFunc and AddVar. refs is valid until
// the unit is hashed again.
//
// All units have the same Tables, which must stay valid until Marshal returns.
func (m *Module) AddUnit(u *Unit) (refs []Ref, unit int, err error) {
	if len(m.units) == 0 {
		m.tables = u.Tables
		m.grow(u)
	}
	m.findNodes(u)
	if m.findTags(u) {
		if err := u.pin(m.definedTags(u)); err != nil {
			return nil, 0, err
		}
		m.findNodes(u)
	}
	refs = u.refs
	nodes := make([]uint32, 0, len(u.Types))
	firstNew := uint32(len(m.types))
	for i := range u.Types {
		t := &u.Types[i]
		k := m.unitTags[i]
		if k != noTag && t.declares() {
			m.tags[k].size = t.Size
			refs[i] = tagRef(uint32(k))
			continue
		}
		n := u.nodes[i]
		if n == newType { // unless the unit has it twice
			var ok bool
			if n, ok = m.findNode(u.key[i]); !ok {
				fresh := *t
				fresh.Name = m.Intern(u, t.Name)
				// First is the index in u.Types until fill, when all references are known
				fresh.First, fresh.Index = uint32(i), 0
				n = m.newNode(u.hash[i], u.key[i], k, fresh)
			}
		}
		nodes = append(nodes, n)
		if k != noTag && (u.pinned == nil || !u.pinned[i]) {
			refs[i] = tagRef(uint32(k))
		} else {
			refs[i] = nodeRef(n)
		}
	}
	for n := firstNew; n < uint32(len(m.types)); n++ {
		m.fill(&m.types[n], u, &u.Types[m.types[n].First])
	}
	m.units = append(m.units, nodes)
	return refs, len(m.units) - 1, nil
}

// findNodes sets u.nodes for the types that the module already has.
func (m *Module) findNodes(u *Unit) {
	for i, key := range u.key {
		n, ok := m.findNode(key)
		if !ok {
			n = newType
		}
		u.nodes[i] = n
	}
}

// findTags fills unitTags, and reports whether the unit has several definitions of a tag.
func (m *Module) findTags(u *Unit) (redefined bool) {
	m.unitTags = m.unitTags[:0]
	unit := len(m.units) + 1
	for i := range u.Types {
		k := int32(noTag)
		declares := false
		if n := u.nodes[i]; n != newType {
			k = m.tag[n]
		} else if t := &u.Types[i]; t.Name != 0 {
			if c := t.tagged(); c != notTag {
				k = int32(m.tagNumber(c, m.Intern(u, t.Name)))
				declares = t.declares()
			}
		}
		m.unitTags = append(m.unitTags, k)
		if k == noTag || declares {
			continue
		}
		if tag := &m.tags[k]; tag.lastUnit == unit {
			redefined = redefined || u.hash[i] != u.hash[tag.lastType]
		} else {
			tag.lastUnit, tag.lastType = unit, i
		}
	}
	return redefined
}

// definedTags returns, for each type of the current unit, the number of the tag that it defines, or
// noTag.
func (m *Module) definedTags(u *Unit) []int32 {
	definedTag := slices.Clone(m.unitTags)
	for i := range u.Types {
		if u.Types[i].declares() {
			definedTag[i] = noTag
		}
	}
	return definedTag
}

// fill completes a new node from its type in the unit.
func (m *Module) fill(to *Type, u *Unit, from *Type) {
	ref := func(r Ref) Ref {
		if r == 0 {
			return 0
		}
		return u.refs[r-1]
	}
	to.To, to.Index, to.First = ref(from.To), ref(from.Index), 0
	switch from.Kind {
	case KindStruct, KindUnion:
		to.First = uint32(len(m.members))
		for _, e := range u.Members[from.First : from.First+from.N] {
			e.Name, e.Type = m.deferName(u, e.Name), ref(e.Type)
			m.members = append(m.members, e)
		}
	case KindEnum, KindEnum64:
		to.First = uint32(len(m.enumerators))
		for _, e := range u.Enumerators[from.First : from.First+from.N] {
			e.Name = m.deferName(u, e.Name)
			m.enumerators = append(m.enumerators, e)
		}
	case KindFuncProto:
		to.First = uint32(len(m.params))
		for _, p := range u.Params[from.First : from.First+from.N] {
			p.Name, p.Type = m.deferName(u, p.Name), ref(p.Type)
			m.params = append(m.params, p)
		}
	}
}

// refsOf appends the references of a node to the slice to, in the order of Base.refsOf.
func (m *Module) refsOf(n uint32, to []Ref) []Ref {
	t := &m.types[n]
	switch t.Kind {
	case KindPtr, KindTypedef, KindVolatile, KindConst, KindRestrict, KindFunc, KindDeclTag,
		KindTypeTag:
		to = append(to, t.To)
	case KindArray:
		to = append(to, t.To, t.Index)
	case KindStruct, KindUnion:
		for _, e := range m.members[t.First : t.First+t.N] {
			to = append(to, e.Type)
		}
	case KindFuncProto:
		to = append(to, t.To)
		for _, p := range m.params[t.First : t.First+t.N] {
			to = append(to, p.Type)
		}
	}
	return to
}

// hashRef returns what a noderef contributes to a cut hash, and to a key.
func (m *Module) hashRef(r Ref) (hash, key Hash) {
	if r == 0 {
		return voidHash, voidHash
	}
	if r.isTag() {
		t := &m.tags[r.index()]
		h := tagHash(t.class, m.Names.hash[t.name])
		return h, h
	}
	t := &m.types[r.index()]
	if c := t.tagged(); c != notTag { // pinned
		hash = tagHash(c, m.Names.hash[t.Name])
		key = hash
		key.addHash(m.key[r.index()])
		return hash, key
	}
	return m.hash[r.index()], m.key[r.index()]
}

// add returns the node for a type whose references are noderefs; it adds the node if it is new.
func (m *Module) add(unit int, t Type, params []Param) Ref {
	hash := newHash(info(t.Kind, len(params), t.KindFlag), m.Names.hash[t.Name], t.Size)
	key := hash
	h, k := m.hashRef(t.To)
	hash.addHash(h)
	key.addHash(k)
	if t.Kind == KindDeclTag {
		hash.add(0, uint64(t.Extra))
		key.add(0, uint64(t.Extra))
	}
	for _, p := range params {
		h, k := m.hashRef(p.Type)
		hash.addMember(m.Names.hash[p.Name], 0, h)
		key.addMember(m.Names.hash[p.Name], 0, k)
	}
	n, ok := m.findNode(key)
	if !ok {
		t.First, t.N = uint32(len(m.params)), uint32(len(params))
		m.params = append(m.params, params...)
		n = m.newNode(hash, key, noTag, t)
	}
	m.added = append(m.added, addedNode{unit, n})
	return nodeRef(n)
}

// AddPtr adds a PTR.
func (m *Module) AddPtr(unit int, to Ref) Ref {
	return m.add(unit, Type{Kind: KindPtr, To: to}, nil)
}

// AddAttribute adds a TYPE_TAG with kind_flag, which stands for a compiler attribute (pahole's
// feature attributes).
func (m *Module) AddAttribute(unit int, value Name, to Ref) Ref {
	return m.add(unit, Type{Kind: KindTypeTag, KindFlag: true, Name: value, To: to}, nil)
}

// Pointee returns the type that a PTR points to; ok is false for other types.
func (m *Module) Pointee(r Ref) (to Ref, ok bool) {
	if r == 0 || r.isTag() || m.types[r.index()].Kind != KindPtr {
		return 0, false
	}
	return m.types[r.index()].To, true
}

// addedNode is a node that was added after its unit.
type addedNode struct {
	unit int
	node uint32
}

// AddFunc adds a FUNC with its FUNC_PROTO. unit is the unit that ret and params refer to.
func (m *Module) AddFunc(unit int, name Name, ret Ref, params []Param) Ref {
	proto := m.add(unit, Type{Kind: KindFuncProto, To: ret}, params)
	return m.add(unit, Type{Kind: KindFunc, Name: name, To: proto}, nil)
}

// WholeDecl is the component_idx of a DECL_TAG for a whole declaration, not a member or parameter
// (btf.rst, section 2.2.17).
const WholeDecl = ^uint32(0)

// AddDeclTag adds a DECL_TAG to a result of AddFunc, or to a struct, union or typedef.
func (m *Module) AddDeclTag(unit int, value Name, to Ref, component uint32) {
	m.add(unit, Type{Kind: KindDeclTag, Name: value, To: to, Extra: component}, nil)
}

// Variable is a VAR and its entry in the DATASEC of its section.
type Variable struct {
	Unit         int // the unit that Type refers to
	SectionIndex int // determines the order of DATASECs
	Section      Name
	Name         Name
	Type         Ref
	Linkage      uint32
	Off          uint32 // in the section, bytes
	Size         uint32 // bytes
	Tags         []Name // values of DECL_TAGs
}

// AddVar adds a variable.
func (m *Module) AddVar(v Variable) { m.vars = append(m.vars, v) }
