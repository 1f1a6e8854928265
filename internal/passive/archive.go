package passive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// archiveBound is the longest archive that is read, in bytes.
const archiveBound = 512 << 20

// An entry is a request in an archive (HAR 1.2), with the messages that Chromium adds.
type entry struct {
	Request struct {
		Method, URL, HTTPVersion string
		Headers                  []pair
	}
	Response struct {
		Status      int
		StatusText  string
		HTTPVersion string
		Headers     []pair
	}
	Messages []struct {
		Type   string // send or receive, of the browser
		Opcode int
		Data   string
	} `json:"_webSocketMessages"`
}

type pair struct{ Name, Value string }

// Archive reads an HTTP archive (HAR) of a browser. It has the handshakes, and messages in
// place of frames, so most rules about frames cannot be looked at. The error says that it is
// no archive.
func Archive(r io.Reader, done func(*Conn)) (Summary, error) {
	var sum Summary
	counted := &counter{r: io.LimitReader(r, archiveBound)}
	var har struct {
		Log *struct{ Entries []entry }
	}
	err := json.NewDecoder(counted).Decode(&har)
	sum.Bytes = counted.n
	switch {
	case err != nil:
		return sum, fmt.Errorf("it is no HTTP archive (HAR): %w", err)
	case har.Log == nil:
		return sum, errors.New("it is no HTTP archive (HAR): there is no log in it")
	}
	for i, e := range har.Log.Entries {
		sum.Connections++
		upgrade := slices.ContainsFunc(e.Request.Headers, func(p pair) bool {
			return strings.EqualFold(p.Name, "Upgrade") && strings.EqualFold(p.Value, "websocket")
		})
		if !upgrade || e.Response.Status != 101 {
			continue
		}
		sum.WebSocket++
		c := &Conn{Name: fmt.Sprintf("entry %d, %s", i+1, address(e.Request.URL)), state: open}
		e.judge(c)
		done(c)
	}
	return sum, nil
}

// address is a URL without what may be secret: user and password, query and fragment.
func address(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a malformed URL"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// judge lists the offences of an entry.
func (e *entry) judge(c *Conn) {
	target := e.Request.URL
	if u, err := url.Parse(target); err == nil {
		target = u.RequestURI()
	}
	request := wire.ParseHead(headText(e.Request.Method+" "+target+" "+strings.ToUpper(e.Request.HTTPVersion), e.Request.Headers))
	answer := wire.ParseHead(headText(fmt.Sprintf("%s %d %s", strings.ToUpper(e.Response.HTTPVersion), e.Response.Status, e.Response.StatusText), e.Response.Headers))
	for _, o := range wire.RequestOffences(request) {
		c.offends(Client, o)
	}
	for _, o := range wire.ResponseOffences(request, answer) {
		c.offends(Server, o)
	}
	for _, m := range e.Messages {
		by := Server
		if m.Type == "send" {
			by = Client
		}
		s := &c.sides[by]
		s.frames++
		op := wsproto.Opcode(m.Opcode)
		if s.closed {
			c.offends(by, wire.Offence{Section: "RFC 6455 5.5.1", Words: "a frame comes behind the close frame"})
		}
		switch {
		case op == wsproto.OpClose:
			s.closed = true
		case m.Opcode < 0 || m.Opcode > 15, op > wsproto.OpPong, op > wsproto.OpBinary && !op.Control():
			c.offends(by, wire.Offence{Section: "RFC 6455 5.2", Words: fmt.Sprintf("the reserved opcode %d is used", m.Opcode)})
		}
	}
}

func headText(start string, fields []pair) string {
	var b strings.Builder
	b.WriteString(start + "\r\n")
	for _, f := range fields {
		if !strings.HasPrefix(f.Name, ":") && !strings.ContainsAny(f.Name+f.Value, "\r\n") {
			b.WriteString(f.Name + ": " + f.Value + "\r\n")
		}
	}
	return b.String() + "\r\n"
}
