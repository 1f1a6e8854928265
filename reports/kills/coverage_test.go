package kills_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/fixtures/mutants/gateway"
	"github.com/wsconform/wsconform/internal/coverage"
	"github.com/wsconform/wsconform/internal/ledger"
	"github.com/wsconform/wsconform/reports/kills"
)

func TestOf(t *testing.T) {
	m := coverage.Of([]mutants.Kill{
		{Mutant: "mask-optional", Role: "server", RFC: []string{"M.1.1"}, Red: true},
		{Mutant: "never-echoes", Role: "server", Autobahn: []string{"1.1.2"}, AutobahnRed: true, Native: true, Red: true},
		{Mutant: "never-echoes", Role: "client"},
		{Mutant: "deflate-none", Role: "server", RFC: []string{"D.1.6"}}, // breaks nothing
		{Mutant: "accept-made", Role: "gateway", RFC: []string{"G.2.2"}, Red: true},
	})
	if m.Gateways != 1 || m.GatewaysKilled != 1 || m.Mutants != 3 || m.Ours != 2 || m.OursRed != 2 || m.Autobahn != 1 || m.OldRed != 1 || len(m.Alive) != 1 || m.Alive[0].Role != "client" {
		t.Errorf("got %+v", m)
	}
	if want := len(catalogue.All()) - 4; len(m.Idle) != want {
		t.Errorf("got %d idle cases, want %d", len(m.Idle), want)
	}
}

// The stored matrix is about mutants and cases that there are.
func TestStoredMatrix(t *testing.T) {
	for _, k := range mutants.Kills() {
		if k.Role == "gateway" {
			if _, ok := gateway.Find(k.Mutant); !ok {
				t.Errorf("there is no gateway %s: make kill-matrix", k.Mutant)
			}
			continue
		}
		m, ok := mutants.Find(k.Mutant)
		role := map[string]mutants.Roles{"server": mutants.Server, "client": mutants.Client}[k.Role]
		if !ok || role == 0 || !m.Roles.Has(role) {
			t.Errorf("there is no %s %s: make kill-matrix", k.Role, k.Mutant)
		}
		for _, id := range append(k.Autobahn, k.RFC...) {
			if _, ok := catalogue.Find(cases.ID(id)); !ok {
				t.Errorf("there is no case %s: make kill-matrix", id)
			}
		}
	}
	m := coverage.Of(mutants.Kills())
	if 100*m.Ours < 99*m.Mutants || m.Mutants < 300 || m.GatewaysKilled < m.Gateways {
		t.Errorf("the cases kill %d of %d mutants", m.Ours, m.Mutants)
	}
}

func TestRequirements(t *testing.T) {
	list := coverage.Requirements()
	if len(list) != len(ledger.All()) {
		t.Fatalf("got %d requirements", len(list))
	}
	for _, r := range list {
		want := map[string]coverage.State{
			"RFC6455-5.1-server-rejects-unmasked": coverage.Killed,
			"RFC6455-4.1-pac-uri":                 coverage.Outside,
			"RFC7692-7.2.1-max-32k":               coverage.Outside, // a case names it all the same
			"RFC9110-7.6.1-nominated":             coverage.Killed,  // by a gateway
			"RFC6455-5.4-proxy-reserved":          coverage.Killed,
		}[r.ID]
		if want != "" && r.State() != want {
			t.Errorf("%s: got %s, want %s", r.ID, r.State(), want)
		}
	}
	total := 0
	for _, tally := range coverage.Levels(list) {
		total += tally.Total
	}
	if total != len(list) {
		t.Errorf("the levels have %d of %d requirements", total, len(list))
	}
}

// What a gateway breaks is a requirement for intermediaries.
func TestGatewaysBreak(t *testing.T) {
	for _, m := range gateway.Catalogue {
		for _, id := range m.Breaks {
			if r, ok := ledger.Find(id); !ok || r.Role != ledger.Intermediary {
				t.Errorf("%s: %s binds no intermediary", m.Name, id)
			}
		}
	}
}

func TestWritePage(t *testing.T) {
	var page, text bytes.Buffer
	if err := kills.WritePage(&page); err != nil {
		t.Fatal(err)
	}
	if page.Len() > 1<<20 || strings.Contains(page.String(), "<script") || !strings.Contains(page.String(), "wsconform kills ") {
		t.Errorf("got a page of %d bytes", page.Len())
	}
	if err := kills.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	var out struct {
		Requirements []struct{ ID string } `json:"withoutKilling"`
	}
	if err := json.Unmarshal(text.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	var listed, want []string
	for _, r := range out.Requirements {
		listed = append(listed, r.ID)
	}
	_, left, _ := strings.Cut(page.String(), "Requirements without a killing case")
	for _, r := range coverage.Requirements() {
		if s := r.State(); s != coverage.Tested && s != coverage.Open {
			continue
		}
		want = append(want, r.ID)
		if !strings.Contains(left, r.ID) {
			t.Errorf("%s: not on the page", r.ID)
		}
	}
	if !slices.Equal(listed, want) {
		t.Errorf("without a killing case: got %v, want %v", listed, want)
	}
}
