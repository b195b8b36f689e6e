// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const page = "../../../docs/deviations.md"

// The page can be read, and the tests that it names exist.
func TestPage(t *testing.T) {
	for _, of := range []struct {
		kernel, oracle string
	}{{"6.1", "1.30"}, {"6.12-cloud", "1.30"}, {"7-cloud", "1.32"}} {
		list, err := readDeviations(page, of.kernel, of.oracle)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			t.Errorf("no deviation of %s against %s", of.kernel, of.oracle)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, pattern := range []string{"../../../internal/*/*_test.go", "../../../cmd/*/*_test.go"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(source)
		}
	}
	named := regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(string(text), -1)
	if len(named) == 0 {
		t.Error("the page names no test")
	}
	for _, match := range named {
		if !strings.Contains(tests.String(), "func "+match[1]+"(") {
			t.Errorf("there is no %s", match[1])
		}
	}
	for _, match := range regexp.MustCompile(`[a-z-]+\.txtar`).FindAllString(string(text), -1) {
		if _, err := os.Stat("../../../testdata/script-btf-ko/" + match); err != nil {
			t.Error(err)
		}
	}
}

// A line that nobody could match is an error, not a line that explains nothing.
func TestParseDeviation(t *testing.T) {
	for _, line := range []string{"6.1 x.ko both FUNC f", "6.1/1.30 x.ko both", "6.1/1.30 x.ko both FUNCTION f", "6.1/1.30 x.ko both leading to f"} {
		if d, err := parseDeviation(strings.Fields(line)); err == nil {
			t.Errorf("%q: %+v", line, d)
		}
	}
	d, err := parseDeviation(strings.Fields("6.1/1.30 x.ko both leading to STRUCT s"))
	if err != nil || !d.leading || d.name != "s" || d.kernel != "6.1" || d.oracle != "1.30" || d.module != "x.ko" {
		t.Errorf("%+v, %v", d, err)
	}
}
