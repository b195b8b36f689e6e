// SPDX-License-Identifier: GPL-2.0-only

package btfreport

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/fetchtest"
)

func TestGroup(t *testing.T) {
	for path, want := range map[string]string{
		"kernel/drivers/net/ethernet/intel/e1000/e1000.ko": "drivers/net",
		"kernel/drivers/nvme.ko":                           "drivers",
		"drivers/gpu/drm/i915/i915.ko":                     "drivers/gpu",
		"kernel/fs/xfs/xfs.ko":                             "fs",
		"updates/dkms/zfs.ko":                              "updates",
		"/usr/lib/modules/6.1/kernel/net/ipv4/ah4.ko.xz":   "net",
		"dummy.ko": ".",
	} {
		if got := group(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestSizesInWords(t *testing.T) {
	for n, want := range map[int]string{0: "-", 1: "1 B", 999: "999 B", 1000: "1 kB", 45678: "45.7 kB", 1234567: "1.23 MB", 593076297: "593 MB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	if got := grouped(1234567); got != "1\u202f234\u202f567" {
		t.Error(got)
	}
}

func TestHistogram(t *testing.T) {
	got := histogram([]Module{{Full: 900, Split: 100}, {Full: 1023, Split: 127}, {Full: 1024, Split: 128}})
	want := []bin{{64, 0, 2}, {128, 0, 1}, {256, 0, 0}, {512, 2, 0}, {1024, 1, 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := histogram(nil); got == nil || len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// Debian's 7.2 modules were encoded by pahole 1.32, which says much of the base again: the report has to show that.
func TestRealModules(t *testing.T) {
	dir := filepath.Join(fetchtest.Path(t, "linux-7-cloud-dbg"), "usr/lib/debug")
	vmlinux, err := filepath.Glob(filepath.Join(dir, "boot/vmlinux-*"))
	if err != nil || len(vmlinux) != 1 {
		t.Fatal(vmlinux, err)
	}
	fs, err := filepath.Glob(filepath.Join(dir, "lib/modules/*/kernel/fs"))
	if err != nil || len(fs) != 1 {
		t.Fatal(fs, err)
	}
	root, paths, err := Find(fs)
	if err != nil || root != fs[0] {
		t.Fatal(root, err)
	}
	calls := 0
	r, err := Collect(root, paths, vmlinux[0], 2, func(n int) {
		if calls++; n != calls {
			t.Errorf("%d done, told %d", calls, n)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Unreadable)+len(r.Without) > 0 || r.Total.Modules != len(paths) || calls != len(paths) {
		t.Errorf("%d of %d modules; %v %v", r.Total.Modules, len(paths), r.Unreadable, r.Without)
	}
	if r.Total.Redundant < 1000 || r.Total.Full < 4*r.Total.Split {
		t.Errorf("%+v", r.Total)
	}
	types, redundant := 0, 0
	for _, k := range r.Kinds {
		types += k.Split
		redundant += k.Redundant
	}
	if types != r.Total.Types || redundant != r.Total.Redundant {
		t.Errorf("by kind %d types, %d redundant; in all %+v", types, redundant, r.Total)
	}
	for _, m := range r.Modules {
		if m.Unshared > m.Redundant || m.Redundant > m.Types || m.Split > m.Full || m.Encoded {
			t.Errorf("%+v", m)
		}
	}
}

// chromium opens a page, without a network, and gives what has become of it.
func chromium(t *testing.T, page string, args ...string) (dom string) {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is missing: install it, on Debian with: apt-get install chromium")
		}
		t.Skip("no chromium")
	}
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd := exec.Command("chromium", append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + t.TempDir(),
		"--proxy-server=127.0.0.1:9", "--enable-logging=stderr", "--virtual-time-budget=5000"}, append(args, "--dump-dom", "file://"+path)...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, "CONSOLE") {
			t.Error(line)
		}
	}
	return string(out)
}

func example() *Report {
	r := &Report{Base: Base{Path: "vmlinux", Bytes: 4_000_000, Types: 100_000}}
	for i := range 120 {
		m := Module{Path: "kernel/fs/" + strings.Repeat("x", i%7+1) + "/</script><b>.ko", Full: 50_000 + 1000*i, Split: 300 * (i + 1), Types: 10 * (i + 1)}
		if i%10 == 0 {
			m.Redundant, m.Unshared, m.Path = i+1, i, "kernel/net/n"+strings.Repeat("y", i/10)+".ko"
		}
		r.Modules = append(r.Modules, m)
	}
	r.Unreadable = []Failed{{"bad.ko", "not an <ELF> file"}}
	r.finish([btf.KindEnum64 + 1]int{btf.KindInt: 10})
	return r
}

func TestPage(t *testing.T) {
	page, err := example().Page()
	if err != nil {
		t.Fatal(err)
	}
	for _, outside := range []string{"http:", "https:", "src=", "@import", "<link"} {
		// The name of SVG's elements is no address to go to.
		if strings.Contains(strings.ReplaceAll(string(page), "http://www.w3.org/2000/svg", ""), outside) {
			t.Errorf("the page has %s", outside)
		}
	}
	// act is added to the page, as what a reader does.
	count := func(act string) (rows, dots, hits int) {
		t.Helper()
		dom := chromium(t, strings.Replace(string(page), "</body>", "<script>"+act+"</script></body>", 1))
		list := dom[strings.Index(dom, `id="list"`):]
		list = list[strings.Index(list, "<tbody>"):strings.Index(list, "</tbody>")]
		return strings.Count(list, "<tr>"), strings.Count(dom, "<circle"), strings.Count(dom, `class="hit"`)
	}
	if rows, dots, hits := count(""); rows != few || dots != 120 || hits != 0 {
		t.Errorf("%d rows, %d dots, %d of them marked", rows, dots, hits)
	}
	if rows, _, _ := count(`get("more").click()`); rows != 120 {
		t.Errorf("all: %d rows", rows)
	}
	if rows, _, hits := count(`get("filter").value = "NET/"; get("filter").dispatchEvent(new Event("input"))`); rows != 12 || hits != 12 {
		t.Errorf("net: %d rows, %d dots marked", rows, hits)
	}
	dom := chromium(t, strings.Replace(string(page), "</body>", `<script>document.querySelector("[data-key=redundant]").click()</script></body>`, 1))
	if !regexp.MustCompile(`(?s)aria-sort="descending"><button data-key="redundant">.*<tbody><tr><td>kernel/net/nyyyyyyyyyyy.ko`).MatchString(dom) {
		t.Error("not sorted by what is redundant")
	}
}

// few is how many modules the page lists before "Show all".
const few = 50

// On a telephone nothing but tables, which can be moved, is wider than the screen; every control can be reached by Tab.
func TestPageOnNarrowScreens(t *testing.T) {
	page, err := example().Page()
	if err != nil {
		t.Fatal(err)
	}
	frame := `<!DOCTYPE html><iframe style="width: 320px; height: 600px" srcdoc="` + strings.NewReplacer("&", "&amp;", `"`, "&quot;").Replace(string(page)) + `"></iframe>
<script>onload = () => { const d = document.querySelector("iframe").contentDocument, e = d.documentElement;
	document.body.dataset.over = e.scrollWidth - e.clientWidth;
	document.body.dataset.controls = [...d.querySelectorAll("button, input, summary, .scroll")].filter(c => c.tabIndex < 0).length; }</script>`
	dom := chromium(t, frame)
	if !strings.Contains(dom, `data-over="0" data-controls="0"`) {
		t.Errorf("%s", dom[strings.LastIndex(dom, "<body"):][:200])
	}
}

// Without modules there is a page, too.
func TestEmptyPage(t *testing.T) {
	r := &Report{Modules: []Module{}, Without: []string{"x.ko"}}
	r.finish([btf.KindEnum64 + 1]int{})
	page, err := r.Page()
	if err != nil {
		t.Fatal(err)
	}
	if dom := chromium(t, string(page)); !strings.Contains(dom, ">0 modules</span>") {
		t.Error("no list")
	}
}

// Modules as distributions install them, without DWARF: what they take is shown, what they would is not known.
func TestModulesWithoutDWARF(t *testing.T) {
	r := &Report{Modules: []Module{{Path: "a.ko", Split: 300, Types: 3}, {Path: "b.ko", Full: 1000, Split: 100, Types: 1}}}
	r.finish([btf.KindEnum64 + 1]int{})
	if r.Total.Split != 400 || Saved(r.Total.Full, r.Total.Compared) != 90 {
		t.Errorf("%+v", r.Total)
	}
	var text strings.Builder
	if err := r.Text(&text); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`a\.ko +- +300 +-`, `b\.ko +1000 +100 +90\.0%`, `Modules without DWARF to encode: 1\. .*`} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(text.String()) {
			t.Errorf("no line %s in:\n%s", line, text.String())
		}
	}
	for _, modules := range [][]Module{r.Modules, r.Modules[1:]} {
		page, err := (&Report{Modules: modules}).Page()
		if err != nil {
			t.Fatal(err)
		}
		if dom := chromium(t, string(page)); !strings.Contains(dom, "<td>a.ko</td><td>-</td><td>300</td><td>-</td>") {
			t.Errorf("%.3000s", dom[strings.Index(dom, `id="list"`):])
		}
	}
}

func TestPackedModules(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "x.ko")
	if out, err := exec.Command("gcc", "-g", "-c", "-o", plain, "../../testdata/c/echo.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, pack := range [][]string{{"xz", "-k"}, {"gzip", "-k"}} {
		if out, err := exec.Command(pack[0], append(pack[1:], plain)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", pack, err, out)
		}
	}
	packer, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plain+".zst", packer.EncodeAll(want, nil), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, paths, err := Find([]string{dir}); err != nil || len(paths) != 4 {
		t.Errorf("%v, %v", paths, err)
	}
	for _, ext := range []string{"", ".xz", ".gz", ".zst"} {
		img, err := open(plain + ext)
		if err != nil {
			t.Error(err)
			continue
		}
		if string(img.Data) != string(want) {
			t.Errorf("%s: other contents", ext)
		}
		img.Close()
		bad := filepath.Join(dir, "bad.ko"+ext)
		if err := os.WriteFile(bad, []byte("neither packed nor ELF"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := open(bad); err == nil || !strings.HasPrefix(err.Error(), bad+": ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", ext, err)
		}
	}
}
