// SPDX-License-Identifier: GPL-2.0-only

package doctor

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A kernel and a module agree on struct module, or the module does not load: its size and the places of its members depend on
// symbols of the configuration, and vermagic names none of those that have to do with BTF.

// moduleSymbols are symbols that struct module depends on, for trees whose include/linux/module.h cannot be read. Those that
// DEBUG_INFO_BTF_MODULES depends on come with it.
var moduleSymbols = []string{"DEBUG_INFO_BTF_MODULES", "KALLSYMS", "MODVERSIONS", "MODULE_SIG", "MODULE_UNLOAD", "LIVEPATCH", "TRACEPOINTS",
	"TREE_SRCU", "BPF_EVENTS", "JUMP_LABEL", "TRACING", "EVENT_TRACING", "FTRACE_MCOUNT_RECORD", "KPROBES", "HAVE_STATIC_CALL_INLINE",
	"PRINTK_INDEX", "CONSTRUCTORS", "FUNCTION_ERROR_INJECTION", "SMP", "SYSFS", "GENERIC_BUG", "UNUSED_SYMBOLS", "LOCKDEP"}

const abiFix = "build with the encoder in PATH and the same configuration: copy it, make olddefconfig, and look at scripts/diffconfig before building"

// against compares with what modules of this tree are to be loaded into: another configuration, a Module.symvers, or a module.
func (d *Diagnosis) against(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	switch {
	case bytes.HasPrefix(data, []byte(elf.ELFMAG)):
		return d.againstModule(path)
	case bytes.HasPrefix(data, []byte("0x")):
		return d.againstSymvers(path, data)
	default:
		return d.againstConfig(path)
	}
}

// againstConfig compares what struct module depends on.
func (d *Diagnosis) againstConfig(path string) error {
	if d.Config == nil {
		return fmt.Errorf("--against %s: there is no configuration to compare: use --config, or configure the tree first", path)
	}
	other, err := readConfig(path)
	if err != nil {
		return err
	}
	symbols := moduleSymbols
	if d.Tree != nil {
		if found := structModuleSymbols(filepath.Join(d.Tree.Path, "include/linux/module.h")); len(found) > 0 {
			symbols = found
		}
	}
	// The one that Kconfig drops without a word comes first.
	symbols = append([]string{"DEBUG_INFO_BTF_MODULES"}, slices.DeleteFunc(slices.Clone(symbols), func(s string) bool { return s == "DEBUG_INFO_BTF_MODULES" })...)
	var differ []string
	btf := false
	for _, name := range symbols {
		if here, there := d.Config.value(name), other.value(name); here != there {
			differ = append(differ, fmt.Sprintf("%s is %s there and %s here", name, there, here))
			btf = btf || name == "DEBUG_INFO_BTF_MODULES"
		}
	}
	if len(differ) == 0 {
		return nil
	}
	const most = 4 // that are named
	if n := len(differ) - most; n > 0 {
		differ = append(differ[:most], fmt.Sprintf("and %d others", n))
	}
	fix := abiFix
	if btf && !d.Config.is("DEBUG_INFO_BTF_MODULES") {
		fix = "find out why Kconfig dropped it: a configuration made without pahole loses it silently; then " + abiFix
	}
	d.problem(fix, "struct module is another one than with %s (%s): modules will not load there (\"Invalid relocation target\", ENOEXEC, or a wrong size of .gnu.linkonce.this_module)", path, strings.Join(differ, "; "))
	return nil
}

var (
	structModule = regexp.MustCompile(`(?ms)^struct module \{.*?^\}`)
	configSymbol = regexp.MustCompile(`CONFIG_([A-Z0-9_]+)`)
)

// structModuleSymbols gives the symbols in the preprocessor's conditions within struct module.
func structModuleSymbols(header string) (symbols []string) {
	text, err := os.ReadFile(header)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(structModule.Find(text))) {
		if strings.HasPrefix(line, "#if") || strings.HasPrefix(line, "#elif") {
			for _, m := range configSymbol.FindAllStringSubmatch(line, -1) {
				symbols = append(symbols, m[1])
			}
		}
	}
	slices.Sort(symbols)
	return slices.Compact(symbols)
}

// againstSymvers compares the checksum of module_layout, which is that of struct module and some others.
func (d *Diagnosis) againstSymvers(path string, data []byte) error {
	there, ok := layoutInSymvers(data)
	if !ok {
		return fmt.Errorf("--against %s: has no module_layout: is it the Module.symvers of a kernel with MODVERSIONS?", path)
	}
	here, from, err := d.layoutHere()
	if err != nil {
		return fmt.Errorf("--against %s: %w", path, err)
	}
	if here != there {
		d.problem(abiFix, "module_layout is %#08x in %s and %#08x in %s: struct module is not the same, modules will not load (\"disagrees about version of symbol module_layout\")", here, from, there, path)
	}
	return nil
}

// againstModule compares the size of struct module and, if the module has versions, the checksum of module_layout.
func (d *Diagnosis) againstModule(path string) error {
	there, err := readModule(path)
	if err != nil {
		return err
	}
	if d.Tree == nil {
		return fmt.Errorf("--against %s: needs a kernel tree that was built, to compare with", path)
	}
	compared := false
	if built := builtModule(d.Tree.Path); built != "" {
		here, err := readModule(built)
		if err != nil {
			return err
		}
		compared = true
		if here.size != there.size {
			d.problem(abiFix, "struct module takes %#x bytes in %s and %#x in %s: modules of one will not load into the kernel of the other (\".gnu.linkonce.this_module section size must match\", or ENOEXEC)", here.size, built, there.size, path)
		}
	}
	if here, from, err := d.layoutHere(); err == nil && there.hasLayout {
		compared = true
		if here != there.layout {
			d.problem(abiFix, "module_layout is %#08x in %s and %#08x in %s: struct module is not the same, modules will not load (\"disagrees about version of symbol module_layout\")", here, from, there.layout, path)
		}
	}
	if !compared {
		return fmt.Errorf("--against %s: %s has neither a module nor a Module.symvers to compare with: build one first (make modules_prepare M=...), or compare configurations", path, d.Tree.Path)
	}
	return nil
}

// layoutHere finds the tree's own checksum of module_layout.
func (d *Diagnosis) layoutHere() (crc uint32, from string, err error) {
	if d.Tree == nil {
		return 0, "", errors.New("needs a kernel tree that was built, to compare with")
	}
	from = filepath.Join(d.Tree.Path, "Module.symvers")
	data, err := os.ReadFile(from)
	if err != nil {
		return 0, "", err
	}
	crc, ok := layoutInSymvers(data)
	if !ok {
		return 0, "", fmt.Errorf("%s: has no module_layout: MODVERSIONS is not set", from)
	}
	return crc, from, nil
}

// layoutInSymvers finds module_layout in lines of "0xCRC SYMBOL FILE TYPE". Without MODVERSIONS all are zero.
func layoutInSymvers(data []byte) (crc uint32, ok bool) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) > 1 && f[1] == "module_layout" {
			_, err := fmt.Sscanf(f[0], "0x%x", &crc)
			return crc, err == nil && crc != 0
		}
	}
	return 0, false
}

// A module is what its ELF file says of struct module.
type module struct {
	size      uint64
	layout    uint32
	hasLayout bool
}

func readModule(path string) (m module, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return m, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	s := f.Section(".gnu.linkonce.this_module")
	if s == nil {
		return m, fmt.Errorf("%s: no .gnu.linkonce.this_module: not a kernel module", path)
	}
	m.size = s.Size
	if s := f.Section("__versions"); s != nil {
		data, err := s.Data()
		if err != nil {
			return m, fmt.Errorf("%s: __versions: %w", path, err)
		}
		m.layout, m.hasLayout = layoutInVersions(data, f.ByteOrder, f.Class)
	}
	return m, nil
}

// layoutInVersions reads struct modversion_info: a long, and a name that fills 64 bytes with it.
func layoutInVersions(data []byte, order binary.ByteOrder, class elf.Class) (crc uint32, ok bool) {
	long := 8
	if class == elf.ELFCLASS32 {
		long = 4
	}
	for ; len(data) >= 64; data = data[64:] {
		if name, _, _ := bytes.Cut(data[long:64], []byte{0}); string(name) == "module_layout" {
			if long == 8 {
				return uint32(order.Uint64(data)), true
			}
			return order.Uint32(data), true
		}
	}
	return 0, false
}

// builtModule finds some module of the tree, by its modules.order.
func builtModule(tree string) string {
	f, err := os.Open(filepath.Join(tree, "modules.order"))
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		path := filepath.Join(tree, strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(lines.Text()), ".o"), ".ko")+".ko")
		if exists(path) {
			return path
		}
	}
	return ""
}
