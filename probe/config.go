// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package probe

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/kbtf/kbtf/internal/patherr"
)

// ReadConfig reads a .config or auto.conf and returns the values of the symbols
// that are set, keyed by name without CONFIG_. As in Kconfig, the last
// assignment wins.
func ReadConfig(file string) (map[string]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read the configuration: %w", file, patherr.Cause(err))
	}
	defer f.Close()

	symbols := map[string]string{}
	lines := bufio.NewScanner(f)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if unset, ok := strings.CutSuffix(line, " is not set"); ok {
			delete(symbols, strings.TrimPrefix(unset, "# CONFIG_"))
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		symbol, value, ok := strings.Cut(line, "=")
		name, isSymbol := strings.CutPrefix(symbol, "CONFIG_")
		if !ok || !isSymbol {
			return nil, fmt.Errorf("%s:%d: not a kernel configuration: %s", file, n, quote(line))
		}
		symbols[name] = value
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: cannot read the configuration: %w", file, n+1, patherr.Cause(err))
	}
	return symbols, nil
}
