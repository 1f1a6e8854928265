package casepage

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/atomicfile"
)

//go:embed *.tmpl style.css
var assets embed.FS

var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"class": class, "file": File, "capital": capital, "join": func(list []string) string { return strings.Join(list, " and ") },
	}).ParseFS(assets, "*.tmpl"))
})

// capital begins a title with a capital, unless its first word is one of a protocol, as
// server_max_window_bits is.
func capital(title string) string {
	word, _, _ := strings.Cut(title, " ")
	if word == "" || strings.Trim(strings.TrimSuffix(word, ","), "abcdefghijklmnopqrstuvwxyz") != "" {
		return title
	}
	return strings.ToUpper(title[:1]) + title[1:]
}

// class is the colour of a grade.
func class(grade any) string {
	switch fmt.Sprint(grade) {
	case string(cases.OK):
		return "ok"
	case string(cases.NonStrict), "pass-lenient":
		return "lenient"
	case string(cases.Failed), "fail", "crash", "timeout":
		return "bad"
	}
	return "other"
}

// File is the name of the page of a case.
func File(id cases.ID) string { return string(id) + ".html" }

// Write writes a page for each case, and index.html, into the folder. The pages need
// nothing but style.css beside them, and have no script. A nil comparison means that
// none is known.
func Write(dir string, list []cases.Case, known *Comparison) error {
	var page bytes.Buffer
	put := func(name string, write func(io.Writer) error) error {
		page.Reset()
		err := write(&page)
		if err == nil {
			err = keep(filepath.Join(dir, name), page.Bytes())
		}
		if err != nil {
			return fmt.Errorf("casepage: %s: %w", name, err)
		}
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("casepage: %w", err)
	}
	sheet, err := assets.ReadFile("style.css")
	if err != nil {
		return err
	}
	if err := put("style.css", func(w io.Writer) error { _, err := w.Write(sheet); return err }); err != nil {
		return err
	}
	for i, c := range list {
		p := view{Page: Of(c)}
		if known != nil {
			p.Failures, p.Compared = known.Failures[c.ID], known.Compared[c.ID]
		}
		if i > 0 {
			p.Before = list[i-1].ID
		}
		if i < len(list)-1 {
			p.After = list[i+1].ID
		}
		if err := put(File(c.ID), func(w io.Writer) error { return templates().ExecuteTemplate(w, "case.tmpl", p) }); err != nil {
			return err
		}
	}
	return put("index.html", func(w io.Writer) error { return templates().ExecuteTemplate(w, "index.tmpl", chapters(list)) })
}

// keep puts a page in place, unless it is there already: most runs write the same pages
// again. The first time there are hundreds of them, so each is written in one go where it
// is to be, not beside it and renamed. If that fails it is removed.
func keep(path string, page []byte) error {
	old, err := os.ReadFile(path)
	if err == nil && bytes.Equal(old, page) {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return atomicfile.Write(path, func(w io.Writer) error { _, err := w.Write(page); return err })
	}
	if err := os.WriteFile(path, page, 0o644); err != nil { //nolint:gosec // a report is for everyone
		_ = os.Remove(path)
		return err
	}
	return nil
}

// A view is a page with its neighbours.
type view struct {
	Page
	Before, After cases.ID
}

// ByRole lists the failures of one role.
func (v view) ByRole(role string) []Failure {
	var list []Failure
	for _, f := range v.Failures {
		if f.Role == role {
			list = append(list, f)
		}
	}
	return list
}

// A chapter is a section of the index.
type chapter struct {
	ID, Title string
	Cases     []cases.Case
}

func chapters(list []cases.Case) []chapter {
	titles := map[string]string{}
	for _, s := range sections() {
		titles[s.ID] = s.Title
	}
	var all []chapter
	for _, c := range list {
		id := c.ID.Group()
		if len(all) == 0 || all[len(all)-1].ID != id {
			title := titles[id]
			if parent := titles[c.ID.Section()]; parent != "" && c.ID.Section() != id {
				title = parent + ": " + cmp.Or(title, id)
			}
			all = append(all, chapter{ID: id, Title: title})
		}
		last := &all[len(all)-1]
		last.Cases = append(last.Cases, c)
	}
	return all
}
