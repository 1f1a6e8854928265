package native

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// headBound is the most that the head of a request or a response may measure.
const headBound = 64 << 10

// errHeadTooLong says that a peer's handshake exceeded headBound.
var errHeadTooLong = errors.New("the head of the handshake is longer than 64 KiB")

// A head is the head of an HTTP message, and the bytes that came behind it.
type head struct {
	wire.Head
	text  string // as received, with the empty line
	early []byte
}

// readHead reads up to the empty line. It takes what comes in one read, as a
// peer may send its first frames along with the handshake. Whether its lines are
// fields is for the caller to look at.
func readHead(r io.Reader) (head, error) {
	buf := make([]byte, 0, 4<<10)
	for {
		if i := bytes.Index(buf, []byte("\r\n\r\n")); i >= 0 && i <= headBound {
			text := string(buf[:i+4])
			return head{Head: wire.ParseHead(text), text: text, early: bytes.Clone(buf[i+4:])}, nil
		}
		if len(buf) >= headBound {
			return head{text: string(buf)}, errHeadTooLong
		}
		buf = slices.Grow(buf, 4<<10)
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if n == 0 && err != nil {
			return head{text: string(buf)}, err
		}
	}
}

// clip shortens what is quoted in a message.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

// checkResponse says whether a server's response opens the connection (RFC
// 6455 §4.1), and what it agrees on for compression. Autobahn skips lines that are no
// fields and reads windows as any number: strict does not.
func checkResponse(h head, key string, deflate *cases.Deflate, subprotocols []string, strict bool) (*agreement, error) {
	if fault := h.Malformed(); strict && fault != "" {
		return nil, errors.New(fault)
	}
	version, rest, _ := strings.Cut(h.Start(), " ")
	status, _, _ := strings.Cut(rest, " ")
	switch {
	case version != "HTTP/1.1":
		return nil, fmt.Errorf("the response is %q, not HTTP/1.1", clip(h.Start()))
	case status != "101":
		return nil, fmt.Errorf("the server answered %q, not 101", clip(rest))
	}
	upgrade, _ := h.One("Upgrade")
	accept, _ := h.One("Sec-Websocket-Accept")
	switch {
	case !strings.EqualFold(upgrade, "websocket"):
		return nil, errors.New("the response has no Upgrade: websocket")
	case !h.Has("Connection", "upgrade"):
		return nil, errors.New("the response has no Connection: Upgrade")
	case accept != wsproto.AcceptKey(key):
		return nil, errors.New("Sec-WebSocket-Accept is missing or does not match the key")
	}
	return agreed(h, deflate, subprotocols, strict)
}

// agreed is what a response that opens the connection agrees on.
func agreed(h head, deflate *cases.Deflate, subprotocols []string, strict bool) (*agreement, error) {
	if len(h.Values("Sec-Websocket-Extensions")) > 1 {
		return nil, errors.New("the response has Sec-WebSocket-Extensions more than once")
	}
	if p, ok := h.One("Sec-Websocket-Protocol"); ok && (strict || p != "") && !slices.Contains(subprotocols, p) { // Autobahn takes an empty one
		return nil, fmt.Errorf("the server chose subprotocol %q, which was not offered", clip(p))
	}
	return responseAgreement(h, deflate, strict)
}

func responseAgreement(h head, deflate *cases.Deflate, strict bool) (*agreement, error) {
	value, ok := h.One("Sec-Websocket-Extensions")
	if !ok || value == "" {
		return nil, nil
	}
	list, err := wsproto.ParseExtensions(value)
	if err != nil {
		return nil, err
	}
	if deflate == nil {
		return nil, fmt.Errorf("the server agreed to %q, which was not offered", clip(value))
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("the server agreed to several extensions: %q", clip(value))
	}
	params, err := parseDeflate(list[0], strict)
	if err != nil {
		return nil, err
	}
	if params.ClientMaxWindowBits == wsproto.AnyWindowBits {
		return nil, errors.New("the response has client_max_window_bits without a value")
	}
	return &agreement{
		ourBits: windowBits(params.ClientMaxWindowBits), ourNoTakeover: params.ClientNoContextTakeover,
		peerBits: windowBits(params.ServerMaxWindowBits), peerNoTakeover: params.ServerNoContextTakeover,
	}, nil
}

// parseDeflate reads the parameters of permessage-deflate. Unless it is strict, a window
// is whatever reads as a number from 8 to 15, such as 09 or +9.
func parseDeflate(e wsproto.Extension, strict bool) (wsproto.DeflateParams, error) {
	e.Params = slices.Clone(e.Params)
	for i, p := range e.Params {
		if n, err := strconv.Atoi(strings.TrimSpace(p.Value)); err == nil && !strict && strings.HasSuffix(strings.ToLower(p.Name), "_max_window_bits") {
			e.Params[i].Value = strconv.Itoa(n)
		}
	}
	return wsproto.ParseDeflate(e)
}

// windowBits is the window of a parameter that may be absent.
func windowBits(n int) uint8 {
	if n == 0 {
		return 15
	}
	return uint8(n)
}

// A refusal is an HTTP response instead of the handshake.
type refusal struct {
	status int
	reason string
	header string // further lines, each ended by CRLF
	// late marks what is refused only after a case was chosen, which so fails.
	late bool
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s", r.status, r.reason) }

func refuse(status int, reason string) *refusal { return &refusal{status: status, reason: reason} }

// checkRequest says whether a client's request is a sound opening handshake
// (RFC 6455 §4.2.1). The checks and their order are Autobahn's; the port of the
// Host field is not compared with ours, so port mappings work.
//
// Autobahn refuses extensions over several fields, which are legal (RFC 6455 §11.3.2), but
// skips lines that are no fields and reads windows as any number. Under the standard,
// which strict asks for, it is the other way round.
func checkRequest(h head, strict bool) (offers []wsproto.DeflateParams, err *refusal) {
	if fault := h.Malformed(); strict && fault != "" {
		return nil, refuse(400, fault)
	}
	parts := strings.Split(h.Start(), " ")
	if len(parts) != 3 {
		return nil, refuse(400, "malformed request line")
	}
	switch {
	case parts[0] != "GET":
		return nil, refuse(405, "the method is not GET")
	case parts[2] != "HTTP/1.1":
		return nil, refuse(505, "the version is not HTTP/1.1")
	case strings.Contains(parts[1], "#"):
		return nil, refuse(400, "the target has a fragment")
	}
	if _, ok := h.One("Host"); !ok {
		return nil, refuse(400, "there is not exactly one Host field")
	}
	if len(h.Values("Upgrade")) == 0 {
		return nil, refuse(426, "this is a WebSocket server")
	}
	switch {
	case !h.Has("Upgrade", "websocket"):
		return nil, refuse(400, "Upgrade does not name websocket")
	case !h.Has("Connection", "upgrade"):
		return nil, refuse(400, "Connection does not name Upgrade")
	}
	if err := checkVersion(h); err != nil {
		return nil, err
	}
	protocols := h.List("Sec-Websocket-Protocol")
	slices.Sort(protocols)
	if len(slices.Compact(protocols)) != len(h.List("Sec-Websocket-Protocol")) {
		return nil, refuse(400, "a subprotocol is offered twice")
	}
	if len(h.Values("Origin")) > 1 {
		return nil, refuse(400, "there is more than one Origin field")
	}
	key, ok := h.One("Sec-Websocket-Key")
	if !ok || !validKey(key) {
		return nil, refuse(400, "Sec-WebSocket-Key is not 16 bytes in base64")
	}
	if len(h.Values("Sec-Websocket-Extensions")) > 1 && !strict {
		return nil, refuse(400, "there is more than one Sec-WebSocket-Extensions field")
	}
	return deflateOffers(h, strict)
}

func checkVersion(h head) *refusal {
	version, ok := h.One("Sec-Websocket-Version")
	n, err := strconv.Atoi(version)
	if !ok || err != nil || n != 13 && n != 8 {
		r := refuse(400, "Sec-WebSocket-Version is not 13")
		r.header = "Sec-WebSocket-Version: 13\r\n"
		return r
	}
	return nil
}

// validKey checks the form of a Sec-WebSocket-Key: 22 characters of base64 and
// its padding.
func validKey(key string) bool {
	body, ok := strings.CutSuffix(key, "==")
	return ok && len(body) == 22 && !strings.ContainsFunc(body, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '+' || r == '/')
	})
}

// deflateOffers parses the offers of permessage-deflate in every case, before any is
// accepted.
func deflateOffers(h head, strict bool) ([]wsproto.DeflateParams, *refusal) {
	value := strings.Join(h.Values("Sec-Websocket-Extensions"), ", ")
	if value == "" {
		return nil, nil
	}
	list, err := wsproto.ParseExtensions(value)
	if err != nil {
		return nil, &refusal{status: 400, reason: "malformed Sec-WebSocket-Extensions", late: true}
	}
	var offers []wsproto.DeflateParams
	for _, e := range list {
		if !strings.EqualFold(e.Name, "permessage-deflate") {
			continue
		}
		params, err := parseDeflate(e, strict)
		if err != nil {
			return nil, &refusal{status: 400, reason: "malformed offer of permessage-deflate: " + err.Error(), late: true}
		}
		offers = append(offers, params)
	}
	return offers, nil
}

// acceptOffer chooses among a client's offers as the case demands, and returns
// the value of Sec-WebSocket-Extensions for the response.
func acceptOffer(d *cases.Deflate, offers []wsproto.DeflateParams) (*agreement, string) {
	if d == nil {
		return nil, ""
	}
	for _, demand := range d.Accept {
		for _, offer := range offers {
			if demand.MaxWindowBits != 0 && offer.ClientMaxWindowBits == 0 {
				continue
			}
			response := wsproto.DeflateParams{
				ServerNoContextTakeover: offer.ServerNoContextTakeover, ServerMaxWindowBits: offer.ServerMaxWindowBits,
				ClientNoContextTakeover: demand.NoContextTakeover, ClientMaxWindowBits: int(demand.MaxWindowBits),
			}
			response.ServerNoContextTakeover = response.ServerNoContextTakeover || demand.ServerNoContextTakeover
			if bits := int(demand.ServerMaxWindowBits); bits != 0 && (response.ServerMaxWindowBits == 0 || bits < response.ServerMaxWindowBits) {
				response.ServerMaxWindowBits = bits
			}
			return &agreement{
				ourBits: windowBits(response.ServerMaxWindowBits), ourNoTakeover: response.ServerNoContextTakeover,
				peerBits: windowBits(response.ClientMaxWindowBits), peerNoTakeover: response.ClientNoContextTakeover,
			}, response.Extension().String()
		}
	}
	return nil, ""
}
