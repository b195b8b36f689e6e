// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/scripts/tools/encoder"
	"github.com/kbtf/kbtf/scripts/tools/modules"
)

// A workload is a task that is measured.
type workload struct {
	name   string
	target float64 // ratio of wall times
	rounds int
	peer   func() (sample, error) // nil if pahole has no such mode
	ours   func() (sample, error)
	equal  func() error // compares the outputs of both
}

type bench struct {
	options
	scratch string
	all     []string // modules
	some    []string // every Nth
}

// workloads returns the workloads with the targets of the project.
func (b *bench) workloads() []workload {
	few := max(b.rounds/3, 1)
	var list []workload
	for _, m := range []struct {
		path   string
		target float64
	}{
		{"net/8021q/8021q.ko", 12}, {"fs/xfs/xfs.ko", 15}, {"drivers/gpu/drm/i915/i915.ko", 15},
		{"drivers/net/ethernet/mellanox/mlx5/core/mlx5_core.ko", 15},
	} {
		module := filepath.Join(b.modules, m.path)
		list = append(list, workload{filepath.Base(m.path), m.target, b.rounds,
			func() (sample, error) { return b.detached(b.peer, b.peerFlags("-j"), module, b.file("peer")) },
			func() (sample, error) { return b.detached(b.subject, b.ourFlags("-j"), module, b.file("ours")) },
			func() error { return b.sameTypes(b.file("peer"), b.file("ours")) }})
	}
	list = append(list,
		workload{fmt.Sprintf("%d modules, a process each, 2 at once", len(b.some)), 12, few,
			func() (sample, error) { return b.each(b.peer, b.peerFlags("-j1"), "peer") },
			func() (sample, error) { return b.each(b.subject, b.ourFlags("-j1"), "ours") },
			func() error { return b.sameSets("peer", "ours") }},
		// pahole has no such mode: compare with a process for each module.
		workload{fmt.Sprintf("%d modules, one process", len(b.some)), 60, few,
			func() (sample, error) { return b.each(b.peer, b.peerFlags("-j1"), "peer") },
			func() (sample, error) { return b.batch("-j2", b.some, "batch") },
			func() error { return b.sameSets("peer", "batch") }},
		workload{fmt.Sprintf("%d modules, one process", len(b.all)), 0, few, nil,
			func() (sample, error) { return b.batch("-j2", b.all, "all") }, nil},
		workload{"vmlinux, 2 threads", 8, few,
			func() (sample, error) { return b.detached(b.peer, b.peerFlags("-j2"), "", b.file("peer")) },
			func() (sample, error) { return b.detached(b.subject, b.ourFlags("-j2"), "", b.file("ours")) },
			nil}, // make parity compares them
		b.inPlace(filepath.Join(b.modules, "drivers/gpu/drm/amd/amdgpu/amdgpu.ko"), few),
		workload{"split-btf for Kconfig", 1, 10 * b.rounds,
			func() (sample, error) {
				script := `test $("$0" --version | sed -E 's/v([0-9]+)\.([0-9]+)/\1\2/') -ge 119`
				return process(exec.Command("sh", "-c", script, b.options.peer))
			},
			func() (sample, error) {
				return process(exec.Command(b.probe, "split-btf", "--encoder", b.options.peer))
			}, nil})
	return list
}

func (b *bench) file(name string) string { return filepath.Join(b.scratch, name) }

func (b *bench) peerFlags(jobs string) []string { return append(encoder.Flags("6.12"), jobs) }

// ourFlags selects the rules of the peer for functions.
func (b *bench) ourFlags(jobs string) []string { return append(b.peerFlags(jobs), "--compat=1.30") }

// A sample is the time and memory of one run.
type sample struct {
	wall, cpu time.Duration
	rss       int64 // maximum resident memory of a process in KiB
}

// process runs a command and returns its time and memory.
func process(cmd *exec.Cmd) (sample, error) {
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return sample{}, fmt.Errorf("%v: %w: %s", cmd.Args[0], err, bytes.TrimSpace(out))
	}
	return took(time.Since(start), cmd.ProcessState), nil
}

func took(wall time.Duration, state *os.ProcessState) sample {
	s := sample{wall: wall, cpu: state.UserTime() + state.SystemTime()}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		s.rss = usage.Maxrss
	}
	return s
}

// detached encodes a module, or vmlinux if module is "", into a file.
func (b *bench) detached(program string, flags []string, module, output string) (sample, error) {
	base := b.base
	if module == "" {
		base, module = "", base
	}
	start := time.Now()
	state, err := encoder.Run(program, flags, base, module, output)
	if err != nil {
		return sample{}, err
	}
	return took(time.Since(start), state), nil
}

// each encodes some modules with a process for each, two at a time like make -j2.
func (b *bench) each(program string, flags []string, to string) (sample, error) {
	if err := os.MkdirAll(b.file(to+".d"), 0o755); err != nil {
		return sample{}, err
	}
	samples := make([]sample, len(b.some))
	start := time.Now()
	err := modules.InParallel(2, len(b.some), func(i int) (err error) {
		samples[i], err = b.detached(program, flags, b.some[i], b.output(to, b.some[i]))
		return err
	})
	total := sample{wall: time.Since(start)}
	for _, s := range samples {
		total.cpu += s.cpu
		total.rss = max(total.rss, s.rss)
	}
	return total, err
}

func (b *bench) output(to, module string) string {
	return filepath.Join(b.file(to+".d"), filepath.Base(module)+".btf")
}

// batch encodes modules in one process.
func (b *bench) batch(jobs string, list []string, to string) (sample, error) {
	dir := b.file(to + ".d")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return sample{}, err
	}
	args := append(b.ourFlags(jobs), "-q", "--btf_base", b.base, "--btf_encode_detached="+dir)
	return process(exec.Command(b.subject, append(args, list...)...))
}

// inPlace adds BTF to a module without BTF.
func (b *bench) inPlace(module string, rounds int) workload {
	plain := b.file("plain.ko")
	prepare := func() error {
		if _, err := os.Stat(plain); err == nil {
			return nil
		}
		out, err := exec.Command("objcopy", "--remove-section=.BTF", module, plain).CombinedOutput()
		if err != nil {
			return fmt.Errorf("objcopy: %w: %s", err, out)
		}
		return os.Chmod(plain, 0o644)
	}
	run := func(program string, flags []string, to string) func() (sample, error) {
		return func() (sample, error) {
			if err := prepare(); err != nil {
				return sample{}, err
			}
			if err := copyFile(plain, b.file(to)); err != nil {
				return sample{}, err
			}
			cmd := exec.Command(program, append(flags, "--btf_base", b.base, b.file(to))...)
			cmd.Env = append(os.Environ(), "LLVM_OBJCOPY=objcopy")
			return process(cmd)
		}
	}
	name := "amdgpu.ko in place"
	if st, err := os.Stat(module); err == nil {
		name = fmt.Sprintf("amdgpu.ko in place, %d MB", st.Size()/1e6)
	}
	peer := run(b.peer, b.peerFlags("-j"), "peer.ko")
	ours := run(b.subject, b.ourFlags("-j"), "ours.ko")
	return workload{name, 20, rounds, peer, ours, func() error {
		for _, name := range []string{"peer.ko", "ours.ko"} {
			if _, err := modules.ReadBTF(b.file(name)); err != nil {
				return err
			}
		}
		return nil // make parity compares the types, and explains the difference in this module
	}}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// sameTypes compares pairs of outputs in another process, by --compare. The memory of this process
// counts as its children's until exec, and comparing needs much of it.
func (b *bench) sameTypes(pairs ...string) error {
	out, err := exec.Command(os.Args[0], append([]string{"--compare", "--base", b.base}, pairs...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot compare times: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

func (b *bench) sameSets(x, y string) error {
	var pairs []string
	for _, module := range b.some {
		pairs = append(pairs, b.output(x, module), b.output(y, module))
	}
	return b.sameTypes(pairs...)
}

// compare returns an error unless the outputs of each pair are equal, apart from references to tags
// with several definitions (D3 in docs/deviations.md).
func compare(basePath string, pairs []string) error {
	raw, err := modules.ReadBTF(basePath)
	if err != nil {
		return err
	}
	base, err := btfdiff.NewBase(raw)
	if err != nil {
		return err
	}
	for ; len(pairs) >= 2; pairs = pairs[2:] {
		var outputs [2][]byte
		for i := range outputs {
			if outputs[i], err = os.ReadFile(pairs[i]); err != nil {
				return err
			}
		}
		same, err := equal(base, outputs[0], outputs[1])
		if err == nil && !same {
			err = fmt.Errorf("%s and %s differ", pairs[0], pairs[1])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func equal(base *btfdiff.Base, x, y []byte) (bool, error) {
	r, err := base.Compare(x, y)
	if err != nil || r.Equal() {
		return err == nil, err
	}
	tags, err := base.Conflicting(x, y)
	if err != nil || len(tags) == 0 {
		return false, err
	}
	apart, err := base.Apart(tags)
	if err != nil {
		return false, err
	}
	r, err = apart.Compare(x, y)
	return err == nil && r.Equal(), err
}

// checkIdentity checks that the output does not depend on threads and batches.
func (b *bench) checkIdentity() error {
	if _, err := b.batch("-j2", b.some, "batch"); err != nil {
		return err
	}
	for _, module := range b.some {
		want, err := os.ReadFile(b.output("batch", module))
		if err != nil {
			return err
		}
		for _, jobs := range []string{"-j1", "-j2", "-j5"} {
			if _, err := b.detached(b.subject, b.ourFlags(jobs), module, b.file("ours")); err != nil {
				return err
			}
			if got, err := os.ReadFile(b.file("ours")); err != nil || !bytes.Equal(got, want) {
				return fmt.Errorf("%s: the output with %s differs from that in a batch (%v)", module, jobs, err)
			}
		}
	}
	return nil
}
