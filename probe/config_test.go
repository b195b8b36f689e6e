// SPDX-License-Identifier: GPL-2.0-only

package probe

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBTFModules(t *testing.T) {
	good := fakeEncoder(t, "pahole", "echo v1.24")
	for _, tt := range []struct {
		name    string
		config  string
		encoder string
		answer  Answer
		reason  string // CONFIG stands for the file's name
	}{
		{"all three", "CONFIG_DEBUG_INFO_BTF=y\nCONFIG_MODULES=y\n", good, Yes, good + ": pahole v1.24 writes split BTF"},
		{"among others", "#\n# Automatically generated\n#\n\nCONFIG_CC_VERSION_TEXT=\"gcc = 12\"\nCONFIG_MODULES=y\r\n# CONFIG_X is not set\nCONFIG_DEBUG_INFO_BTF=y\n", good, Yes, good + ": pahole v1.24 writes split BTF"},
		{"no BTF", "CONFIG_MODULES=y\n", good, No, "CONFIG: CONFIG_DEBUG_INFO_BTF is not y"},
		{"BTF not set", "CONFIG_MODULES=y\n# CONFIG_DEBUG_INFO_BTF is not set\n", good, No, "CONFIG: CONFIG_DEBUG_INFO_BTF is not y"},
		{"no modules", "CONFIG_DEBUG_INFO_BTF=y\n", good, No, "CONFIG: CONFIG_MODULES is not y"},
		{"similar names", "CONFIG_DEBUG_INFO_BTF_X=y\nCONFIG_MODULES=y\n", good, No, "CONFIG: CONFIG_DEBUG_INFO_BTF is not y"},
		{"the last one wins", "CONFIG_DEBUG_INFO_BTF=y\nCONFIG_MODULES=y\n# CONFIG_MODULES is not set\n", good, No, "CONFIG: CONFIG_MODULES is not y"},
		{"empty", "", good, No, "CONFIG: CONFIG_DEBUG_INFO_BTF is not y"},
		{"no encoder", "CONFIG_DEBUG_INFO_BTF=y\nCONFIG_MODULES=y\n", "/none", Unknown, "/none: cannot start: no such file or directory"},
		{"an unwanted encoder is not asked", "CONFIG_MODULES=y\n", "/none", No, "CONFIG: CONFIG_DEBUG_INFO_BTF is not y"},
		{"not a configuration", "CONFIG_MODULES=y\nhello\n", good, Unknown, `CONFIG:2: "hello" is not a line of a kernel configuration`},
		{"binary", "\x7fELF\x02\x01\x00", good, Unknown, `CONFIG:1: "\x7fELF\x02\x01\x00" is not a line of a kernel configuration`},
		{"endless line", strings.Repeat("x", 1<<17), good, Unknown, "CONFIG:1: cannot read the configuration: bufio.Scanner: token too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), ".config")
			if err := os.WriteFile(config, []byte(tt.config), 0o644); err != nil {
				t.Fatal(err)
			}
			got := BTFModules(t.Context(), config, NewEncoder(tt.encoder))
			if want := strings.Replace(tt.reason, "CONFIG:", config+":", 1); got != (Decision{tt.answer, want}) {
				t.Errorf("got %v %q,\nwant %v %q", got.Answer, got.Reason, tt.answer, want)
			}
		})
	}
}

func TestBTFModulesWithoutConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".config")
	got := BTFModules(t.Context(), file, NewEncoder("pahole"))
	if want := file + ": cannot read the configuration: no such file or directory"; got != (Decision{Unknown, want}) {
		t.Errorf("got %v %q, want %q", got.Answer, got.Reason, want)
	}
}

// Whatever a configuration is, it is refused in a line that can be printed, or
// says the same when it is written anew.
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
		var anew strings.Builder
		for name, value := range set {
			anew.WriteString("CONFIG_" + name + "=" + value + "\n")
		}
		again, err := read(t, anew.String())
		if err != nil || !maps.Equal(set, again) {
			t.Errorf("read anew: %q, %v, not %q", again, err, set)
		}
	})
}
