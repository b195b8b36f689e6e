// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package modules

import (
	"strings"
	"testing"
)

func TestUnsigned(t *testing.T) {
	const end = "~Module signature appended~\n"
	header := func(signer, key, signature byte) string {
		return string([]byte{0, 0, 2, signer, key, 0, 0, 0, 0, 0, 0, signature})
	}
	for _, test := range []struct{ name, file, want, err string }{
		{name: "not signed", file: "ELF", want: "ELF"},
		{name: "PKCS#7", file: "ELF" + "signature" + header(0, 0, 9) + end, want: "ELF"},
		{name: "signer and key", file: "ELF" + "me" + "key" + "signature" + header(2, 3, 9) + end, want: "ELF"},
		{name: "too long", file: "ELF" + header(0, 0, 4) + end, err: "module signature of 4 bytes in a file of 43"},
		{name: "no header", file: "ELF" + end, err: "truncated module signature"},
	} {
		got, err := unsigned([]byte(test.file))
		if message := errorText(err); string(got) != test.want || message != test.err {
			t.Errorf("%s: got %q, error %q; want %q, error %q", test.name, got, message, test.want, test.err)
		}
	}
}

func TestLoadOrder(t *testing.T) {
	for _, test := range []struct{ modules, want, err string }{
		{modules: "a b c", want: "a b c"},
		{modules: "a:c b c", want: "c a b"},
		{modules: "a:b,c b:d c:d d", want: "d b c a"},
		{modules: "a:b b:a", err: "a: depends on itself"},
		{modules: "a:b", err: "a: depends on unknown module b"},
	} {
		var modules []*Module
		for field := range strings.FieldsSeq(test.modules) {
			name, depends, _ := strings.Cut(field, ":")
			m := &Module{Name: name}
			if depends != "" {
				m.Depends = strings.Split(depends, ",")
			}
			modules = append(modules, m)
		}
		order, err := LoadOrder(modules)
		var names []string
		for _, m := range order {
			names = append(names, m.Name)
		}
		if got, message := strings.Join(names, " "), errorText(err); got != test.want || message != test.err {
			t.Errorf("%s: got %q, error %q; want %q, error %q", test.modules, got, message, test.want, test.err)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
