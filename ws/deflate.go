package ws

import (
	"fmt"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// Deflate turns permessage-deflate on (RFC 7692). The zero value offers, or
// accepts, whatever keeps the best ratio.
//
// Both directions are kept to what was agreed. What a [Conn] compresses never
// reaches back farther than its window. What it receives is checked match by
// match: a distance beyond the agreed window ends the connection with
// [wsproto.StatusProtocolError], and anything else that is not DEFLATE data, or is not
// complete when the message ends, with [wsproto.StatusInvalidFramePayloadData].
//
// With context takeover in both directions a connection holds some 8 KiB more after
// small messages, and up to 210 KiB more once it has carried more than its windows
// hold; half of that with windows of 10 bits. What it compresses with, two thirds of
// that, goes when it has sent nothing from one ping of PingInterval to the next; what
// it inflates with goes when it has received nothing, but for the peer's window, which
// is 32 KiB if none was agreed. Without takeover it holds nothing between messages.
type Deflate struct {
	// DeflateParams are what is asked for (RFC 7692 §7.1):
	//
	// With ServerNoContextTakeover or ClientNoContextTakeover that side compresses each
	// message on its own. A client asks the server for it, and hints that it will do so
	// itself; a server does it, and demands it of the client.
	//
	// ServerMaxWindowBits and ClientMaxWindowBits limit the window of that side to 2^n
	// bytes, 8..15. Zero means no limit. A server with a limit for the client declines
	// clients that cannot keep it.
	wsproto.DeflateParams
	// Offers are what a client offers, in order of preference, instead of one
	// offer made of DeflateParams. A server ignores it.
	Offers []wsproto.DeflateParams
	// Threshold is the size in bytes below which a message is not worth
	// compressing. Zero means 16, a negative value 0. Without context takeover
	// zero means 64.
	Threshold int
}

// valid says what is wrong with options that a program set.
func (d *Deflate) valid() error {
	check := func(name string, bits int) error {
		if bits != 0 && (bits < 8 || bits > 15) {
			return fmt.Errorf("Deflate.%s is %d, not 8..15", name, bits)
		}
		return nil
	}
	if err := check("ServerMaxWindowBits", d.ServerMaxWindowBits); err != nil {
		return err
	}
	if err := check("ClientMaxWindowBits", d.ClientMaxWindowBits); err != nil {
		return err
	}
	for _, o := range d.Offers {
		if err := check("Offers.ServerMaxWindowBits", o.ServerMaxWindowBits); err != nil {
			return err
		}
		if o.ClientMaxWindowBits != wsproto.AnyWindowBits {
			if err := check("Offers.ClientMaxWindowBits", o.ClientMaxWindowBits); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Deflate) offers() []wsproto.DeflateParams {
	if len(d.Offers) > 0 {
		return d.Offers
	}
	p := d.DeflateParams
	if p.ClientMaxWindowBits == 0 {
		p.ClientMaxWindowBits = wsproto.AnyWindowBits
	}
	return []wsproto.DeflateParams{p}
}

// agree is the server's answer to one offer: the response, or false to decline
// (RFC 7692 §5.1 and §7.1).
func (d *Deflate) agree(offer wsproto.DeflateParams) (resp wsproto.DeflateParams, ok bool) {
	resp.ServerNoContextTakeover = offer.ServerNoContextTakeover || d.ServerNoContextTakeover
	resp.ClientNoContextTakeover = offer.ClientNoContextTakeover || d.ClientNoContextTakeover
	resp.ServerMaxWindowBits = lesserBits(offer.ServerMaxWindowBits, d.ServerMaxWindowBits)
	switch own := d.ClientMaxWindowBits; {
	case offer.ClientMaxWindowBits == 0 && own != 0 && own != 15:
		return resp, false // this client cannot limit its window (§7.1.2.2)
	case offer.ClientMaxWindowBits == wsproto.AnyWindowBits:
		resp.ClientMaxWindowBits = own
	case offer.ClientMaxWindowBits != 0:
		resp.ClientMaxWindowBits = lesserBits(offer.ClientMaxWindowBits, own)
	}
	return resp, true
}

// lesserBits is the smaller limit; zero is none.
func lesserBits(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// fits says whether a response answers an offer (RFC 7692 §7.1), and what then
// holds for the connection: a client that offered a limit for itself keeps it,
// whatever the server allows.
func fits(offer, resp wsproto.DeflateParams) (agreed wsproto.DeflateParams, err error) {
	switch {
	case resp.ClientMaxWindowBits == wsproto.AnyWindowBits:
		return agreed, deflateError("client_max_window_bits without a value in a response")
	case resp.ClientMaxWindowBits != 0 && offer.ClientMaxWindowBits == 0:
		return agreed, deflateError("client_max_window_bits in the response was not offered")
	case offer.ServerNoContextTakeover && !resp.ServerNoContextTakeover:
		return agreed, deflateError("the response does not grant server_no_context_takeover")
	case offer.ServerMaxWindowBits != 0 && resp.ServerMaxWindowBits == 0:
		return agreed, deflateError("the response does not grant server_max_window_bits")
	case offer.ServerMaxWindowBits != 0 && resp.ServerMaxWindowBits > offer.ServerMaxWindowBits:
		return agreed, deflateError("server_max_window_bits of the response exceeds the %d offered", offer.ServerMaxWindowBits)
	}
	agreed = resp
	if offer.ClientMaxWindowBits > 0 {
		agreed.ClientMaxWindowBits = lesserBits(resp.ClientMaxWindowBits, offer.ClientMaxWindowBits)
	}
	agreed.ClientNoContextTakeover = resp.ClientNoContextTakeover || offer.ClientNoContextTakeover
	return agreed, nil
}

// negotiate is the server's choice among the extensions a client offers: the
// first permessage-deflate it can keep. An offer that is malformed is declined.
func (d *Deflate) negotiate(offered []wsproto.Extension) (resp wsproto.DeflateParams, ok bool) {
	for _, e := range offered {
		offer, err := wsproto.ParseDeflate(e)
		if err != nil {
			continue
		}
		if resp, ok = d.agree(offer); ok {
			return resp, true
		}
	}
	return wsproto.DeflateParams{}, false
}

// verify is the client's look at the response, which has to fit an offer.
func (d *Deflate) verify(got wsproto.Extension) (agreed wsproto.DeflateParams, err error) {
	resp, err := wsproto.ParseDeflate(got)
	if err != nil {
		return agreed, err
	}
	for _, offer := range d.offers() {
		var misfit error
		if agreed, misfit = fits(offer, resp); misfit == nil {
			return agreed, nil
		} else if err == nil {
			err = misfit
		}
	}
	return wsproto.DeflateParams{}, err
}

func deflateError(format string, args ...any) error {
	return fmt.Errorf("ws: permessage-deflate: "+format+" (RFC 7692 §7.1)", args...)
}
