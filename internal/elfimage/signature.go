// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// A module signature follows the ELF data (Documentation/admin-guide/module-signing.rst;
// include/linux/module_signature.h):
//
//	signature | struct module_signature | signatureMagic
//
// struct module_signature ends with the size of the signature in bytes, big endian.

const (
	signatureMagic = "~Module signature appended~\n"
	signatureFrame = 12 + uint64(len(signatureMagic)) // size of what follows the signature, bytes
)

// errSigned is the error of a file with a module signature, which a change would invalidate.
var errSigned = errors.New(
	"signed: encode before signing, or remove the signature (--strip_signature)")

// signatureEnd returns the end of the module signature in bytes, 0 if there is none. A killed
// Attach may have left bytes after it, which hide it from a kernel.
func (img *Image) signatureEnd() uint64 {
	if bytes.HasSuffix(img.Data, []byte(signatureMagic)) {
		return uint64(len(img.Data))
	}
	end := img.end()
	i := bytes.Index(img.Data[end:], []byte(signatureMagic))
	if i < 0 {
		return 0
	}
	if end += uint64(i + len(signatureMagic)); !isPartialAttach(img.Data[end:], end) {
		return 0
	}
	return end
}

// Signed reports whether the file has a module signature. Such a file must not be changed.
func (img *Image) Signed() bool { return img.signatureEnd() > 0 }

// DropSignature makes Attach and Detach remove the module signature, if there is one, when they
// change the file.
func (img *Image) DropSignature() error {
	end := img.signatureEnd()
	if end == 0 {
		return nil
	}
	room := end - min(end, img.end())
	if room < signatureFrame {
		return fmt.Errorf("%s: no room for a signature between its sections and the signature "+
			"marker: damaged: rebuild it", img.Path)
	}
	at := end - signatureFrame
	size := uint64(binary.BigEndian.Uint32(img.Data[at+8:]))
	if size > room-signatureFrame {
		return fmt.Errorf("%s: signature of %d bytes at its end, where %d follow the sections: "+
			"damaged: rebuild it", img.Path, size, room-signatureFrame)
	}
	img.unsignedSize = at - size
	return nil
}
