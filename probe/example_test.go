// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package probe_test

import (
	"context"
	"fmt"

	"github.com/Masterminds/semver/v3"

	"github.com/kbtf/kbtf/probe"
)

func ExampleParseVersion() {
	v, err := probe.ParseVersion("1.25-0ubuntu1~22.04.2\n")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v.Encoder, v.Text, v.Number)
	fmt.Println("split BTF:", v.SplitsBTF())
	fmt.Println("CONFIG_PAHOLE_VERSION:", v.Numeric())
	fmt.Println("--btf_features:", v.Number.GreaterThanEqual(semver.MustParse("1.26")))
	// Output:
	// pahole 1.25-0ubuntu1~22.04.2 1.25.0
	// split BTF: true
	// CONFIG_PAHOLE_VERSION: 125
	// --btf_features: false
}

func ExampleSplitBTF() {
	ctx := context.Background()
	for _, line := range []string{
		"printf v1.30", // prints the version of a recent pahole
		"printf v1.18",
		"no-such-encoder",
	} {
		d := probe.SplitBTF(ctx, probe.NewCommand(line))
		fmt.Println(d.Answer, d.Answer.ExitStatus(), d.Reason)
	}
	// Output:
	// y 0 printf v1.30: pahole v1.30 supports split BTF
	// n 1 printf v1.18: pahole v1.18 is older than 1.19, the first with split BTF
	// n 2 no-such-encoder: not found in PATH
}

func ExampleBTFModules() {
	d := probe.BTFModules(context.Background(), "no-such-file", probe.NewCommand("pahole"))
	fmt.Println(d.Answer, d.Reason)
	// Output:
	// n no-such-file: cannot read the configuration: no such file or directory
}
