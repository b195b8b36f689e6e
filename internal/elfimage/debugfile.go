// SPDX-License-Identifier: GPL-2.0-only

package elfimage

import (
	"bytes"
	"debug/elf"
	"fmt"
	"hash/crc32"
)

// Debugging sections may be in a file of their own, as objcopy --only-keep-debug or eu-strip -f make it: the headers of all sections, the
// symbols, and no contents of what is loaded. That the two belong together is told by a build ID in both, which the linker makes, or by
// the section .gnu_debuglink of the stripped one (GDB manual, "Debugging Information in Separate Files").

const noteBuildID = 3 // NT_GNU_BUILD_ID

// BuildID gives the file's build ID; nil if it has none.
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

// findNote gives the descriptor of a note (gABI, "Note Section"); nil if it is not there. Name and descriptor are padded to words.
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

// DebugLink gives what .gnu_debuglink says: the name of the file with the debugging sections, and the CRC-32 of its bytes.
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
	at := (len(text) + 4) &^ 3 // behind the NUL, padded to words
	if !ok || len(text) == 0 || len(data) < at+4 {
		return "", 0, false
	}
	return string(text), img.Order.Uint32(data[at:]), true
}

// CheckDebugFile tells why a file is not the one with the debugging sections of img.
func (img *Image) CheckDebugFile(debug *Image) error {
	if img.Class != debug.Class || img.Order != debug.Order || img.Machine != debug.Machine {
		return fmt.Errorf("made for %v, %d bits, not for %v, %d bits", debug.Machine, 8*debug.AddrSize(), img.Machine, 8*img.AddrSize())
	}
	if want, got := img.BuildID(), debug.BuildID(); want != nil && got != nil {
		if !bytes.Equal(want, got) {
			return fmt.Errorf("its build ID is %x, that of %s %x: take the file of the same build", got, img.Path, want)
		}
		return nil
	}
	_, want, ok := img.DebugLink()
	if !ok {
		return fmt.Errorf("nothing tells that it belongs to %s: no build IDs in both, and no .gnu_debuglink (objcopy --add-gnu-debuglink makes one)", img.Path)
	}
	if got := crc32.ChecksumIEEE(debug.Data); got != want {
		return fmt.Errorf("its checksum is %08x, that of .gnu_debuglink in %s %08x: take the file of the same build", got, img.Path, want)
	}
	return nil
}
