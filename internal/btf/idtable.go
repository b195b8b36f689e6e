// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

// idTable maps hashes to numbers (type ids, string offsets). It uses open addressing over flat
// memory, 4 bytes per slot. A lookup returns all numbers inserted with that hash, in the order of
// insertion, and possibly others: the caller compares what they stand for. The number 0 cannot be
// stored.
type idTable struct {
	slots []uint32
}

// newIDTable returns a table with room for n numbers.
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
	t.slots = reuseZeroed(t.slots, size)
}

// reuseZeroed is like zeroed, but reuses the memory of s if it is large enough.
func reuseZeroed[T any](s []T, n int) []T {
	if cap(s) < n {
		return zeroed[T](n)
	}
	s = s[:n]
	clear(s)
	return s
}

// zeroed returns memory that has been written, for tables that are read at random before they are
// filled. The first read of a fresh page maps the shared zero page; the first write after that
// faults again and interrupts the other CPUs.
func zeroed[T any](n int) []T {
	s := make([]T, n)
	clear(s)
	return s
}

func (t *idTable) insert(hash uint64, id uint32) { t.insertWithin(hash, id, len(t.slots)) }

// insertWithin inserts a number, unless that takes more than the given number of steps, as it does
// if that many numbers have the same hash.
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

// find iterates over the numbers that may have been inserted with a hash.
func (t *idTable) find(hash uint64) idIter { return idIter{t.slots, hash} }

type idIter struct {
	slots []uint32
	at    uint64
}

// next returns the next number, 0 at the end.
func (it *idIter) next() uint32 {
	if len(it.slots) == 0 {
		return 0
	}
	id := it.slots[it.at&uint64(len(it.slots)-1)]
	it.at++
	return id
}
