// Package compliance specifies the reference peers: what a WebSocket server
// ([ws.AcceptNet]) and a client ([ws.Dial]) must send, byte by byte. There is nothing to
// import; the specs are the tests.
//
// Start reading at framing_test.go. A spec opens a peer in a role, sends it frames,
// legal or not, and says what must come back:
//
//	w := open(ctx, server, setup{})
//	w.Send(text("no extension gives this bit a meaning").rsv(wsproto.RSV1))
//	Expect(w).To(FailWith(wsproto.StatusProtocolError))
//
// The far end of that connection (wire_test.go) judges every frame that the peer sends.
// So all specs check masking, reserved bits, lengths and control frames. The connection
// is an in-memory pipe (pipe_test.go) that ends as TCP does: in two halves, and with a
// reset if bytes were left unread.
//
// autobahn_test.go has specs of another kind: it plays the catalogue of package cases
// against both peers, with package native, over loopback.
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
// Each spec has a label for each section that demands its behaviour, as
// rfcNUMBER-SECTION, and one for the role of the peer:
//
//	rfc6455-5.2                  one section
//	/^rfc6455-5[.]/              all of chapter 5
//	/^rfc7692/                   all of an RFC
//	rfc6455-5.4 && client        one role: client or server
//	autobahn:5                   a section of the Autobahn catalogue
//	autobahn: containsAny {6, 7} several sections
//	!/^autobahn/                 everything else
//
// A filter in slashes is a regular expression. A label cannot contain any of &|!,()/,
// hence the dashes. The suite fails if a spec has no label for a section or for a role.
package compliance
