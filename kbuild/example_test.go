// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild_test

import (
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/kbtf/kbtf/kbuild"
)

// Plan the patch for a kernel tree and show which files it changes.
func ExampleNewPlan() {
	w := kbuild.Wiring{Encoder: kbuild.BTFKo, Helper: kbuild.InModfinal}
	plan, err := kbuild.NewPlan("testdata/small", w)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range plan.Changes {
		fmt.Println(c.Path)
	}
	_, subject, _ := strings.Cut(plan.Patch(), "Subject: ")
	subject, _, _ = strings.Cut(subject, "\n")
	fmt.Println(subject)
	// Output:
	// Makefile
	// lib/Kconfig.debug
	// scripts/Makefile.modfinal
	// [PATCH] kbuild: Generate split BTF for kernel modules with btf-ko
}

// Trees with unexpected build files are refused.
func ExampleNewPlan_refused() {
	w := kbuild.Wiring{Encoder: kbuild.BTFKo, Helper: kbuild.InModfinal}
	_, err := kbuild.NewPlan("testdata", w)
	fmt.Println(err)
	// Output:
	// testdata/Makefile: does not exist: is testdata the top of a kernel tree?
}

// Patch a tree, find out which encoder its rule runs, and revert the patch.
func ExampleApplied() {
	tree, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(tree)
	if err := os.CopyFS(tree, os.DirFS("testdata/small")); err != nil {
		log.Fatal(err)
	}

	w := kbuild.Wiring{Encoder: kbuild.Pahole, Helper: kbuild.InKbuildInclude}
	plan, err := kbuild.NewPlan(tree, w)
	if err != nil {
		log.Fatal(err)
	}
	if err := plan.Apply(tree); err != nil {
		log.Fatal(err)
	}

	applied, err := kbuild.Applied(tree)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("encoder:", applied.Encoder)
	if err := applied.Revert(tree); err != nil {
		log.Fatal(err)
	}
	applied, err = kbuild.Applied(tree)
	fmt.Println("applied:", applied != nil, err)
	// Output:
	// encoder: pahole
	// applied: false <nil>
}

// Print the text for lib/Kconfig.debug, to be merged by hand.
func ExampleFragment() {
	w := kbuild.Wiring{Encoder: kbuild.BTFKo, Helper: kbuild.InModfinal}
	text, _ := kbuild.Fragment("kconfig", w)
	fmt.Print(text)
	// Output:
	// config PAHOLE_HAS_SPLIT_BTF
	// 	def_bool "$(shell,kconfig-probe split-btf --encoder=btf-ko --answer=$(PAHOLE_HAS_SPLIT_BTF))"
	//
	// config DEBUG_INFO_BTF_MODULES
	// 	def_bool y
	// 	depends on DEBUG_INFO_BTF && MODULES && PAHOLE_HAS_SPLIT_BTF
	// 	help
	// 	  Generate compact split BTF type information for kernel modules.
}
