// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package guest defines the lines that the test kernel's init prints on the console.
package guest

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	prefix  = "kerneltest: "
	Tests   = "tests"        // name of the test program
	Vmlinux = "vmlinux"      // name of the first result, which is that of vmlinux
	End     = prefix + "end" // the last line, after all modules
)

// A Result is the outcome for a module.
type Result struct {
	Name  string
	Errno unix.Errno // of finit_module, 0 if the module was loaded
	Sum   string     // of /sys/kernel/btf/NAME, empty if that does not exist
}

// Sum returns the checksum of a .BTF section.
func Sum(btf []byte) string { return fmt.Sprintf("%x", sha256.Sum256(btf)) }

// Loaded reports whether the module was loaded.
func (r Result) Loaded() bool { return r.Errno == 0 }

func (r Result) String() string {
	return strings.TrimSuffix(fmt.Sprintf("%s%s %d %s", prefix, r.Name, r.Errno, r.Sum), " ")
}

// Parse parses a line of the console, which may begin with a time.
func Parse(line string) (r Result, ok bool) {
	_, text, ok := strings.Cut(line, prefix)
	if !ok {
		return r, false
	}
	n, _ := fmt.Sscanf(text, "%s %d %s", &r.Name, &r.Errno, &r.Sum)
	return r, n >= 2
}
