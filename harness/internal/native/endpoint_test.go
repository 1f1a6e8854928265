package native

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// request is the opening handshake that asks for a resource, with further lines.
func request(resource string, lines ...string) string {
	head := "GET " + resource + " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	return head + strings.Join(append(lines, "\r\n"), "\r\n")
}

// TestStopWaitsForTheAnswer looks at every point of the exchange whether a stop
// has come already: it ends connections, so the peer must have its answer first.
func TestStopWaitsForTheAnswer(t *testing.T) {
	for _, resource := range []string{"/stopServer", "/updateReports?agent=a&shutdownOnComplete=true"} {
		t.Run(resource, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stops := 0
				e := &Endpoint{Stop: func() { stops++ }}
				peer, nc := net.Pipe()
				defer peer.Close()
				go e.serve(t.Context(), nc, e.arrive())

				if _, err := io.WriteString(peer, request(resource)); err != nil {
					t.Fatal(err)
				}
				r := bufio.NewReader(peer)
				response, err := http.ReadResponse(r, nil)
				if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
					t.Fatalf("handshake: got %v, %v, want 101", response, err)
				}
				defer response.Body.Close()
				synctest.Wait()
				if stops != 0 {
					t.Errorf("stopped before the close frame was sent")
				}
				frame := make([]byte, 2)
				if _, err := io.ReadFull(r, frame); err != nil || frame[0] != 0x88 {
					t.Fatalf("answer: got % x, %v, want a close frame", frame, err)
				}
				synctest.Wait()
				if stops != 0 {
					t.Errorf("stopped before the peer had closed")
				}
				reply := wsproto.AppendFrame(nil, wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpClose, Masked: true}})
				if _, err := peer.Write(reply); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if stops != 1 {
					t.Errorf("stops: got %d, want 1", stops)
				}
			})
		})
	}
}
