// SPDX-License-Identifier: GPL-2.0-only

// Package guest is what the init of the test kernel and the host agree on: where things
// are in the initramfs, and the lines that are reported on the console.
package guest

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Paths are relative to the root, where init starts.
const (
	Order   = "order"   // names of modules, one a line, each after those that it depends on
	Modules = "modules" // directory of NAME.ko
)

const (
	prefix  = "kerneltest: "
	Vmlinux = "vmlinux"      // the name in the first result, which is not of a module
	End     = prefix + "end" // the last line, when all modules were tried
)

// A Result is what became of a module.
type Result struct {
	Name  string
	Errno unix.Errno // of finit_module, 0 if the module was loaded
	Sum   string     // of /sys/kernel/btf/NAME, empty if it is not there
}

// Sum stands for the contents of a .BTF section.
func Sum(btf []byte) string { return fmt.Sprintf("%x", sha256.Sum256(btf)) }

func (r Result) Loaded() bool { return r.Errno == 0 }

func (r Result) String() string {
	return strings.TrimSuffix(fmt.Sprintf("%s%s %d %s", prefix, r.Name, r.Errno, r.Sum), " ")
}

// Parse finds a result in a line of the console, where the time stands before it.
func Parse(line string) (r Result, ok bool) {
	_, text, ok := strings.Cut(line, prefix)
	if !ok {
		return r, false
	}
	n, _ := fmt.Sscanf(text, "%s %d %s", &r.Name, &r.Errno, &r.Sum)
	return r, n >= 2
}
