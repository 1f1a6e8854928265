package oneplace

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Only ws is a library. What the other packages export is for each other, and each name costs
// who reads them: functions, types, constants, variables and methods of exported types.
const mostExported = 500

func TestExportedNames(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for dir := range packagesOf(t, root) {
		top, _, _ := strings.Cut(dir, "/")
		if top == "ws" || top == "docs" || top == "compliance" || strings.Contains("/"+dir+"/", "/internal/") {
			continue
		}
		names := map[string]bool{} // a file of each platform may declare the same name
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				for _, name := range exported(d) {
					names[name] = true
				}
			}
		}
		total += len(names)
		if len(names) > 0 {
			t.Logf("%3d %s", len(names), dir)
		}
	}
	if total < 300 || total > mostExported {
		t.Errorf("%d names are exported outside ws and internal, at most %d should be", total, mostExported)
	}
}

// exported lists what a declaration exports.
func exported(d ast.Decl) (names []string) {
	add := func(owner string, ids ...*ast.Ident) {
		for _, id := range ids {
			if id.IsExported() {
				names = append(names, owner+id.Name)
			}
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		owner := ""
		if d.Recv != nil {
			of := d.Recv.List[0].Type
			if star, ok := of.(*ast.StarExpr); ok {
				of = star.X
			}
			if index, ok := of.(*ast.IndexExpr); ok {
				of = index.X
			}
			id, ok := of.(*ast.Ident)
			if !ok || !id.IsExported() {
				return nil
			}
			owner = id.Name + "."
		}
		add(owner, d.Name)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				add("", s.Name)
			case *ast.ValueSpec:
				add("", s.Names...)
			}
		}
	}
	return names
}
