package cases_test

import (
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
)

// What a case does is in its fingerprint, how it is worded is not.
func TestFingerprint(t *testing.T) {
	one := cases.Case{
		ID: "x.1", Title: "a title", Expect: "something", RFC: []string{"RFC 6455 5.2"},
		Conns: []cases.Conn{{Steps: []cases.Step{cases.Text("a"), cases.KillAfter{After: time.Second}}}},
		Want:  cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}}}},
	}
	sum := func(change func(*cases.Case)) string {
		c := one.Clone()
		change(&c)
		return cases.Fingerprint([]cases.Case{c})
	}
	same := sum(func(*cases.Case) {})
	if got := sum(func(c *cases.Case) { c.Title, c.Expect, c.RFC = "other", "words", nil }); got != same {
		t.Error("it depends on words")
	}
	for name, change := range map[string]func(*cases.Case){
		"id":      func(c *cases.Case) { c.ID = "x.2" },
		"payload": func(c *cases.Case) { c.Conns[0].Steps[0] = cases.Text("b") },
		"long payload": func(c *cases.Case) {
			c.Conns[0].Steps[0] = cases.Frame{Payload: cases.Data(append(make([]byte, 1<<20), 1))}
		},
		"length":  func(c *cases.Case) { c.Conns[0].Steps[0] = cases.Frame{Payload: cases.Repeat("a", 1<<20)} },
		"timer":   func(c *cases.Case) { c.Conns[0].Steps[1] = cases.KillAfter{After: 2 * time.Second} },
		"head":    func(c *cases.Case) { c.Conns[0].Head = cases.Head{cases.Without("Host")} },
		"deflate": func(c *cases.Case) { c.Conns[0].Deflate = &cases.Deflate{Offers: "permessage-deflate"} },
		"tls":     func(c *cases.Case) { c.Conns[0].TLS = &cases.TLS{Plain: true} },
		"crowd":   func(c *cases.Case) { c.Conns[0].Crowd = 10 },
		"beside":  func(c *cases.Case) { c.Conns[0].Beside = true },
		"after":   func(c *cases.Case) { c.Conns[0].After = time.Second },
		"want":    func(c *cases.Case) { c.Want = cases.Clauses{{Grade: cases.OK}} },
	} {
		if sum(change) == same {
			t.Errorf("another %s has the same fingerprint", name)
		}
	}
}
