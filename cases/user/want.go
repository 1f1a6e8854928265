package user

import (
	"errors"
	"fmt"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Clause is a grade and what must hold for it. The checks are those of the suites; those
// that are not set ask nothing.
type Clause struct {
	Grade     string  `yaml:"grade,omitempty" json:"grade,omitempty"`         // OK (the default), NON-STRICT or INFORMATIONAL
	Status    []int   `yaml:"status,omitempty" json:"status,omitempty"`       // of the response: one, or from and to
	Open      bool    `yaml:"open,omitempty" json:"open,omitempty"`           // the opening handshake is completed
	Echo      *string `yaml:"echo,omitempty" json:"echo,omitempty"`           // this text comes back, once
	Pong      *string `yaml:"pong,omitempty" json:"pong,omitempty"`           // a pong with this payload comes
	Messages  *int    `yaml:"messages,omitempty" json:"messages,omitempty"`   // so many come
	Quiet     bool    `yaml:"quiet,omitempty" json:"quiet,omitempty"`         // no message, and no pong in answer
	Close     []int   `yaml:"close,omitempty" json:"close,omitempty"`         // a close frame with one of these codes; 0 is none
	Dropped   string  `yaml:"dropped,omitempty" json:"dropped,omitempty"`     // TCP is ended without a close frame within this time
	Ends      string  `yaml:"ends,omitempty" json:"ends,omitempty"`           // TCP is ended within this time
	OfItself  bool    `yaml:"ofItself,omitempty" json:"ofItself,omitempty"`   // before we close or end our direction
	Clean     bool    `yaml:"clean,omitempty" json:"clean,omitempty"`         // the closing handshake is completed
	NoOffence bool    `yaml:"noOffence,omitempty" json:"noOffence,omitempty"` // the peer breaks no rule
}

// Want returns the clauses as a case has them.
func Want(list []Clause) (cases.Clauses, error) {
	if len(list) == 0 {
		return nil, errors.New("nothing is wanted: want needs at least one clause")
	}
	var out cases.Clauses
	for i, c := range list {
		one, err := c.clause()
		if err != nil {
			return nil, fmt.Errorf("want %d: %w", i+1, err)
		}
		out = append(out, one)
	}
	return out, nil
}

func (c Clause) clause() (cases.Clause, error) {
	out := cases.Clause{Grade: cases.OK}
	switch g := cases.Behavior(c.Grade); g {
	case "":
	case cases.OK, cases.NonStrict, cases.Informational:
		out.Grade = g
	default:
		return out, fmt.Errorf("grade %q: must be OK, NON-STRICT or INFORMATIONAL", clip(c.Grade))
	}
	add := func(on bool, one cases.Check) {
		if on {
			out.Checks = append(out.Checks, one)
		}
	}
	switch len(c.Status) {
	case 0:
	case 1, 2:
		add(true, check.Status{From: c.Status[0], To: c.Status[len(c.Status)-1]})
	default:
		return out, errors.New("status: must be one status, or the first and the last")
	}
	add(c.Open, check.Open{})
	if c.Echo != nil {
		add(true, cases.Echoed{Text: *c.Echo})
	}
	if c.Pong != nil {
		add(true, cases.Answered{Payload: *c.Pong})
	}
	if c.Messages != nil {
		add(true, check.Tally{Messages: *c.Messages})
	}
	add(c.Quiet, check.Quiet{})
	if len(c.Close) > 0 {
		var codes check.Code
		for _, n := range c.Close {
			if n < 0 || n > 65535 {
				return out, fmt.Errorf("close: %d is no code", n)
			}
			codes = append(codes, wsproto.StatusCode(n))
		}
		add(true, codes)
	}
	for _, one := range []struct {
		name, text string
		check      func(time.Duration) cases.Check
	}{
		{"dropped", c.Dropped, func(d time.Duration) cases.Check { return check.Dropped{Within: d} }},
		{"ends", c.Ends, func(d time.Duration) cases.Check { return check.Ends{Within: d} }},
	} {
		if one.text == "" {
			continue
		}
		d, err := time.ParseDuration(one.text)
		if err != nil || d <= 0 || d > time.Hour {
			return out, fmt.Errorf("%s: %q is not a time such as 2s", one.name, clip(one.text))
		}
		add(true, one.check(d))
	}
	add(c.OfItself, check.OfItself{})
	add(c.Clean, check.Clean{})
	add(c.NoOffence, check.NoOffence{})
	if len(out.Checks) == 0 {
		return out, errors.New("it asks nothing")
	}
	return out, nil
}
