package native

import (
	"crypto/tls"
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/rfc"
)

// A certificate that may not sign others cannot make flawed ones: cases about them are not
// played, lest a client pass that refuses them all for that.
func TestAuthority(t *testing.T) {
	leaf := flawed(testPair(), cases.OtherName)
	for _, row := range []struct {
		conf *tls.Config
		want []cases.Need
	}{
		{nil, nil},
		{&tls.Config{Certificates: []tls.Certificate{testPair()}}, []cases.Need{cases.NeedTLS, cases.NeedAuthority}},
		{&tls.Config{Certificates: []tls.Certificate{leaf}}, []cases.Need{cases.NeedTLS}},
	} {
		if got := tlsNeeds(row.conf); !slices.Equal(got, row.want) {
			t.Errorf("got %v, want %v", got, row.want)
		}
	}
	for _, id := range []cases.ID{"S.2.3", "S.2.4"} {
		if c, _ := rfc.Find(id); !slices.Contains(c.Needs, cases.NeedAuthority) {
			t.Errorf("case %s needs no authority", id)
		}
	}
}
