// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"crypto/sha1"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// trap is a situation in which a rule may leave modules with missing or stale
// BTF, or do unnecessary work. run returns an error if the rule does.
type trap struct {
	name     string
	run      func(*trapTree) error
	fresh    bool    // modules are not built before run
	harmless bool    // upstream's rule passes in all trees
	random   bool    // upstream's rule is not tried, as it passes sometimes
	hole     bool    // the simple rule fails in at least one tree
	only     Encoder // the only encoder that can pass; empty: both
}

// makes runs make once and checks the modules.
func makes(tree *trapTree, args ...string) error {
	if _, err := tree.make(args...); err != nil {
		return err
	}
	return tree.whole()
}

var traps = []trap{
	{name: "first build, then idle", fresh: true, harmless: true, run: func(tree *trapTree) error {
		if err := makes(tree); err != nil {
			return err
		}
		return tree.idle()
	}},
	{name: "make -j16", fresh: true, harmless: true, run: func(tree *trapTree) error {
		for i := range 24 {
			tree.add(fmt.Sprintf("many%d", i))
		}
		if err := makes(tree, "-j16"); err != nil {
			return err
		}
		tree.vmlinux("BTF two")
		if err := makes(tree, "-j16"); err != nil {
			return err
		}
		return tree.idle()
	}},
	{name: "vmlinux relinked, same BTF", hole: true, run: func(tree *trapTree) error {
		tree.vmlinux("BTF one")
		return tree.idle()
	}},
	{name: "BTF of vmlinux changed: no relink", run: func(tree *trapTree) error {
		tree.vmlinux("BTF two")
		if err := makes(tree); err != nil {
			return err
		}
		if tree.done("BTF") != len(tree.modules) || tree.done("LD") > 0 {
			return fmt.Errorf("%d of %d encoded, %d linked",
				tree.done("BTF"), len(tree.modules), tree.done("LD"))
		}
		return tree.idle()
	}},
	{name: "BTF of vmlinux changed: .BTF_ids", run: func(tree *trapTree) error {
		tree.add("ids")
		if err := makes(tree); err != nil {
			return err
		}
		tree.vmlinux("BTF two")
		if err := makes(tree); err != nil {
			return err
		}
		tree.vmlinux("BTF three")
		if err := makes(tree); err != nil {
			return err
		}
		if n := tree.done("LD"); n > 0 && tree.ruleHas("btf-ko") {
			return fmt.Errorf("%d linked", n)
		}
		return nil
	}},
	{name: "vmlinux replaced by an older one", hole: true, run: func(tree *trapTree) error {
		tree.vmlinux("BTF old")
		long := time.Now().Add(-time.Hour)
		must(tree.t, os.Chtimes(filepath.Join(tree.obj, "vmlinux"), long, long))
		return makes(tree)
	}},
	{name: "one module's object changed", harmless: true, run: func(tree *trapTree) error {
		tick(tree.t, tree.src)
		tree.write(filepath.Join(tree.dir(), "beta.o"), "another\n")
		if err := makes(tree); err != nil {
			return err
		}
		if tree.done("LD") != 1 || tree.done("BTF") != 1 {
			return fmt.Errorf("%d linked, %d encoded", tree.done("LD"), tree.done("BTF"))
		}
		return nil
	}},
	{name: "only the link command changed", hole: true, run: func(tree *trapTree) error {
		if err := makes(tree, "LDFLAGS_MODULE=--build-id=none"); err != nil {
			return err
		}
		if _, err := tree.make(); err != nil {
			return err
		}
		return tree.whole()
	}},
	{name: ".x.ko.cmd deleted", hole: true, run: func(tree *trapTree) error {
		must(tree.t, os.Remove(filepath.Join(tree.dir(), ".beta.ko.cmd")))
		return makes(tree)
	}},
	{name: "x.ko deleted", harmless: true, run: func(tree *trapTree) error {
		must(tree.t, os.Remove(filepath.Join(tree.dir(), "beta.ko")))
		return makes(tree)
	}},
	{name: "flags changed", hole: true, run: func(tree *trapTree) error {
		if err := makes(tree, "PAHOLE_FLAGS_MORE=--more"); err != nil {
			return err
		}
		if !strings.Contains(strings.Join(tree.lines("beta"), "\n"), "--more") {
			return errors.New("the flag has no effect")
		}
		return nil
	}},
	{name: "encoder upgraded", hole: true, run: func(tree *trapTree) error {
		tree.write(tree.stub("version"), "v2\n")
		return makes(tree)
	}},
	{name: "SIGKILL between link and BTF", hole: true, fresh: true, run: func(tree *trapTree) error {
		tree.interrupted(syscall.SIGKILL, true)
		return makes(tree)
	}},
	{name: "SIGKILL while relinking", hole: true, run: func(tree *trapTree) error {
		tick(tree.t, tree.src)
		tree.write(filepath.Join(tree.dir(), "alpha.o"), "another\n")
		tree.interrupted(syscall.SIGKILL, true)
		return makes(tree)
	}},
	{name: "SIGKILL of make alone", hole: true, fresh: true, run: func(tree *trapTree) error {
		tree.interrupted(syscall.SIGKILL, false)
		return makes(tree)
	}},
	{name: "SIGKILL while BTF is regenerated", run: func(tree *trapTree) error {
		tree.vmlinux("BTF two")
		tree.interrupted(syscall.SIGKILL, true)
		return makes(tree)
	}},
	{name: "SIGINT while encoding", fresh: true, harmless: true, run: func(tree *trapTree) error {
		tree.interrupted(syscall.SIGINT, true)
		return makes(tree)
	}},
	{name: "SIGTERM of the group while encoding", fresh: true, run: func(tree *trapTree) error {
		tree.interrupted(syscall.SIGTERM, true)
		left, _ := filepath.Glob(filepath.Join(tree.dir(), "*.BTF*"))
		if len(left) > 0 {
			return fmt.Errorf("left behind: %s", filepath.Base(left[0]))
		}
		return makes(tree)
	}},
	{name: "encoder killed while it writes", harmless: true, run: func(tree *trapTree) error {
		tree.vmlinux("BTF two")
		tree.write(tree.stub("die"), "")
		if _, err := tree.make(); err == nil {
			return errors.New("make did not fail")
		}
		return makes(tree)
	}},
	{name: "encoder fails: no stale BTF", hole: true, run: func(tree *trapTree) error {
		tree.vmlinux("BTF two")
		tree.write(tree.stub("fail"), "")
		_, err := tree.make("-k")
		if err == nil {
			return errors.New("make did not fail")
		}
		for _, m := range tree.modules {
			if tree.ruleHas("--update") {
				break // the next make fails as well
			}
			if strings.Contains(strings.Join(tree.lines(m), "\n"), "BTF one") {
				return fmt.Errorf("%s.ko keeps stale BTF", m)
			}
		}
		if _, err := tree.make(); err == nil {
			return errors.New("the next make did not fail")
		}
		must(tree.t, os.Remove(tree.stub("fail")))
		return makes(tree)
	}},
	{name: "encoder fails after the link", fresh: true, harmless: true, run: func(tree *trapTree) error {
		tree.write(tree.stub("fail"), "")
		if _, err := tree.make(); err == nil {
			return errors.New("make did not fail")
		}
		must(tree.t, os.Remove(tree.stub("fail")))
		return makes(tree)
	}},
	{name: "vmlinux missing", hole: true, run: func(tree *trapTree) error {
		must(tree.t, os.Remove(filepath.Join(tree.obj, "vmlinux")))
		tick(tree.t, tree.src)
		tree.write(filepath.Join(tree.dir(), "beta.o"), "another\n")
		if out, err := tree.make(); err == nil {
			return fmt.Errorf("make did not fail: %s", lastLines(out))
		}
		return nil
	}},
	{name: "vmlinux built after the modules", hole: true, fresh: true, run: func(tree *trapTree) error {
		return appears(tree, "KBUILD_BUILTIN=")
	}},
	{name: "make -n", hole: true, fresh: true, run: func(tree *trapTree) error {
		before := tree.snapshot()
		out, err := tree.make("-n")
		if err != nil {
			return err
		}
		if changed := changes(before, tree.snapshot()); changed != "" {
			return fmt.Errorf("%s is touched", changed)
		}
		if !strings.Contains(out, "--btf_base") {
			return errors.New("does not print the commands")
		}
		return nil
	}},
	{name: "make -n in a built tree", hole: true, run: func(tree *trapTree) error {
		tree.vmlinux("BTF two")
		before := tree.snapshot()
		if _, err := tree.make("-n"); err != nil {
			return err
		}
		if changed := changes(before, tree.snapshot()); changed != "" {
			return fmt.Errorf("%s is touched", changed)
		}
		return makes(tree)
	}},
	{name: "V=1", fresh: true, harmless: true, run: func(tree *trapTree) error {
		out, err := tree.make("quiet=", "Q=", "KBUILD_VERBOSE=1")
		if err != nil {
			return err
		}
		if !strings.Contains(out, "--btf_base") {
			return errors.New("does not print the command")
		}
		if err := tree.whole(); err != nil {
			return err
		}
		return tree.idle()
	}},
	{name: "quiet lines", fresh: true, harmless: true, run: func(tree *trapTree) error {
		out, err := tree.make()
		if err != nil {
			return err
		}
		for _, line := range []string{"  LD [M]  beta.ko\n", "  BTF [M] beta.ko\n"} {
			if strings.Count(out, line) != 1 {
				return fmt.Errorf("%q is not once in %q", line, out)
			}
		}
		return nil
	}},
	{name: "O=: output directory", fresh: true, harmless: true, run: func(tree *trapTree) error {
		tree.separate()
		if err := makes(tree); err != nil {
			return err
		}
		tree.vmlinux("BTF two")
		if err := makes(tree); err != nil {
			return err
		}
		return tree.idle()
	}},
	{name: "M=: external modules", hole: true, run: func(tree *trapTree) error {
		before := tree.snapshot()
		tree.external()
		if err := makes(tree); err != nil {
			return err
		}
		if err := tree.idle(); err != nil {
			return err
		}
		for path, text := range tree.snapshot() {
			inKernel := strings.HasPrefix(path, tree.obj) && !strings.HasPrefix(path, tree.ext)
			if inKernel && before[path] != text {
				return fmt.Errorf("%s in the kernel tree is changed", filepath.Base(path))
			}
		}
		tree.vmlinux("BTF two")
		return makes(tree)
	}},
	{name: "M=: vmlinux built after the modules", hole: true, fresh: true, run: func(tree *trapTree) error {
		tree.external()
		return appears(tree)
	}},
	{name: "M=: vmlinux in another directory", hole: true, fresh: true, only: BTFKo, run: func(tree *trapTree) error {
		tree.external()
		must(tree.t, os.Remove(filepath.Join(tree.obj, "vmlinux")))
		tree.vars = append(tree.vars, "KERNELRELEASE=6.1.5-test")
		tree.write(tree.stub("found-6.1.6-test"), "BTF other\n")
		out, err := tree.make()
		if err != nil || tree.done("BTF") > 0 || !strings.Contains(out, "no base for 6.1.5-test") {
			return fmt.Errorf("only with another release's: %v: %s", err, out)
		}
		found, given := tree.stub("found-6.1.5-test"), tree.stub(`it's "given" by; exit 1`)
		tree.base = found
		tree.write(found, "BTF one\n")
		if err := makes(tree); err != nil {
			return err
		}
		if err := tree.idle(); err != nil {
			return err
		}
		tree.write(found, "BTF two\n")
		if err := makes(tree); err != nil {
			return err
		}
		tree.base = given
		tree.write(given, "BTF three\n")
		if err := makes(tree, "KBTF_BASE="+given); err != nil {
			return err
		}
		tree.base = ""
		tree.vmlinux("BTF one")
		return makes(tree)
	}},
	{name: "module BTF configured later", hole: true, fresh: true, run: func(tree *trapTree) error {
		tree.configure("n")
		if _, err := tree.make(); err != nil {
			return err
		}
		if tree.done("BTF") > 0 {
			return errors.New("encoded without CONFIG_DEBUG_INFO_BTF_MODULES")
		}
		tree.configure("y")
		return makes(tree)
	}},
	{name: "module BTF off, then on", hole: true, run: func(tree *trapTree) error {
		tree.configure("n")
		tick(tree.t, tree.src)
		tree.write(filepath.Join(tree.dir(), "beta.o"), "another\n")
		if _, err := tree.make(); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(tree.dir(), "beta.ko")); err != nil || tree.done("BTF") > 0 {
			return fmt.Errorf("%d encoded without CONFIG_DEBUG_INFO_BTF_MODULES: %v", tree.done("BTF"), err)
		}
		tree.configure("y")
		return makes(tree)
	}},
	{name: "stale x.ko.BTF.base", run: func(tree *trapTree) error {
		tree.write(filepath.Join(tree.dir(), "beta.ko.BTF.base"), "BTF stale\n")
		tick(tree.t, tree.src)
		tree.write(filepath.Join(tree.dir(), "beta.o"), "another\n")
		if _, err := tree.make(); err != nil {
			return err
		}
		if text := strings.Join(tree.lines("beta"), "\n"); strings.Contains(text, "stale") {
			return errors.New("embedded into the module")
		}
		return nil
	}},
	{name: "objcopy of gen-btf.sh killed", run: func(tree *trapTree) error {
		if !tree.ruleHas("gen-btf.sh") {
			return nil // before 7.0, or with btf-ko
		}
		tick(tree.t, tree.src)
		tree.write(filepath.Join(tree.dir(), "beta.o"), "another\n")
		tree.write(tree.stub("objcopy-dies"), "")
		if _, err := tree.make(); err == nil {
			return errors.New("make did not fail")
		}
		return makes(tree)
	}},
	{name: "encoders run with -j", hole: true, fresh: true, run: func(tree *trapTree) error {
		if _, err := tree.make("PAHOLE_FLAGS_MORE=-j"); err != nil {
			return err
		}
		log, _ := os.ReadFile(tree.stub("log"))
		if strings.Contains(string(log), " -j") {
			return errors.New("-j is passed to encoders")
		}
		return nil
	}},
	{name: "BTF of vmlinux changed twice, and back", harmless: true, run: func(tree *trapTree) error {
		for _, btf := range []string{"BTF two", "BTF one"} {
			tree.vmlinux(btf)
			if err := makes(tree); err != nil {
				return err
			}
		}
		return tree.idle()
	}},
	{name: "a module removed, and back", harmless: true, run: func(tree *trapTree) error {
		all := tree.modules
		tree.modules = nil
		tree.add(all[0])
		before := tree.snapshot()[filepath.Join(tree.dir(), all[1]+".ko")]
		tree.vmlinux("BTF two")
		if err := makes(tree); err != nil {
			return err
		}
		if tree.snapshot()[filepath.Join(tree.dir(), all[1]+".ko")] != before {
			return errors.New("the removed module changes")
		}
		tree.modules = nil
		tree.add(all...)
		return makes(tree)
	}},
	{name: "record of a module damaged", harmless: true, run: func(tree *trapTree) error {
		path := filepath.Join(tree.dir(), "beta.ko")
		text, err := os.ReadFile(path)
		must(tree.t, err)
		tick(tree.t, tree.src)
		tree.write(path, strings.Replace(string(text), "STAMP BTF", "STAMP BTG", 1))
		if err := makes(tree); err != nil {
			return err
		}
		if n := tree.done("BTF"); tree.ruleHas("--update") && n != 1 {
			return fmt.Errorf("%d encoded", n)
		}
		return tree.idle()
	}},
	{name: "two makes at once", fresh: true, only: BTFKo, random: true, run: func(tree *trapTree) error {
		tree.add("gamma", "delta", "epsilon")
		must(tree.t, os.WriteFile(tree.stub("log"), nil, 0o644))
		first, second := tree.command("-j2"), tree.command("-j2")
		must(tree.t, first.Start())
		must(tree.t, second.Start())
		_, _ = first.Wait(), second.Wait() // one or both may fail
		return makes(tree)
	}},
	{name: "modules_install keeps BTF", harmless: true, run: installs},
	{name: "OBJCOPY of several words", fresh: true, harmless: true, run: func(tree *trapTree) error {
		return makes(tree, "OBJCOPY=env X=1 "+tree.stub("bin/objcopy"))
	}},
	{name: "PAHOLE of several words", fresh: true, harmless: true, run: func(tree *trapTree) error {
		return makes(tree, "PAHOLE=env X=1 "+tree.stub("bin/pahole"))
	}},
}

// appears builds modules without vmlinux, which has to succeed with a message,
// and then with vmlinux.
func appears(tree *trapTree, args ...string) error {
	must(tree.t, os.Remove(filepath.Join(tree.obj, "vmlinux")))
	out, err := tree.make(args...)
	if err != nil {
		return err
	}
	if !strings.Contains(out, "Skipping BTF generation for ") &&
		!(tree.ruleHas("--update") && strings.Contains(out, "btf-ko: no base for ")) {
		return errors.New("does not print that BTF is skipped")
	}
	tree.vmlinux("BTF one")
	// Older than the modules: its time stamp must not matter.
	long := time.Now().Add(-time.Hour)
	must(tree.t, os.Chtimes(filepath.Join(tree.obj, "vmlinux"), long, long))
	return makes(tree, args...)
}

// installs runs modules_install with an ELF file, which strip requires.
func installs(tree *trapTree) error {
	if _, err := os.Stat(filepath.Join(tree.src, "scripts/Makefile.modinst")); err != nil {
		return nil // testdata/small
	}
	tree.external()
	tree.modules = nil
	tree.add("real")
	source, module := filepath.Join(tree.dir(), "real.c"), filepath.Join(tree.dir(), "real.ko")
	tree.write(source, "int a;\n")
	for _, command := range [][]string{
		{"gcc", "-g", "-c", "-o", module, source},
		{"objcopy", "--add-section", ".BTF=" + source, module},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command[0], err, out)
		}
	}
	lib := tree.t.TempDir()
	_, err := tree.make("install", "MODLIB="+lib, "INSTALL_MOD_PATH=", "INSTALL_MOD_STRIP=1",
		"STRIP=strip", "CONFIG_MODULES=y", "KERNELRELEASE=1", "DEPMOD=true",
		"mod_strip_cmd=strip --strip-debug", "mod_sign_cmd=true", "mod_compress_cmd=true")
	if err != nil {
		return err
	}
	installed := ""
	must(tree.t, filepath.WalkDir(lib, func(path string, d fs.DirEntry, err error) error {
		if filepath.Base(path) == "real.ko" {
			installed = path
		}
		return err
	}))
	f, err := elf.Open(installed)
	if err != nil {
		return err
	}
	defer f.Close()
	if f.Section(".BTF") == nil || f.Section(".debug_info") != nil {
		return errors.New("not stripped, or no BTF")
	}
	return nil
}

// rules lists the rules to try: upstream's and ours.
var rules = []struct {
	name   string
	wiring Wiring // zero for upstream's
}{
	{"upstream", Wiring{}},
	{"simple", Wiring{Simple, BTFKo, InModfinal}},
	{"strict", Wiring{Strict, BTFKo, InModfinal}},
	{"batch", Wiring{Batch, BTFKo, InModfinal}},
	{"pahole", Wiring{Strict, Pahole, InKbuildInclude}},
}

// try runs the trap in a new tree.
func (tr trap) try(t *testing.T, kernel string, s sources) error {
	tree := newTrapTree(t, kernel, s)
	if !tr.fresh {
		if err := makes(tree); err != nil {
			return err
		}
	}
	return tr.run(tree)
}

// trapKernel is a kernel tree to try traps in.
type trapKernel struct {
	name, dir string
	sources   sources
	rules     []string // those to try, to save time; empty for all
}

// smallForm describes testdata/small with the rule of a form.
type smallForm struct {
	since, saved string
	rules        []string
}

// smallForms has those forms that differ most. TestRealTraps tries others.
var smallForms = []smallForm{
	{"5.4", "cmd_", []string{"strict", "batch"}},
	{"6.13a", "savedcmd_", []string{"simple", "pahole"}},
	{"7.2a", "savedcmd_", []string{"strict", "batch"}},
}

// smallTrapKernels returns testdata/small in several forms.
func smallTrapKernels(t *testing.T, forms []smallForm) []trapKernel {
	var kernels []trapKernel
	small, err := filepath.Abs("testdata/small")
	must(t, err)
	for _, like := range forms {
		f := formNamed(t, like.since)
		s := shapedTree(t, f, like.saved)
		if f.command == "" {
			// The name in 5.4.
			s[kbuildInclude] = strings.ReplaceAll(s[kbuildInclude], "newer-prereqs", "any-prereq")
		}
		kernels = append(kernels, trapKernel{"like " + f.name(), small, s, like.rules})
	}
	return kernels
}

// TestTraps tries all traps on testdata/small.
func TestTraps(t *testing.T) { tryTraps(t, smallTrapKernels(t, smallForms)) }

// tryTraps tries all traps on kernel trees and prints the results as a table. It
// returns in which traps upstream's and the simple rule fail in at least one tree.
func tryTraps(t *testing.T, kernels []trapKernel) (upstream, simple map[string]bool) {
	type column struct{ tree, rule string }
	results := map[string]map[column]string{}
	for _, tr := range traps {
		results[tr.name] = map[column]string{}
	}
	var lock sync.Mutex
	var names []string
	t.Run("trees", func(t *testing.T) {
		for _, k := range kernels {
			names = append(names, k.name)
			for _, rule := range rules {
				if len(k.rules) > 0 && !slices.Contains(k.rules, rule.name) ||
					rule.wiring.Encoder == "" && !strings.Contains(k.sources[modfinal], "cmd_btf_ko") {
					continue // upstream has no rule before 5.11
				}
				t.Run(k.name+"/"+rule.name, func(t *testing.T) {
					t.Parallel()
					s := k.sources
					if rule.wiring.Encoder != "" {
						p, err := s.plan(k.dir, rule.wiring)
						must(t, err)
						s = after(s, p)
					}
					for _, tr := range traps {
						if rule.wiring.Encoder != "" && tr.only != "" && tr.only != rule.wiring.Encoder ||
							tr.random && (rule.wiring.Encoder == "" || rule.wiring.Rule == Simple) {
							continue
						}
						why := ""
						if err := tr.try(t, k.dir, s); err != nil {
							why = err.Error()
						}
						if why != "" && rule.wiring.Encoder != "" && !(tr.hole && rule.wiring.Rule == Simple) {
							t.Errorf("%s: %s", tr.name, why)
						}
						lock.Lock()
						results[tr.name][column{k.name, rule.name}] = why
						lock.Unlock()
					}
				})
			}
		}
	})
	printTable(names, func(trap, tree, rule string) (string, bool) {
		why, ok := results[trap][column{tree, rule}]
		return why, ok
	})
	upstream, simple = map[string]bool{}, map[string]bool{}
	for _, tr := range traps {
		for c, why := range results[tr.name] {
			upstream[tr.name] = upstream[tr.name] || c.rule == "upstream" && why != ""
			simple[tr.name] = simple[tr.name] || c.rule == "simple" && why != ""
		}
	}
	return upstream, simple
}

// printTable prints the result of each trap by tree and rule, then the reasons
// of failures.
func printTable(trees []string, result func(trap, tree, rule string) (why string, tried bool)) {
	var table, reasons strings.Builder
	fmt.Fprintf(&table, "\nEach cell: upstream's rule; simple, strict and batch with btf-ko; strict with pahole\n"+
		"(-: not tried; upstream has no rule before 5.11)\n\n%-40s", "")
	for _, tree := range trees {
		fmt.Fprintf(&table, " %-21s", tree)
	}
	table.WriteString("\n")
	for _, tr := range traps {
		fmt.Fprintf(&table, "%-40s", tr.name)
		explained := map[string]bool{}
		for _, tree := range trees {
			var cells []string
			for _, rule := range rules {
				why, tried := result(tr.name, tree, rule.name)
				switch {
				case !tried:
					cells = append(cells, "-")
				case why == "":
					cells = append(cells, "ok")
				default:
					cells = append(cells, "NO")
					if !explained[rule.name] {
						fmt.Fprintf(&reasons, "%s; %s, %s: %s\n", tr.name, rule.name, tree, why)
					}
					explained[rule.name] = true
				}
			}
			fmt.Fprintf(&table, " %-21s", strings.Join(cells, " "))
		}
		table.WriteString("\n")
	}
	fmt.Printf("%s\nReasons, for the first tree that fails:\n%s", table.String(), reasons.String())
}

// TestMixedTree builds modules in an Android tree: KBUILD_MIXED_TREE, the
// directory of the generic kernel, is read-only.
func TestMixedTree(t *testing.T) {
	small, err := filepath.Abs("testdata/small")
	must(t, err)
	for _, w := range []Wiring{btfKo, pahole, {Batch, BTFKo, InModfinal}} {
		for _, name := range []string{"5.15b-gki", "6.11a-gki"} {
			t.Run(fmt.Sprint(name, " ", w), func(t *testing.T) {
				s := shapedTree(t, formNamed(t, name), "cmd_")
				p, err := s.plan(small, w)
				must(t, err)
				tree := newTrapTree(t, small, after(s, p))
				must(t, os.Remove(filepath.Join(tree.obj, "vmlinux")))
				generic := t.TempDir()
				t.Cleanup(func() { _ = os.Chmod(generic, 0o755) })
				tree.base = filepath.Join(generic, "vmlinux")
				tree.vars = append(tree.vars, "KBUILD_MIXED_TREE="+generic)
				linked := func(btf string) {
					t.Helper()
					must(t, os.Chmod(generic, 0o755))
					tick(tree.t, tree.src)
					tree.write(tree.base, fmt.Sprintf("built %d\nBTF %s\n", time.Now().UnixNano(), btf))
					must(t, os.Chmod(generic, 0o555))
				}
				expect := func(what string, links, encoded int) {
					t.Helper()
					if _, err := tree.make(); err != nil {
						t.Fatalf("%s: %v", what, err)
					}
					if err := tree.whole(); err != nil {
						t.Errorf("%s: %v", what, err)
					}
					if l, e := tree.done("LD"), tree.done("BTF"); l != links || e != encoded {
						t.Errorf("%s: %d linked and %d encoded, want %d and %d", what, l, e, links, encoded)
					}
				}
				linked("one")
				expect("first", 2, 2)
				linked("one")
				expect("vmlinux relinked", 0, 0)
				linked("two")
				expect("another BTF", 0, 2)
				if files, _ := os.ReadDir(generic); len(files) != 1 {
					t.Errorf("new files in the generic kernel's directory: %v", files)
				}
				tree.external()
				expect("external modules", 2, 2)
			})
		}
	}
}

// TestRustModule checks that Rust modules get no BTF in trees whose upstream rule
// skips them.
func TestRustModule(t *testing.T) {
	small, err := filepath.Abs("testdata/small")
	must(t, err)
	s := shapedTree(t, formNamed(t, "6.1a"), "cmd_")
	for _, w := range []Wiring{btfKo, pahole} {
		p, err := s.plan(small, w)
		must(t, err)
		tree := newTrapTree(t, small, after(s, p))
		tree.write(filepath.Join(tree.src, "scripts/is_rust_module.sh"),
			"#!/bin/sh\ncase $1 in alpha.ko) exit 0;; esac\nexit 1\n")
		out, err := tree.make("CONFIG_RUST=y")
		must(t, err)
		text := strings.Join(tree.lines("alpha"), " ")
		skipped := strings.Contains(out, "Skipping BTF generation for alpha.ko")
		if strings.Contains(text, "BTF") || !skipped {
			t.Errorf("%s: alpha.ko is %q: %s", w.Encoder, text, out)
		}
		tree.modules = []string{"beta"}
		if err := tree.whole(); err != nil {
			t.Errorf("%s: %v", w.Encoder, err)
		}
		if _, err := tree.make("CONFIG_RUST=y"); err != nil || tree.done("LD") > 0 {
			t.Errorf("%s: relinked: %v", w.Encoder, err)
		}
		must(t, os.WriteFile(tree.stub("fail"), nil, 0o644))
		tick(tree.t, tree.src)
		tree.write(filepath.Join(tree.obj, "beta.o"), "another\n")
		if _, err := tree.make("CONFIG_RUST=y"); err == nil || tree.lines("beta") != nil {
			t.Errorf("%s: encoder fails: make: %v, beta.ko: %q", w.Encoder, err, tree.lines("beta"))
		}
	}
}

// TestPaholeDependencies checks with the real objcopy that what modules depend on
// changes if and only if the contents of vmlinux's .BTF do.
func TestPaholeDependencies(t *testing.T) {
	dir := t.TempDir()
	run := func(command string) string {
		t.Helper()
		cmd := exec.Command("sh", "-e", "-c", command)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
		return string(out)
	}
	command := strings.NewReplacer("$(OBJCOPY)", "objcopy", "$(PAHOLE) --version", "echo v1.30",
		"$(btf-base)", "vmlinux", "$@", "deps").Replace(shape{form: forms()[0]}.dependencies(Pahole))
	build := func(function, btf string) string {
		t.Helper()
		must(t, os.WriteFile(filepath.Join(dir, "a.c"), []byte(function+`
char data[100000] = { 1 };
const char btf[] __attribute__((section(".BTF"))) = "`+btf+`";`), 0o644))
		run("gcc -g -c -o a.o a.c && ld -e 0 -Ttext=0xffffff -o vmlinux a.o")
		deps := run(command)
		sum := fmt.Sprintf("v1.30\n%x  -\n", sha1.Sum([]byte(btf+"\x00")))
		if deps != sum {
			t.Errorf("%s: %q, not %q", btf, deps, sum)
		}
		return deps
	}
	first := build("int f(void) { return 1; }", "one")
	if again := build("int f(int n) { return n ? f(n / 2) : 3; }", "one"); again != first {
		t.Errorf("another function: %q, not %q", again, first)
	}
	build("int f(void) { return 1; }", "two")
}
