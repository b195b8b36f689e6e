// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"fmt"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfids"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// An attachment is what a file gets: BTF, the part of the base that it needs, and .BTF_ids.
type attachment struct {
	img    *elfimage.Image
	base   *btf.Base
	blob   []byte          // .BTF; nil: as it is
	small  []byte          // .BTF.base; nil: none
	ids    *btfids.Section // nil: the file has none
	filled []byte          // .BTF_ids; nil: as the linker wrote it
	stamp  elfimage.Stamp  // zero: --update encodes the file again
}

// A completion is what kernel builds do with BTF after encoding.
type completion struct {
	distilled bool // add .BTF.base
	resolve   bool // what they leave to resolve_btfids: fill in .BTF_ids, and change BTF for kernels since 7.0
	sort      bool // with resolve: sort the types, which kernels since 7.0 expect
}

// complete does this, and returns the ids of the types in .BTF_ids. note receives a sentence for each
// type that is not found.
func (a *attachment) complete(c completion, note func(string)) (map[btf.NamedType]uint32, error) {
	if c.resolve {
		if err := a.hideImplicitArguments(); err != nil {
			return nil, err
		}
	}
	if c.distilled {
		if err := a.distil(); err != nil {
			return nil, err
		}
	}
	if !c.resolve {
		return nil, nil
	}
	if c.sort {
		if err := a.sort(); err != nil {
			return nil, err
		}
	}
	return a.resolveIDs(&a.base.Blob, note)
}

// distil makes the BTF independent of the ids of the base.
func (a *attachment) distil() (err error) {
	if a.blob, a.small, err = btf.Distil(a.base, a.blob); err != nil {
		return fmt.Errorf("%s: distilling the base: %w", a.img.Path, err)
	}
	return nil
}

// hideImplicitArguments is the first change for kernels since 7.0: see btf.HideImplicitArguments. No
// other kernel has such kfuncs.
func (a *attachment) hideImplicitArguments() (err error) {
	if a.ids == nil {
		return nil
	}
	if a.blob, err = btf.HideImplicitArguments(a.base, a.blob, a.ids.Implicit()); err != nil {
		return fmt.Errorf("%s: hiding implicit arguments of kfuncs: %w", a.img.Path, err)
	}
	return nil
}

// sort is the second one: see btf.SortByName. The small base is not sorted.
func (a *attachment) sort() error {
	base, firstID := &a.base.Blob, uint32(a.base.NumTypes())+1
	if a.small != nil {
		small, err := btf.ParseBlob(a.small)
		if err != nil {
			return err
		}
		base, firstID = small, uint32(small.CountTypes())+1
	}
	var err error
	if a.blob, err = btf.SortByName(a.blob, base, firstID); err != nil {
		return fmt.Errorf("%s: sorting the types: %w", a.img.Path, err)
	}
	return nil
}

// resolveIDs fills in .BTF_ids with the ids of the BTF and its base, and returns these. .BTF.base
// takes the place of base. note receives a sentence for each type that neither has.
func (a *attachment) resolveIDs(base *btf.Blob, note func(string)) (map[btf.NamedType]uint32, error) {
	fail := func(err error) (map[btf.NamedType]uint32, error) {
		return nil, fmt.Errorf("%s: %s: %w", a.img.Path, btfids.Name, err)
	}
	switch {
	case a.img.Section(btfids.Name) == nil:
		return nil, nil
	case a.ids == nil:
		return fail(errors.New("the symbols that name its types have been stripped"))
	}
	blobs := []*btf.Blob{base, nil}
	var err error
	if a.small != nil {
		if blobs[0], err = btf.ParseBlob(a.small); err != nil {
			return fail(err)
		}
	}
	if blobs[1], err = btf.ParseBlob(a.blob); err != nil {
		return fail(err)
	}
	wanted := a.ids.Wanted()
	ids, err := btf.FindNamed(wanted, blobs...)
	if err != nil {
		return fail(err)
	}
	if a.filled, err = a.ids.Fill(ids); err != nil {
		return fail(err)
	}
	for _, t := range wanted {
		if ids[t] == 0 {
			note(fmt.Sprintf("%s: BTF has no %s %q: its id is 0", btfids.Name, t.Kind, t.Name))
		}
	}
	return ids, nil
}

// attach writes everything to the file in one step.
func (a *attachment) attach() error {
	var sections []elfimage.NewSection
	if a.blob != nil {
		sections = append(sections, elfimage.NewSection{Name: ".BTF", Contents: a.blob},
			elfimage.NewSection{Name: ".BTF.base", Contents: a.small, Remove: a.small == nil})
	}
	if a.filled != nil {
		sections = append(sections, elfimage.NewSection{Name: btfids.Name, Contents: a.filled, Keep: true})
	}
	if a.ids != nil && a.ids.Linked != nil {
		sections = append(sections, elfimage.NewSection{Name: btfids.LinkedName, Contents: a.ids.Linked})
	}
	return a.img.AttachStamped(a.stamp, sections...)
}
