package native

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/rfc"
	"github.com/wsconform/wsconform/fixtures/mutants"
)

// lenient are the mutants, by case, that a case at the level of MUST or ROBUSTNESS tells from a
// good peer, but does not fail: a conformant peer may do the same, or ends the connection in
// another legal way. The words say why; the name of a role behind that of a mutant limits them
// to that role. Every other killer of such a case fails it.
var lenient = map[cases.ID]map[string]string{
	"C.1.14": {"close-reason-cut-accepted": "text has to be checked by who interprets it (RFC 6455 §8.1); a peer may leave a reason unread"},
	"C.1.9":  {"close-1012-refused": "RFC 6455 §7.4.2 defines none of these codes; a peer that does not know them closes with 1002, an answer all the same"},
	"D.3.16": {"deflate-context-lost": "no sentence of RFC 7692 says that the window outlives a final block, and many inflaters start over"},
	"D.4.9":  {"inflate-errors": "what came back is all of the message; only the bytes behind its final block are passed over"},
	"F.1.1":  {"long-form-accepted": "the shortest form binds the sender (RFC 6455 §5.2); no sentence has a receiver fail"},
	"F.1.2":  {"long-form-accepted": "as in F.1.1"},
	"F.1.3":  {"long-form-accepted": "as in F.1.1"},
	"F.1.6":  {"sum-wraps": "a peer without a limit waits for the payload as well; L.2.12 declares one"},
	"F.1.15": {"fails-late": "it fails the connection, only later"},
	"H.1.11": {
		"request-version-8-accepted": "a server may speak version 8 as well",
		"refusal-426-bare":           "the refusal itself is right, and names the version",
	},
	"H.1.13":  {"refusal-426-bare": "as in H.1.11"},
	"H.1.19":  {"request-upgrade-alone-demanded": "no server has to upgrade (RFC 9110 §7.8)"},
	"H.1.30":  {"early-lost": "the client breaks a rule itself: it has to wait for the response (RFC 6455 §4.1)"},
	"H.2.2":   {"nonce-pad-bits": "the sample key of RFC 6455 §4.1 has such bits (erratum 3150)"},
	"H.2.16":  {"response-http-1.0-accepted": "the version in the response is not among what a client has to check (RFC 6455 §4.1)"},
	"H.4.2":   {"request-upgrade-first-demanded": "no server has to upgrade (RFC 9110 §7.8)"},
	"H2.1.11": {"h2-end-reset": "the closing handshake is complete, so no message is lost by how the stream ends"},
	"H2.2.2":  {"h2-asks-key": "RFC 8441 §5 says that the key plays no part, not that it must not come; undici sends one"},
	"L.1.1":   {"handshake-patient": "no standard names a limit in time; the others are served"},
	"L.1.2":   {"handshake-patient": "as in L.1.1"},
	"L.2.1":   {"length-crash client": "a client that dies looks here like one that ends TCP; the runner sees its death"},
	"L.2.10":  {"pong-late": "that a pong comes as soon as is practical is a SHOULD (RFC 6455 §5.5.2)"},
	"L.2.11":  {"limit-control": "a peer may refuse a message of any size with 1009"},
	"O.2.3":   {"url-port": "a Host with the default port means the same (RFC 9110 §4.2.3)"},
	"P.1.6":   {"request-protocol-form-accepted": "a server that looks for its own name need not read the list as one"},
	"P.4.5":   {"extension-quotes-refused": "a client may refuse a response that it does not want"},
	"S.2.4":   {"tls-trusts-common": "RFC 6125 §6.4.4 allows the common name as a last resort"},
	"X.1.5": {
		"request-http-1.1-demanded": "a server may refuse a minor version that it does not know, with 505 (RFC 9110 §15.6.6)",
		"request-http-2.0-accepted": "505 can be sent for another major version, and need not (RFC 9110 §15.6.6)",
	},
	"X.1.14": {"request-no-colon-accepted": "to refuse what breaks the grammar of HTTP is a SHOULD (RFC 9112 §2.2)"},
	"X.1.21": {"refusal-endless": "such a body lasts as long as TCP (RFC 9112 §6.3), and no sentence says how long that is"},
	"X.1.34": {"request-target-accepted": "to refuse an invalid request line is a SHOULD (RFC 9112 §3.2)"},
}

// strict reports whether a failure of the case fails the gate.
func strict(c cases.Case) bool { return c.Level == cases.Must || c.Level == cases.Robustness }

// wantedOf is the grade that a killer is to get: not that of a good peer, and FAILED where a
// failure of the case has to fail the gate. What is lenient is so by review, not by chance.
func wantedOf(c cases.Case, m mutants.Mutant, role mutants.Roles) func(cases.Behavior) bool {
	switch {
	case !strict(c):
		return func(b cases.Behavior) bool { return b != cases.OK }
	case excusedBy(c, m, role) != "":
		return func(b cases.Behavior) bool { return b != cases.OK && b != cases.Failed }
	}
	return func(b cases.Behavior) bool { return b == cases.Failed }
}

// excusedBy is why a kill is lenient, or "".
func excusedBy(c cases.Case, m mutants.Mutant, role mutants.Roles) string {
	return cmp.Or(lenient[c.ID][m.Name], lenient[c.ID][m.Name+" "+roleName(role)])
}

func wantedWords(c cases.Case, m mutants.Mutant, role mutants.Roles) string {
	switch {
	case excusedBy(c, m, role) != "":
		return "want it told from a good peer, leniently: if it fails now, take it off the list"
	case strict(c):
		return "want FAILED, or a reviewed reason in the list lenient"
	}
	return "want it told from a good peer"
}

// TestLenient keeps the list of lenient kills free of what is no longer there, and demands a
// killer that fails each case, in each role that the case is for.
func TestLenient(t *testing.T) {
	for id, list := range lenient {
		c, ok := rfc.Find(id)
		if !ok || !strict(c) {
			t.Errorf("no case %s whose failure fails the gate", id)
		}
		for name, why := range list {
			name, _, _ = strings.Cut(name, " ")
			if !slices.Contains(killers[id], name) {
				t.Errorf("case %s: %s is none of its killers", id, name)
			}
			if len(strings.Fields(why)) < 3 {
				t.Errorf("case %s, %s: a reason is missing", id, name)
			}
		}
	}
	for _, c := range rfc.All() {
		for role, as := range map[mutants.Roles]cases.Role{mutants.Server: cases.Server, mutants.Client: cases.Client} {
			if !strict(c) || !c.For(as) {
				continue
			}
			list, _ := killersOf(t, c, role)
			if !slices.ContainsFunc(list, func(m mutants.Mutant) bool { return excusedBy(c, m, role) == "" }) && !slices.Contains(mild, string(c.ID)+" "+roleName(role)) {
				t.Errorf("case %s, %s: no mutant fails it", c.ID, roleName(role))
			}
		}
	}
}

// mild are cases and roles without a mutant that fails.
var mild = []string{
	"L.2.1 client", // what should fail dies, which the runner sees
}
