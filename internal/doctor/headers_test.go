// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package doctor

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbtf/kbtf"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
	"github.com/kbtf/kbtf/internal/kernel"
)

const (
	headersRelease = "6.12.5-test"
	otherRelease   = "6.12.6-test"
	upstreamRule   = `quiet_cmd_btf_ko = BTF [M] $@
      cmd_btf_ko = 							\
	if [ ! -f vmlinux ]; then					\
		printf "Skipping BTF generation for %s due to unavailability of vmlinux\n" $@ 1>&2; \
	else								\
		LLVM_OBJCOPY="$(OBJCOPY)" $(PAHOLE) -J $(PAHOLE_FLAGS) --btf_base vmlinux $@; \
		$(RESOLVE_BTFIDS) -b vmlinux $@; 			\
	fi;
%.ko: %.o %.mod.o scripts/module.lds $(and $(CONFIG_DEBUG_INFO_BTF_MODULES),$(KBUILD_BUILTIN),vmlinux) FORCE
	+$(call if_changed_except,ld_ko_o,vmlinux)
ifdef CONFIG_DEBUG_INFO_BTF_MODULES
	+$(if $(newer-prereqs),$(call cmd,btf_ko))
endif
`
)

// headersTree writes headers like those of distributions for x86-64, and a host that runs otherRelease. vmlinux
// and resolve_btfids are fine. dir has samples of other files, next to the headers.
type headersTree struct {
	t         *testing.T
	dir, path string
}

func newHeaders(t *testing.T, samples string) headersTree {
	t.Helper()
	h := headersTree{t, t.TempDir(), ""}
	h.path = filepath.Join(h.dir, "headers")
	for name, text := range map[string]string{
		"Makefile": "include /usr/src/linux-headers-common/Makefile\n",
		"include/config/auto.conf": "CONFIG_DEBUG_INFO_BTF=y\nCONFIG_DEBUG_INFO_BTF_MODULES=y\n" +
			"CONFIG_64BIT=y\nCONFIG_X86_64=y\n",
		"include/config/kernel.release": headersRelease + "\n",
		"scripts/Makefile.modfinal":     upstreamRule,
	} {
		h.write(name, text, 0o644)
	}
	h.copy(filepath.Join(samples, "vmlinux"), "vmlinux")
	h.copy("/proc/self/exe", resolverPath)
	live := filepath.Join(h.dir, "root/sys/kernel/btf/vmlinux")
	if err := os.MkdirAll(filepath.Dir(live), 0o755); err != nil {
		t.Fatal(err)
	}
	elftest.Run(t, h.dir, "cp", filepath.Join(samples, "raw"), live)
	return h
}

const resolverPath = "tools/bpf/resolve_btfids/resolve_btfids"

func (h headersTree) write(name, text string, mode os.FileMode) {
	h.t.Helper()
	path := filepath.Join(h.path, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	_ = os.Remove(path)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		h.t.Fatal(err)
	}
}

func (h headersTree) copy(from, name string) {
	h.t.Helper()
	h.write(name, string(elftest.Read(h.t, from)), 0o755)
}

// cut leaves a part of a file.
func (h headersTree) cut(name string, from, of int) {
	h.t.Helper()
	data := elftest.Read(h.t, filepath.Join(h.path, name))
	h.write(name, string(data[:len(data)*from/of]), 0o755)
}

func (h headersTree) link(target, name string) {
	h.t.Helper()
	path := filepath.Join(h.path, name)
	_ = os.Remove(path)
	if err := os.Symlink(target, path); err != nil {
		h.t.Fatal(err)
	}
}

// machine changes the machine of an ELF file.
func (h headersTree) machine(name string, is elf.Machine) {
	h.t.Helper()
	data := elftest.Read(h.t, filepath.Join(h.path, name))
	data[18], data[19] = byte(is), byte(is>>8)
	h.write(name, string(data), 0o755)
}

// findings returns the findings on the tree as lines "text | fix", with DIR for h.dir.
func (h headersTree) findings(host kernel.Host) string {
	h.t.Helper()
	tree, err := readTree(h.path)
	if err != nil {
		h.t.Fatal(err)
	}
	tree.host = host
	h.t.Setenv("PATH", h.dir) // btf-ko is not installed elsewhere
	d := Diagnosis{Tree: tree}
	d.tree()
	var lines []string
	for _, f := range d.Findings {
		if f.Severity != Problem {
			h.t.Errorf("%+v", f)
		}
		lines = append(lines, f.Text+" | "+f.Fix)
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), h.dir, "DIR")
}

// samples makes files with and without the BTF of kernels.
func makeSamples(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, target := range map[string]elftest.Target{
		"vmlinux": elftest.GCC, "s390x": elftest.S390X, "i386": elftest.I386,
	} {
		path := filepath.Join(dir, name)
		elftest.Run(t, dir, "cp", elftest.Object(t, target, "vmlinux.c"), path)
		raw, err := kbtf.EncodeFile(path, nil, kbtf.Options{})
		if err == nil {
			err = kbtf.Attach(path, raw, nil, kbtf.Options{})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	elftest.Run(t, dir, "objcopy", "-O", "binary", "--set-section-flags", ".BTF=alloc", "-j", ".BTF", "vmlinux", "raw")
	elftest.Run(t, dir, "objcopy", "--remove-section", ".BTF", "vmlinux", "plain")
	elftest.Run(t, dir, "sh", "-c", "echo Linux version "+otherRelease+" '(test)' >banner")
	elftest.Run(t, dir, "objcopy", "--add-section", ".rodata=banner", "vmlinux", "banner.vmlinux")
	base, err := kbtf.OpenBase(filepath.Join(dir, "vmlinux"))
	if err != nil {
		t.Fatal(err)
	}
	ring := elftest.Object(t, elftest.GCC, "ring.c")
	split, err := kbtf.EncodeFile(ring, base, kbtf.Options{})
	if err == nil {
		err = kbtf.Attach(ring, split, base, kbtf.Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
	elftest.Run(t, dir, "cp", ring, "module")
	return dir
}

func TestHeadersDefects(t *testing.T) {
	samples := makeSamples(t)
	sample := func(name string) string { return filepath.Join(samples, name) }
	const (
		vmlinux = "DIR/headers/vmlinux: "
		replace = "replace it with a copy of /sys/kernel/btf/vmlinux from a machine that runs " +
			headersRelease + "; or remove it, and"
		resolver = "DIR/headers/" + resolverPath + ": "
		ours     = "give make RESOLVE_BTFIDS=/usr/lib/kbtf/resolve_btfids and PAHOLE=/usr/lib/kbtf/pahole"
		fails    = ": the rule runs it on every module that gets BTF, so make fails"
	)
	for _, tt := range []struct {
		name   string
		change func(h headersTree)
		text   string // of the only problem; empty if there is none
		fix    string
	}{
		{"fine", func(h headersTree) {}, "", ""},
		{"raw BTF", func(h headersTree) { h.copy(sample("raw"), "vmlinux") }, "", ""},
		{"a link to the same file", func(h headersTree) { h.link(sample("vmlinux"), "vmlinux") }, "", ""},

		{"no vmlinux", func(h headersTree) { os.Remove(filepath.Join(h.path, "vmlinux")) },
			"DIR/headers: no vmlinux: make skips BTF", "kconfig-probe patch DIR/headers --apply; or run btf-ko"},
		{"a link to nothing", func(h headersTree) { h.link("/nowhere/vmlinux", "vmlinux") },
			vmlinux + "a link to /nowhere/vmlinux, which does not exist: make skips BTF", "kconfig-probe patch"},
		{"cut short", func(h headersTree) { h.cut("vmlinux", 1, 2) }, vmlinux + "truncated: ", "reinstall"},
		{"cut in the header", func(h headersTree) { h.cut("vmlinux", 1, 200) }, vmlinux + "truncated ELF file", "reinstall"},
		{"raw BTF, cut short", func(h headersTree) { h.copy(sample("raw"), "vmlinux"); h.cut("vmlinux", 1, 2) },
			vmlinux + "damaged, or not the BTF of a kernel: ", replace},
		{"empty", func(h headersTree) { h.cut("vmlinux", 0, 1) },
			vmlinux + "damaged, or not the BTF of a kernel: offset 0x0: 0 bytes", replace},
		{"without .BTF", func(h headersTree) { h.copy(sample("plain"), "vmlinux") },
			vmlinux + "no .BTF section: modules get no BTF", replace},
		{"text", func(h headersTree) { h.write("vmlinux", strings.Repeat("not found\n", 9), 0o644) },
			vmlinux + "damaged, or not the BTF of a kernel: ", replace},
		{"BTF of a module", func(h headersTree) { h.copy(sample("module"), "vmlinux") },
			vmlinux + "damaged, or not the BTF of a kernel: ", replace},
		{"LLVM bitcode", func(h headersTree) { h.write("vmlinux", "BC\xc0\xde", 0o644) },
			vmlinux + "LLVM bitcode", "reinstall"},
		{"a directory", func(h headersTree) { h.link("include", "vmlinux") }, vmlinux + "not a regular file", "reinstall"},

		{"a link to the running kernel", func(h headersTree) { h.link(h.dir+"/root/sys/kernel/btf/vmlinux", "vmlinux") },
			vmlinux + "a link to DIR/root/sys/kernel/btf/vmlinux, of " + otherRelease + ", but the headers are of " +
				headersRelease,
			replace},
		{"a link to a link", func(h headersTree) {
			h.link(h.dir+"/root/sys/kernel/btf/vmlinux", "link")
			h.link("link", "vmlinux")
		}, vmlinux + "a link to link, of " + otherRelease, replace},
		{"a link to other headers", func(h headersTree) {
			h.write("../other/include/config/kernel.release", otherRelease+"\n", 0o644)
			h.copy(sample("vmlinux"), "../other/vmlinux")
			h.link("../other/vmlinux", "vmlinux")
		}, vmlinux + "a link to ../other/vmlinux, of " + otherRelease, replace},
		{"of another release", func(h headersTree) { h.copy(sample("banner.vmlinux"), "vmlinux") },
			vmlinux + "of " + otherRelease + ", but the headers are of " + headersRelease, replace},
		{"big endian", func(h headersTree) { h.copy(sample("s390x"), "vmlinux") },
			vmlinux + "for s390x (64-bit, big-endian), but the headers are for x86-64 (64-bit, little-endian)", replace},
		{"32 bits", func(h headersTree) { h.copy(sample("i386"), "vmlinux") }, vmlinux + "for i386 (32-bit", replace},
		{"for another machine", func(h headersTree) { h.machine("vmlinux", elf.EM_AARCH64) },
			vmlinux + "for arm64 (", replace},

		{"no resolve_btfids", func(h headersTree) { os.Remove(filepath.Join(h.path, resolverPath)) },
			resolver + "does not exist" + fails + " (Error 127)", ours},
		{"no tools", func(h headersTree) { os.RemoveAll(filepath.Join(h.path, "tools")) },
			resolver + "does not exist" + fails, "; or install the package that has it"},
		{"a link to no resolve_btfids", func(h headersTree) { h.link("nowhere", resolverPath) },
			resolver + "does not exist" + fails + " (Error 127)", ours},
		{"resolve_btfids for arm64", func(h headersTree) { h.machine(resolverPath, elf.EM_AARCH64) },
			resolver + "for arm64 (64-bit, little-endian), but this machine is ", ours},
		{"resolve_btfids for s390x", func(h headersTree) { h.copy(sample("s390x"), resolverPath) },
			resolver + "for s390x (64-bit, big-endian), but this machine is ", "; or install the headers for this machine"},
		{"resolve_btfids, cut short", func(h headersTree) { h.cut(resolverPath, 1, 2) },
			resolver + "truncated: ", "reinstall"},
		{"empty resolve_btfids", func(h headersTree) { h.cut(resolverPath, 0, 1) },
			resolver + "not an ELF file" + fails, "reinstall"},
		{"resolve_btfids without permission", func(h headersTree) { os.Chmod(filepath.Join(h.path, resolverPath), 0o644) },
			resolver + "not executable (mode 0644)" + fails + " (Error 126)", "chmod +x; or " + ours},
		{"a script", func(h headersTree) { h.write(resolverPath, "#!/bin/sh\n", 0o755) }, "", ""},
		{"a rule without resolve_btfids", func(h headersTree) {
			os.RemoveAll(filepath.Join(h.path, "tools"))
			edit(h.t, filepath.Join(h.path, "scripts/Makefile.modfinal"), func(s string) string {
				return strings.Replace(s, "$(RESOLVE_BTFIDS) -b vmlinux", "true", 1)
			})
		}, "", ""},
		{"gen-btf.sh runs resolve_btfids", func(h headersTree) {
			os.RemoveAll(filepath.Join(h.path, "tools"))
			h.write("scripts/gen-btf.sh", "${RESOLVE_BTFIDS} ${RESOLVE_BTFIDS_FLAGS}\n", 0o755)
			edit(h.t, filepath.Join(h.path, "scripts/Makefile.modfinal"), func(s string) string {
				return strings.Replace(s, "$(RESOLVE_BTFIDS) -b vmlinux", "true", 1)
			})
		}, resolver + "does not exist" + fails + " (Error 127)", ours},
		{"another name for the base", func(h headersTree) {
			edit(h.t, filepath.Join(h.path, "scripts/Makefile.modfinal"), func(s string) string {
				return strings.Replace(s, "--btf_base vmlinux", "--btf_base $(objtree)/vmlinux.unstripped", 1)
			})
		}, "DIR/headers: no vmlinux.unstripped: make skips BTF", "kconfig-probe patch"},

		{"no makefiles", func(h headersTree) { os.RemoveAll(filepath.Join(h.path, "scripts")) },
			"DIR/headers/scripts/Kbuild.include: does not exist: incomplete headers: install the package",
			"install the package, then"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHeaders(t, samples)
			tt.change(h)
			got := h.findings(kernel.Host{Root: filepath.Join(h.dir, "root"), Release: otherRelease})
			text, fix, _ := strings.Cut(got, " | ")
			if tt.text == "" && got != "" || !strings.HasPrefix(text, tt.text) || !strings.Contains(fix, tt.fix) ||
				strings.Contains(got, "\n") {
				t.Errorf("%s\nwant %s | %s", got, tt.text, tt.fix)
			}
		})
	}
}

// The running kernel's BTF is the base of headers of the same release.
func TestHeadersOfTheRunningKernel(t *testing.T) {
	h := newHeaders(t, makeSamples(t))
	h.link(h.dir+"/root/sys/kernel/btf/vmlinux", "vmlinux")
	if got := h.findings(kernel.Host{Root: filepath.Join(h.dir, "root"), Release: headersRelease}); got != "" {
		t.Error(got)
	}
}

// Trees with a variant of the rule that only links: the BTF of modules depends on the configuration.
func TestRulesThatSkipBTF(t *testing.T) {
	samples := makeSamples(t)
	const call = "\t+$(if $(newer-prereqs),$(call cmd,btf_ko))\n"
	const ifBTF = "ifdef CONFIG_DEBUG_INFO_BTF_MODULES\n"
	replace := func(old, with string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, old) {
				t.Fatalf("no %q", old)
			}
			return strings.Replace(s, old, with, 1)
		}
	}
	rule := func(s string) string { return s[strings.Index(s, "%.ko:"):] }
	for _, tt := range []struct {
		name   string
		change func(string) string
		config string
		line   int
		cond   string // with LTO; there is no problem without
	}{
		{"a rule for LTO", func(s string) string {
			return strings.Replace(s, rule(s), "ifdef CONFIG_LTO_CLANG\n"+
				"%.ko: %.lto.o FORCE\n\t+$(call if_changed,ld_ko_o)\nelse\n"+
				rule(s)+"endif\n", 1)
		}, "LTO_CLANG=y", 16, " (ifdef CONFIG_LTO_CLANG)"},
		{"a rule for others", func(s string) string {
			return strings.Replace(s, rule(s), "ifneq ($(CONFIG_LTO_CLANG),y)\n"+rule(s)+
				"else\n%.ko: %.lto.o FORCE\n\t+$(call if_changed,ld_ko_o)\nendif\n", 1)
		}, "LTO_CLANG=y", 13, " (ifneq ($(CONFIG_LTO_CLANG),y))"},
		{"no call for LTO", replace(ifBTF, "ifeq ($(CONFIG_LTO_GCC),)\n"+ifBTF), "LTO_GCC=y", 13,
			" (ifeq ($(CONFIG_LTO_GCC),))"},
		{"else ifdef", replace(ifBTF, "ifdef CONFIG_LTO_GCC\n\t@:\nelse ifdef CONFIG_DEBUG_INFO_BTF_MODULES\n"),
			"LTO_GCC=y", 14, " (ifdef CONFIG_LTO_GCC)"},
		{"no call for split DWARF", replace(ifBTF, "ifndef CONFIG_DEBUG_INFO_SPLIT\n"), "DEBUG_INFO_SPLIT=y", 12,
			" (ifndef CONFIG_DEBUG_INFO_SPLIT)"},
		{"a condition in the call",
			replace(call, "\t+$(if $(CONFIG_LTO_CLANG),,$(if $(newer-prereqs),$(call cmd,btf_ko)))\n"),
			"LTO_CLANG=y", 12, " ($(if $(CONFIG_LTO_CLANG),,)"},
		{"no command", func(s string) string {
			return replace("%.ko:", "ifdef CONFIG_LTO_CLANG_THIN\ncmd_btf_ko = :\nendif\n%.ko:")(s)
		}, "LTO_CLANG_THIN=y", 10, " (ifdef CONFIG_LTO_CLANG_THIN)"},

		// Upstream's own: LTO, but with BTF.
		{"prelink-ext", replace("%.ko: %.o", "ifdef CONFIG_LTO_CLANG\nprelink-ext := .lto\nendif\n%.ko: %$(prelink-ext).o"),
			"LTO_CLANG=y", 0, ""},
		{"both rules encode", func(s string) string {
			return strings.Replace(s, rule(s), "ifdef CONFIG_LTO_CLANG\n"+rule(s)+"else\n"+rule(s)+"endif\n", 1)
		}, "LTO_CLANG=y", 0, ""},
		{"an unknown condition", replace(ifBTF, "ifneq ($(findstring y,$(CONFIG_LTO)),)\n"), "LTO=y", 0, ""},
		{"Rust is skipped", replace("\telse\t", "\telif [ -n \"$(CONFIG_RUST)\" ] && is_rust_module $@; then :;\\\n\telse\t"),
			"RUST=y", 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHeaders(t, samples)
			edit(t, filepath.Join(h.path, "scripts/Makefile.modfinal"), tt.change)
			if got := h.findings(kernel.Host{}); got != "" {
				t.Errorf("without %s: %s", tt.config, got)
			}
			edit(t, filepath.Join(h.path, "include/config/auto.conf"), func(s string) string {
				return s + "CONFIG_" + tt.config + "\n"
			})
			want := ""
			if tt.line > 0 {
				want = fmt.Sprintf("DIR/headers/scripts/Makefile.modfinal:%d: the rule makes no BTF of modules in this "+
					"configuration%s | encode them after each build: btf-ko --btf_base auto x.ko", tt.line, tt.cond)
			}
			if got := h.findings(kernel.Host{}); got != want {
				t.Errorf("with %s: %s\nwant %s", tt.config, got, want)
			}
		})
	}
}
