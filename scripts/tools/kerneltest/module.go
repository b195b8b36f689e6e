// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kbtf/kbtf/scripts/tools/modules"
)

// A module as it is booted: neither compressed nor signed.
type module struct {
	name    string   // below /sys/module and /sys/kernel/btf
	path    string   // of its .ko, relative to the directory of modules
	depends []string // names of modules
	data    []byte   // the file
	btf     []byte   // its .BTF
	btfIDs  bool     // it has .BTF_ids: type ids that resolve_btfids put there
}

// readModule reads a module, which may be compressed and signed.
func readModule(directory, path string) (*module, error) {
	m := &module{path: strings.TrimSuffix(path, ".xz")}
	path = filepath.Join(directory, path)
	var err error
	if strings.HasSuffix(path, ".xz") {
		m.data, err = exec.Command("xz", "--decompress", "--stdout", path).Output()
	} else {
		m.data, err = os.ReadFile(path)
	}
	if err == nil {
		m.data, err = unsigned(m.data)
	}
	if err == nil {
		err = m.parse()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// parse fills in what the file itself says about the module.
func (m *module) parse() error {
	file, err := elf.NewFile(bytes.NewReader(m.data))
	if err != nil {
		return err
	}
	info, err := modules.Section(file, ".modinfo")
	if err != nil {
		return err
	}
	for field := range strings.SplitSeq(string(info), "\x00") {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "name":
			m.name = value
		case "depends":
			// File names, where a dash may stand for an underscore.
			m.depends = strings.FieldsFunc(strings.ReplaceAll(value, "-", "_"), func(r rune) bool { return r == ',' })
		}
	}
	if m.name == "" {
		return fmt.Errorf(".modinfo has no name")
	}
	m.btfIDs = file.Section(".BTF_ids") != nil
	m.btf, err = modules.Section(file, ".BTF")
	return err
}

// unsigned returns a module's file without the signature that may be appended to it: the
// names of signer and key, the signature, a struct module_signature and a line
// (include/linux/module_signature.h).
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

// loadOrder sorts modules so that each comes after those that it depends on, and
// otherwise leaves them as they are.
func loadOrder(list []*module) ([]*module, error) {
	byName := make(map[string]*module)
	for _, m := range list {
		byName[m.name] = m
	}
	var order []*module
	const begun, done = 1, 2
	state := make(map[*module]int)
	var visit func(m *module) error
	visit = func(m *module) error {
		switch state[m] {
		case begun:
			return fmt.Errorf("%s: depends on itself", m.name)
		case done:
			return nil
		}
		state[m] = begun
		for _, name := range m.depends {
			needed, ok := byName[name]
			if !ok {
				return fmt.Errorf("%s: depends on %s, which is not there", m.name, name)
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
