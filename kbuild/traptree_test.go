// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// trapTree is a kernel tree with real build files and stub tools. vmlinux and
// modules are text files, which record the commands that built them.
type trapTree struct {
	t       *testing.T
	src     string   // directory of the build files
	obj     string   // output directory; src unless O= is set
	ext     string   // directory of external modules; empty without
	vars    []string // for make's command line
	modules []string // without .ko
	base    string   // file with the BTF of vmlinux; empty for vmlinux
	cwdExt  bool     // make runs in ext (since 6.13)
}

// stubs has the stub tools. vmlinux and modules have lines that start with link,
// BTF or IDS. The files fail, hang, die and objcopy-dies in $STUBS make a tool
// fail, wait or be killed.
var stubs = map[string]string{
	// ld ... -o OUT OBJECT...
	// A module with .BTF_ids gets a line IDS unresolved.
	"ld": `for arg; do case $prev in -o) out=$arg;; esac; prev=$arg; done
echo "LD $out" >>"$STUBS/log"
echo "link $*" >"$out"
for arg; do
	case $arg in
	*.o) if grep -q .BTF_ids "$arg" && [ "$prev" != -o ]; then ids=1; fi;;
	esac
done
if [ -n "$ids" ]; then echo "IDS unresolved" >>"$out"; fi
`,
	"gcc": `for arg; do case $prev in -o) out=$arg;; esac; prev=$arg; done
echo "CC $*" >"$out"
`,
	"fixdep": `echo "$SAVED$2 := $3"
`,
	// btf-ko base [--raw --release R] -o FILE VMLINUX; btf-ko base --find --release R;
	// btf-ko or pahole [FLAG...] --btf_base BASE [--btf_encode_detached=F] MODULE
	// btf-ko --update [FLAG...] --btf_base BASE --modules_order ORDER
	// btf-ko resolves IDs, too. A line RECORD in the module has the original. A line
	// STAMP has all that the BTF depends on, for --update.
	"encoder": `if [ "$1" = --version ]; then cat "$STUBS/version"; exit; fi
if [ "$1 $2" = "base --find" ]; then
	if ls "$STUBS/found-$4" 2>/dev/null; then exit; fi
	echo "btf-ko: no base for $4" >&2
	exit 1
fi
if [ "$1" = base ]; then
	for arg; do case $prev in -o) out=$arg;; esac; prev=$arg; done
	btf=$(grep ^BTF "$arg") || { echo "btf-ko: $arg: no BTF" >&2; exit 1; }
	[ "$btf" = "$(cat "$out" 2>/dev/null)" ] || echo "$btf" >"$out"
	exit
fi
detached= update= order=
for arg; do
	case $prev in --btf_base) base=$arg;; --modules_order) order=$arg;; esac
	case $arg in
	--btf_base | --modules_order | -J) ;;
	--update) update=1;;
	--btf_encode_detached=*) detached=${arg#*=};;
	-*) flags="$flags $arg";;
	*) [ "$prev" = --btf_base ] || [ "$prev" = --modules_order ] || module=$arg;;
	esac
	prev=$arg
done
option() { case -${MAKEFLAGS%% *} in --*) false;; *$1*) ;; *) false;; esac; }
if [ -n "$update" ] && option n; then exit; fi
btf=$(grep ^BTF "$base") || { echo "encoder: $base: no BTF" >&2; exit 1; }
text="BTF of $btf by $(cat "$STUBS/version") with$flags"
encode() {
	echo "BTF $1$flags" >>"$STUBS/log"
	if [ -e "$STUBS/fail" ]; then echo "encoder: $1: failed" >&2; return 1; fi
	if [ -e "$STUBS/hang" ]; then
		[ -z "$detached" ] || echo half >"$detached"
		echo started >"$STUBS/hang"
		while :; do sleep 0.01; done
	fi
	if [ -e "$STUBS/die" ]; then
		rm "$STUBS/die"
		if [ -n "$detached" ]; then echo half >"$detached"; else
			[ "${0##*/}" != pahole ] || { echo half >"$1.btf"; }
			{ grep -v ^STAMP "$1"; echo half; } >"$1.new"
			mv "$1.new" "$1"
		fi
		kill -9 $$
	fi
	if [ -n "$detached" ]; then echo "$text" >"$detached"; return; fi
	if [ "${0##*/}" = pahole ]; then
		echo "$text" >"$1.btf"
		$LLVM_OBJCOPY --remove-section .BTF --add-section ".BTF=$1.btf" "$1" || exit 1
		rm "$1.btf"
		return
	fi
	ids=$(sed -n 's/^RECORD //p' "$1")
	[ -n "$ids" ] || ids=$(grep ^IDS "$1")
	{
		grep -v -e ^BTF -e ^IDS -e ^RECORD -e ^STAMP -e ^half "$1"
		if [ -n "$ids" ]; then echo "$ids" | sed 's/unresolved/resolved/;t;s/resolved/broken/'; echo "RECORD $ids"; fi
		echo "$text"
		echo "STAMP $text"
	} >"$1.$$.new"
	mv "$1.$$.new" "$1"
}
if [ -z "$update" ]; then encode "$module"; exit; fi
status=0
modules=$(sed 's/\.o$/.ko/' "$order")
[ -n "$modules" ] || exit 0
for module in $(grep -LxF "STAMP $text" $modules); do
	if ! encode "$module"; then status=1; elif ! option s; then echo "  BTF [M] $module"; fi
done
exit $status
`,
	// objcopy [--remove-section S]... --add-section S=FILE IN [OUT]
	// objcopy -O binary ... IN OUT
	// Without OUT it writes a temporary file st.PID first.
	"objcopy": `for arg; do
	case $prev,$arg in
	-O,*) binary=1;;
	--remove-section,.BTF) gone="$gone -e ^BTF";;
	--remove-section,.BTF.base) gone="$gone -e ^BASE";;
	--add-section,.BTF.base=*) add=${arg#*=} name=BASE;;
	--add-section,.BTF=*) add=${arg#*=} name=BTF;;
	*,-*) ;;
	*) in=$out out=$arg;;
	esac
	prev=$arg
done
if [ -n "$binary" ]; then grep ^BTF "$in" >"$out"; exit; fi
result=$out
if [ -z "$in" ]; then in=$out; out=$(dirname "$in")/st.$$; fi
grep -v ${gone:--e ^NONE} "$in" >"$out"
if [ -e "$STUBS/objcopy-dies" ]; then rm "$STUBS/objcopy-dies"; kill -9 $$; fi
if grep -q "^$name" "$out"; then
	rm "$out"
	echo "objcopy: $in: can't add section: file exists" >&2
	exit 1
fi
sed "s/^BTF/$name/;s/^half/$name half/" "$add" >>"$out"
[ "$result" = "$out" ] || mv "$out" "$result"
`,
	// resolve_btfids -b BASE MODULE
	// resolve_btfids --btf_base BASE --btf BTF MODULE, then --patch_btfids IDS MODULE (since 7.0)
	// Resolving IDs twice breaks them.
	"resolve_btfids": `for arg; do
	case $prev in
	--btf) btf=$arg;;
	--patch_btfids) patch=$arg;;
	--btf_base | -b) cat "$arg" >/dev/null || exit 1;;
	esac
	prev=$arg
done
resolved() { sed 's/^IDS resolved/IDS broken/;s/^IDS unresolved/IDS resolved/' "$1"; }
if [ -n "$patch" ]; then
	{ grep -v ^IDS "$arg"; cat "$patch"; } >"$arg.new"
	mv "$arg.new" "$arg"
elif [ -n "$btf" ]; then
	cp "$btf" "$arg.BTF"
	if grep -q ^IDS "$arg"; then resolved "$arg" | grep ^IDS >"$arg.BTF_ids"; fi
else
	resolved "$arg" >"$arg.new"
	cat "$arg.new" >"$arg"
	rm "$arg.new"
fi
`,
}

var savedName = regexp.MustCompile(`cmd-check = .*\$\((savedcmd_|cmd_)\$@\)`)

// newTrapTree returns a tree with the scripts of kernel, or those in s if there
// are any.
func newTrapTree(t *testing.T, kernel string, s sources) *trapTree {
	t.Helper()
	tree := &trapTree{t: t, src: t.TempDir()}
	tree.obj = tree.src
	must(t, os.Mkdir(filepath.Join(tree.src, "scripts"), 0o755))
	files, err := filepath.Glob(filepath.Join(kernel, "scripts", "*"))
	must(t, err)
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && !info.IsDir() {
			must(t, os.Symlink(file, filepath.Join(tree.src, "scripts", filepath.Base(file))))
		}
	}
	for path, text := range s {
		if filepath.Dir(path) == "scripts" {
			_ = os.Remove(filepath.Join(tree.src, path))
			tree.write(filepath.Join(tree.src, path), text)
		}
	}
	tree.cwdExt = strings.Contains(s[modfinal], "read-file, modules.order")
	tree.vars = []string{"SAVED=" + savedName.FindStringSubmatch(s[kbuildInclude])[1]}
	tree.populate()
	return tree
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (tree *trapTree) write(path, text string) {
	tree.t.Helper()
	must(tree.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(tree.t, os.WriteFile(path, []byte(text), 0o755))
}

// stub returns the path of a file in $STUBS.
func (tree *trapTree) stub(name string) string { return filepath.Join(tree.obj, "stubs", name) }

// populate writes the tools, a top makefile, vmlinux and the objects of modules.
func (tree *trapTree) populate() {
	for name, script := range stubs {
		switch name {
		case "encoder":
			for _, n := range []string{"btf-ko", "pahole"} {
				tree.write(tree.stub("bin/"+n), "#!/bin/sh\n"+script)
			}
		case "fixdep":
			tree.write(filepath.Join(tree.obj, "scripts/basic/fixdep"), "#!/bin/sh\n"+script)
		default:
			tree.write(tree.stub("bin/"+name), "#!/bin/sh\n"+script)
		}
	}
	tree.write(tree.stub("version"), "v1\n")
	tree.write(filepath.Join(tree.obj, "scripts/module.lds"), "")
	tree.configure("y")
	// Exports what Makefile.modfinal and Makefile.modinst read.
	tree.write(filepath.Join(tree.obj, "Makefile.top"), `include $(objtree)/include/config/auto.conf
include $(srctree)/scripts/Kbuild.include
-include $(srctree)/scripts/Makefile.btf
PAHOLE_FLAGS += $(PAHOLE_FLAGS_MORE)
export PAHOLE_FLAGS MODULE_PAHOLE_FLAGS srctree objtree SAVED
export KBUILD_BUILTIN KBUILD_EXTMOD extmod_prefix MODORDER
export CC LD OBJCOPY PAHOLE RESOLVE_BTFIDS CONFIG_SHELL SRCARCH LDFLAGS_MODULE
export STRIP MODLIB INSTALL_MOD_STRIP KERNELRELEASE DEPMOD
export KBUILD_VERBOSE quiet Q
modules:
	+@$(MAKE) -f $(srctree)/scripts/Makefile.modfinal
install:
	+@$(MAKE) -f $(srctree)/scripts/Makefile.modinst
`)
	tree.vmlinux("BTF one")
	tree.add("alpha", "beta")
}

// configure sets CONFIG_DEBUG_INFO_BTF_MODULES to y or n.
func (tree *trapTree) configure(value string) {
	config := "CONFIG_DEBUG_INFO_BTF=y\nCONFIG_PAHOLE_VERSION=130\n"
	if value == "y" {
		config += "CONFIG_DEBUG_INFO_BTF_MODULES=y\n"
	}
	tree.write(filepath.Join(tree.obj, autoConf), config)
}

// vmlinux writes a new vmlinux. It is newer than all files.
func (tree *trapTree) vmlinux(btf string) {
	tick(tree.t, tree.src)
	text := fmt.Sprintf("built %d\n%s\n", time.Now().UnixNano(), btf)
	tree.write(filepath.Join(tree.obj, "vmlinux"), text)
}

// tick waits until new files get a later time stamp than existing ones. The
// granularity of the file system and the kernel's clock is some milliseconds.
func tick(t *testing.T, dir string) {
	t.Helper()
	clock := filepath.Join(dir, ".clock")
	stamp := func() time.Time {
		must(t, os.WriteFile(clock, nil, 0o644))
		info, err := os.Stat(clock)
		must(t, err)
		return info.ModTime()
	}
	for start := stamp(); !stamp().After(start); {
		time.Sleep(time.Millisecond)
	}
	must(t, os.Remove(clock))
}

// dir returns the directory of the modules.
func (tree *trapTree) dir() string {
	if tree.ext != "" {
		return tree.ext
	}
	return tree.obj
}

// add writes the objects of modules and adds the modules to modules.order.
// Modules whose names start with ids have .BTF_ids.
func (tree *trapTree) add(modules ...string) {
	tree.modules = append(tree.modules, modules...)
	var order strings.Builder
	prefix := ""
	if tree.ext != "" && !tree.cwdExt {
		prefix = tree.ext + "/"
	}
	suffix := ".ko" // up to 6.2
	text, err := os.ReadFile(filepath.Join(tree.src, modfinal))
	if err == nil && strings.Contains(string(text), "$(modules:%.o=%.ko)") {
		suffix = ".o"
	}
	for _, m := range tree.modules {
		text := "object\n"
		if strings.HasPrefix(m, "ids") {
			text += ".BTF_ids\n"
		}
		tree.write(filepath.Join(tree.dir(), m+".o"), text)
		tree.write(filepath.Join(tree.dir(), m+".mod.c"), "")
		order.WriteString(prefix + m + suffix + "\n")
	}
	tree.write(filepath.Join(tree.dir(), "modules.order"), order.String())
}

// external switches to external modules.
func (tree *trapTree) external() {
	tree.ext = tree.t.TempDir()
	tree.modules = nil
	tree.add("alpha", "beta")
}

// separate switches to an output directory, as with O=.
func (tree *trapTree) separate() {
	tree.obj = tree.t.TempDir()
	tree.modules = nil
	must(tree.t, os.Remove(filepath.Join(tree.src, "vmlinux")))
	tree.populate()
}

// command returns a command that runs make for the modules.
func (tree *trapTree) command(args ...string) *exec.Cmd {
	srctree, objtree, cwd := ".", ".", tree.obj
	if tree.src != tree.obj {
		srctree = tree.src
	}
	vars := []string{"KBUILD_BUILTIN=1", "MODORDER=modules.order"}
	if tree.ext != "" {
		vars = []string{"KBUILD_BUILTIN=", "KBUILD_EXTMOD=" + tree.ext,
			"MODORDER=" + tree.ext + "/modules.order", "extmod_prefix=" + tree.ext + "/"}
		if tree.cwdExt {
			srctree, objtree, cwd = tree.src, tree.obj, tree.ext
		}
	}
	vars = append(vars, "srctree="+srctree, "objtree="+objtree,
		"SRCARCH=x86", "CONFIG_SHELL=sh", "quiet=quiet_", "Q=@",
		"CC="+tree.stub("bin/gcc"), "LD="+tree.stub("bin/ld"), "OBJCOPY="+tree.stub("bin/objcopy"),
		"PAHOLE="+tree.stub("bin/pahole"), "RESOLVE_BTFIDS="+tree.stub("bin/resolve_btfids"))
	options := []string{"-rR", "--no-print-directory", "-f", filepath.Join(tree.obj, "Makefile.top")}
	cmd := exec.Command("make", slices.Concat(options, vars, tree.vars, args)...)
	cmd.Dir = cwd
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS")
	}), "PATH="+tree.stub("bin")+":"+os.Getenv("PATH"), "STUBS="+tree.stub(""))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// make runs make and returns its output.
func (tree *trapTree) make(args ...string) (string, error) {
	must(tree.t, os.WriteFile(tree.stub("log"), nil, 0o644))
	tick(tree.t, tree.src)
	out, err := tree.command(args...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("make failed: %s", lastLines(string(out)))
	}
	return string(out), nil
}

func lastLines(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " / ")
}

// interrupted runs make and sends a signal while an encoder runs: to the process
// group, as terminals do, or only to make.
func (tree *trapTree) interrupted(sig syscall.Signal, group bool) {
	tick(tree.t, tree.src)
	tree.write(tree.stub("hang"), "")
	cmd := tree.command()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	must(tree.t, cmd.Start())
	for deadline := time.Now().Add(20 * time.Second); ; {
		if text, _ := os.ReadFile(tree.stub("hang")); len(text) > 0 {
			break
		}
		if time.Now().After(deadline) {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			tree.t.Fatalf("make did not run an encoder: %s", out.String())
		}
		time.Sleep(time.Millisecond)
	}
	pid := cmd.Process.Pid
	if group {
		pid = -pid
	}
	must(tree.t, syscall.Kill(pid, sig))
	if !group {
		time.Sleep(20 * time.Millisecond)
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // remaining children
	}
	_ = cmd.Wait()
	must(tree.t, os.Remove(tree.stub("hang")))
}

// lines returns the lines of a module, or nil if it does not exist.
func (tree *trapTree) lines(module string) []string {
	text, err := os.ReadFile(filepath.Join(tree.dir(), module+".ko"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// whole returns an error unless all modules are linked, have the BTF for vmlinux,
// and no temporary files exist.
func (tree *trapTree) whole() error {
	vmlinux, err := os.ReadFile(cmp.Or(tree.base, filepath.Join(tree.obj, "vmlinux")))
	must(tree.t, err)
	version, err := os.ReadFile(tree.stub("version"))
	must(tree.t, err)
	_, base, _ := strings.Cut(string(vmlinux), "BTF ")
	wantIDs := "IDS unresolved"
	if tree.resolves() {
		wantIDs = "IDS resolved"
	}
	want := "BTF of BTF " + strings.TrimSpace(base) + " by " + strings.TrimSpace(string(version)) +
		" with"
	for _, m := range tree.modules {
		var btf, ids, other int
		for _, line := range tree.lines(m) {
			switch {
			case strings.HasPrefix(line, want):
				btf++
			case line == wantIDs:
				ids++
			case line == "RECORD IDS unresolved", strings.HasPrefix(line, "STAMP "):
			case !strings.HasPrefix(line, "link "):
				other++
			}
		}
		if btf != 1 || other > 0 || ids > 1 || (ids == 1) != strings.HasPrefix(m, "ids") {
			return fmt.Errorf("%s.ko is %q", m, tree.lines(m))
		}
	}
	kept := []string{".vmlinux.btf.tmp", ".btf-deps.tmp"}
	for _, pattern := range []string{"*.BTF*", "*.btf", "*.tmp", "st.*", "*.new"} {
		left, _ := filepath.Glob(filepath.Join(tree.dir(), pattern))
		left = slices.DeleteFunc(left, func(f string) bool {
			return slices.Contains(kept, filepath.Base(f))
		})
		if len(left) > 0 {
			return fmt.Errorf("left behind: %s", filepath.Base(left[0]))
		}
	}
	return nil
}

// resolves reports whether the tree resolves .BTF_ids of modules: upstream's
// rule since 5.16, btf-ko always.
func (tree *trapTree) resolves() bool {
	return tree.ruleHas("RESOLVE_BTFIDS") || tree.ruleHas("gen-btf.sh") || tree.ruleHas("btf-ko")
}

// ruleHas reports whether Makefile.modfinal has a text.
func (tree *trapTree) ruleHas(part string) bool {
	text, err := os.ReadFile(filepath.Join(tree.src, modfinal))
	must(tree.t, err)
	return strings.Contains(string(text), part)
}

// done returns the number of commands of the last make: LD or BTF.
func (tree *trapTree) done(word string) int {
	log, err := os.ReadFile(tree.stub("log"))
	must(tree.t, err)
	n := 0
	for _, line := range strings.Split(string(log), "\n") {
		if strings.HasPrefix(line, word+" ") {
			n++
		}
	}
	return n
}

// idle runs make again and returns an error if it runs commands or changes files.
func (tree *trapTree) idle() error {
	before := tree.snapshot()
	if _, err := tree.make(); err != nil {
		return err
	}
	if n := tree.done("LD") + tree.done("BTF"); n > 0 {
		return fmt.Errorf("the next make links %d and encodes %d modules",
			tree.done("LD"), tree.done("BTF"))
	}
	if changed := changes(before, tree.snapshot()); changed != "" {
		return fmt.Errorf("the next make changes %s", changed)
	}
	return nil
}

// snapshot returns time and contents of all files except those in $STUBS.
func (tree *trapTree) snapshot() map[string]string {
	files := map[string]string{}
	for _, dir := range []string{tree.obj, tree.dir()} {
		must(tree.t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasPrefix(path, tree.stub("")) {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			text, err := os.ReadFile(path)
			files[path] = info.ModTime().String() + string(text)
			return err
		}))
	}
	return files
}

// changes returns the name of a file that differs, or "".
func changes(before, after map[string]string) string {
	for _, path := range slices.Sorted(maps.Keys(after)) {
		if before[path] != after[path] {
			return filepath.Base(path)
		}
	}
	for path := range before {
		if _, ok := after[path]; !ok {
			return filepath.Base(path)
		}
	}
	return ""
}
