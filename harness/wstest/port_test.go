package wstest

import "testing"

// The port of the page is the one on the command line, else the one in the
// configuration, else the default, which may be in use.
func TestWebPort(t *testing.T) {
	nine := 9
	for _, row := range []struct {
		name string
		args arguments
		spec *specification
		want webPort
	}{
		{"no configuration", arguments{}, nil, webPort{defaultWebPort, false}},
		{"a configuration without the key", arguments{}, &specification{}, webPort{defaultWebPort, false}},
		{"the configuration", arguments{}, &specification{WebPort: &nine}, webPort{9, true}},
		{"the command line", arguments{WebPort: 7, WebPortGiven: true}, &specification{WebPort: &nine}, webPort{7, true}},
	} {
		c := &command{args: row.args}
		if got := c.webPort(row.spec); got != row.want {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
	}
}
