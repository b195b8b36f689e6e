// SPDX-License-Identifier: GPL-2.0-only

// Package guest is what each init of an emulated machine begins with.
package guest

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Log is the kernel's log, by which init reports to the host.
type Log struct{ kmsg *os.File }

// Start mounts what init reads and opens the log.
func Start() (*Log, error) {
	for _, mount := range [][2]string{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}} {
		if err := unix.Mount(mount[0], mount[1], mount[0], 0, ""); err != nil {
			return nil, fmt.Errorf("mounting %s: %w", mount[1], err)
		}
	}
	kmsg, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	return &Log{kmsg}, err
}

// Report writes a line. Those of the kernel's log are whole and in order with the kernel's own.
func (l *Log) Report(line any) error {
	_, err := fmt.Fprintf(l.kmsg, "<4>%v\n", line) // as a warning
	return err
}
