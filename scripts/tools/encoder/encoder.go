// SPDX-License-Identifier: GPL-2.0-only

// Package encoder runs an encoder of split BTF, pahole or another that understands its
// command line, the way a kernel build does.
package encoder

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Flags are what a kernel's build files pass for a module of its own tree, but for -j: scripts/Makefile.btf of 6.12, or of 7.2 for
// kernels after 6.12; more features may follow. An encoder ignores features that it does not know. The kernel is a version or a
// series, as scripts/parity names it.
func Flags(kernel string, more ...string) []string {
	features := "encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,consistent_func,decl_tag_kfuncs"
	flags := []string{"-J", "--btf_features=" + features}
	major, minor := math.MaxInt, 0
	_, _ = fmt.Sscanf(kernel, "%d.%d", &major, &minor) // a series may have no minor number
	if major > 6 || major == 6 && minor > 12 {
		flags = append(flags, "--btf_features=attributes", "--btf_features=layout")
	}
	for _, feature := range more {
		flags = append(flags, "--btf_features="+feature)
	}
	return append(flags, "--lang_exclude=rust")
}

// Run encodes a module into the file output and leaves the module alone. Flags precede
// the names of base, output and module. Without a base, "", the module is vmlinux.
//
// Pahole before 1.32 overwrites an output file without truncating it, and may say that
// all is well without having written one, so the file is removed first and has to be
// there afterwards.
func Run(program string, flags []string, base, module, output string) (*os.ProcessState, error) {
	if err := os.Remove(output); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	args := slices.Clone(flags)
	if base != "" {
		args = append(args, "--btf_base", base)
	}
	args = append(args, "--btf_encode_detached="+output, module)
	cmd := exec.Command(program, args...)
	message, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", filepath.Base(program), module, err, bytes.TrimSpace(message))
	}
	if _, err := os.Stat(output); err != nil {
		return nil, fmt.Errorf("%s %s: wrote nothing: %s", filepath.Base(program), module, bytes.TrimSpace(message))
	}
	return cmd.ProcessState, nil
}

// RunInPlace encodes a module in place.
func RunInPlace(program string, flags []string, base, module string) error {
	cmd := exec.Command(program, append(slices.Clone(flags), "--btf_base", base, module)...)
	cmd.Env = append(os.Environ(), "LLVM_OBJCOPY=objcopy") // what pahole adds sections with
	if message, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(program), module, err, bytes.TrimSpace(message))
	}
	return nil
}
