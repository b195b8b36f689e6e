// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package kernel finds the vmlinux that a module is built for. Split BTF refers to the BTF of one vmlinux.
// With another one, the module fails to load, or tools read wrong types. The vermagic of a module names its
// kernel release; the release of most bases is known, too.
package kernel

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kbtf/kbtf/internal/btffile"
)

// liveBTF is the BTF of the running kernel, which may differ from the kernel that a module is built for.
const liveBTF = "/sys/kernel/btf/vmlinux"

// basePlaces are the files that may have the BTF of a kernel, below the root. %s is the release. The folders
// are those that libbpf searches.
var basePlaces = []string{
	"lib/modules/%s/vmlinux.btfbase",
	"lib/modules/%s/build/vmlinux.btfbase",
	"lib/modules/%s/build/vmlinux",
	"lib/modules/%s/vmlinux",
	"boot/vmlinux-%s",
	"usr/lib/debug/boot/vmlinux-%s",
	"usr/lib/debug/lib/modules/%s/vmlinux",
	"usr/lib/debug/boot/vmlinux-%s.debug",
	"usr/lib/debug/lib/modules/%s/vmlinux.debug",
	"boot/vmlinuz-%s",
	"lib/modules/%s/vmlinuz",
}

// A Host is the machine whose files are searched.
type Host struct {
	Root    string // root of the file system
	Release string // release of the running kernel; empty if unknown
}

// ThisHost returns the machine that the program runs on.
func ThisHost() Host {
	// On error the release is unknown, and FindBase does not use liveBTF.
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return Host{Root: "/", Release: strings.TrimSpace(string(release))}
}

// FindBase returns the path of a file with the BTF of the kernel that a module is built for.
func (h Host) FindBase(module string) (string, error) {
	file, err := btffile.OpenContents(module)
	if err != nil {
		return "", err
	}
	defer file.Close()
	img, err := file.ELF()
	if err != nil {
		return "", err
	}
	release, err := ModuleRelease(img)
	if err != nil {
		return "", err
	}
	if release == "" {
		return "", fmt.Errorf("%s: no vermagic, so its base is unknown: give --btf_base vmlinux", module)
	}
	if path, ok := h.find(release); ok {
		return path, nil
	}
	return "", fmt.Errorf("%s: built for %s", module, h.noBase(release, "give --btf_base"))
}

// FindBaseOf returns the path of a file with the BTF of a kernel release.
func (h Host) FindBaseOf(release string) (string, error) {
	if path, ok := h.find(release); ok {
		return path, nil
	}
	return "", fmt.Errorf("no base for %s", h.noBase(release, "set KBTF_BASE to")) // called by makefiles
}

func (h Host) find(release string) (path string, ok bool) {
	if release == h.Release {
		if path := filepath.Join(h.Root, liveBTF); exists(path) {
			return path, true
		}
	}
	// With CONFIG_DEBUG_INFO_BTF=m, neither vmlinux nor vmlinuz has the BTF, but a module.
	modules := filepath.Join(h.Root, "lib/modules", release)
	if found, _ := fs.Glob(os.DirFS(modules), "kernel/*/*/btf_vmlinux.ko*"); len(found) > 0 {
		return filepath.Join(modules, found[0]), true
	}
	for _, place := range basePlaces {
		if path := filepath.Join(h.Root, fmt.Sprintf(place, release)); exists(path) {
			return path, true
		}
	}
	return "", false
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// noBase returns the end of the error for a release without a base. use is the suggested action.
func (h Host) noBase(release, use string) string {
	return fmt.Sprintf("%s, which is not the running kernel (%s), and no file with its BTF was found "+
		"(/boot/vmlinuz-%s, /lib/modules/%s/build/vmlinux, ...): %s %s",
		release, h.Release, release, release, use, SourcesOf(release))
}

// SourcesOf returns the part of a message that names the files with the BTF of a release.
func SourcesOf(release string) string {
	return fmt.Sprintf("the vmlinux of %s, its /boot/vmlinuz, or a copy of %s from a machine that runs it",
		release, liveBTF)
}
