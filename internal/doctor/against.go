// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

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

	"github.com/kbtf/kbtf/internal/elfimage"
)

// A module loads only if it has the same struct module as the kernel. The size and layout of that
// depend on the configuration, but vermagic covers none of the symbols related to BTF.

// moduleSymbols are the symbols that struct module depends on, for trees without a readable
// include/linux/module.h.
var moduleSymbols = []string{
	"DEBUG_INFO_BTF_MODULES", "KALLSYMS", "MODVERSIONS", "MODULE_SIG", "MODULE_UNLOAD", "LIVEPATCH",
	"TRACEPOINTS", "TREE_SRCU", "BPF_EVENTS", "JUMP_LABEL", "TRACING", "EVENT_TRACING",
	"FTRACE_MCOUNT_RECORD", "KPROBES", "HAVE_STATIC_CALL_INLINE", "PRINTK_INDEX", "CONSTRUCTORS",
	"FUNCTION_ERROR_INJECTION", "SMP", "SYSFS", "GENERIC_BUG", "UNUSED_SYMBOLS", "LOCKDEP",
}

const abiFix = "build with the encoder in PATH and with the same configuration: " +
	"copy it, run make olddefconfig, and check the changes with scripts/diffconfig"

// against compares the tree with the kernel that its modules will be loaded into, given as a
// configuration, a Module.symvers or a module.
func (d *Diagnosis) against(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := elfimage.CheckFormat(path, data); err != nil {
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

// againstConfig compares the symbols that struct module depends on.
func (d *Diagnosis) againstConfig(path string) error {
	if d.Config == nil {
		return fmt.Errorf("--against %s: no configuration to compare with: use --config, or configure the tree first", path)
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
	const btfModules = "DEBUG_INFO_BTF_MODULES" // first, because Kconfig drops it silently
	symbols = slices.DeleteFunc(slices.Clone(symbols), func(s string) bool { return s == btfModules })
	var differ []string
	btf := false
	for _, name := range slices.Insert(symbols, 0, btfModules) {
		if here, there := d.Config.value(name), other.value(name); here != there {
			differ = append(differ, fmt.Sprintf("%s is %s there and %s here", name, there, here))
			btf = btf || name == btfModules
		}
	}
	if len(differ) == 0 {
		return nil
	}
	const limit = 4 // symbols named
	if n := len(differ) - limit; n > 0 {
		differ = append(differ[:limit], fmt.Sprintf("and %d others", n))
	}
	fix := abiFix
	if btf && !d.Config.is(btfModules) {
		fix = "find out why Kconfig dropped " + btfModules +
			": it does so silently if pahole is missing; then " + abiFix
	}
	d.problem(fix, "struct module differs from that of %s (%s): modules will not load there "+loadErrors,
		path, strings.Join(differ, "; "))
	return nil
}

// structModuleSymbols returns the symbols in the preprocessor conditions within struct module.
func structModuleSymbols(header string) (symbols []string) {
	text, err := os.ReadFile(header)
	if err != nil {
		return nil
	}
	structModule := regexp.MustCompile(`(?ms)^struct module \{.*?^\}`)
	configSymbol := regexp.MustCompile(`CONFIG_([A-Z0-9_]+)`)
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

// againstSymvers compares the CRC of module_layout, which covers struct module and a few others.
func (d *Diagnosis) againstSymvers(path string, data []byte) error {
	there, ok := layoutInSymvers(data)
	if !ok {
		return fmt.Errorf("--against %s: no CRC of module_layout: use the Module.symvers of a kernel with MODVERSIONS", path)
	}
	here, from, err := d.layoutHere()
	if err != nil {
		return fmt.Errorf("--against %s: %w", path, err)
	}
	if here != there {
		d.layoutDiffers(here, from, there, path)
	}
	return nil
}

func (d *Diagnosis) layoutDiffers(here uint32, from string, there uint32, path string) {
	d.problem(abiFix, "module_layout is %#08x in %s and %#08x in %s: struct module differs, "+
		"modules will not load (\"disagrees about version of symbol module_layout\")", here, from, there, path)
}

// againstModule compares the size of struct module and, if the module has versions, the CRC of
// module_layout.
func (d *Diagnosis) againstModule(path string) error {
	there, err := readModule(path)
	if err != nil {
		return err
	}
	if d.Tree == nil {
		return fmt.Errorf("--against %s: %w", path, errNoTree)
	}
	compared := false
	if built := builtModule(d.Tree.Path); built != "" {
		here, err := readModule(built)
		if err != nil {
			return err
		}
		compared = true
		if here.size != there.size {
			d.problem(abiFix, "struct module is %#x bytes in %s and %#x in %s: modules of one will not load "+
				"into the kernel of the other (\".gnu.linkonce.this_module section size must match\", or ENOEXEC)",
				here.size, built, there.size, path)
		}
	}
	if here, from, err := d.layoutHere(); err == nil && there.hasLayout {
		compared = true
		if here != there.layout {
			d.layoutDiffers(here, from, there.layout, path)
		}
	}
	if !compared {
		return fmt.Errorf("--against %s: %s has neither a module nor a Module.symvers: "+
			"build a module first (make modules_prepare M=...), or compare configurations", path, d.Tree.Path)
	}
	return nil
}

var errNoTree = errors.New("requires a kernel tree that was built")

// layoutHere returns the CRC of module_layout in the tree, and the file that has it.
func (d *Diagnosis) layoutHere() (crc uint32, from string, err error) {
	if d.Tree == nil {
		return 0, "", errNoTree
	}
	from = filepath.Join(d.Tree.Path, "Module.symvers")
	data, err := os.ReadFile(from)
	if err != nil {
		return 0, "", err
	}
	crc, ok := layoutInSymvers(data)
	if !ok {
		return 0, "", fmt.Errorf("%s: no CRC of module_layout: MODVERSIONS is not set", from)
	}
	return crc, from, nil
}

// layoutInSymvers returns the CRC of module_layout from lines of "0xCRC SYMBOL FILE TYPE". Without
// MODVERSIONS all CRCs are zero.
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

// module has the properties of struct module that an ELF file records.
type module struct {
	size      uint64
	layout    uint32 // CRC of module_layout
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
		return m, fmt.Errorf("%s: not a kernel module: no section .gnu.linkonce.this_module", path)
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

// layoutInVersions searches an array of struct modversion_info: a long and a name, 64 bytes in all.
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

// builtModule returns the path of a module that was built, or "" if there is none.
func builtModule(tree string) string {
	f, err := os.Open(filepath.Join(tree, "modules.order"))
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name := strings.TrimSpace(lines.Text())
		name = strings.TrimSuffix(strings.TrimSuffix(name, ".o"), ".ko") // .o in newer trees
		if path := filepath.Join(tree, name+".ko"); exists(path) {
			return path
		}
	}
	return ""
}
