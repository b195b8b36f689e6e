// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"fmt"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// Running checks BTF by loading it into the running kernel with bpf(2).
//
// The kernel checks BTF that programs load more thoroughly than a module's: references and sizes,
// too. Such BTF must be stand-alone.
type Running struct {
	Release string
}

// AskRunning returns the running kernel if it loads BTF for this process.
func AskRunning() (*Running, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return nil, fmt.Errorf("uname: %w", err)
	}
	b, err := btf.NewBuilder([]btf.Type{&btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}}, nil)
	if err != nil {
		return nil, err
	}
	h, err := btf.NewHandle(b)
	if err != nil {
		// A process without the capability gets the same error as one on a kernel without BTF.
		return nil, fmt.Errorf("the running kernel does not load BTF: %w: are you root?", err)
	}
	return &Running{unix.ByteSliceToString(name.Release[:])}, h.Close()
}

// Load loads BTF that stands alone and unloads it again. The error has the end of the kernel's log.
func (r *Running) Load(raw []byte) error {
	h, err := btf.NewHandleFromRawBTF(raw)
	if err != nil {
		return fmt.Errorf("refused by Linux %s: %w", r.Release, err)
	}
	return h.Close()
}

// Verify loads BTF without problems, joined with its base.
func (r *Running) Verify(b *BTF) []Problem {
	raw, err := b.Join()
	if err == nil {
		err = r.Load(raw)
	}
	if err != nil {
		return []Problem{{Offset: -1, Reason: err.Error()}}
	}
	return nil
}
