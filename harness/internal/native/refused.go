package native

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
)

// errNoMore says that the server ended the connection after it had refused a request,
// as it may.
var errNoMore = errors.New("the server ends the connection after a refusal")

// refusedFirst sends the request without a field, and reads its refusal to the end. It
// is done where the server says, or shows, that no other request can follow.
func (t *Target) refusedFirst(nc net.Conn, opened *conn, it cases.Conn, without string) (done bool, err error) {
	bad := it
	bad.Head = append(slices.Clone(it.Head), cases.Without(without))
	start := time.Now()
	if _, err := nc.Write([]byte(t.request("", bad))); err != nil {
		return false, err
	}
	h, err := readHead(nc)
	opened.response = h.text
	switch status := statusOf(h); {
	case status != 0:
		opened.opened = append(opened.opened, transcript.Event{Kind: transcript.GotAnswer, Status: status, At: time.Since(start)})
	case err != nil && !isTimeout(err):
		for _, e := range endsOf(nc, err) {
			e.At = time.Since(start)
			opened.opened = append(opened.opened, e)
		}
	}
	if err != nil || wire.ParseHead(h.text).Last() {
		return true, err
	}
	r := bufio.NewReader(io.MultiReader(strings.NewReader(h.text), bytes.NewReader(h.early), nc))
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return true, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, headBound))
	return err != nil || resp.Close, err
}

// respond refuses a handshake.
func respond(nc net.Conn, r *refusal) {
	body := ""
	if r.status != 500 {
		body = r.reason + "\n"
	}
	if r.status == 426 {
		r.header = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	}
	fmt.Fprintf(nc, "HTTP/1.1 %d %s\r\n%sConnection: close\r\nContent-Length: %d\r\n\r\n%s",
		r.status, http.StatusText(r.status), r.header, len(body), body)
	drain(nc)
}

// drain reads what the peer still sends, so that the response reaches it: closing
// with unread bytes would reset the connection.
func drain(nc net.Conn) {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		half.CloseWrite() //nolint:errcheck // it is turned away
	}
	nc.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) //nolint:errcheck // a broken connection shows in the next call
	buf := make([]byte, 4<<10)
	for read := 0; read < headBound; {
		n, err := nc.Read(buf)
		read += n
		if err != nil {
			return
		}
	}
}
