// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "fmt"

// onError is the action if a module cannot be encoded.
type onError string

const (
	onErrorFail  onError = "fail"  // stop the build
	onErrorStrip onError = "strip" // go on, without BTF in the module
	onErrorKeep  onError = "keep"  // go on, with the module unchanged
)

func (o *onError) String() string { return string(*o) }
func (o *onError) Type() string   { return "fail|strip|keep" }

func (o *onError) Set(s string) error {
	switch onError(s) {
	case onErrorFail, onErrorStrip, onErrorKeep:
		*o = onError(s)
		return nil
	}
	return fmt.Errorf("%q is not fail, strip or keep", s)
}

// after handles the error of a file according to --on_error. It returns the error, or prints a warning
// with say and returns nil.
func (o *options) after(err error, file string, say func(format string, args ...any)) error {
	switch o.onError {
	case onErrorKeep:
		say("btf-ko: warning: %v (left unchanged)", err)
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
