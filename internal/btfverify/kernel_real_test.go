// SPDX-License-Identifier: GPL-2.0-only

//go:build real

package btfverify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestRunningKernel loads the BTF of TestForm into the running kernel, which has to refuse what Form
// refuses. (The kernel accepts stand-alone BTF, as programs bring it, and checks more of it than of a
// module's.)
func TestRunningKernel(t *testing.T) {
	if _, err := load(formTests[0].bytes(binary.NativeEndian)); err != nil {
		t.Fatalf("cannot load BTF into this kernel: %v: needs root", err)
	}
	var uname unix.Utsname
	if err := unix.Uname(&uname); err != nil {
		t.Fatal(err)
	}
	release := unix.ByteSliceToString(uname.Release[:])
	t.Logf("Linux %s", release)
	for _, test := range formTests {
		if test.kernel != "" && !strings.HasPrefix(release, test.kernel+".") {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			log, err := load(test.bytes(binary.NativeEndian))
			if (err != nil) != (len(test.want) > 0) {
				t.Errorf("the kernel says %v; want: %q\n%s", err, test.want, log)
			}
		})
	}
}

// load is the command BPF_BTF_LOAD of bpf(2).
func load(raw []byte) (log string, err error) {
	const btfLoad = 18
	buf := make([]byte, 1<<16)
	attr := struct {
		btf, log                unsafe.Pointer
		size, logSize, logLevel uint32
	}{unsafe.Pointer(unsafe.SliceData(raw)), unsafe.Pointer(&buf[0]), uint32(len(raw)), uint32(len(buf)), 1}
	const attrSize = 28 // up to logLevel
	fd, _, errno := unix.Syscall(unix.SYS_BPF, btfLoad, uintptr(unsafe.Pointer(&attr)), attrSize)
	if errno == unix.ENOSPC { // the log is too short; the answer is hidden
		attr.log, attr.logSize, attr.logLevel = nil, 0, 0
		fd, _, errno = unix.Syscall(unix.SYS_BPF, btfLoad, uintptr(unsafe.Pointer(&attr)), attrSize)
	}
	if errno != 0 {
		end := bytes.IndexByte(buf, 0)
		return string(buf[max(0, end-400):end]), errors.New(errno.Error())
	}
	return "", unix.Close(int(fd))
}
