// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/btfverify"
	"github.com/kbtf/kbtf/scripts/tools/encoder"
	"github.com/kbtf/kbtf/scripts/tools/modules"
)

// compareDistilled replaces the result of a comparison by that of the two outputs with a distilled
// base: .BTF and .BTF.base joined, and if these are equal, .BTF.base, which the kernel looks up in
// vmlinux.
func (c *comparison) compareDistilled(path string, out *outcome) error {
	kept, err := c.keptOutput(path, ".distilled.ko", func(output string) error {
		return c.encodeInPlace(c.options.oracle, c.flags(), path, output)
	})
	if err != nil {
		return err
	}
	output := filepath.Join(c.scratch, strings.ReplaceAll(path, "/", "-"))
	if err := c.encodeInPlace(c.options.encoder, c.ourFlags(), path, output); err != nil {
		return err
	}
	defer os.Remove(output)
	ours, err := os.ReadFile(output)
	if err != nil {
		return err
	}
	var joined [2][]byte
	out.distilled = make([]btfdiff.Distilled, 2)
	for i, image := range [][]byte{kept, ours} {
		split, base, err := sections(image)
		if err != nil {
			return err
		}
		small, problems := btfverify.VerifyDistilled(base, c.whole, c.kernel)
		var own *btfverify.BTF
		if len(problems) == 0 {
			own, problems = btfverify.Verify(split, small, c.kernel)
		}
		if len(problems) > 0 {
			return fmt.Errorf("refused: %v", problems[0])
		}
		if joined[i], err = own.Join(); err != nil {
			return err
		}
		out.distilled[i] = btfdiff.Distilled{Base: base, Split: split}
	}
	out.compared = compared{btfdiff.NoBase(), joined[0], joined[1]}
	out.oracleBytes, out.encoderBytes = len(joined[0]), len(joined[1])
	if out.result, err = out.compared.base.Compare(joined[0], joined[1]); err != nil {
		return err
	}
	if out.result.Equal() {
		out.compared.oracle, out.compared.encoder = out.distilled[0].Base, out.distilled[1].Base
		result, err := out.compared.base.Compare(out.compared.oracle, out.compared.encoder)
		if err != nil {
			return err
		}
		out.result.OnlyA, out.result.OnlyB = result.OnlyA, result.OnlyB
	}
	return nil
}

// encodeInPlace encodes a copy of a module without BTF, and writes its .BTF and .BTF.base to output.
func (c *comparison) encodeInPlace(program string, flags []string, path, output string) error {
	module := filepath.Join(c.modules, path)
	copied := output + ".whole"
	defer os.Remove(copied)
	if message, err := exec.Command("objcopy", "--remove-section=.BTF", module, copied).CombinedOutput(); err != nil {
		return fmt.Errorf("objcopy: %w: %s", err, message)
	}
	if err := os.Chmod(copied, 0o644); err != nil {
		return err
	}
	flags = append(flags, "--btf_features=distilled_base")
	if err := encoder.RunInPlace(program, flags, c.options.base, copied); err != nil {
		return err
	}
	extract := exec.Command("objcopy", "--only-section=.BTF", "--only-section=.BTF.base", copied, output)
	if message, err := extract.CombinedOutput(); err != nil {
		return fmt.Errorf("objcopy: %w: %s", err, message)
	}
	return nil
}

// sections returns .BTF and .BTF.base of an ELF file.
func sections(image []byte) (split, base []byte, err error) {
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, nil, err
	}
	if split, err = modules.Section(file, ".BTF"); err == nil {
		base, err = modules.Section(file, ".BTF.base")
	}
	return split, base, err
}
