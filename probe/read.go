// SPDX-License-Identifier: GPL-2.0-only

package probe

import "os/exec"

// ReadConfig reads a .config or auto.conf: the values of the symbols that are
// set, by their names without CONFIG_.
func ReadConfig(file string) (map[string]string, error) { return readConfig(file) }

// Path is where the encoder's program is; empty if it is not found.
func (e Encoder) Path() string {
	path, err := exec.LookPath(e.words[0])
	if err != nil {
		return ""
	}
	return path
}
