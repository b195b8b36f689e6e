// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbtf/kbtf"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// copyOf copies a file. An x86-64 file becomes one for arm64 if machine is that: the same, but for
// the machine in the ELF header and the types of relocations.
func copyOf(t *testing.T, path, to string, machine elf.Machine) string {
	t.Helper()
	data := elftest.Read(t, path)
	if machine == elf.EM_AARCH64 {
		file, err := elf.NewFile(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		binary.LittleEndian.PutUint16(data[18:], uint16(machine))
		types := map[uint32]elf.R_AARCH64{uint32(elf.R_X86_64_32): elf.R_AARCH64_ABS32,
			uint32(elf.R_X86_64_64): elf.R_AARCH64_ABS64}
		for _, s := range file.Sections {
			for at := s.Offset; s.Type == elf.SHT_RELA && at < s.Offset+s.Size; at += s.Entsize {
				if of, ok := types[binary.LittleEndian.Uint32(data[at+8:])]; ok {
					binary.LittleEndian.PutUint32(data[at+8:], uint32(of))
				}
			}
		}
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return to
}

// kernelOf has a module and the forms of its base for a target.
type kernelOf struct {
	module string
	bases  map[string]string // ELF, raw, and base files of both
}

func compileKernel(t *testing.T, target elftest.Target, machine elf.Machine) kernelOf {
	t.Helper()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	k := kernelOf{
		module: copyOf(t, elftest.Object(t, target, "ring.c"), in("ring.ko"), machine),
		bases: map[string]string{
			"ELF":               copyOf(t, elftest.Object(t, target, "vmlinux.c"), in("vmlinux"), elf.EM_NONE),
			"raw":               in("vmlinux.btf"),
			"base file of ELF":  in("vmlinux.btfbase"),
			"base file of raw":  in("raw.btfbase"),
			"raw of base file":  in("again.btf"),
			"compressed ELF":    in("vmlinux.gz"),
			"link to base file": in("link"),
		},
	}
	mustRun(t, "--btf_base", "none", k.bases["ELF"])
	copyOf(t, k.bases["ELF"], k.bases["ELF"], machine)
	mustRun(t, "base", "--raw", "-o", k.bases["raw"], k.bases["ELF"])
	mustRun(t, "base", "-o", k.bases["base file of ELF"], k.bases["ELF"])
	mustRun(t, "base", "-o", k.bases["base file of raw"], k.bases["raw"])
	mustRun(t, "base", "--raw", "-o", k.bases["raw of base file"], k.bases["base file of ELF"])
	elftest.Run(t, dir, "gzip", "-k", "vmlinux")
	if err := os.Symlink("vmlinux.btfbase", k.bases["link to base file"]); err != nil {
		t.Fatal(err)
	}
	return k
}

// A module is encoded against the BTF of a kernel for its own machine only, in all forms of a base.
func TestBaseOfAnotherMachine(t *testing.T) {
	kernels := map[string]kernelOf{
		"x86-64": compileKernel(t, elftest.GCC, elf.EM_NONE),
		"i386":   compileKernel(t, elftest.I386, elf.EM_NONE),
		"s390x":  compileKernel(t, elftest.S390X, elf.EM_NONE),
		"s390":   compileKernel(t, elftest.S390, elf.EM_NONE),
		"arm64":  compileKernel(t, elftest.GCC, elf.EM_AARCH64),
	}
	// What is wrong with a raw base: its word size and byte order.
	width := map[string]string{"x86-64": "64-bit, little-endian", "i386": "32-bit, little-endian",
		"s390x": "64-bit, big-endian", "s390": "32-bit, big-endian", "arm64": "64-bit, little-endian"}
	for of, module := range kernels {
		for with, base := range kernels {
			for form, path := range base.bases {
				name := fmt.Sprintf("%s module, %s base, %s", of, with, form)
				want := fmt.Sprintf("a module for %s, but base %s is for %s: use the base of", of, path, with)
				raw := strings.Contains(form, "raw")
				switch {
				case of == with || raw && width[of] == width[with]:
					want = ""
				case raw || strings.TrimSuffix(of, "x") == strings.TrimSuffix(with, "x"):
					machine := "a " + width[with] + " machine"
					if !raw {
						machine = fmt.Sprintf("%s (%s)", with, width[with])
					}
					want = fmt.Sprintf("a module for %s (%s), but base %s is for %s: use the base of", of, width[of], path, machine)
				}
				ko := copyOf(t, module.module, filepath.Join(t.TempDir(), "x.ko"), elf.EM_NONE)
				before := elftest.Read(t, ko)
				var stdout, stderr bytes.Buffer
				status := run([]string{"--btf_base", path, "--base_cache", "off", ko}, &stdout, &stderr)
				if want == "" {
					if status != exitDone || stderr.Len() > 0 {
						t.Errorf("%s: %d, %s", name, status, stderr.String())
					}
					mustRun(t, "verify", "--btf_base", path, ko)
					continue
				}
				message := stderr.String()
				if status != exitFailed || !strings.HasPrefix(message, "btf-ko: "+ko+": "+want) ||
					strings.Count(message, "\n") != 1 {
					t.Errorf("%s: %d, %q, want %q", name, status, message, want)
				}
				if !bytes.Equal(elftest.Read(t, ko), before) {
					t.Errorf("%s: the module has changed", name)
				}
			}
		}
	}
}

// All commands that read a module with a base detect a base of another machine.
func TestCommandsWithBaseOfAnotherMachine(t *testing.T) {
	x86, arm := compileKernel(t, elftest.GCC, elf.EM_NONE), compileKernel(t, elftest.GCC, elf.EM_AARCH64)
	base := x86.bases["ELF"]
	const reason = "a module for arm64, but base "
	dir := t.TempDir()
	encoded := copyOf(t, arm.module, filepath.Join(dir, "encoded.ko"), elf.EM_NONE)
	mustRun(t, "--btf_base", arm.bases["ELF"], encoded)
	plain := copyOf(t, arm.module, filepath.Join(dir, "plain.ko"), elf.EM_NONE)
	fine := copyOf(t, x86.module, filepath.Join(dir, "fine.ko"), elf.EM_NONE)
	order := filepath.Join(dir, "modules.order")
	if err := os.WriteFile(order, []byte("plain.o\nfine.o\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		status int
		args   []string
	}{
		{exitFailed, []string{"--btf_base", base, plain}},
		{exitFailed, []string{"--btf_base", base, plain, fine}},
		{exitFailed, []string{"--btf_base", base, "--modules_order", order}},
		{exitFailed, []string{"--btf_base", base, "--btf_encode_detached", filepath.Join(dir, "x.btf"), plain}},
		{exitDone, []string{"--btf_base", base, "--on_error", "keep", plain}},
		{exitFailed, []string{"verify", "--btf_base", base, encoded}},
		{exitUsage, []string{"diff", "--btf_base", base, encoded, encoded}},
		{exitUsage, []string{"dump", "--btf_base", base, encoded}},
		{exitUsage, []string{"dump", "--btf_base", base, "--c", "ring", encoded}},
		{exitFailed, []string{"report", "--btf_base", base, encoded}},
	} {
		files := []string{encoded, plain}
		before := []string{string(elftest.Read(t, encoded)), string(elftest.Read(t, plain))}
		var out bytes.Buffer
		if status := run(tt.args, &out, &out); status != tt.status || strings.Count(out.String(), reason+base) != 1 {
			t.Errorf("btf-ko %v: exit status %d, want %d\n%s", tt.args, status, tt.status, out.String())
		}
		for i, path := range files {
			if string(elftest.Read(t, path)) != before[i] {
				t.Errorf("btf-ko %v: %s has changed", tt.args, path)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "x.btf")); err == nil {
		t.Error("detached BTF was written")
	}
	opened, err := kbtf.OpenBase(base)
	if err != nil {
		t.Fatal(err)
	}
	_, err = kbtf.EncodeFile(plain, opened, kbtf.Options{})
	if err == nil || !strings.Contains(err.Error(), plain+": "+reason+base) {
		t.Errorf("EncodeFile: %v", err)
	}
	_, err = kbtf.Encode(bytes.NewReader(elftest.Read(t, plain)), opened, kbtf.Options{})
	if err == nil || !strings.Contains(err.Error(), "module: "+reason+base) {
		t.Errorf("Encode: %v", err)
	}
}
