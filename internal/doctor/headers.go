// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package doctor

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/btfverify"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/probe"
)

// headers are the files that headers have for BTF of external modules.
type headers struct {
	*Tree
	basePath string        // vmlinux, or the file that the rule reads instead of it
	base     *btffile.File // nil if it does not exist or cannot be read
	baseErr  error

	resolver   string // path of resolve_btfids, or "" if the rule does not run it
	resolverIs btf.Target
}

// headersDefect is a defect of headers.
type headersDefect struct {
	find func(*headers) string // returns the problem, or "" if there is none
	fix  string                // PATCH, REPLACE and OURS are replaced
}

// headersDefects has the defects of each file. Only the first is reported.
var headersDefects = [][]headersDefect{
	{
		{noBase, "PATCH; or run btf-ko --btf_base auto after each build"},
		{unreadableBase, "reinstall the package with the headers; or REPLACE"},
		{baseWithoutBTF, "REPLACE"},
		{unsoundBase, "REPLACE"},
		{baseOfOtherMachine, "REPLACE"},
		{baseOfOtherRelease, "REPLACE"},
	},
	{
		{noResolver, "OURS; or install the package that has it (linux-kbuild on Debian)"},
		{resolverNotExecutable, "run chmod +x; or OURS"},
		{unreadableResolver, "OURS; or reinstall the package with the headers"},
		{resolverOfOtherMachine, "OURS; or install the headers for this machine"},
	},
}

// headers checks the files that headers have for BTF of external modules.
func (d *Diagnosis) headers() {
	t := d.Tree
	if !t.headers || t.Wiring == Absent || t.Wiring == HalfPatched {
		return
	}
	h := t.openHeaders()
	if h.base != nil {
		defer h.base.Close()
	}
	for _, defects := range headersDefects {
		for _, defect := range defects {
			if problem := defect.find(h); problem != "" {
				d.problem(t.expand(defect.fix), "%s", problem)
				break
			}
		}
	}
}

var ruleBase = regexp.MustCompile(`--btf_base (?:\$\([a-z-]+\)/?)?(vmlinux[.\w]*)`)

func (t *Tree) openHeaders() *headers {
	name := "vmlinux"
	if m := ruleBase.FindStringSubmatch(t.modfinal); m != nil {
		name = m[1]
	}
	h := &headers{Tree: t, basePath: filepath.Join(t.Path, name)}
	h.base, h.baseErr = btffile.Open(h.basePath)
	byBTFKo := t.Wiring == Ours && t.Encoder == probe.BTFKo // fills in .BTF_ids itself
	if strings.Contains(t.modfinal+t.genBTF, "RESOLVE_BTFIDS") && !byBTFKo {
		h.resolver = filepath.Join(t.Path, "tools/bpf/resolve_btfids/resolve_btfids")
	}
	return h
}

// expand completes the fix of a headersDefect.
func (t *Tree) expand(fix string) string {
	patch := "kconfig-probe patch " + t.Path + " --apply"
	without := "remove it, and run " + patch
	if t.Wiring == Ours {
		without = "remove it, and make finds the BTF of that release, or give make KBTF_BASE=FILE"
	}
	ours := "give make RESOLVE_BTFIDS=" + installed("resolve_btfids") + " and PAHOLE=" + installed("pahole")
	switch {
	case t.Wiring == Ours:
		ours += "; or run kconfig-probe patch " + t.Path + " --revert, and patch it for btf-ko, which needs no resolve_btfids"
	case t.Reason == "":
		ours += "; or run " + patch + ", for a rule that does not need it"
	}
	return strings.NewReplacer("PATCH", patch, "OURS", ours, "REPLACE",
		"replace it with a copy of /sys/kernel/btf/vmlinux from a machine that runs "+t.kernelRelease()+
			"; or "+without).Replace(fix)
}

// kernelRelease returns the release that the headers are for.
func (t *Tree) kernelRelease() string {
	if release := built(t.Path, "kernel.release"); release != "" {
		return release
	}
	return "that kernel"
}

func noBase(h *headers) string {
	_, err := os.Stat(h.basePath)
	switch link, linkErr := os.Readlink(h.basePath); {
	case err == nil || h.Wiring == Ours && linkErr != nil: // our rule finds another base
		return ""
	case linkErr == nil:
		return fmt.Sprintf("%s: a link to %s, which does not exist: make skips BTF of modules built with these headers",
			h.basePath, link)
	}
	return fmt.Sprintf("%s: no %s: make skips BTF of modules built with these headers", h.Path, filepath.Base(h.basePath))
}

func unreadableBase(h *headers) string {
	if h.baseErr == nil || errors.Is(h.baseErr, fs.ErrNotExist) || errors.Is(h.baseErr, btffile.ErrNoBTF) {
		return ""
	}
	return h.baseErr.Error() + ": modules get no BTF"
}

func baseWithoutBTF(h *headers) string {
	if !errors.Is(h.baseErr, btffile.ErrNoBTF) {
		return ""
	}
	return h.baseErr.Error() + ": modules get no BTF"
}

func unsoundBase(h *headers) string {
	kernel, err := btfverify.KernelOf("")
	if h.base == nil || err != nil {
		return ""
	}
	_, problems := btfverify.Verify(h.base.BTF, nil, kernel)
	if len(problems) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: damaged, or not the BTF of a kernel: %v", h.basePath, problems[0])
}

// machines are the machines that symbols of the configuration stand for.
var machines = map[string]elf.Machine{
	"X86_64": elf.EM_X86_64, "X86_32": elf.EM_386, "ARM64": elf.EM_AARCH64, "ARM": elf.EM_ARM,
	"S390": elf.EM_S390, "PPC32": elf.EM_PPC, "PPC64": elf.EM_PPC64, "RISCV": elf.EM_RISCV,
	"LOONGARCH": elf.EM_LOONGARCH, "MIPS": elf.EM_MIPS, "SPARC64": elf.EM_SPARCV9,
}

// target returns the machine that the headers are for.
func (t *Tree) target() btf.Target {
	is := btf.Target{Class: elf.ELFCLASS32, Data: elf.ELFDATA2LSB}
	if t.symbols["64BIT"] == "y" {
		is.Class = elf.ELFCLASS64
	}
	if t.symbols["CPU_BIG_ENDIAN"] == "y" {
		is.Data = elf.ELFDATA2MSB
	}
	for symbol, machine := range machines {
		if t.symbols[symbol] == "y" {
			is.Machine = machine
			return is
		}
	}
	return btf.Target{} // unknown, as CPU_BIG_ENDIAN may be
}

func baseOfOtherMachine(h *headers) string {
	if h.base == nil {
		return ""
	}
	want := h.target()
	if want.CheckBase(h.basePath, h.base.Target) == nil {
		return ""
	}
	return fmt.Sprintf("%s: for %v, but the headers are for %v", h.basePath, h.base.Target, want)
}

func baseOfOtherRelease(h *headers) string {
	if h.base == nil {
		return ""
	}
	is, want := h.host.BaseRelease(h.basePath), built(h.Path, "kernel.release")
	if is == "" || want == "" || is == want {
		return ""
	}
	link := ""
	if target, err := os.Readlink(h.basePath); err == nil {
		link = "a link to " + target + ", "
	}
	return fmt.Sprintf("%s: %sof %s, but the headers are of %s: modules get BTF of the wrong kernel",
		h.basePath, link, is, want)
}

// buildFails is what follows from a resolve_btfids that cannot run, even for modules without .BTF_ids.
const buildFails = ": the rule runs it on every module that gets BTF, so make fails"

func noResolver(h *headers) string {
	if h.resolver == "" || exists(h.resolver) {
		return ""
	}
	return h.resolver + ": does not exist" + buildFails + " (Error 127)"
}

func resolverNotExecutable(h *headers) string {
	st, err := os.Stat(h.resolver)
	if err != nil || st.Mode()&0o111 != 0 {
		return ""
	}
	return fmt.Sprintf("%s: not executable (mode %#o)%s (Error 126)", h.resolver, st.Mode().Perm(), buildFails)
}

func unreadableResolver(h *headers) string {
	data, err := os.ReadFile(h.resolver)
	if h.resolver == "" || err == nil && bytes.HasPrefix(data, []byte("#!")) {
		return ""
	}
	if h.resolverIs, err = targetOf(h.resolver); err != nil {
		return err.Error() + buildFails
	}
	return ""
}

func resolverOfOtherMachine(h *headers) string {
	here, err := targetOf("/proc/self/exe")
	if err != nil || h.resolverIs.CheckBase("", here) == nil ||
		h.resolverIs.Machine == elf.EM_386 && here.Machine == elf.EM_X86_64 {
		return ""
	}
	return fmt.Sprintf("%s: for %v, but this machine is %v%s (Error 126)", h.resolver, h.resolverIs, here, buildFails)
}

// targetOf returns the machine that a program is for.
func targetOf(path string) (btf.Target, error) {
	img, err := elfimage.Open(path)
	if err != nil {
		return btf.Target{}, err
	}
	defer img.Close()
	return btffile.TargetOf(img), nil
}
