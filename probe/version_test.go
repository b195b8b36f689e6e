// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package probe

import (
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
)

func TestParseVersion(t *testing.T) {
	for _, tt := range []struct {
		output  string
		encoder string
		text    string
		numeric uint64
		splits  bool
	}{
		// With and without the v and the newline.
		{"v1.24", Pahole, "v1.24", 124, true},
		{"1.24", Pahole, "1.24", 124, true},
		{"v1.24\n", Pahole, "v1.24", 124, true},
		{"v1.24\r\n", Pahole, "v1.24", 124, true},
		{"\n v1.24 \n", Pahole, "v1.24", 124, true},
		{"v1.24\nbuilt with libbpf\n", Pahole, "v1.24", 124, true},
		{"v1.22.1", Pahole, "v1.22.1", 122, true},
		{"pahole v1.25", Pahole, "v1.25", 125, true},
		{"pahole version 1.25", Pahole, "1.25", 125, true},
		{"v1.30 (libbpf 1.5)", Pahole, "v1.30", 130, true},

		// The boundary.
		{"v1.19", Pahole, "v1.19", 119, true},
		{"v1.19.0", Pahole, "v1.19.0", 119, true},
		{"v1.18", Pahole, "v1.18", 118, false},
		{"v1.18.9", Pahole, "v1.18.9", 118, false},

		// Numbers compare as numbers.
		{"v1.9", Pahole, "v1.9", 109, false},
		{"v1.100", Pahole, "v1.100", 199, true},
		{"v1.025", Pahole, "v1.025", 125, true},
		{"v2.0", Pahole, "v2.0", 200, true},
		{"v2.1", Pahole, "v2.1", 201, true},
		{"v10.0", Pahole, "v10.0", 1000, true},
		{"v0.99", Pahole, "v0.99", 99, false},

		// Release candidates are older than the release.
		{"v1.19-rc1", Pahole, "v1.19-rc1", 118, false},
		{"v1.19rc1", Pahole, "v1.19rc1", 118, false},
		{"v1.19-rc1-5-gabc123", Pahole, "v1.19-rc1-5-gabc123", 118, false},
		{"1.19~rc2-1", Pahole, "1.19~rc2-1", 118, false},
		{"1.19~git20201101", Pahole, "1.19~git20201101", 118, false},
		{"v1.20-rc1", Pahole, "v1.20-rc1", 119, true},
		{"v2.0-rc1", Pahole, "v2.0-rc1", 199, true},
		{"v1.22.1-rc2", Pahole, "v1.22.1-rc2", 122, true},
		{"v0.0-rc1", Pahole, "v0.0-rc1", 0, false},

		// Commits after a release count as the release.
		{"v1.24-12-gabc123", Pahole, "v1.24-12-gabc123", 124, true},
		{"v1.24-12-gabc123-dirty", Pahole, "v1.24-12-gabc123-dirty", 124, true},
		{"1.24+r29+g02d67c5", Pahole, "1.24+r29+g02d67c5", 124, true},
		{"v1.18-900-gabc123", Pahole, "v1.18-900-gabc123", 118, false},
		{"v1.24-0012-gabc", Pahole, "v1.24-0012-gabc", 124, true},

		// Package revisions.
		{"1.25-0ubuntu1~22.04.2", Pahole, "1.25-0ubuntu1~22.04.2", 125, true},
		{"1.19-0ubuntu1~rc1", Pahole, "1.19-0ubuntu1~rc1", 119, true},
		{"1.24-4.1", Pahole, "1.24-4.1", 124, true},
		{"v1.22.fc35", Pahole, "v1.22.fc35", 122, true},
		{"v1.22.1fc35", Pahole, "v1.22.1fc35", 122, true}, // no patch level
		{"v1.24-dirty", Pahole, "v1.24-dirty", 124, true},

		{"btf-ko v0.1.0", BTFKo, "v0.1.0", 1, true},
		{"btf-ko v0.0.0-rc1", BTFKo, "v0.0.0-rc1", 0, true},
		{"btf-ko v1.2.3 (linux/amd64)", BTFKo, "v1.2.3", 102, true},
	} {
		t.Run(tt.output, func(t *testing.T) {
			v, err := ParseVersion(tt.output)
			if err != nil {
				t.Fatal(err)
			}
			if v.Encoder != tt.encoder || v.Text != tt.text {
				t.Errorf("got %s %q, want %s %q", v.Encoder, v.Text, tt.encoder, tt.text)
			}
			if got := v.Numeric(); got != tt.numeric {
				t.Errorf("numeric %d, want %d", got, tt.numeric)
			}
			if got := v.SplitsBTF(); got != tt.splits {
				t.Errorf("splits %t, want %t", got, tt.splits)
			}
		})
	}
}

func TestParseVersionRejects(t *testing.T) {
	for _, tt := range []struct{ output, err string }{
		{"", "printed no version"},
		{" \n\n", "printed no version"},
		{"v", `printed "v", which is not a version`},
		{"v1", `printed "v1", which is not a version`},
		{"1.", `printed "1.", which is not a version`},
		{"1.24 1.25", `printed "1.24 1.25", which is not a version`},
		{"v1.24garbage", `printed "v1.24garbage", which is not a version`},
		{"-1.24", `printed "-1.24", which is not a version`},
		{"v1.4294967296", `printed "v1.4294967296", which is not a version: number out of range`},
		{"gcc (Debian 12.2.0-14) 12.2.0", `printed "gcc (Debian 12.2.0-14) 12.2.0", which is not a version`},
		{"bpftool v7.1.0", `printed "bpftool v7.1.0", which is neither pahole nor btf-ko`},
		{"\x7fELF\x02\x00", `printed "\x7fELF\x02\x00", which is not a version`},
		{strings.Repeat("A", 100), `printed "` + strings.Repeat("A", 60) + `"..., which is not a version`},
	} {
		t.Run(tt.output, func(t *testing.T) {
			if v, err := ParseVersion(tt.output); err == nil || err.Error() != tt.err {
				t.Errorf("got %+v, %v, want error %s", v, err, tt.err)
			}
		})
	}
}

// TestVersionNumber lists versions in ascending order; those on a line are equal.
func TestVersionNumber(t *testing.T) {
	var previous *semver.Version
	for _, tt := range []struct {
		number string
		texts  []string
	}{
		{"1.9.0", []string{"v1.9"}},
		{"1.18.0", []string{"v1.18", "v1.18-900-gabc123"}},
		{"1.19.0-0", []string{"1.19~git20201101"}},
		{"1.19.0-alpha", []string{"v1.19-alpha"}},
		{"1.19.0-beta.2", []string{"v1.19-beta2", "v1.19.beta2"}},
		{"1.19.0-pre", []string{"v1.19-pre"}},
		{"1.19.0-rc.1", []string{"v1.19-rc1", "v1.19rc1", "1.19~rc1-1", "v1.19-rc1-5-gabc123"}},
		{"1.19.0-rc.2", []string{"v1.19-rc2", "v1.19-rc02"}},
		{"1.19.0-rc.10", []string{"v1.19-rc10"}},
		{"1.19.0", []string{"v1.19", "v1.19.0", "v1.19-12-gabc123", "1.19-0ubuntu1~rc1"}},
		{"1.19.1", []string{"v1.19.1"}},
		{"1.22.0", []string{"v1.22", "v1.22.fc35", "v1.22.1fc35"}},
		{"1.22.1-rc.2", []string{"v1.22.1-rc2"}},
		{"1.22.1", []string{"v1.22.1"}},
		{"1.24.0", []string{"v1.24", "1.24+r29+g02d67c5", "1.24-4.1", "v1.24-dirty"}},
		{"1.25.0", []string{"1.25-0ubuntu1~22.04.2", "v1.025"}},
		{"1.99.0", []string{"v1.99"}},
		{"1.100.0", []string{"v1.100"}},
		{"2.0.0-rc.1", []string{"v2.0-rc1"}},
		{"2.0.0", []string{"v2.0"}},
		{"10.0.0", []string{"v10.0"}},
	} {
		for _, text := range tt.texts {
			v, err := ParseVersion(text)
			if err != nil {
				t.Fatal(err)
			}
			if v.Number.String() != tt.number {
				t.Errorf("%s: number %s, want %s", text, v.Number, tt.number)
			}
			if text != tt.texts[0] {
				continue
			}
			if previous != nil && !previous.LessThan(v.Number) {
				t.Errorf("%s is not older than %s", previous, v.Number)
			}
			previous = v.Number
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, s := range []string{"v1.24", "btf-ko v0.1.0", "1.24+r29+g02d67c5", "v1.19-rc1", "1.25-0ubuntu1~22.04.2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, output string) {
		v, err := ParseVersion(output)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x00\x1b") {
				t.Errorf("message is not one printable line: %q", err)
			}
			return
		}
		if _, err := semver.StrictNewVersion(v.Number.String()); err != nil {
			t.Errorf("%q: number %s: %v", output, v.Number, err)
		}
		if v.Encoder == Pahole && v.SplitsBTF() != (v.Numeric() >= 119) {
			t.Errorf("%q: splits %t, numeric %d", output, v.SplitsBTF(), v.Numeric())
		}
	})
}
