package wstest

import "testing"

// The port of the page is the one on the command line, else the one in the
// configuration, else the default, which may be in use.
func TestWebPort(t *testing.T) {
	nine := 9
	for _, row := range []struct {
		name string
		args Args
		spec *Spec
		want webPort
	}{
		{"no configuration", Args{}, nil, webPort{defaultWebPort, false}},
		{"a configuration without the key", Args{}, &Spec{}, webPort{defaultWebPort, false}},
		{"the configuration", Args{}, &Spec{WebPort: &nine}, webPort{9, true}},
		{"the command line", Args{WebPort: 7, WebPortGiven: true}, &Spec{WebPort: &nine}, webPort{7, true}},
	} {
		c := &command{args: row.args}
		if got := c.webPort(row.spec); got != row.want {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
	}
}
