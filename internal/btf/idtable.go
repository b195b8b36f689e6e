// SPDX-License-Identifier: GPL-2.0-only

package btf

// idTable finds numbers (type ids, string offsets) by a 64-bit hash: open addressing over flat memory. Numbers with one hash are
// found in the order in which they were put in; the caller compares what they stand for.
type idTable struct {
	slots []uint64 // upper 32 bits of the hash, and the number; 0 is free, so the number 0 cannot be stored
	used  int
}

// init makes room for n numbers.
func (t *idTable) init(n int) {
	size := 16
	for size < 2*n {
		size *= 2
	}
	t.slots, t.used = make([]uint64, size), 0
}

func (t *idTable) insert(hash uint64, id uint32) {
	if 4*t.used >= 3*len(t.slots) {
		t.grow()
	}
	t.used++
	t.put(hash, id)
}

func (t *idTable) put(hash uint64, id uint32) {
	mask := uint64(len(t.slots) - 1)
	i := slotOf(hash) & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = hash&^0xffffffff | uint64(id)
}

// slotOf uses the upper half only, so that a table can grow without the hashes that it was filled by.
func slotOf(hash uint64) uint64 { return hash >> 32 }

func (t *idTable) grow() {
	old := t.slots
	t.slots = make([]uint64, max(16, 2*len(old)))
	// Begin after a free slot: a run that wraps around the end then keeps its order.
	start := 0
	for start < len(old) && old[start] != 0 {
		start++
	}
	for i := range old {
		if s := old[(start+i)%len(old)]; s != 0 {
			t.put(s, uint32(s))
		}
	}
}

// find iterates over the numbers put in with this hash, and perhaps others with the same upper half.
func (t *idTable) find(hash uint64) idIter {
	return idIter{t: t, key: uint32(hash >> 32), at: slotOf(hash)}
}

type idIter struct {
	t   *idTable
	key uint32
	at  uint64
}

func (it *idIter) next() (uint32, bool) {
	if len(it.t.slots) == 0 {
		return 0, false
	}
	mask := uint64(len(it.t.slots) - 1)
	for {
		s := it.t.slots[it.at&mask]
		if s == 0 {
			return 0, false
		}
		it.at++
		if uint32(s>>32) == it.key {
			return uint32(s), true
		}
	}
}
