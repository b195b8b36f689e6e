// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"reflect"
	"testing"
)

// Dialect.fields lists all fields, in order.
func TestDialectFields(t *testing.T) {
	var d Dialect
	if got, want := len(d.fields()), reflect.TypeFor[Dialect]().NumField(); got != want {
		t.Errorf("%d of %d fields listed", got, want)
	}
	for i, f := range d.fields() {
		*f = true
		if !reflect.ValueOf(d).Field(i).Bool() {
			t.Errorf("field %d is out of order", i)
		}
	}
}
