// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/kbtf/kbtf/scripts/tools/kerneltest/guest"
)

func TestConsole(t *testing.T) {
	loaded := guest.Result{Name: "a", Sum: "0123"}
	unpublished := guest.Result{Name: "b"}
	failed := guest.Result{Name: "c", Errno: unix.ENODEV}
	vmlinux := guest.Result{Name: guest.Vmlinux, Sum: "4567"}
	text := "SeaBIOS\r\n[    1.0] early\r\n" +
		"[    1.5] " + vmlinux.String() + "\r\n[    2.0] " + loaded.String() + "\r\n" +
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

// A wrong base is valid BTF, with one more type and one more string.
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
