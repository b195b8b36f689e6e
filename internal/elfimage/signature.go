// SPDX-License-Identifier: GPL-2.0-only

package elfimage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// A module signature stands behind the ELF data (Documentation/admin-guide/module-signing.rst; include/linux/module_signature.h):
//
//	the signature | struct module_signature, which ends with the signature's size, big endian | signatureMagic

const (
	signatureMagic = "~Module signature appended~\n"
	signatureFrame = 12 + uint64(len(signatureMagic)) // what follows the signature, bytes
)

// ErrSigned says that a file has a module signature, which a change would make void.
var ErrSigned = errors.New("signed at its end: encode before signing, or have the signature removed (--strip_signature)")

// signatureEnd is where the module signature ends, in bytes; 0: there is none. Attaching that was killed may have left something behind
// it, so that a kernel does not see it any more.
func (img *Image) signatureEnd() uint64 {
	if bytes.HasSuffix(img.Data, []byte(signatureMagic)) {
		return uint64(len(img.Data))
	}
	end := img.end()
	i := bytes.Index(img.Data[end:], []byte(signatureMagic))
	if i < 0 {
		return 0
	}
	if end += uint64(i + len(signatureMagic)); !isLeftover(img.Data[end:], end) {
		return 0
	}
	return end
}

// Signed tells whether the file has a module signature: then it must not be changed.
func (img *Image) Signed() bool { return img.signatureEnd() > 0 }

// DropSignature has Attach and Detach remove the module signature, if there is one, when they change the file.
func (img *Image) DropSignature() error {
	end := img.signatureEnd()
	if end == 0 {
		return nil
	}
	room := end - min(end, img.end())
	if room < signatureFrame {
		return fmt.Errorf("%s: says that a signature follows, but there is no room for one behind its sections: damaged, build it again", img.Path)
	}
	at := end - signatureFrame
	size := uint64(binary.BigEndian.Uint32(img.Data[at+8:]))
	if size > room-signatureFrame {
		return fmt.Errorf("%s: signature of %d bytes at its end, where %d follow the sections: damaged, build it again", img.Path, size, room-signatureFrame)
	}
	img.unsigned = at - size
	return nil
}
