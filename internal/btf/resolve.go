// SPDX-License-Identifier: GPL-2.0-only

package btf

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// resolution settles what every node of a module is: a type of the base, or a new one, or several new ones.
//
// A node whose cut hash the base has is the base's type, provided that the tags it refers to mean there what they mean here.
// Where a tag of this module has another definition than in the base, or several, the nodes that refer to it are looked at one
// by one, and those that turn out to differ make their own referrers be looked at again (mapToBase). A declaration agrees with
// every definition, here and in the base; where it is written, it stands for the first unit's definition.
//
// Units that define a tag differently see different types under one node. Only nodes that lead to such a tag are concerned:
// each is taken once per *scene*, a group of units that agree on all those tags, and copies that turn out the same are joined
// again by refining the partition until it is stable (split).
type resolution struct {
	m    *Module
	base *Base

	first []uint32            // by node: the first type of the base with its cut hash, or 0
	more  map[uint32][]uint32 // by node, where the base has several such types: all of them

	refs    []uint32 // reverse references: see list
	refsEnd []uint32

	completes bool // the module defines a tag that the base only declares

	scenes  []scene
	sceneOf []int     // by unit
	home    []copyKey // by tag: its first definition, and the scene that has it, or nowhere; none if there is one scene

	instance []uint32           // by node: number of its only copy; 0 if it is not new; splitNode if it has several
	copies   map[copyKey]uint32 // which of class a copy is
	class    []uint32           // by copy: its number, which those that turn out the same share; the first one is none
	tagBase  map[uint32]uint32  // tag without definition here: what it is in the base, 0 if nothing
	scratch  struct {
		refs []Ref
		ids  []uint32
	}
}

const splitNode = ^uint32(0)

// scene is what a group of units agrees on.
type scene struct {
	defines  []uint64          // a bit by tag: it is defined here, not only declared; nil: as in the module
	several  map[uint32]uint32 // by tag with several definitions: the one here
	disputed string            // what it says of the disputed tags: scenes that agree on these are mapped alike
	mapped   []uint32          // by node: type of the base, or 0
}

type copyKey struct {
	scene int
	node  uint32
}

// maxMapped bounds how many meanings in the base all nodes may have in all scenes together: 1 GiB of memory. The units of real modules
// agree on what is in the base but for a handful.
const maxMapped = 1 << 28

func (m *Module) resolve() (*resolution, error) {
	r := &resolution{m: m, base: m.base, first: make([]uint32, len(m.types)), more: map[uint32][]uint32{},
		tagBase: map[uint32]uint32{}}
	for n := range m.types {
		r.scratch.ids = r.base.withHash(m.hash[n], r.scratch.ids[:0])
		if ids := r.scratch.ids; len(ids) > 0 {
			r.first[n] = ids[0]
			if len(ids) > 1 {
				r.more[uint32(n)] = slices.Clone(ids)
			}
		}
	}
	disputed, several := r.disputedTags()
	r.makeScenes(disputed, several)
	mapped := map[string][]uint32{}
	for i := range r.scenes {
		s := &r.scenes[i]
		if mapped[s.disputed] == nil {
			if n := len(mapped) + 1; n*len(m.types) > maxMapped {
				return nil, fmt.Errorf("units define types of the base in more than %d ways: damaged DWARF?", n)
			}
			r.mapToBase(s, disputed)
			mapped[s.disputed] = s.mapped
		}
		s.mapped = mapped[s.disputed]
	}
	r.split(several)
	return r, nil
}

// disputedTags finds the tags that may mean something else in the base than here, and those with several definitions here.
func (r *resolution) disputedTags() (disputed, several []uint32) {
	for k := range r.m.tags {
		t := &r.m.tags[k]
		if len(t.defs) == 0 {
			continue
		}
		if len(t.defs) > 1 {
			several = append(several, uint32(k))
		}
		if def := r.first[t.defs[0]]; len(t.defs) == 1 && def != 0 && !r.base.sharesTag(def, tagHash(t.class, r.m.Names.hash[t.name])) {
			continue // the usual case
		}
		inBase := 0
		r.scratch.ids = r.withTag(t)
		for _, id := range r.scratch.ids {
			if !r.base.declares(id) {
				inBase++
			}
		}
		r.completes = r.completes || inBase == 0 && len(r.scratch.ids) > 0
		if inBase > 0 && (inBase > 1 || len(t.defs) > 1 || r.first[t.defs[0]] == 0) {
			disputed = append(disputed, uint32(k))
		}
	}
	return disputed, several
}

// withTag lists what the base has under a tag.
func (r *resolution) withTag(t *tag) []uint32 {
	names := r.m.Names
	return r.base.withTag(t.class, names.Bytes(t.name), names.hash[t.name], r.scratch.ids[:0])
}

// makeScenes groups the units by the meaning that they give to the tags in question.
func (r *resolution) makeScenes(disputed, several []uint32) {
	m := r.m
	r.sceneOf = make([]int, len(m.units))
	question := make([]int, len(m.tags)) // by tag: its number among those in question, counted from 1
	questions := 0
	for _, list := range [][]uint32{disputed, several} {
		for _, k := range list {
			if question[k] == 0 {
				questions++
				question[k] = questions
			}
		}
	}
	if questions == 0 || len(m.units) == 0 {
		r.scenes = []scene{{}}
		return
	}
	type answer struct {
		question int
		node     uint32
	}
	var answers []answer
	r.home = make([]copyKey, len(m.tags))
	for k := range r.home {
		r.home[k].scene = nowhere
	}
	byMeaning := map[string]int{}
	var vector, fromBase []byte // a definition of each tag in question that the unit defines; of those that are disputed
	for u, nodes := range m.units {
		answers = answers[:0]
		for _, n := range nodes {
			if k, ok := m.defines(n); ok && question[k] > 0 {
				answers = append(answers, answer{question[k], n})
			}
		}
		slices.SortStableFunc(answers, func(a, b answer) int { return cmp.Compare(a.question, b.question) })
		vector, fromBase = vector[:0], fromBase[:0]
		for i, a := range answers {
			if i+1 < len(answers) && answers[i+1].question == a.question { // the last one counts
				continue
			}
			vector = binary.LittleEndian.AppendUint32(vector, uint32(a.question))
			vector = binary.LittleEndian.AppendUint32(vector, a.node)
			if a.question <= len(disputed) {
				fromBase = vector
			}
		}
		i, ok := byMeaning[string(vector)]
		if !ok {
			i = len(r.scenes)
			byMeaning[string(vector)] = i
			r.scenes = append(r.scenes, scene{defines: make([]uint64, len(m.tags)/64+1), several: map[uint32]uint32{},
				disputed: string(fromBase)})
		}
		r.sceneOf[u] = i
		s := &r.scenes[i]
		for _, n := range nodes {
			k, ok := m.defines(n)
			if !ok || question[k] == 0 && s.defines[k/64]&(1<<(k%64)) != 0 { // an earlier unit of the scene has said so
				continue
			}
			s.defines[k/64] |= 1 << (k % 64)
			if len(m.tags[k].defs) > 1 {
				s.several[k] = n
			}
			if r.home[k].scene == nowhere {
				r.home[k] = copyKey{i, n}
			}
		}
	}
	r.indexReferrers()
}

// nowhere is the scene of a tag that no unit defines.
const nowhere = -1

// definition gives the node that defines a tag in a scene. ok is false where the scene only declares it.
func (r *resolution) definition(s *scene, k uint32) (node uint32, ok bool) {
	defs := r.m.tags[k].defs
	switch {
	case len(defs) == 0, s.defines != nil && s.defines[k/64]&(1<<(k%64)) == 0:
		return 0, false
	case len(defs) == 1:
		return defs[0], true
	}
	return s.several[k], true
}

// indexReferrers builds the reverse of all references between nodes and tags: tag k is target len(types)+k.
func (r *resolution) indexReferrers() {
	m := r.m
	target := func(ref Ref) uint32 {
		if ref.isTag() {
			return uint32(len(m.types)) + ref.index()
		}
		return ref.index()
	}
	r.refsEnd = make([]uint32, len(m.types)+len(m.tags)+1)
	for n := range m.types {
		r.scratch.refs = m.refsOf(uint32(n), r.scratch.refs[:0])
		for _, ref := range r.scratch.refs {
			if ref != 0 {
				r.refsEnd[target(ref)]++
			}
		}
	}
	total := uint32(0)
	for i, n := range r.refsEnd {
		r.refsEnd[i] = total // for now where the list begins; filling moves it to where it ends
		total += n
	}
	r.refs = make([]uint32, total)
	for n := range m.types {
		r.scratch.refs = m.refsOf(uint32(n), r.scratch.refs[:0])
		for _, ref := range r.scratch.refs {
			if ref != 0 {
				at := &r.refsEnd[target(ref)]
				r.refs[*at] = uint32(n)
				*at++
			}
		}
	}
}

// eachReferrer visits the nodes that refer to a node, or to the tag that it defines.
func (r *resolution) eachReferrer(n uint32, visit func(n uint32)) {
	for _, p := range r.list(n) {
		visit(p)
	}
	if k, ok := r.m.defines(n); ok {
		for _, p := range r.list(uint32(len(r.m.types)) + k) {
			visit(p)
		}
	}
}

// eachTagReferrer visits the nodes that refer to a tag, or to a definition of it.
func (r *resolution) eachTagReferrer(k uint32, visit func(n uint32)) {
	for _, def := range r.m.tags[k].defs {
		r.eachReferrer(def, visit)
	}
}

func (r *resolution) list(target uint32) []uint32 {
	begin := uint32(0)
	if target > 0 {
		begin = r.refsEnd[target-1]
	}
	return r.refs[begin:r.refsEnd[target]]
}

// mapToBase finds, for one scene, the largest mapping of nodes to types of the base that agrees on all references: it begins with
// all that the cut hashes allow and removes what does not hold.
func (r *resolution) mapToBase(s *scene, disputed []uint32) {
	s.mapped = slices.Clone(r.first)
	if len(disputed) == 0 {
		return
	}
	choices := make(map[uint32][]uint32, len(r.more)) // what is left of r.more
	for n, ids := range r.more {
		choices[n] = slices.Clone(ids)
	}
	candidate := func(n, id uint32) bool {
		if list, ok := choices[n]; ok {
			return slices.Contains(list, id)
		}
		return s.mapped[n] == id
	}
	agrees := func(ref Ref, id uint32) bool {
		switch {
		case ref == 0 || id == 0:
			return ref == 0 && id == 0
		case r.base.declares(id):
			return ref.isTag() || r.m.types[ref.index()].tagged() != notTag
		case !ref.isTag():
			return candidate(ref.index(), id)
		}
		def, ok := r.definition(s, ref.index())
		return !ok || candidate(def, id)
	}
	holds := func(n, id uint32) bool {
		r.scratch.refs = r.m.refsOf(n, r.scratch.refs[:0])
		r.scratch.ids = r.base.refsOf(id, r.scratch.ids[:0])
		for i, ref := range r.scratch.refs {
			if !agrees(ref, r.scratch.ids[i]) {
				return false
			}
		}
		return true
	}
	queued := make([]bool, len(r.m.types))
	var queue []uint32
	enqueue := func(n uint32) {
		if !queued[n] && s.mapped[n] != 0 {
			queued[n] = true
			queue = append(queue, n)
		}
	}
	for _, k := range disputed {
		r.eachTagReferrer(k, enqueue)
	}
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		queued[n] = false
		ids, several := choices[n]
		if !several {
			if !holds(n, s.mapped[n]) {
				s.mapped[n] = 0
				r.eachReferrer(n, enqueue)
			}
			continue
		}
		left := ids[:0:0]
		for _, id := range ids {
			if holds(n, id) {
				left = append(left, id)
			}
		}
		if len(left) == len(ids) {
			continue
		}
		choices[n] = left
		s.mapped[n] = 0
		if len(left) > 0 {
			s.mapped[n] = left[0]
		}
		r.eachReferrer(n, enqueue)
	}
}

// split numbers the copies of new nodes from 1.
func (r *resolution) split(several []uint32) {
	m := r.m
	next := uint32(0)
	r.instance = make([]uint32, len(m.types))
	r.copies = map[copyKey]uint32{}
	if len(r.scenes) == 1 && len(several) == 0 {
		for n := range m.types {
			if r.scenes[0].mapped[n] == 0 {
				next++
				r.instance[n] = next
			}
		}
		return
	}
	// What leads, through new nodes, to a tag with several meanings or to a node that is the base's for some units only.
	var queue []uint32
	leads := make([]bool, len(m.types))
	isNew := func(n uint32) bool {
		for i := range r.scenes {
			if r.scenes[i].mapped[n] == 0 {
				return true
			}
		}
		return false
	}
	mark := func(n uint32) {
		if !leads[n] && isNew(n) {
			leads[n] = true
			queue = append(queue, n)
		}
	}
	for _, k := range several {
		r.eachTagReferrer(k, mark)
	}
	for n := range m.types {
		for i := range r.scenes {
			if r.scenes[i].mapped[n] != r.scenes[0].mapped[n] {
				mark(uint32(n))
				break
			}
		}
	}
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		r.eachReferrer(n, mark)
	}
	for n := range m.types {
		switch {
		case leads[n]:
			r.instance[n] = splitNode
		case isNew(uint32(n)):
			next++
			r.instance[n] = next
		}
	}
	var list []copyKey
	add := func(unit int, n uint32) {
		key := copyKey{r.sceneOf[unit], n}
		if leads[n] && r.scenes[key.scene].mapped[n] == 0 {
			if _, ok := r.copies[key]; !ok {
				list = append(list, key)
				r.copies[key] = uint32(len(list))
			}
		}
	}
	for u, nodes := range m.units {
		for _, n := range nodes {
			add(u, n)
		}
	}
	for _, l := range m.late {
		add(l.unit, l.node)
	}
	r.refine(list, next)
}

// refine joins copies that no reader could tell apart. It begins with one class for each cut hash and tells apart, round by round,
// those whose references lead to different classes, until a round tells nothing new apart.
func (r *resolution) refine(list []copyKey, used uint32) {
	r.class = make([]uint32, len(list)+1)
	classes := newClasses(len(list))
	first := used + 1
	// What the references of each copy mean: the same in all rounds, but for the classes of other copies.
	var refs []Ref
	var means []meaning
	end := make([]int, len(list))
	for i, key := range list {
		r.class[i+1] = first + classes.of(r.m.hash[key.node])
		refs = r.m.refsOf(key.node, refs[:0])
		for _, ref := range refs {
			means = append(means, r.settle(key.scene, ref))
		}
		end[i] = len(means)
	}
	next := make([]uint32, len(r.class))
	for {
		before := len(classes.hash)
		classes.clear()
		begin := 0
		for i := range list {
			h := Hash{mix0, uint64(r.class[i+1])}
			for _, m := range means[begin:end[i]] {
				id, inBase := r.read(m)
				x := uint64(id) << 1
				if inBase {
					x |= 1
				}
				h.mix(x, x)
			}
			next[i+1] = first + classes.of(h)
			begin = end[i]
		}
		r.class, next = next, r.class
		if len(classes.hash) == before {
			return
		}
	}
}

// classes numbers hashes from 0.
type classes struct {
	hash  []Hash
	table idTable
}

func newClasses(n int) *classes { return &classes{make([]Hash, 0, n), newIDTable(n)} }

func (c *classes) clear() {
	c.hash = c.hash[:0]
	clear(c.table.slots)
}

func (c *classes) of(h Hash) uint32 {
	it := c.table.find(h.lo)
	for n := it.next(); n != 0; n = it.next() {
		if c.hash[n-1] == h {
			return n - 1
		}
	}
	c.hash = append(c.hash, h)
	c.table.insert(h.lo, uint32(len(c.hash)))
	return uint32(len(c.hash) - 1)
}

// meaning of a reference in a scene: id is a type of the base, the number of a copy, forward plus the number of a tag that stays a
// forward declaration, or a copy in resolution.class.
type meaning struct {
	kind meaningKind
	id   uint32
}

type meaningKind uint8

const (
	baseType meaningKind = iota
	onlyCopy
	stays
	oneOfCopies
)

// forward is set in what target gives for a tag that stays a forward declaration.
const forward = 1 << 31

// target says what a reference means in a scene: a type of the base, the number of a copy, or forward plus the number of a tag.
func (r *resolution) target(scene int, ref Ref) (id uint32, inBase bool) {
	return r.read(r.settle(scene, ref))
}

func (r *resolution) read(m meaning) (id uint32, inBase bool) {
	switch m.kind {
	case stays:
		return m.id | forward, false
	case oneOfCopies:
		return r.class[m.id], false
	}
	return m.id, m.kind == baseType
}

// settle finds the meaning of a reference.
func (r *resolution) settle(scene int, ref Ref) meaning {
	m, at, here := r.locate(scene, ref)
	if !here {
		return m
	}
	if id := r.scenes[at.scene].mapped[at.node]; id != 0 {
		return meaning{baseType, id}
	}
	if c := r.instance[at.node]; c != splitNode {
		return meaning{onlyCopy, c}
	}
	return meaning{oneOfCopies, r.copies[at]}
}

// locate finds the node that a reference leads to, and the scene to see it in, or the meaning of a tag that the module does not define.
func (r *resolution) locate(sceneNo int, ref Ref) (m meaning, at copyKey, here bool) {
	if ref == 0 {
		return meaning{baseType, 0}, at, false
	}
	s := &r.scenes[sceneNo]
	n := ref.index()
	if ref.isTag() {
		def, ok := r.definition(s, n)
		if !ok {
			if r.home != nil && r.home[n].scene != nowhere {
				return r.locate(r.home[n].scene, nodeRef(r.home[n].node))
			}
			if id := r.inBase(n); id != 0 {
				return meaning{baseType, id}, at, false
			}
			return meaning{stays, n}, at, false
		}
		n = def
	}
	return meaning{}, copyKey{sceneNo, n}, true
}

// inBase gives the meaning in the base of a tag that has no definition here: its only definition; of several, the one that the
// base's copy of a type of this module refers to; else its declaration.
func (r *resolution) inBase(k uint32) uint32 {
	if id, ok := r.tagBase[k]; ok {
		return id
	}
	t := &r.m.tags[k]
	var def, decl uint32
	defs := 0
	r.scratch.ids = r.withTag(t)
	for _, id := range r.scratch.ids {
		if r.base.declares(id) {
			decl = id
		} else {
			def = id
			defs++
		}
	}
	switch {
	case defs == 0:
		def = decl
	case defs > 1:
		if def = r.meantInBase(k); def == 0 {
			def = decl
		}
	}
	r.tagBase[k] = def
	return def
}

// meantInBase finds a node that refers to a tag and is a type of the base, and gives what the base refers to in its place.
func (r *resolution) meantInBase(k uint32) uint32 {
	var ids []uint32
	for n, id := range r.scenes[0].mapped {
		if id == 0 {
			continue
		}
		for i, ref := range r.m.refsOf(uint32(n), r.scratch.refs[:0]) {
			if ref == tagRef(k) {
				if ids = r.base.refsOf(id, ids[:0]); !r.base.declares(ids[i]) {
					return ids[i]
				}
			}
		}
	}
	return 0
}
