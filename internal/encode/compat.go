// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import "fmt"

// ParseRules returns the function rules of a version of pahole, 1.30 or 1.32.
func ParseRules(version string) (Rules, error) {
	switch version {
	case "1.30":
		return Rules130, nil
	case "1.32":
		return Rules132, nil
	}
	return 0, fmt.Errorf("%q: known are 1.30 and 1.32", version)
}
