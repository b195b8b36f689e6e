// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package btfreport reports the size of the BTF of a kernel's modules, and how much splitting it
// against vmlinux saves.
//
// Modules are read in parallel, one per CPU, and only the numbers are kept (collect.go). The result
// is written as text (text.go), as an HTML page (page.go), or as JSON.
package btfreport

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// A Report covers the modules of one kernel. Sizes are in bytes.
type Report struct {
	Base    Base     `json:"base"`
	Total   Sum      `json:"total"`
	Groups  []Sum    `json:"groups"` // by subsystem, the largest first
	Kinds   []Kind   `json:"kinds"`
	Modules []Module `json:"modules"` // the largest first
	// Modules that are not counted.
	Without    []string `json:"without_btf,omitempty"` // neither BTF nor DWARF
	Unreadable []Failed `json:"unreadable,omitempty"`
}

// Base is what the modules are split against.
type Base struct {
	Path  string `json:"path"`
	Bytes int    `json:"bytes"`
	Types int    `json:"types"`
}

// A Sum has the totals of several modules.
type Sum struct {
	Name      string `json:"name,omitempty"`
	Modules   int    `json:"modules"`
	Full      int    `json:"full"`     // of the modules that have DWARF
	Compared  int    `json:"compared"` // their split
	Split     int    `json:"split"`
	Types     int    `json:"types"`
	Redundant int    `json:"redundant"` // types that duplicate one of the base or the module
}

// Kind counts the types of a kind.
type Kind struct {
	Name      string `json:"kind"`
	Base      int    `json:"base"`
	Split     int    `json:"split"` // in all modules
	Redundant int    `json:"redundant"`
}

// A Module is one module's BTF.
type Module struct {
	Path      string `json:"path"`           // below the folder that was reported on
	Full      int    `json:"full,omitempty"` // on its own, encoded from its DWARF; 0: it has none
	Split     int    `json:"split"`
	Types     int    `json:"types"` // of the split
	Redundant int    `json:"redundant"`
	// Of the redundant types, those that the base has.
	Unshared int `json:"unshared"`
	// The module had no BTF: its split was encoded from its DWARF.
	Encoded bool `json:"encoded,omitempty"`

	kinds, repeated [btfraw.NumKinds]int
}

// Failed is a module that could not be read, and the reason.
type Failed struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Saved is the share that splitting saves, in percent.
func Saved(full, split int) float64 {
	if full == 0 {
		return 0
	}
	return 100 * float64(full-split) / float64(full)
}

func (s *Sum) add(m *Module) {
	s.Modules++
	s.Full += m.Full
	if m.Full > 0 {
		s.Compared += m.Split
	}
	s.Split += m.Split
	s.Types += m.Types
	s.Redundant += m.Redundant
}

// finish sorts the modules and sums them up.
func (r *Report) finish(baseKinds [btfraw.NumKinds]int) {
	slices.SortFunc(r.Modules, func(a, b Module) int {
		return cmp.Or(cmp.Compare(b.Full, a.Full), cmp.Compare(b.Split, a.Split), cmp.Compare(a.Path, b.Path))
	})
	groups := map[string]*Sum{}
	kinds := make([]Kind, btfraw.NumKinds)
	for i := range r.Modules {
		m := &r.Modules[i]
		r.Total.add(m)
		name := group(m.Path)
		if groups[name] == nil {
			groups[name] = &Sum{Name: name}
		}
		groups[name].add(m)
		for k := range kinds {
			kinds[k].Split += m.kinds[k]
			kinds[k].Redundant += m.repeated[k]
		}
	}
	for k := btfraw.Int; k < btfraw.NumKinds; k++ {
		kinds[k].Name, kinds[k].Base = k.String(), baseKinds[k]
		if kinds[k].Base+kinds[k].Split > 0 {
			r.Kinds = append(r.Kinds, kinds[k])
		}
	}
	for _, g := range groups {
		r.Groups = append(r.Groups, *g)
	}
	slices.SortFunc(r.Groups, func(a, b Sum) int {
		return cmp.Or(cmp.Compare(b.Full, a.Full), cmp.Compare(b.Split, a.Split), cmp.Compare(a.Name, b.Name))
	})
}

// group is the subsystem of a module: the first folder of its path below kernel/, and for drivers
// the first two.
func group(module string) string {
	dir := path.Dir(module)
	if _, below, ok := strings.Cut("/"+dir+"/", "/kernel/"); ok && below != "" {
		dir = strings.TrimSuffix(below, "/")
	}
	parts := strings.SplitN(dir, "/", 3)
	if parts[0] == "drivers" && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

// Worst returns up to n modules with redundant types, most first.
func (r *Report) Worst(n int) []Module {
	var list []Module
	for _, m := range r.Modules {
		if m.Redundant > 0 {
			list = append(list, m)
		}
	}
	slices.SortStableFunc(list, func(a, b Module) int { return cmp.Compare(b.Redundant, a.Redundant) })
	return list[:min(n, len(list))]
}
