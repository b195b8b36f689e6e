// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package probe

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBTFModules(t *testing.T) {
	const both = "CONFIG_DEBUG_INFO_BTF=y\nCONFIG_MODULES=y\n"
	good := fakeEncoder(t, "pahole", "echo v1.24")
	yes := good + ": pahole v1.24 supports split BTF"
	noBTF := "CONFIG: CONFIG_DEBUG_INFO_BTF is not y"
	noModules := "CONFIG: CONFIG_MODULES is not y"
	for _, tt := range []struct {
		name    string
		config  string
		encoder string
		answer  Answer
		reason  string // CONFIG is replaced by the file's path
	}{
		{"both symbols", both, good, Yes, yes},
		{"other lines", `#
# Automatically generated
#

CONFIG_CC_VERSION_TEXT="gcc = 12"
CONFIG_MODULES=y` + "\r" + `
# CONFIG_X is not set
CONFIG_DEBUG_INFO_BTF=y
`, good, Yes, yes},
		{"BTF as a module", "CONFIG_DEBUG_INFO_BTF=m\nCONFIG_MODULES=y\n", good, Yes, yes},
		{"not a boolean", "CONFIG_DEBUG_INFO_BTF=n\nCONFIG_MODULES=y\n", good, No, noBTF},
		{"modules cannot be a module", "CONFIG_DEBUG_INFO_BTF=m\nCONFIG_MODULES=m\n", good, No, noModules},
		{"no BTF", "CONFIG_MODULES=y\n", good, No, noBTF},
		{"BTF not set", "CONFIG_MODULES=y\n# CONFIG_DEBUG_INFO_BTF is not set\n", good, No, noBTF},
		{"no modules", "CONFIG_DEBUG_INFO_BTF=y\n", good, No, noModules},
		{"similar names", "CONFIG_DEBUG_INFO_BTF_X=y\nCONFIG_MODULES=y\n", good, No, noBTF},
		{"the last one wins", both + "# CONFIG_MODULES is not set\n", good, No, noModules},
		{"empty", "", good, No, noBTF},
		{"no encoder", both, "/none", Unknown, "/none: cannot start: no such file or directory"},
		{"the encoder is not run without need", "CONFIG_MODULES=y\n", "/none", No, noBTF},
		{"not a configuration", "CONFIG_MODULES=y\nhello\n", good, Unknown,
			`CONFIG:2: not a kernel configuration: "hello"`},
		{"binary", "\x7fELF\x02\x01\x00", good, Unknown,
			`CONFIG:1: not a kernel configuration: "\x7fELF\x02\x01\x00"`},
		{"endless line", strings.Repeat("x", 1<<17), good, Unknown,
			"CONFIG:1: cannot read the configuration: bufio.Scanner: token too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), ".config")
			if err := os.WriteFile(config, []byte(tt.config), 0o644); err != nil {
				t.Fatal(err)
			}
			got := BTFModules(t.Context(), config, NewCommand(tt.encoder))
			if want := strings.Replace(tt.reason, "CONFIG:", config+":", 1); got != (Decision{tt.answer, want}) {
				t.Errorf("got %v %q,\nwant %v %q", got.Answer, got.Reason, tt.answer, want)
			}
		})
	}
}

func TestBTFModulesWithoutConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".config")
	got := BTFModules(t.Context(), file, NewCommand("pahole"))
	if want := file + ": cannot read the configuration: no such file or directory"; got != (Decision{Unknown, want}) {
		t.Errorf("got %v %q, want %q", got.Answer, got.Reason, want)
	}
}

// ReadConfig returns either a printable one-line error or values that read back
// the same.
func FuzzReadConfig(f *testing.F) {
	f.Add("# c\nCONFIG_MODULES=y\r\n# CONFIG_X is not set\nCONFIG_CC_VERSION_TEXT=\"gcc = 12\"\n\nCONFIG_MODULES=m\n")
	f.Add("CONFIG_=\nCONFIG_A\n")
	f.Add("\x7fELF")
	file := filepath.Join(f.TempDir(), ".config")
	read := func(t *testing.T, text string) (map[string]string, error) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return ReadConfig(file)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := read(t, text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x00\x1b") || len(err.Error()) > 1000 {
				t.Errorf("message is not one printable line: %q", err)
			}
			return
		}
		var written strings.Builder
		for name, value := range set {
			written.WriteString("CONFIG_" + name + "=" + value + "\n")
		}
		again, err := read(t, written.String())
		if err != nil || !maps.Equal(set, again) {
			t.Errorf("read back %q, %v, want %q", again, err, set)
		}
	})
}
