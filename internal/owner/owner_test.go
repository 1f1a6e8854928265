package owner_test

import (
	"os"
	"testing"

	"github.com/wsconform/wsconform/internal/owner"
)

// What an owner is written as is read again, and nothing else.
func TestParse(t *testing.T) {
	self := owner.Self()
	if self.PID != os.Getpid() || self.Host == "" {
		t.Errorf("got %+v", self)
	}
	for _, o := range []owner.Owner{self, {Host: "h", Boot: "b", PID: 7}} {
		if got, ok := owner.Parse(o.String()); !ok || got != o {
			t.Errorf("%q: got %+v, %v, want %+v", o, got, ok, o)
		}
	}
	for _, s := range []string{"", "a b 7", "a b x 1", "a b 0 1", "a b -7 1", "a b 7 1 2"} {
		if got, ok := owner.Parse(s); ok {
			t.Errorf("%q: got %+v, want nothing", s, got)
		}
	}
}

// A process of another machine may live, one of an earlier boot does not, and a number that
// is used again is not the process that had it.
func TestMayLive(t *testing.T) {
	self := owner.Self()
	change := func(f func(*owner.Owner)) owner.Owner {
		o := self
		f(&o)
		return o
	}
	const none = 1<<22 + 1 // beyond the largest pid of Linux
	for name, row := range map[string]struct {
		o    owner.Owner
		want bool
	}{
		"this process":                {self, true},
		"without its time":            {change(func(o *owner.Owner) { o.Started = "" }), true},
		"another time":                {change(func(o *owner.Owner) { o.Started += "1" }), self.Started == ""},
		"an earlier boot":             {change(func(o *owner.Owner) { o.Boot += "x" }), false},
		"no such process":             {change(func(o *owner.Owner) { o.PID, o.Started = none, "" }), false},
		"no such process, at a time":  {change(func(o *owner.Owner) { o.PID, o.Started = none, "5" }), false},
		"another machine":             {change(func(o *owner.Owner) { o.Host, o.PID, o.Started = o.Host+"x", none, "" }), true},
		"another machine, other boot": {change(func(o *owner.Owner) { o.Host, o.Boot = o.Host+"x", "" }), true},
	} {
		if got := row.o.MayLive(self); got != row.want {
			t.Errorf("%s: got %v, want %v", name, got, row.want)
		}
	}
}
