// SPDX-License-Identifier: GPL-2.0-only

// coverage PROFILE... - what tests of this module execute, by package: statements, and error paths.
//
// An error path is what is done when something went wrong: the body of an if that finds an error, or a body that ends in the return of
// a new one.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/tools/cover"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "coverage: %v\n", err)
		os.Exit(1)
	}
}

// share is of a number of things, how many were executed.
type share struct{ done, all int }

func (s *share) add(n int, executed bool) {
	s.all += n
	if executed {
		s.done += n
	}
}

func (s *share) String() string {
	if s.all == 0 {
		return "-"
	}
	return fmt.Sprintf("%5d of %5d %5.1f %%", s.done, s.all, 100*float64(s.done)/float64(s.all))
}

type row struct{ statements, errorPaths share }

func run(files []string) error {
	module, err := modulePath()
	if err != nil {
		return err
	}
	rows := map[string]*row{}
	total := &row{}
	for _, file := range files {
		profiles, err := cover.ParseProfiles(file) // blocks that several test binaries have are merged
		if err != nil {
			return err
		}
		for _, p := range profiles {
			name := strings.TrimPrefix(p.FileName, module+"/")
			r := rows[path.Dir(name)]
			if r == nil {
				r = &row{}
				rows[path.Dir(name)] = r
			}
			bodies, err := errorPaths(name)
			if err != nil {
				return err
			}
			for _, b := range p.Blocks {
				for _, r := range []*row{r, total} {
					r.statements.add(b.NumStmt, b.Count > 0)
					if bodies[position{b.StartLine, b.StartCol}] {
						r.errorPaths.add(1, b.Count > 0)
					}
				}
			}
		}
	}
	var names []string
	for name := range rows {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Printf("%-24s %-25s %s\n", "coverage", "statements", "error paths")
	for _, name := range names {
		fmt.Printf("%-24s %-25s %s\n", name, &rows[name].statements, &rows[name].errorPaths)
	}
	fmt.Printf("%-24s %-25s %s\n", "all", &total.statements, &total.errorPaths)
	return nil
}

func modulePath() (string, error) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(text), "module ")
	name, _, _ := strings.Cut(rest, "\n")
	return name, nil
}

type position struct{ line, column int }

// errorPaths are where the bodies begin that are error paths, as profiles tell positions: of the opening brace, or of a case's colon.
func errorPaths(file string) (map[position]bool, error) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	found := map[position]bool{}
	add := func(at token.Pos, body []ast.Stmt, failed bool) {
		if failed || len(body) > 0 && returnsNewError(body[len(body)-1]) {
			p := set.Position(at)
			found[position{p.Line, p.Column}] = true
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			add(n.Body.Lbrace, n.Body.List, findsError(n.Cond))
			if otherwise, ok := n.Else.(*ast.BlockStmt); ok {
				add(otherwise.Lbrace, otherwise.List, false)
			}
		case *ast.CaseClause:
			failed := slices.ContainsFunc(n.List, findsError)
			add(n.Colon+1, n.Body, failed)
		}
		return true
	})
	return found, nil
}

// findsError tells whether a condition is that there is an error.
func findsError(cond ast.Expr) (found bool) {
	ast.Inspect(cond, func(n ast.Node) bool {
		b, ok := n.(*ast.BinaryExpr)
		if !ok || b.Op != token.NEQ {
			return true
		}
		if nothing, ok := b.Y.(*ast.Ident); !ok || nothing.Name != "nil" {
			return true
		}
		name := ""
		switch x := b.X.(type) {
		case *ast.Ident:
			name = x.Name
		case *ast.SelectorExpr:
			name = x.Sel.Name
		}
		found = found || strings.HasSuffix(strings.ToLower(name), "err")
		return true
	})
	return found
}

// returnsNewError tells whether a statement returns what fmt.Errorf, errors.New, or a helper called fail or refuse makes.
func returnsNewError(s ast.Stmt) (found bool) {
	r, ok := s.(*ast.ReturnStmt)
	if !ok {
		return false
	}
	ast.Inspect(r, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch f := call.Fun.(type) {
		case *ast.Ident:
			found = found || f.Name == "fail" || f.Name == "refuse"
		case *ast.SelectorExpr:
			found = found || slices.Contains([]string{"Errorf", "New", "fail", "refuse"}, f.Sel.Name)
		}
		return true
	})
	return found
}
