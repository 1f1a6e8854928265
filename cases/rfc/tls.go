package rfc

import (
	"crypto/tls"
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
)

var onTLS = []cases.Need{cases.NeedTLS}

// secure is S: TLS beneath.
func secure() []cases.Case {
	return []cases.Case{
		{
			ID: "S.1.1", Title: "an echo over TLS 1.2, over TLS 1.3, and over what both sides like best", Roles: onlyServers, Needs: onTLS,
			Requirements: []string{"RFC6455-10.6-tls-support", "RFC6455-4.2.2-tls", "RFC6455-4.1-tls-all-traffic"},
			Conns: []cases.Conn{
				{TLS: &cases.TLS{Only: tls.VersionTLS12}, Steps: probed, Want: thisVersion},
				{TLS: &cases.TLS{Only: tls.VersionTLS13}, Steps: probed, Want: thisVersion},
				{Steps: probed},
			},
			Want: echoed(cases.GotText(cases.Data([]byte(probe)))),
		},
		{
			ID: "S.1.2", Title: "a request without TLS to a TLS port", Roles: onlyServers, Needs: onTLS,
			Requirements: []string{"RFC6455-4.2.2-tls"},
			Conns:        []cases.Conn{{TLS: &cases.TLS{Plain: true}, Steps: probed}, survived},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Either{
				status4xx, cases.Every{check.NoAnswer{}, check.Ends{Within: refusal}},
			}}}},
		},
		{
			ID: "S.1.3", Title: "offers of http/1.1, of h2 and http/1.1, and of an unknown protocol", Roles: onlyServers, Needs: onTLS,
			Requirements: []string{"RFC7301-3.2-no-overlap", "RFC7301-3.2-h2-only"},
			Conns: []cases.Conn{
				{TLS: &cases.TLS{Protocols: []string{"http/1.1"}}, Steps: probed, Want: accepted},
				{
					TLS: &cases.TLS{Protocols: []string{"h2", "http/1.1"}}, Steps: probed,
					Want: cases.Clauses{
						{Grade: cases.OK, Checks: cases.Every{check.Either{check.Chose{Protocol: "http/1.1"}, check.Chose{}}, probeEchoed}},
						{Grade: cases.OK, Checks: cases.Every{check.Chose{Protocol: "h2"}, check.Quiet{}}}, // which has no upgrade
					},
				},
				{TLS: &cases.TLS{Protocols: []string{"x-unknown"}}, Steps: probed},
				survived,
			},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Alert{"no application protocol"}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Either{
					cases.Every{check.Chose{}, probeEchoed}, check.Alerted{}, cases.Every{check.NoAnswer{}, check.Ends{Within: refusal}},
				}}},
			},
		},
		{
			ID: "S.1.4", Title: "a server name in TLS that is not that of Host", Roles: onlyServers, Level: cases.Informing, Needs: onTLS,
			Requirements: []string{"RFC6066-3-sni-authority", "RFC6455-4.2.2-tls"},
			Conns:        []cases.Conn{{TLS: &cases.TLS{Name: "a.test"}, Steps: probed}, survived},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Either{probeEchoed, status4xx}}},
				{Grade: cases.Informational, Checks: cases.Every{check.Either{
					check.Alerted{}, cases.Every{check.NoAnswer{}, check.Ends{Within: refusal}},
				}}},
			},
		},
		{
			// Without close_notify nobody can tell the end from a cut.
			ID: "S.1.5", Title: "the end of TLS behind the closing handshake", Roles: onlyServers, Needs: onTLS,
			Requirements: []string{"RFC6455-7.1.1-clean-close", "RFC6455-4.2.2-tls"},
			Conns:        []cases.Conn{{Steps: probed}},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{probeEchoed, check.Clean{}, check.Alert{transcript.CloseNotify}}},
				{Grade: cases.NonStrict, Checks: cases.Every{probeEchoed, check.Clean{}, check.NotReset{}}},
			},
		},
		{
			ID: "S.1.6", Title: "a message in records of one byte, and twenty in one record", Needs: onTLS,
			Requirements: []string{"RFC6455-6.2-parse-frames"},
			Conns: []cases.Conn{
				{Steps: []cases.Step{cases.Frame{Opcode: 2, Payload: ofSize(1000)}.Chopped(1), answered}, Want: echoed(binaries([]int{1000})...)},
				{
					Steps: append(slices.Repeat([]cases.Step{cases.Text(probe)}, 20), cases.Pause{For: failure, Until: 20}),
					Want:  echoed(slices.Repeat([]transcript.Event{cases.GotText(cases.Data([]byte(probe)))}, 20)...),
				},
			},
			Want: accepted,
		},
		{
			ID: "S.1.7", Title: "a record that cannot be decrypted", Needs: onTLS,
			Requirements: []string{"RFC6455-4.2.2-tls", "RFC6455-4.1-tls-all-traffic"},
			Conns: conns([]cases.Step{
				cases.RawTLS("\x17\x03\x03\x00\x12wsconform wsconform"[:23]), cases.Await{For: failure},
			}),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Dropped{Within: failure}}}},
		},
		{
			ID: "S.1.8", Title: "the end of TCP without that of TLS, in the middle of a message", Needs: onTLS,
			Requirements: []string{"RFC6455-7.2.1-transport-lost", "RFC6455-7.1.5-code-1006", "RFC6455-7.1.4-clean"},
			Conns: conns([]cases.Step{
				cases.Text(probe).More(), cases.Truncate{}, cases.Await{For: failure},
			}),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Ends{Within: failure}}}},
		},
	}
}

// secureClients is S.2: what a client asks of TLS.
func secureClients() []cases.Case {
	return []cases.Case{
		{
			ID: "S.2.1", Title: "TLS before anything else, with the name of the server", Roles: onlyClients, Needs: []cases.Need{cases.NeedTLS, cases.NeedURL},
			Requirements: []string{"RFC6455-4.1-tls-first", "RFC6455-4.1-tls-all-traffic", "RFC6455-10.6-tls-support", "RFC6455-4.1-sni"},
			Conns:        []cases.Conn{{URL: "wss://localhost:{port}/", TLS: &cases.TLS{Protocols: []string{"http/1.1"}}}},
			Want:         cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.NamesServer{Name: "localhost"}, check.Targets{"/"}}}},
		},
		{
			// Some servers end the handshake at such a name.
			ID: "S.2.2", Title: "TLS with an address, which is no name", Roles: onlyClients, Needs: []cases.Need{cases.NeedTLS, cases.NeedURL},
			Requirements: []string{"RFC6066-3-no-ip"},
			Conns:        []cases.Conn{{URL: "wss://{host}:{port}/"}},
			Want:         cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.NamesServer{}, check.Targets{"/"}}}},
		},
		{
			// Without any of these checks everybody on the way can read along.
			ID: "S.2.3", Title: "certificates that nobody has signed, that have expired, and for another name", Roles: onlyClients, Needs: verifying,
			Requirements: []string{"RFC6455-4.1-tls-failure"},
			Conns: []cases.Conn{
				{URL: "wss://localhost:{port}/", Want: targeted("/")},
				showing(cases.Untrusted), showing(cases.Expired), showing(cases.OtherName),
			},
			Want: distrusted,
		},
		{
			ID: "S.2.4", Title: "a wildcard for a name two levels down, and a name in the common name alone", Roles: onlyClients, Needs: verifying,
			Requirements: []string{"RFC6455-4.1-tls-failure"},
			Conns: []cases.Conn{
				{URL: "wss://localhost:{port}/", Want: targeted("/")},
				{
					URL: "wss://a.b.localhost:{port}/", TLS: &cases.TLS{Certificate: cases.WildcardName},
					Want: also(distrusted, cases.Clause{Grade: cases.Informational, Checks: cases.Every{check.NoRequest{}}}), // it did not find us
				},
				showing(cases.CommonName),
			},
			Want: also(distrusted, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{check.Targets{"/"}}}),
		},
		{
			ID: "S.2.5", Title: "a server that would rather speak h2", Roles: onlyClients, Level: cases.Should, Needs: []cases.Need{cases.NeedTLS, cases.NeedURL},
			Requirements: []string{"RFC7301-3.2-h2-only"},
			Conns:        []cases.Conn{{URL: "wss://localhost:{port}/", TLS: &cases.TLS{Protocols: []string{"h2", "http/1.1"}}}},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Not{Check: check.Chose{Protocol: "h2"}}, check.Targets{"/"}}},
				{Grade: cases.OK, Checks: cases.Every{check.Chose{Protocol: "h2"}, check.Either{check.NoRequest{}, check.Targets{"*"}}}}, // its preface
			},
		},
	}
}

var (
	verifying = []cases.Need{cases.NeedTLS, cases.NeedURL, cases.NeedVerify, cases.NeedAuthority}

	// distrusted grades certificates that a client must not take. How TLS ended shows that
	// it came so far.
	distrusted = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.NoRequest{}, check.Either{
		check.Alerted{}, check.Ends{Within: refusal},
	}}}}
)

// showing is a connection to localhost with a flawed certificate.
func showing(c cases.Certificate) cases.Conn {
	return cases.Conn{URL: "wss://localhost:{port}/", TLS: &cases.TLS{Certificate: c}}
}

// thisVersion grades a version of TLS that a server need not have.
var thisVersion = also(echoed(cases.GotText(cases.Data([]byte(probe)))), cases.Clause{
	Grade: cases.Informational, Checks: cases.Every{check.Either{
		check.Alert{"protocol version not supported", "handshake failure"}, cases.Every{check.NoAnswer{}, check.Ends{Within: refusal}},
	}},
})
