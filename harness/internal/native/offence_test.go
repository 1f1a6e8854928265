package native

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// answers sends bytes as they are in answer to the first frame, and ends TCP.
func answers(octets string) peerScript {
	return func(p *wirePeer, _ wsproto.Frame) bool {
		p.nc.Write([]byte(octets))
		return false
	}
}

// What the log holds of a frame is enough to mark its bytes: also if it did not
// come to its end, if its header cannot be told from its length, or if it is longer
// than what is kept of it.
func TestPlayerLogsWhatOffends(t *testing.T) {
	long := strings.Repeat("a", 600)
	for _, row := range []struct {
		name, octets string
		log          string // what the peer sent
		offences     string
	}{
		{"a frame that is cut", "\x82\x05ab", "binary 2 of 5 ab", ""},
		{"a header that is cut", "\x82\x7e\x01", "bytes 827e01", ""},
		{"a reserved bit in a frame that is cut", "\x91\x05ab", "text 2 of 5 ab", "header [0:1] reserved bits set without an extension that defines them"},
		{"a length that is too wide", "\x81\x7e\x00\x02ab", "text 2 of 2 ab", "header [1:4] a payload length is not minimally encoded"},
		{"a length beyond all bounds", "\x81\x7f\xff\x00\x00\x00\x00\x00\x00\x00a", "text 1 of 4611686018427387904 a", "header [2:10] a payload length has its most significant bit set"},
		{"text, cut and bad", "\x81\x0aab\xffcd", "text 5 of 10 ab\xffcd", "payload [2:3] text is not valid UTF-8"},
		{"bad far behind", "\x81\x7e\x02\x5a" + long + "\xc0a", "text 602 of 602 " + long[:transcript.HeadSize], "payload [600:601] text is not valid UTF-8"},
		{"bad across frames", "\x01\x01\xe2\x80\x02(a", "text 1 of 1 \xe2, continuation 2 of 2 (a", "payload [0:1] text is not valid UTF-8"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := playAgainst(t, find(t, "1.1.2"), cases.Server, false, answers(row.octets))
				var log, found []string
				for _, e := range tr.Log {
					switch {
					case e.Dir != transcript.In:
					case e.Kind == transcript.LogOctets:
						log = append(log, fmt.Sprintf("bytes %x", []byte(e.Data)))
					default:
						log = append(log, fmt.Sprintf("%v %d of %d %s", e.Opcode, e.Len-e.Missing, e.Len, []byte(e.Data)))
					}
				}
				for _, o := range transcript.Offences(&tr) {
					if o.Place == wire.InHeader || o.Place == wire.InPayload {
						found = append(found, fmt.Sprintf("%v [%d:%d] %s", o.Place, o.From, o.To, o.Words))
					}
				}
				if got := strings.Join(log, ", "); got != row.log {
					t.Errorf("the log has %q, want %q", got, row.log)
				}
				if got := strings.Join(found, "\n"); got != row.offences {
					t.Errorf("got %q, want %q", got, row.offences)
				}
			})
		})
	}
}
