// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package btfdiff decides whether two pieces of split BTF have the same types over one base, and
// finds the duplicate types of each.
//
// Type ids, the order of types, duplicates and the layout of strings carry no information
// and are ignored. Only the set of *type classes* is compared: two types belong to one
// class if no reader that follows references can distinguish them. That is the coarsest
// partition of all types in which the types of a class agree in their own content (kind,
// name, size, members' names and offsets, values, ...: the label) and in the classes of
// what they refer to.
//
// Two rules are added, because both encoders and kernels treat a declaration as a
// stand-in for the definition:
//
//   - A forward (FWD) counts as the full struct or union of its name and kind, if
//     base and split together have only one such class.
//   - Likewise, an ENUM without values counts as the full ENUM or ENUM64 of its name.
//
// A split type is *redundant* if the base has a type of its class, or an earlier type of
// the split is of the same class. A definition is not redundant merely because the base
// has a declaration of it. Nor is a PTR, FUNC_PROTO or the like that leads to a
// definition, without passing through a tag, where the base's leads to a declaration: its
// readers see more.
//
// # Algorithm
//
// The base, with some 100,000 types, is partitioned once by refinement: start with
// one block per label, split blocks whose types refer to different blocks, until
// nothing splits (partition.go). Declarations are first assumed to stand for the
// definitions of their name; where these turn out to be different types, the
// assumption is dropped and the refinement repeated. Since dropping one can only
// make the partition finer, the order does not matter and the result is exact.
//
// A split is then matched without refining the base again. It cannot merge or split
// classes of the base: it can only define a type that the base declares, for which the
// base has no other candidate. So the relation "this split type equals that base class"
// is computed as a greatest fixed point: start with all pairs of equal label (found
// through a hash in which a named struct, union or enum counts only by its name), remove
// pairs whose references do not correspond until none is left to remove. What remains
// unmatched in both splits is refined together, with the base's classes as constants
// (compare.go). Hashes only find candidates; no decision depends on them.
//
// The package is independent of the encoder that it checks: it reads BTF with btfraw.
package btfdiff
