// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kbtf/kbtf/scripts/tools/kerneltest/guest"
)

func TestSignatureIsRemoved(t *testing.T) {
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
		{modules: "a:b", err: "a: depends on b, which is not there"},
	} {
		var modules []*module
		for field := range strings.FieldsSeq(test.modules) {
			name, depends, _ := strings.Cut(field, ":")
			m := &module{name: name}
			if depends != "" {
				m.depends = strings.Split(depends, ",")
			}
			modules = append(modules, m)
		}
		order, err := loadOrder(modules)
		var names []string
		for _, m := range order {
			names = append(names, m.name)
		}
		if got, message := strings.Join(names, " "), errorText(err); got != test.want || message != test.err {
			t.Errorf("%s: got %q, error %q; want %q, error %q", test.modules, got, message, test.want, test.err)
		}
	}
}

func TestCpio(t *testing.T) {
	var got bytes.Buffer
	archive := cpioWriter{w: &got}
	archive.directory("dev")
	archive.file("init", []byte("hello"))
	if err := archive.close(); err != nil {
		t.Fatal(err)
	}
	// inode, mode, user, group, links, time, size, device (4 numbers), size of the name, check
	const directory, init, end = "070701" +
		"00000001" + "000041ed" + "00000000" + "00000000" + "00000001" + "00000000" + "00000000" +
		"00000000" + "00000000" + "00000000" + "00000000" + "00000004" + "00000000" +
		"dev\x00" + "\x00\x00", "070701" +
		"00000002" + "000081ed" + "00000000" + "00000000" + "00000001" + "00000000" + "00000005" +
		"00000000" + "00000000" + "00000000" + "00000000" + "00000005" + "00000000" +
		"init\x00" + "\x00" + "hello" + "\x00\x00\x00", "070701" +
		"00000003" + "00000000" + "00000000" + "00000000" + "00000001" + "00000000" + "00000000" +
		"00000000" + "00000000" + "00000000" + "00000000" + "0000000b" + "00000000" +
		"TRAILER!!!\x00" + "\x00\x00\x00"
	if diff := cmp.Diff(directory+init+end, got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestConsole(t *testing.T) {
	loaded := guest.Result{Name: "a", Sum: "0123"}
	unpublished := guest.Result{Name: "b"}
	failed := guest.Result{Name: "c", Errno: unix.ENODEV}
	text := "SeaBIOS\r\n[    1.0] early\r\n[    1.5] " + guest.Result{Name: guest.Vmlinux, Sum: "4567"}.String() + "\r\n[    2.0] " + loaded.String() + "\r\n" +
		"[    2.1] BPF: Invalid name_offset:7\r\n[    2.2] " + unpublished.String() + "\r\n" +
		"[    2.3] " + failed.String() + "\r\n[    2.4] " + guest.End + "\r\n"
	var c console
	for chunk := range slices.Chunk([]byte(text), 7) {
		if c.ended {
			t.Errorf("ended before %q", chunk)
		}
		if _, err := c.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	var results []guest.Result
	for _, o := range c.outcomes {
		results = append(results, o.Result)
	}
	if want := []guest.Result{loaded, unpublished, failed}; !slices.Equal(results, want) {
		t.Errorf("got %v, want %v", results, want)
	}
	if got, want := c.outcomes[1].messages, []string{"[    2.1] BPF: Invalid name_offset:7"}; !slices.Equal(got, want) {
		t.Errorf("messages: got %q, want %q", got, want)
	}
	if !c.ended || c.vmlinux != "4567" {
		t.Errorf("ended %v, vmlinux %q", c.ended, c.vmlinux)
	}
}

// A base with one type and one string more is BTF all the same.
func TestWrongBase(t *testing.T) {
	builder, err := btf.NewBuilder([]btf.Type{
		&btf.Typedef{Name: "number", Type: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := builder.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := wrongBase(raw)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(wrong))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for typ, err := range spec.All() {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, typ.TypeName())
	}
	if want := []string{"", "number", "int", strings.Repeat("x", 512)}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
