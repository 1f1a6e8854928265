package ws_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostNames is how many exported names the package may have. A new one takes the place
// of another.
const mostNames = 151

// TestNames counts what go doc -all lists: constants, variables, functions, types, their
// methods, those of interfaces too, and the fields of structs. What is embedded counts
// where it is declared.
func TestNames(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{} // a file of each platform may declare the same name
	add := func(owner string, list ...*ast.Ident) {
		for _, name := range list {
			if name.IsExported() {
				names[owner+name.Name] = true
			}
		}
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if owner, ok := receiver(d); ok {
					add(owner, d.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch s := spec.(type) {
					case *ast.ValueSpec:
						add("", s.Names...)
					case *ast.TypeSpec:
						add("", s.Name)
						for _, f := range members(s) {
							add(s.Name.Name+".", f.Names...)
						}
					}
				}
			}
		}
	}
	if len(names) < 100 {
		t.Fatalf("counted only %d names", len(names))
	}
	if len(names) > mostNames {
		list := make([]string, 0, len(names))
		for name := range names {
			list = append(list, name)
		}
		slices.Sort(list)
		t.Errorf("%d exported names, want at most %d:\n%s", len(names), mostNames, strings.Join(list, "\n"))
	}
}

// receiver is the exported type that the function is a method of, with a dot, or empty
// for none. It is false for methods of other types.
func receiver(d *ast.FuncDecl) (owner string, ok bool) {
	if d.Recv == nil {
		return "", true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	name, ok := typ.(*ast.Ident)
	if !ok || !name.IsExported() {
		return "", false
	}
	return name.Name + ".", true
}

// members are the fields of an exported struct, or the methods of such an interface.
func members(s *ast.TypeSpec) []*ast.Field {
	switch typ := s.Type.(type) {
	case *ast.StructType:
		if s.Name.IsExported() {
			return typ.Fields.List
		}
	case *ast.InterfaceType:
		if s.Name.IsExported() {
			return typ.Methods.List
		}
	}
	return nil
}
