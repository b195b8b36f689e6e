// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package encoder runs pahole, or an encoder with the same command line, as a kernel's build does.
package encoder

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/Masterminds/semver/v3"
)

// Flags returns the flags that a kernel's build files pass for a module of its tree, except -j, with
// more features. They are those of scripts/Makefile.btf in 6.12, or in 7.2 for kernels after 6.12 and
// unknown ones. Encoders ignore unknown features. kernel is a version or a series: 6.12.1, 7-cloud.
func Flags(kernel string, more ...string) []string {
	features := "encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,consistent_func,decl_tag_kfuncs"
	flags := []string{"-J", "--btf_features=" + features}
	v, err := semver.NewVersion(kernel)
	if err != nil || v.Major() > 6 || v.Major() == 6 && v.Minor() > 12 {
		flags = append(flags, "--btf_features=attributes", "--btf_features=layout")
	}
	for _, feature := range more {
		flags = append(flags, "--btf_features="+feature)
	}
	return append(flags, "--lang_exclude=rust")
}

// Run encodes a module into the file output, and does not modify the module. If base is "", the
// module is vmlinux.
//
// Before 1.32, pahole does not truncate an existing output file, and may succeed without writing
// one. So Run removes the file first, and fails if it does not exist afterwards.
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
		return nil, fmt.Errorf("%s %s: no output written: %s", filepath.Base(program), module, bytes.TrimSpace(message))
	}
	return cmd.ProcessState, nil
}

// RunInPlace encodes a module in place.
func RunInPlace(program string, flags []string, base, module string) error {
	cmd := exec.Command(program, append(slices.Clone(flags), "--btf_base", base, module)...)
	cmd.Env = append(os.Environ(), "LLVM_OBJCOPY=objcopy") // pahole uses it to add sections
	if message, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(program), module, err, bytes.TrimSpace(message))
	}
	return nil
}
