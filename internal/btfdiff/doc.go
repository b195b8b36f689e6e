// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package btfdiff decides whether two pieces of split BTF have the same types over one base, and
// finds the duplicate types of each.
//
// Type ids, the order of types, repetition and the layout of strings carry no
// information, so none of them counts. What counts is the set of *type classes*:
// two types belong to one class if no observer that follows references could tell
// them apart. That is the coarsest partition of all types in which the types of a
// class agree in their own content (kind, name, size, members' names and offsets,
// values, ...: the label) and in the classes of what they refer to.
//
// Two rules are added, because both encoders and kernels treat a declaration as a
// stand-in for the definition:
//
//   - A forward (FWD) counts as the full struct or union of its name and kind, if
//     base and split together have only one such class.
//   - An ENUM without values counts as the full ENUM or ENUM64 of its name, likewise.
//
// A split type is *redundant* if the base has a type of its class, or another type
// of the split has and was counted already. A definition is not redundant merely
// because the base has a declaration of it, and neither is a PTR, FUNC_PROTO and so on
// that leads to a definition, through nothing with a tag, where the base's leads to a
// declaration: who follows it sees more.
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
// A split is then looked at from the outside, without refining the base again. Its
// presence cannot merge or split classes of the base: the only thing it can change
// there is to define a type that the base only declares, and the base has no other
// candidate for that. So the relation "this split type equals that base class" is
// computed as a greatest fixed point: start with all pairs of equal label (found
// through a hash in which a named struct, union or enum counts only by its name),
// remove pairs whose references do not correspond until none is left to remove.
// What remains unmatched in both splits is refined together, with the base's classes
// as constants (compare.go). Hashes only find candidates; no decision rests on one.
//
// The package is independent of the encoder that it judges: it reads BTF with btfraw.
package btfdiff
