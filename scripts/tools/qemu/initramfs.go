// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package qemu

import (
	"bufio"
	"fmt"
	"os"

	"github.com/kbtf/kbtf/scripts/tools/modules"
	"github.com/kbtf/kbtf/scripts/tools/qemu/guest"
)

// WriteInitramfs writes an initramfs with an init, modules in load order, and files by name. init is
// the path of a static program, which uses package guest.
func WriteInitramfs(path, init string, list []*modules.Module, files map[string][]byte) error {
	program, err := os.ReadFile(init)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	buffer := bufio.NewWriter(file)
	archive := NewArchive(buffer)
	for _, directory := range []string{"dev", "proc", "sys", guest.Modules} {
		archive.Directory(directory)
	}
	archive.File("init", program)
	for name, data := range files {
		archive.File(name, data)
	}
	var order []byte
	for _, m := range list {
		order = fmt.Appendln(order, m.Name)
		archive.File(guest.Module(m.Name), m.Data)
	}
	archive.File(guest.Order, order)
	if err := archive.Close(); err != nil {
		return err
	}
	return buffer.Flush()
}
