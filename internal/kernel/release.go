// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kernel

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// BaseRelease returns the kernel release of a base, or "" if it is unknown, as for a copy of raw BTF.
func (h Host) BaseRelease(path string) string {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "" // loading the base reports it
	}
	if target == filepath.Join(h.Root, liveBTF) {
		return h.Release
	}
	file, err := btffile.OpenContents(path)
	if err != nil {
		return "" // loading the base reports it
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
	// The vmlinux in distributions' headers contains only BTF.
	release, _ := os.ReadFile(filepath.Join(filepath.Dir(target), "include/config/kernel.release"))
	return strings.TrimSpace(string(release))
}

// banner returns the release in linux_banner, which is near the start of .rodata, because init/ is linked
// first.
func banner(img *elfimage.Image) string {
	rodata := img.Section(".rodata")
	if rodata == nil {
		return ""
	}
	text, err := img.Contents(rodata)
	if err != nil {
		return ""
	}
	const reach = 64 << 10 // bytes
	_, text, found := bytes.Cut(text[:min(len(text), reach)], []byte("Linux version "))
	release, _, ended := bytes.Cut(text, []byte(" "))
	if !found || !ended {
		return ""
	}
	return string(release)
}

// ModuleRelease returns the kernel release that a module is built for, or "" without a vermagic.
func ModuleRelease(img *elfimage.Image) (string, error) {
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

// IsModule reports whether a file is a kernel module, that is, has a vermagic.
func IsModule(path string) bool {
	img, err := elfimage.Open(path)
	if err != nil {
		return false
	}
	defer img.Close()
	release, err := ModuleRelease(img)
	return err == nil && release != ""
}

// CheckTarget returns an error if a module is for another machine than its base.
func CheckTarget(img *elfimage.Image, base string, target btf.Target) error {
	if err := btffile.TargetOf(img).CheckBase(base, target); err != nil {
		return fmt.Errorf("%s: %w", img.Path, err)
	}
	return nil
}

// CheckRelease returns an error if a module is built for another release than its base. baseRelease is
// "" if it is unknown.
func CheckRelease(img *elfimage.Image, base, baseRelease string) error {
	if baseRelease == "" {
		return nil
	}
	release, err := ModuleRelease(img)
	if err != nil || release == "" || release == baseRelease {
		return err
	}
	return fmt.Errorf("%s: built for %s, but the base %s is of %s: give --btf_base %s",
		img.Path, release, base, baseRelease, SourcesOf(release))
}

// CheckDistilledBase returns an error if a module is built for a kernel before 6.11. Such kernels ignore
// .BTF.base, and resolve type ids against vmlinux instead.
func CheckDistilledBase(img *elfimage.Image) error {
	release, err := ModuleRelease(img)
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
	return fmt.Errorf("%s: built for %s, which ignores .BTF.base (kernels from 6.11 on use it): "+
		"leave out --btf_features=distilled_base", img.Path, release)
}
