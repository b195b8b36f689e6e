// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package modules

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Module is a kernel module, neither compressed nor signed.
type Module struct {
	Name    string   // below /sys/module and /sys/kernel/btf
	Path    string   // of its .ko, relative to the directory of modules
	Depends []string // names of modules
	Data    []byte   // the file
	BTF     []byte   // its .BTF, nil if it has none
	BTFIDs  bool     // it has .BTF_ids: type ids that resolve_btfids writes
}

// Read reads a module, which may be compressed and signed.
func Read(directory, path string) (*Module, error) {
	m := &Module{Path: strings.TrimSuffix(path, ".xz")}
	path = filepath.Join(directory, path)
	var err error
	if strings.HasSuffix(path, ".xz") {
		m.Data, err = exec.Command("xz", "--decompress", "--stdout", path).Output()
	} else {
		m.Data, err = os.ReadFile(path)
	}
	if err == nil {
		m.Data, err = unsigned(m.Data)
	}
	if err == nil {
		err = m.parse()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// parse sets the fields from the contents of the file.
func (m *Module) parse() error {
	file, err := elf.NewFile(bytes.NewReader(m.Data))
	if err != nil {
		return err
	}
	info, err := Section(file, ".modinfo")
	if err != nil {
		return err
	}
	for field := range strings.SplitSeq(string(info), "\x00") {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "name":
			m.Name = value
		case "depends":
			// File names, which may have a dash in place of an underscore.
			value = strings.ReplaceAll(value, "-", "_")
			m.Depends = strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
		}
	}
	if m.Name == "" {
		return fmt.Errorf(".modinfo has no name")
	}
	m.BTFIDs = file.Section(".BTF_ids") != nil
	if file.Section(".BTF") != nil {
		m.BTF, err = Section(file, ".BTF")
	}
	return err
}

// unsigned returns a module's file without its signature, if it has one: the names of signer and key,
// the signature, a struct module_signature and a line (include/linux/module_signature.h).
func unsigned(data []byte) ([]byte, error) {
	rest, signed := bytes.CutSuffix(data, []byte("~Module signature appended~\n"))
	if !signed {
		return data, nil
	}
	const structSize = 12
	if len(rest) < structSize {
		return nil, fmt.Errorf("truncated module signature")
	}
	rest, header := rest[:len(rest)-structSize], rest[len(rest)-structSize:]
	length := uint64(header[3]) + uint64(header[4]) + uint64(binary.BigEndian.Uint32(header[8:]))
	if length > uint64(len(rest)) {
		return nil, fmt.Errorf("module signature of %d bytes in a file of %d", length, len(data))
	}
	return rest[:uint64(len(rest))-length], nil
}

// LoadOrder sorts modules so that each follows the modules that it depends on. Otherwise it keeps
// their order.
func LoadOrder(list []*Module) ([]*Module, error) {
	byName := make(map[string]*Module)
	for _, m := range list {
		byName[m.Name] = m
	}
	var order []*Module
	const begun, done = 1, 2
	state := make(map[*Module]int)
	var visit func(m *Module) error
	visit = func(m *Module) error {
		switch state[m] {
		case begun:
			return fmt.Errorf("%s: depends on itself", m.Name)
		case done:
			return nil
		}
		state[m] = begun
		for _, name := range m.Depends {
			needed, ok := byName[name]
			if !ok {
				return fmt.Errorf("%s: depends on unknown module %s", m.Name, name)
			}
			if err := visit(needed); err != nil {
				return err
			}
		}
		state[m] = done
		order = append(order, m)
		return nil
	}
	for _, m := range list {
		if err := visit(m); err != nil {
			return nil, err
		}
	}
	return order, nil
}
