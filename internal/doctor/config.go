// SPDX-License-Identifier: GPL-2.0-only

package doctor

import (
	"strconv"
	"strings"

	"github.com/kbtf/kbtf/probe"
)

// A Config is a kernel's configuration, or rather what of it matters here.
type Config struct {
	Path    string            `json:"path"`
	Symbols map[string]string `json:"symbols"` // those of interest; unset ones are "n"
	all     map[string]string
}

// interesting are the symbols that are shown, in this order.
var interesting = []string{"DEBUG_INFO", "DEBUG_INFO_BTF", "MODULES", "DEBUG_INFO_BTF_MODULES", "PAHOLE_VERSION", "MODVERSIONS"}

func readConfig(path string) (*Config, error) {
	all, err := probe.ReadConfig(path)
	if err != nil {
		return nil, err
	}
	c := &Config{Path: path, Symbols: map[string]string{}, all: all}
	for _, name := range interesting {
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

func (c *Config) is(name string) bool { return c.all[name] == "y" }

// blockers are what lib/Kconfig.debug has DEBUG_INFO_BTF depend on: symbols that must not be set.
var blockers = []string{"DEBUG_INFO_SPLIT", "DEBUG_INFO_REDUCED", "GCC_PLUGIN_RANDSTRUCT"}

// config judges the configuration, and whether it will stay what it is.
func (d *Diagnosis) config() {
	c := d.Config
	if c == nil {
		return
	}
	configure := "set it (make menuconfig: Kernel hacking, Compile-time checks), then make olddefconfig"
	switch {
	case !c.is("DEBUG_INFO"):
		d.problem(configure, "%s: DEBUG_INFO is not set: without DWARF there is nothing to make BTF of", c.Path)
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
			configure = "change " + list(found) + ": Kconfig hides DEBUG_INFO_BTF because of it; then " + configure
		}
		d.problem(configure, "%s: DEBUG_INFO_BTF is not set", c.Path)
	case !c.is("MODULES"):
		d.warn("nothing, if that is wanted", "%s: MODULES is not set: there are no modules to have BTF", c.Path)
	case !c.is("DEBUG_INFO_BTF_MODULES"):
		fix := "make olddefconfig, where the encoder is found"
		if d.Tree != nil && d.Tree.Wiring == Absent {
			fix = "wire the tree first, then " + fix
		}
		d.problem(fix, "%s: DEBUG_INFO_BTF_MODULES is not set", c.Path)
	}
	if c.is("DEBUG_INFO_BTF") && !d.Encoder.readable && (d.Tree == nil || !d.Tree.headers) {
		d.problem("let the encoder answer before the next make, also before olddefconfig",
			"%s: the next make drops DEBUG_INFO_BTF(_MODULES) without a word, as the encoder is missing: struct module changes its size, and modules then fail to load (\"Invalid relocation target\", ENOEXEC)", c.Path)
	}
	if n, err := strconv.ParseUint(c.value("PAHOLE_VERSION"), 10, 32); err == nil && d.Encoder.readable && d.Encoder.Name == probe.Pahole {
		if is := d.Encoder.parsed.Numeric(); n != is {
			d.warn("make olddefconfig, and look at what it changes: scripts/diffconfig .config.old .config",
				"%s: was made with pahole %s, this one is %s: symbols that depend on it change with the next make", c.Path, dotted(n), dotted(is))
		}
	}
}

// dotted writes a version as people do.
func dotted(n uint64) string {
	if n == 0 {
		return "none"
	}
	return strings.Join([]string{strconv.FormatUint(n/100, 10), strconv.FormatUint(n%100, 10)}, ".")
}
