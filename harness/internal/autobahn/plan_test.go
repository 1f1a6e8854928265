package autobahn_test

import (
	"slices"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness/internal/autobahn"
)

func TestSplit(t *testing.T) {
	all := catalogue.Of(cases.Autobahn)
	var want []cases.ID
	for _, c := range all {
		want = append(want, c.ID)
	}
	for _, row := range []struct {
		role  cases.Role
		parts int
	}{
		{cases.Server, 21}, // nine sections, five groups of section 12 and seven of section 13
		{cases.Client, 15}, // light, limits, a light one, and the same groups
	} {
		parts := autobahn.Split(all, row.role)
		var ids []cases.ID
		for _, p := range parts {
			ids = append(ids, p...)
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%v: the parts hold %d cases in some other order, want all %d in theirs", row.role, len(ids), len(want))
		}
		if len(parts) != row.parts {
			t.Errorf("%v: %d parts, want %d", row.role, len(parts), row.parts)
		}
	}
}

func TestLimit(t *testing.T) {
	for id, least := range map[cases.ID]time.Duration{
		"1.1.1": time.Second, "6.4.1": 2 * time.Second, "9.1.6": 100 * time.Second, "9.7.1": 60 * time.Second,
		"12.1.5": 480 * time.Second, "13.7.18": 480 * time.Second,
	} {
		c, ok := catalogue.Find(id)
		if !ok {
			t.Fatalf("no case %s", id)
		}
		if got := autobahn.Limit(c); got < least || got > least+15*time.Second {
			t.Errorf("limit of %s: %v, want a little more than %v", id, got, least)
		}
	}
}

func TestParseLine(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       cases.ID // of a case that begins
		agent      string
	}{
		{"case", "Running test case ID 12.1.1 for agent x/1 y from peer tcp4:127.0.0.1:1", "12.1.1", "x/1 y"},
		{"agent that poses as a case", "x Running test case ID 1.1.1 for agent", "", ""},
		{"no id", "Running test case ID ../x for agent", "", ""},
	} {
		if id, agent := autobahn.ParseCase(row.text); id != row.want || agent != row.agent {
			t.Errorf("%s: got case %q for agent %q, want %q for %q", row.name, id, agent, row.want, row.agent)
		}
	}
}
