// SPDX-License-Identifier: GPL-2.0-only

package btfdump

// headerSize is that of BTF, in bytes.
const headerSize = 24

// Joined is how many bytes the split would take on its own: with the types of the base that its own lead to, and their strings.
func (b *BTF) Joined() int {
	size := headerSize + 1 // and the empty string
	seen := make([]uint64, b.end()/64+1)
	strings := map[uint32]bool{}
	var queue []uint32
	visit := func(id uint32) bool {
		if bit := uint64(1) << (id % 64); id != 0 && seen[id/64]&bit == 0 {
			seen[id/64] |= bit
			queue = append(queue, id)
		}
		return true
	}
	for r := range b.own {
		visit(r.id)
	}
	for len(queue) > 0 {
		r := b.record(queue[len(queue)-1])
		queue = queue[:len(queue)-1]
		size += r.item(r.vlen())
		for off := range r.names {
			if off != 0 && !strings[off] {
				strings[off] = true
				size += len(r.str(off)) + 1
			}
		}
		for id := range r.references {
			visit(id)
		}
	}
	return size
}
