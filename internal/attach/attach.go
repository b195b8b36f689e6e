// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package attach makes of encoded BTF what kernel builds make of it, and writes it to a module together
// with its .BTF_ids, in one step.
package attach

import (
	"errors"
	"fmt"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfids"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// An Attachment is what a file gets.
type Attachment struct {
	Image  *elfimage.Image
	Base   *btf.Base       // that the BTF was encoded against
	BTF    []byte          // .BTF; nil: as it is
	Small  []byte          // .BTF.base; nil: none
	IDs    *btfids.Section // the symbols of .BTF_ids; nil: the file has none
	Filled []byte          // .BTF_ids; nil: as the linker wrote it
	Stamp  elfimage.Stamp  // of what the BTF was made from
}

// A Completion is what kernel builds do with BTF after encoding.
type Completion struct {
	Distilled bool // add .BTF.base
	Resolve   bool // what they leave to resolve_btfids: fill in .BTF_ids, and change BTF for kernels since 7.0
	Sorted    bool // with Resolve: sort the types, which kernels since 7.0 expect
}

// Complete does this, and returns the ids of the types in .BTF_ids. note receives a sentence for each
// type that is not found.
func (a *Attachment) Complete(c Completion, note func(string)) (map[btf.NamedType]uint32, error) {
	if c.Resolve {
		if err := a.HideImplicitArguments(); err != nil {
			return nil, err
		}
	}
	if c.Distilled {
		if err := a.distil(); err != nil {
			return nil, err
		}
	}
	if !c.Resolve {
		return nil, nil
	}
	if c.Sorted {
		if err := a.Sort(); err != nil {
			return nil, err
		}
	}
	return a.ResolveIDs(&a.Base.Blob, note)
}

// distil makes the BTF independent of the ids of the base.
func (a *Attachment) distil() (err error) {
	if a.BTF, a.Small, err = btf.Distil(a.Base, a.BTF); err != nil {
		return fmt.Errorf("%s: distilling the base: %w", a.Image.Path, err)
	}
	return nil
}

// HideImplicitArguments is the first change for kernels since 7.0: see btf.HideImplicitArguments. No
// other kernel has such kfuncs.
func (a *Attachment) HideImplicitArguments() (err error) {
	if a.IDs == nil {
		return nil
	}
	if a.BTF, err = btf.HideImplicitArguments(a.Base, a.BTF, a.IDs.Implicit()); err != nil {
		return fmt.Errorf("%s: hiding implicit arguments of kfuncs: %w", a.Image.Path, err)
	}
	return nil
}

// Sort is the second one: see btf.SortByName. The small base is not sorted.
func (a *Attachment) Sort() error {
	base, firstID := &a.Base.Blob, uint32(a.Base.NumTypes())+1
	if a.Small != nil {
		small, err := btf.ParseBlob(a.Small)
		if err != nil {
			return err
		}
		base, firstID = small, uint32(small.CountTypes())+1
	}
	var err error
	if a.BTF, err = btf.SortByName(a.BTF, base, firstID); err != nil {
		return fmt.Errorf("%s: sorting the types: %w", a.Image.Path, err)
	}
	return nil
}

// ResolveIDs fills in .BTF_ids with the ids of the BTF and its base, and returns these. .BTF.base
// takes the place of base. note receives a sentence for each type that neither has.
func (a *Attachment) ResolveIDs(base *btf.Blob, note func(string)) (map[btf.NamedType]uint32, error) {
	fail := func(err error) (map[btf.NamedType]uint32, error) {
		return nil, fmt.Errorf("%s: %s: %w", a.Image.Path, btfids.Name, err)
	}
	switch {
	case a.Image.Section(btfids.Name) == nil:
		return nil, nil
	case a.IDs == nil:
		return fail(errors.New("the symbols that name its types have been stripped"))
	}
	blobs := []*btf.Blob{base, nil}
	var err error
	if a.Small != nil {
		if blobs[0], err = btf.ParseBlob(a.Small); err != nil {
			return fail(err)
		}
	}
	if blobs[1], err = btf.ParseBlob(a.BTF); err != nil {
		return fail(err)
	}
	wanted := a.IDs.Wanted()
	ids, err := btf.FindNamed(wanted, blobs...)
	if err != nil {
		return fail(err)
	}
	if a.Filled, err = a.IDs.Fill(ids); err != nil {
		return fail(err)
	}
	for _, t := range wanted {
		if ids[t] == 0 {
			note(fmt.Sprintf("%s: BTF has no %s %q: its id is 0", btfids.Name, t.Kind, t.Name))
		}
	}
	return ids, nil
}

// Write writes everything to the file in one step.
func (a *Attachment) Write() error {
	var sections []elfimage.NewSection
	if a.BTF != nil {
		sections = append(sections, elfimage.NewSection{Name: ".BTF", Contents: a.BTF},
			elfimage.NewSection{Name: ".BTF.base", Contents: a.Small, Remove: a.Small == nil})
	}
	if a.Filled != nil {
		sections = append(sections, elfimage.NewSection{Name: btfids.Name, Contents: a.Filled, Keep: true})
	}
	if a.IDs != nil && a.IDs.Linked != nil {
		sections = append(sections, elfimage.NewSection{Name: btfids.LinkedName, Contents: a.IDs.Linked})
	}
	return a.Image.AttachStamped(a.Stamp, sections...)
}
