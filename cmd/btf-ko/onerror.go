// SPDX-License-Identifier: GPL-2.0-only

package main

import "fmt"

// onError is what becomes of a module that cannot be encoded.
type onError string

const (
	onErrorFail  onError = "fail"  // the build stops
	onErrorStrip onError = "strip" // it goes on, the module has no BTF
	onErrorKeep  onError = "keep"  // it goes on, the module is as it was
)

func (o *onError) String() string { return string(*o) }
func (o *onError) Type() string   { return "fail|strip|keep" }

func (o *onError) Set(s string) error {
	switch onError(s) {
	case onErrorFail, onErrorStrip, onErrorKeep:
		*o = onError(s)
		return nil
	}
	return fmt.Errorf("%q is none of fail, strip and keep", s)
}

// after gives what remains of the error of a file: nothing if the build can go on, which say is told.
func (o *options) after(err error, file string, say func(format string, args ...any)) error {
	switch o.onError {
	case onErrorKeep:
		say("btf-ko: warning: %v (left as it was)", err)
		return nil
	case onErrorStrip:
		if _, stripErr := strip(file, o.unsign); stripErr != nil {
			return fmt.Errorf("%w; and removing its BTF: %w", err, stripErr)
		}
		say("btf-ko: warning: %v (left without BTF)", err)
		return nil
	}
	return err
}
