// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package doctor

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kbtf/kbtf/probe"
)

// Config is a kernel configuration.
type Config struct {
	Path    string            `json:"path"`
	Symbols map[string]string `json:"symbols"` // shownSymbols; "n" if not set
	all     map[string]string
}

// shownSymbols are the symbols that reports list, in this order.
var shownSymbols = []string{
	"DEBUG_INFO", "DEBUG_INFO_BTF", "MODULES", "DEBUG_INFO_BTF_MODULES", "PAHOLE_VERSION", "MODVERSIONS",
}

func readConfig(path string) (*Config, error) {
	all, err := probe.ReadConfig(path)
	if err != nil {
		return nil, err
	}
	c := &Config{Path: path, Symbols: map[string]string{}, all: all}
	for _, name := range shownSymbols {
		c.Symbols[name] = c.value(name)
	}
	return c, nil
}

func (c *Config) value(name string) string {
	if v := c.all[name]; v != "" {
		return v
	}
	return "n"
}

// is reports whether a symbol is set, built in or as a module.
func (c *Config) is(name string) bool { return c.all[name] == "y" || c.all[name] == "m" }

// blockers are symbols that must not be set for DEBUG_INFO_BTF (lib/Kconfig.debug).
var blockers = []string{"DEBUG_INFO_SPLIT", "DEBUG_INFO_REDUCED", "GCC_PLUGIN_RANDSTRUCT"}

// config checks the configuration, and whether the next make will change it.
func (d *Diagnosis) config() {
	c := d.Config
	if c == nil {
		return
	}
	configure := "set it (make menuconfig: Kernel hacking, Compile-time checks), then run make olddefconfig"
	switch {
	case !c.is("DEBUG_INFO"):
		d.problem(configure, "%s: DEBUG_INFO is not set: BTF is generated from DWARF", c.Path)
	case !c.is("DEBUG_INFO_BTF"):
		var found []string
		for _, name := range blockers {
			if c.is(name) && (name != "GCC_PLUGIN_RANDSTRUCT" || !c.is("COMPILE_TEST")) {
				found = append(found, name+"=y")
			}
		}
		if d.Tree != nil && d.Tree.is(">= 5.17") && !c.is("BPF_SYSCALL") {
			found = append(found, "BPF_SYSCALL not set")
		}
		if len(found) > 0 {
			configure = "fix its dependencies (" + strings.Join(found, ", ") + "), then " + configure
		}
		d.problem(configure, "%s: DEBUG_INFO_BTF is not set", c.Path)
	case !c.is("MODULES"):
		d.warn("none, if this is intended", "%s: MODULES is not set: the kernel has no modules", c.Path)
	case !c.is("DEBUG_INFO_BTF_MODULES"):
		fix := "run make olddefconfig with the encoder in PATH"
		if d.Tree != nil && d.Tree.Wiring == Absent {
			fix = "patch the tree, then " + fix
		}
		d.problem(fix, "%s: DEBUG_INFO_BTF_MODULES is not set", c.Path)
	}
	if c.is("DEBUG_INFO_BTF") && !d.Encoder.readable && (d.Tree == nil || !d.Tree.headers) {
		d.problem("fix the encoder before the next make, including make olddefconfig",
			"%s: the next make silently drops DEBUG_INFO_BTF and DEBUG_INFO_BTF_MODULES, as the encoder does not work: "+
				"the size of struct module changes, and modules fail to load "+loadErrors, c.Path)
	}
	was, err := strconv.ParseUint(c.value("PAHOLE_VERSION"), 10, 32)
	if err != nil || !d.Encoder.readable || d.Encoder.Name != probe.Pahole {
		return
	}
	if is := d.Encoder.parsed.Numeric(); was != is {
		made := "without pahole"
		if was > 0 {
			made = "with pahole " + dotted(was)
		}
		d.warn("run make olddefconfig, and check the changes with scripts/diffconfig .config.old .config",
			"%s: made %s, but the encoder is pahole %s: the next make changes symbols that depend on the version",
			c.Path, made, dotted(is))
	}
}

// loadErrors are the symptoms of a struct module of another size.
const loadErrors = "(\"Invalid relocation target\", ENOEXEC, or a wrong size of .gnu.linkonce.this_module)"

// dotted formats the version that the kernel writes as 124 as 1.24.
func dotted(n uint64) string { return fmt.Sprintf("%d.%d", n/100, n%100) }
