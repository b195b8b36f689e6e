// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package btfreport

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/btf"
)

// chromium opens a page without a network, runs its scripts, and returns the resulting DOM.
func chromium(t *testing.T, page string, args ...string) (dom string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd := exec.Command("chromium", slices.Concat([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + t.TempDir(),
		"--proxy-server=127.0.0.1:9", "--enable-logging=stderr", "--virtual-time-budget=5000",
	}, args, []string{"--dump-dom", "file://" + path})...)
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

// few is how many modules the page lists before "Show all".
const few = 50

// On a telephone nothing but tables, which can be moved, is wider than the screen; every control
// can be reached by Tab.
func TestPageOnNarrowScreens(t *testing.T) {
	page, err := example().Page()
	if err != nil {
		t.Fatal(err)
	}
	escaped := strings.NewReplacer("&", "&amp;", `"`, "&quot;").Replace(string(page))
	frame := `<!DOCTYPE html><iframe style="width: 320px; height: 600px" srcdoc="` + escaped + `"></iframe>
<script>onload = () => { const d = document.querySelector("iframe").contentDocument, e = d.documentElement;
	document.body.dataset.over = e.scrollWidth - e.clientWidth;
	document.body.dataset.controls = [...d.querySelectorAll("button, input, summary, .scroll")]
		.filter(c => c.tabIndex < 0).length; }</script>`
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

func TestPage(t *testing.T) {
	page, err := example().Page()
	if err != nil {
		t.Fatal(err)
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
	search := `get("filter").value = "NET/"; get("filter").dispatchEvent(new Event("input"))`
	if rows, _, hits := count(search); rows != 12 || hits != 12 {
		t.Errorf("net: %d rows, %d dots marked", rows, hits)
	}
	click := `<script>document.querySelector("[data-key=redundant]").click()</script></body>`
	dom := chromium(t, strings.Replace(string(page), "</body>", click, 1))
	sorted := regexp.MustCompile(`(?s)aria-sort="descending"><button data-key="redundant">.*` +
		`<tbody><tr><td>kernel/net/nyyyyyyyyyyy.ko`)
	if !sorted.MatchString(dom) {
		t.Error("not sorted by what is redundant")
	}
}

func TestPageOfModulesWithoutDWARF(t *testing.T) {
	r := withoutDWARF()
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
