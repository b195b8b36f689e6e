// SPDX-License-Identifier: GPL-2.0-only

package btf

// idTable finds numbers (type ids, string offsets) by a hash: open addressing over flat memory, 4 bytes a slot. Numbers with one
// hash are found in the order in which they were put in, among others that share a part of it: the caller compares what they
// stand for. The number 0 cannot be stored.
type idTable struct {
	slots []uint32
}

// newIDTable makes room for n numbers, no more of which may be put in.
func newIDTable(n int) idTable {
	var t idTable
	t.reset(n)
	return t
}

// reset empties the table and makes room for n numbers.
func (t *idTable) reset(n int) {
	size := 16
	for size < 2*n {
		size *= 2
	}
	t.slots = rezeroed(t.slots, size)
}

// rezeroed is zeroed, in the memory of s if that is enough.
func rezeroed[T any](s []T, n int) []T {
	if cap(s) < n {
		return zeroed[T](n)
	}
	s = s[:n]
	clear(s)
	return s
}

// zeroed makes memory that will be read here and there before it is written. It is written first: the first read of a fresh page would
// map the shared page of zeros, and the first write after it fault once more and interrupt the other CPUs.
func zeroed[T any](n int) []T {
	s := make([]T, n)
	clear(s)
	return s
}

func (t *idTable) insert(hash uint64, id uint32) { t.insertWithin(hash, id, len(t.slots)) }

// insertWithin puts a number in unless that would take so many steps, as it does where that many have one hash already.
func (t *idTable) insertWithin(hash uint64, id uint32, steps int) (ok bool) {
	mask := uint64(len(t.slots) - 1)
	i := hash & mask
	for ; t.slots[i] != 0; i = (i + 1) & mask {
		if steps--; steps <= 0 {
			return false
		}
	}
	t.slots[i] = id
	return true
}

// find iterates over the numbers that may have been put in with this hash.
func (t *idTable) find(hash uint64) idIter { return idIter{t.slots, hash} }

type idIter struct {
	slots []uint32
	at    uint64
}

// next gives the next number; 0 at the end.
func (it *idIter) next() uint32 {
	if len(it.slots) == 0 {
		return 0
	}
	id := it.slots[it.at&uint64(len(it.slots)-1)]
	it.at++
	return id
}
