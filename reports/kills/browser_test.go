package kills_test

import (
	"path/filepath"
	"testing"

	"github.com/wsconform/wsconform/internal/browsertest"
	"github.com/wsconform/wsconform/reports/kills"
)

// looks are the views of the page, and what a reader must see there.
var looks = []struct {
	view browsertest.View
	want []string
}{
	{browsertest.View{}, []string{"wsconform kills", "Requirements without a killing case", "MUST NOT", "mask-optional"}},
	{browsertest.View{Width: 400, Dark: true}, []string{"wsconform kills", "MUST NOT", "mask-optional"}},
}

func TestBrowserShows(t *testing.T) {
	browser := browsertest.Start(t)
	dir := t.TempDir()
	if err := kills.Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, row := range looks {
		t.Run("kills.html"+row.view.Name(), func(t *testing.T) {
			browser.Open(t, filepath.Join(dir, "kills.html"), row.view).Check(t, row.want...)
		})
	}
}

func TestBrowserAccessibility(t *testing.T) {
	axe := browsertest.Axe(t)
	browser := browsertest.Start(t)
	dir := t.TempDir()
	if err := kills.Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, row := range looks {
		t.Run("kills.html"+row.view.Name(), func(t *testing.T) {
			for _, v := range browser.Open(t, filepath.Join(dir, "kills.html"), row.view).Violations(t, axe) {
				t.Errorf("%s (%s): %d elements, such as %.200s", v.ID, v.Impact, len(v.Nodes), v.Nodes[0])
			}
		})
	}
}
