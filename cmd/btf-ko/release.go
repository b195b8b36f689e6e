// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// Split BTF is for one vmlinux. A module says which kernel release it is built for, and often it can be told which one a base is of:
// if these differ, the module is not encoded.

// liveBTF is the BTF of the kernel that runs here, which need not be the one that a module is built for.
const liveBTF = "/sys/kernel/btf/vmlinux"

// baseAuto, as --btf_base, has the base found by the module's release.
const baseAuto = "auto"

// basePlaces are where the BTF of a kernel may be, below the root folder; %s is its release. The folders are those of libbpf.
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

// A host is a machine that encodes. Tests have others than theirs.
type host struct {
	root    string // folder that basePlaces are below
	release string // of the kernel that runs
}

func thisHost() host {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease") // without it nothing is the live kernel's
	return host{root: "/", release: strings.TrimSpace(string(release))}
}

// findBase finds the base of the release that a module is built for.
func (h host) findBase(module string) (string, error) {
	file, err := btffile.OpenContents(module)
	if err != nil {
		return "", err
	}
	defer file.Close()
	img, err := file.ELF()
	if err != nil {
		return "", err
	}
	release, err := moduleRelease(img)
	if err != nil {
		return "", err
	}
	if release == "" {
		return "", fmt.Errorf("%s: has no vermagic to find its base by: give --btf_base vmlinux", module)
	}
	if path, err := h.baseOf(release); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%s: built for %s", module, h.noBase(release, "give --btf_base"))
}

// baseOf finds the base of a release.
func (h host) baseOf(release string) (string, error) {
	if release == h.release {
		if path := filepath.Join(h.root, liveBTF); exists(path) {
			return path, nil
		}
	}
	for _, place := range basePlaces {
		if path := filepath.Join(h.root, fmt.Sprintf(place, release)); exists(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("no base for %s", h.noBase(release, "set KBTF_BASE to")) // makefiles ask
}

// noBase says why there is none, and what to do with what would be one.
func (h host) noBase(release, use string) string {
	return fmt.Sprintf("%s, which does not run here (%s does), and none of its files that have BTF is here "+
		"(/boot/vmlinuz-%s, /lib/modules/%s/build/vmlinux and so on): %s", release, h.release, release, release, use+" "+bases(release))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// bases says what has the BTF of a release.
func bases(release string) string {
	return fmt.Sprintf("the vmlinux of %s, its /boot/vmlinuz, or a copy of %s from a machine that runs it", release, liveBTF)
}

// baseRelease returns the kernel release of a base, "" if it is unknown, as that of raw BTF.
func (h host) baseRelease(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil && target == filepath.Join(h.root, liveBTF) {
		return h.release
	}
	file, err := btffile.OpenContents(path)
	if err != nil {
		return "" // encode.LoadBase reports why
	}
	defer file.Close()
	if file.Release != "" {
		return file.Release
	}
	img, err := file.ELF()
	if err != nil {
		return ""
	}
	if release := banner(img); release != "" {
		return release
	}
	// Distributions' headers have a vmlinux with nothing but BTF in it.
	release, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "include/config/kernel.release"))
	return strings.TrimSpace(string(release))
}

// banner finds the release in vmlinux's linux_banner, which is of init/, which is linked first.
func banner(img *elfimage.Image) string {
	rodata := img.Section(".rodata")
	if rodata == nil {
		return ""
	}
	text, err := img.Contents(rodata)
	if err != nil {
		return ""
	}
	const reach = 64 << 10
	_, text, found := bytes.Cut(text[:min(len(text), reach)], []byte("Linux version "))
	release, _, ended := bytes.Cut(text, []byte(" "))
	if !found || !ended {
		return ""
	}
	return string(release)
}

// moduleRelease returns the kernel release that a module is built for, "" if this is no module.
func moduleRelease(img *elfimage.Image) (string, error) {
	section := img.Section(".modinfo")
	if section == nil || section.Size == 0 {
		return "", nil
	}
	info, err := img.Inflate(section)
	if err != nil {
		return "", err
	}
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if magic, ok := bytes.CutPrefix(field, []byte("vermagic=")); ok {
			release, _, _ := bytes.Cut(magic, []byte(" "))
			return string(release), nil
		}
	}
	return "", nil
}

// fits refuses a module that is built for another release than the base is of. "" is unknown.
func fits(img *elfimage.Image, base, baseRelease string) error {
	if baseRelease == "" {
		return nil
	}
	release, err := moduleRelease(img)
	if err != nil || release == "" || release == baseRelease {
		return err
	}
	return fmt.Errorf("%s: built for %s, but the base %s is of %s: give --btf_base %s", img.Path, release, base, baseRelease, bases(release))
}

// relocates refuses a base of its own for a kernel that ignores it: kernels before 6.11 know no .BTF.base, and would take the ids
// that begin behind it for others.
func relocates(img *elfimage.Image) error {
	release, err := moduleRelease(img)
	if err != nil || release == "" {
		return err
	}
	major, rest, _ := strings.Cut(release, ".")
	minor := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	x, errX := strconv.Atoi(major)
	y, errY := strconv.Atoi(minor)
	if errX != nil || errY != nil || x > 6 || x == 6 && y >= 11 {
		return nil
	}
	return fmt.Errorf("%s: built for %s, which ignores .BTF.base (kernels from 6.11 on use it): leave out --btf_features=%s", img.Path, release, distilledBase)
}
