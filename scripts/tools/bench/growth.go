// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/encode"
	"github.com/kbtf/kbtf/scripts/tools/modules"
)

// A growth is how time grows with what there is to do, on one thread.
type growth struct {
	of     string
	points []point // by x
}

type point struct{ x, y float64 } // y: milliseconds

// A power is y = factor * x^exponent. Residue is by how much points are off, as a factor, in the median.
type power struct{ factor, exponent, residue float64 }

func (p power) at(x float64) float64 { return p.factor * math.Pow(x, p.exponent) }

func (p power) String() string {
	return fmt.Sprintf("exponent %.2f, points off by %.0f %%", p.exponent, 100*(p.residue-1))
}

// fit is the straight line through the logarithms with the least squares.
func (g *growth) fit() power {
	var n, sx, sy, sxx, sxy float64
	for _, p := range g.points {
		x, y := math.Log(p.x), math.Log(p.y)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	k := (n*sxy - sx*sy) / (n*sxx - sx*sx)
	p := power{factor: math.Exp((sy - k*sx) / n), exponent: k}
	var off []float64
	for _, q := range g.points {
		off = append(off, math.Exp(math.Abs(math.Log(q.y/p.at(q.x)))))
	}
	slices.Sort(off)
	p.residue = off[len(off)/2]
	return p
}

// bounds are the powers of ten around all points.
func (g *growth) bounds() (low, high point) {
	low, high = g.points[0], g.points[0]
	for _, p := range g.points {
		low.x, low.y = min(low.x, p.x), min(low.y, p.y)
		high.x, high.y = max(high.x, p.x), max(high.y, p.y)
	}
	down := func(v float64) float64 { return math.Pow(10, math.Floor(math.Log10(v))) }
	up := func(v float64) float64 { return math.Pow(10, math.Ceil(math.Log10(v))) }
	return point{down(low.x), down(low.y)}, point{up(high.x), up(high.y)}
}

func (g *growth) String() string {
	first, last := g.points[0], g.points[len(g.points)-1]
	return fmt.Sprintf("%-26s %6.0f to %7.0f %10.2f to %7.2f   %v", g.of, first.x, last.x, g.each(false), g.each(true), g.fit())
}

// each is what one of many takes, in microseconds: the median of the tenth of the points with the fewest, or the most.
func (g *growth) each(most bool) float64 {
	n := max(len(g.points)/10, 1)
	points := g.points[:n]
	if most {
		points = g.points[len(g.points)-n:]
	}
	var each []float64
	for _, p := range points {
		each = append(each, 1000*p.y/p.x)
	}
	return median(each)
}

// growths measures how time grows with units, types and modules.
func (b *bench) growths() ([]growth, error) {
	// First what other processes take: see sameTypes.
	byModules, err := b.growthByModules()
	if err != nil {
		return nil, err
	}
	byUnits, byTypes, err := b.growthInModules()
	if err != nil {
		return nil, err
	}
	return []growth{byUnits, byTypes, byModules}, nil
}

// growthByModules encodes more and more modules in one process. They are taken from a list by size, at equal distances, so that a
// few are like many.
func (b *bench) growthByModules() (growth, error) {
	g := growth{of: "modules in one process"}
	sizes := map[string]uint64{}
	for _, path := range b.some {
		file, err := openModule(path)
		if err != nil {
			return g, err
		}
		sizes[path] = file.img.Section(".debug_info").Size
		file.img.Close()
	}
	bySize := slices.SortedFunc(slices.Values(b.some), func(x, y string) int { return cmp.Compare(sizes[x], sizes[y]) })
	for n := len(bySize); n >= min(10, len(bySize)); n /= 2 {
		var chosen []string
		for i := range n {
			chosen = append(chosen, bySize[(2*i+1)*len(bySize)/(2*n)])
		}
		var walls []time.Duration
		for range growthRounds {
			s, err := b.batch("-j1", chosen, "batch")
			if err != nil {
				return g, err
			}
			walls = append(walls, s.wall)
		}
		g.points = append(g.points, point{float64(n), milliseconds(median(walls))})
	}
	slices.Reverse(g.points)
	return g, nil
}

const growthRounds = 3

// growthInModules encodes modules of all sizes, in this process.
//
// Every Nth module is small or of some size; the largest are taken too.
func (b *bench) growthInModules() (byUnits, byTypes growth, err error) {
	byUnits.of, byTypes.of = "units of a module", "types of a module's units"
	base, err := encode.LoadBase(b.base, encode.DefaultBaseCache())
	if err == nil {
		err = base.Ready()
	}
	if err != nil {
		return byUnits, byTypes, err
	}
	list, err := b.andLargest()
	if err != nil {
		return byUnits, byTypes, err
	}
	for i, path := range list {
		units, types, took, err := measureModule(path, base)
		if err != nil {
			return byUnits, byTypes, err
		}
		byUnits.points = append(byUnits.points, point{float64(units), milliseconds(took)})
		byTypes.points = append(byTypes.points, point{float64(types), milliseconds(took)})
		modules.Progress(i+1, len(list))
	}
	for _, g := range []*growth{&byUnits, &byTypes} {
		slices.SortFunc(g.points, func(p, q point) int { return cmp.Or(cmp.Compare(p.x, q.x), cmp.Compare(p.y, q.y)) })
	}
	return byUnits, byTypes, nil
}

// andLargest lists every Nth module and the ten largest files.
func (b *bench) andLargest() ([]string, error) {
	size := map[string]int64{}
	for _, path := range b.all {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		size[path] = info.Size()
	}
	list := slices.SortedFunc(slices.Values(b.all), func(x, y string) int { return cmp.Compare(size[y], size[x]) })
	list = append(list[:min(10, len(list))], b.some...)
	slices.Sort(list)
	return slices.Compact(list), nil
}

// measureModule encodes a module on one thread, and counts its units and their types.
func measureModule(path string, base *btf.Base) (units, types int, took time.Duration, err error) {
	file, err := openModule(path)
	if err != nil {
		return 0, 0, 0, err
	}
	defer file.img.Close()
	if units, types, err = file.count(); err != nil {
		return 0, 0, 0, err
	}
	var times []time.Duration
	for round := range growthRounds + 1 {
		runtime.GC() // of what other modules left
		start := time.Now()
		if _, err := encode.File(file.img, base, encode.Options{Dialect: base.Dialect, Threads: 1}); err != nil {
			return 0, 0, 0, err
		}
		if round > 0 { // the first one only warms up
			times = append(times, time.Since(start))
		}
	}
	return units, types, median(times), nil
}

// A moduleFile is a module with its debugging information.
type moduleFile struct {
	img  *elfimage.Image
	info *dwarf.Data
}

func openModule(path string) (moduleFile, error) {
	img, err := elfimage.Open(path)
	if err != nil {
		return moduleFile{}, err
	}
	info, err := dwarf.Load(img, typeTags)
	if err != nil {
		img.Close()
	}
	return moduleFile{img, info}, err
}

// typeTags are the DIEs that BTF has types for.
var typeTags = dwarf.Wanted{
	dwarf.TagBaseType: 0, dwarf.TagPointerType: 0, dwarf.TagConstType: 0, dwarf.TagVolatileType: 0, dwarf.TagRestrictType: 0,
	dwarf.TagTypedef: 0, dwarf.TagArrayType: 0, dwarf.TagStructureType: 0, dwarf.TagUnionType: 0, dwarf.TagEnumerationType: 0,
	dwarf.TagSubroutineType: 0,
}

// count counts units, and types in all of them.
func (f moduleFile) count() (units, types int, err error) {
	list, err := f.info.Units()
	if err != nil {
		return 0, 0, err
	}
	for i := range list {
		r := f.info.Reader(&list[i])
		for r.Next() {
			types++
		}
		if r.Err() != nil {
			return 0, 0, r.Err()
		}
	}
	return len(list), types, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median[T cmp.Ordered](list []T) T { return slices.Sorted(slices.Values(list))[len(list)/2] }
