package cases

import (
	"fmt"
	"strings"
)

// TLS is what a connection of a case changes in the usual TLS. The zero value changes
// nothing.
type TLS struct {
	Plain     bool     // no TLS at all, on a port that speaks it
	Only      uint16   // the one version that is offered, such as 0x0303 for TLS 1.2; 0 means the usual ones
	Protocols []string // offered by ALPN in place of http/1.1
	Name      string   // of the server, sent as SNI in place of its own
	// Certificate is the one that a client gets, in place of the usual one.
	Certificate Certificate
}

// A Certificate says what is wrong with that of a server.
type Certificate string

// The certificates. All but the first are signed by the authority that the client is told
// to trust.
const (
	Untrusted    Certificate = "signed by nobody"
	Expired      Certificate = "that has expired"
	OtherName    Certificate = "for other.test"
	CommonName   Certificate = "that has its name, localhost, in the common name alone"
	WildcardName Certificate = "for *.localhost"
)

func (t *TLS) String() string {
	var words []string
	if t.Plain {
		words = append(words, "without TLS")
	}
	if t.Only != 0 {
		words = append(words, fmt.Sprintf("with TLS 1.%d alone", t.Only-0x0301))
	}
	if len(t.Protocols) > 0 {
		words = append(words, "offering by ALPN "+strings.Join(t.Protocols, ", "))
	}
	if t.Name != "" {
		words = append(words, "with the server name "+t.Name)
	}
	if t.Certificate != "" {
		words = append(words, "showing a certificate "+string(t.Certificate))
	}
	return "connect " + strings.Join(words, ", ")
}
