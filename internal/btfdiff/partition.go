// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import "encoding/binary"

// A graph is what refine partitions: nodes with labels and ordered references.
type graph struct {
	label []int32
	// What node i refers to is refs[start[i]:start[i+1]]: another node, or ^c for the
	// constant c, which equals itself only.
	start []int32
	refs  []int32
}

func (g *graph) len() int { return len(g.label) }

func (g *graph) refsOf(node int32) []int32 { return g.refs[g.start[node]:g.start[node+1]] }

// addNode appends a node whose references are those appended to g.refs before.
func (g *graph) addNode(label int32) {
	if len(g.start) == 0 {
		g.start = append(g.start, 0)
	}
	g.label = append(g.label, label)
	g.start = append(g.start, int32(len(g.refs)))
}

// refine returns the class of each node in the coarsest partition in which the nodes
// of a class have one label and refer to the same classes. References to a node i with
// redirect[i] >= 0 count as references to that node; i itself then gets its class.
//
// Rounds look only at the nodes that refer to a node which the previous round gave
// another class. The other nodes of their block still agree with each other and differ
// from them, so they keep the block's number.
func (g *graph) refine(redirect []int32) []int32 {
	n := int32(g.len())
	to := func(ref int32) int32 {
		if ref >= 0 && redirect != nil && redirect[ref] >= 0 {
			return redirect[ref]
		}
		return ref
	}
	class := make([]int32, n)
	var members []int32 // how many nodes a class has
	byLabel := make(map[int32]int32)
	for i := range n {
		c, ok := byLabel[g.label[i]]
		if !ok {
			c = int32(len(members))
			byLabel[g.label[i]] = c
			members = append(members, 0)
		}
		class[i] = c
		members[c]++
	}

	// The nodes that refer to a node, in the form of g.start and g.refs.
	parentStart := make([]int32, n+2)
	for _, ref := range g.refs {
		if ref = to(ref); ref >= 0 {
			parentStart[ref+2]++
		}
	}
	for i := range n {
		parentStart[i+2] += parentStart[i+1]
	}
	parents := make([]int32, parentStart[n+1])
	for i := range n {
		for _, ref := range g.refsOf(i) {
			if ref = to(ref); ref >= 0 {
				parents[parentStart[ref+1]] = i
				parentStart[ref+1]++
			}
		}
	}

	work := make([]int32, n)
	for i := range n {
		work[i] = i
	}
	queued := make([]bool, n)
	var key []byte
	for len(work) > 0 {
		// Group by block and by what the references' classes are now.
		groups := make(map[string]int32, len(work)) // to index in sizes
		groupOf := make([]int32, len(work))
		var sizes []int32
		touched := make(map[int32]int32) // block to how many of its nodes are in work
		for w, node := range work {
			queued[node] = false
			touched[class[node]]++
			key = binary.LittleEndian.AppendUint32(key[:0], uint32(class[node]))
			for _, ref := range g.refsOf(node) {
				if ref = to(ref); ref >= 0 {
					ref = class[ref]
				}
				key = binary.LittleEndian.AppendUint32(key, uint32(ref))
			}
			group, ok := groups[string(key)]
			if !ok {
				group = int32(len(sizes))
				groups[string(key)] = group
				sizes = append(sizes, 0)
			}
			sizes[group]++
			groupOf[w] = group
		}
		// A block that is wholly in work keeps its number for its first group.
		newClass := make([]int32, len(sizes))
		for i := range newClass {
			newClass[i] = -1
		}
		kept := make(map[int32]bool)
		var moved []int32
		for w, node := range work {
			old, group := class[node], groupOf[w]
			if newClass[group] < 0 {
				if touched[old] == members[old] && !kept[old] {
					kept[old] = true
					newClass[group] = old
				} else {
					newClass[group] = int32(len(members))
					members = append(members, 0)
				}
			}
			if newClass[group] != old {
				moved = append(moved, node)
			}
		}
		// Classes change only now, because the loop above reads the old ones.
		for w, node := range work {
			if c := newClass[groupOf[w]]; c != class[node] {
				members[class[node]]--
				members[c]++
				class[node] = c
			}
		}
		work = work[:0]
		for _, node := range moved {
			for _, parent := range parents[parentStart[node]:parentStart[node+1]] {
				if !queued[parent] {
					queued[parent] = true
					work = append(work, parent)
				}
			}
		}
	}
	if redirect != nil {
		for i := range n {
			class[i] = class[to(i)]
		}
	}
	return class
}
