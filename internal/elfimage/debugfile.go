// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"debug/elf"
	"fmt"
	"hash/crc32"
)

// Debugging sections may be in a separate file, made by objcopy --only-keep-debug or eu-strip -f.
// It has the headers of all sections and the symbols, but no contents of loaded sections. A build
// ID in both files, from the linker, or the section .gnu_debuglink of the stripped file shows that
// they belong together (GDB manual, "Debugging Information in Separate Files").

const noteBuildID = 3 // NT_GNU_BUILD_ID

// BuildID returns the file's build ID, nil if it has none.
func (img *Image) BuildID() []byte {
	for i := range img.Sections {
		s := &img.Sections[i]
		if s.Type != elf.SHT_NOTE {
			continue
		}
		notes, err := img.Contents(s)
		if err != nil {
			continue
		}
		if id := img.findNote(notes, "GNU\x00", noteBuildID); len(id) > 0 {
			return id
		}
	}
	return nil
}

// findNote returns the descriptor of a note (gABI, "Note Section"), nil if there is none. Name and
// descriptor are padded to words of 4 bytes.
func (img *Image) findNote(notes []byte, name string, kind uint32) []byte {
	padded := func(n uint32) uint64 { return (uint64(n) + 3) &^ 3 }
	for len(notes) >= 12 {
		o := img.Order
		nameSize, size := o.Uint32(notes), o.Uint32(notes[4:])
		at := 12 + padded(nameSize)
		end := at + padded(size)
		if end > uint64(len(notes)) {
			return nil
		}
		if o.Uint32(notes[8:]) == kind && string(notes[12:12+nameSize]) == name {
			return notes[at : at+uint64(size)]
		}
		notes = notes[end:]
	}
	return nil
}

// DebugLink returns the contents of .gnu_debuglink: the name of the file with the debugging
// sections, and the CRC-32 of its contents.
func (img *Image) DebugLink() (name string, crc uint32, ok bool) {
	s := img.Section(".gnu_debuglink")
	if s == nil {
		return "", 0, false
	}
	data, err := img.Contents(s)
	if err != nil {
		return "", 0, false
	}
	text, ok := CString(data, 0)
	at := (len(text) + 4) &^ 3 // after the NUL, padded to words
	if !ok || len(text) == 0 || len(data) < at+4 {
		return "", 0, false
	}
	return string(text), img.Order.Uint32(data[at:]), true
}

// CheckDebugFile returns an error, without a path, if debug is not the file with the debugging
// sections of img.
func (img *Image) CheckDebugFile(debug *Image) error {
	if img.Class != debug.Class || img.Order != debug.Order || img.Machine != debug.Machine {
		return fmt.Errorf("built for %v, %d bits, not for %v, %d bits",
			debug.Machine, 8*debug.AddrSize(), img.Machine, 8*img.AddrSize())
	}
	if want, got := img.BuildID(), debug.BuildID(); want != nil && got != nil {
		if !bytes.Equal(want, got) {
			return fmt.Errorf("its build ID is %x, that of %s %x: use the file of the same build",
				got, img.Path, want)
		}
		return nil
	}
	_, want, ok := img.DebugLink()
	if !ok {
		return fmt.Errorf("cannot verify that it belongs to %s: no build IDs in both, and no "+
			".gnu_debuglink (objcopy --add-gnu-debuglink adds one)", img.Path)
	}
	if got := crc32.ChecksumIEEE(debug.Data); got != want {
		return fmt.Errorf("its checksum is %08x, that of .gnu_debuglink in %s %08x: use the "+
			"file of the same build", got, img.Path, want)
	}
	return nil
}
