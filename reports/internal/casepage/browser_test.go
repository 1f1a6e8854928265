package casepage_test

import (
	"path/filepath"
	"testing"

	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/internal/browsertest"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/reports/internal/casepage"
)

// looks are pages, and what a reader must see there.
var looks = []struct {
	file string
	view browsertest.View
	want []string
}{
	{"index.html", browsertest.View{}, []string{"The cases", "server_max_window_bits from 8 to 15", "A close frame without a body"}},
	{"index.html", browsertest.View{Width: 400, Dark: true}, []string{"The cases", "D.1"}},
	{"M.1.1.html", browsertest.View{}, []string{"A text frame without a mask", "websockets/ws#1681", "RFC 6455 5.1"}},
	{"M.1.1.html", browsertest.View{Width: 400, Dark: true}, []string{"A text frame without a mask"}},
	{"5.15.html", browsertest.View{}, []string{"5.15"}},
}

func writePages(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	list, err := pattern.Select(catalogue.All(), []string{"C.1.*", "D.1.*", "G.4.2", "M.1.1", "5.15"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := casepage.Write(dir, list, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestBrowserShows(t *testing.T) {
	browser := browsertest.Start(t)
	dir := writePages(t)
	for _, row := range looks {
		t.Run(row.file+row.view.Name(), func(t *testing.T) {
			browser.Open(t, filepath.Join(dir, row.file), row.view).Check(t, row.want...)
		})
	}
}

func TestBrowserAccessibility(t *testing.T) {
	axe := browsertest.Axe(t)
	browser := browsertest.Start(t)
	dir := writePages(t)
	for _, row := range looks {
		t.Run(row.file+row.view.Name(), func(t *testing.T) {
			for _, v := range browser.Open(t, filepath.Join(dir, row.file), row.view).Violations(t, axe) {
				t.Errorf("%s (%s): %d elements, such as %.200s", v.ID, v.Impact, len(v.Nodes), v.Nodes[0])
			}
		})
	}
}
