// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package guest

import "testing"

func TestParse(t *testing.T) {
	for _, want := range []Result{{What: "tun: loads"}, {What: "tun: loads", Failure: "exec format error"}, End} {
		if got, ok := Parse("[    2.5] " + want.String() + "\r\n"); !ok || got != want {
			t.Errorf("got %v, %v; want %v", got, ok, want)
		}
	}
	if r, ok := Parse("[    2.5] random: crng init done"); ok {
		t.Errorf("got %v", r)
	}
}
