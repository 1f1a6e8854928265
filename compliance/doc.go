// Package compliance holds the specifications of the reference peers: what a
// WebSocket server ([ws.AcceptNet]) and client ([ws.Dial]) owe the other end,
// octet by octet. There is nothing to import here; the specs are the tests.
//
// Start reading at framing_test.go. A spec opens a peer in a role, sends it
// frames, legal or not, and says what must come back:
//
//	w := open(ctx, server, setup{})
//	w.Send(text("no extension gives this bit a meaning").rsv(wsproto.RSV1))
//	Expect(w).To(FailWith(wsproto.StatusProtocolError))
//
// The far end of that connection (wire_test.go) judges every frame that the peer
// under spec sends, so masking, reserved bits, lengths and control frames are
// checked in all specs, not only in those about them. The connection is a pipe in
// memory (pipe_test.go) that ends as TCP does: in two halves, and with a reset
// where octets were left unread.
//
// autobahn_test.go has specs of another kind: it plays the catalogue of package
// cases against both peers, through the engine of package native, over loopback.
//
// # Running
//
//	go test ./compliance
//	go test ./compliance -v -ginkgo.v -ginkgo.label-filter='rfc6455-5.4'
//
// A run that matches no spec fails.
//
// # Labels
//
// Each spec is labelled with the sections that demand what it asks for, as
// rfcNUMBER-SECTION, and with the role of the peer under spec:
//
//	rfc6455-5.2                  one section
//	/^rfc6455-5[.]/              all of chapter 5
//	/^rfc7692/                   all of an RFC
//	rfc6455-5.4 && client        one role: client or server
//	autobahn:5                   a section of the Autobahn catalogue
//	autobahn: containsAny {6, 7} several
//	!/^autobahn/                 everything but those
//
// A filter in slashes is a regular expression. A label cannot contain any of
// &|!,()/, hence the dashes. The suite fails if a spec lacks the label of a section
// or of a role.
package compliance
