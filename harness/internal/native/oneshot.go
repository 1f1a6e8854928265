package native

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/transcript"
)

const (
	// redirectPatience is how long a client gets to ask where a redirect has sent it.
	redirectPatience = 500 * time.Millisecond
	// firstRequest is how many bytes are kept of the first request beside the one that is played.
	firstRequest = 8 << 10
)

// TestOneShot starts a client once for each connection; see [runner.TestOneShot].
func TestOneShot(ctx context.Context, d runner.Driver, list []cases.Case, o Options, emit func(harness.Result)) (runner.ClientReport, error) {
	o.Declared = append(slices.Clip(o.Declared), tlsNeeds(d.TLS)...)
	e := &endpoint{Streams: NewStreams(o.Originals), faithful: o.Faithful}
	defer e.Close() //nolint:errcheck // temporary files
	return runner.TestOneShot(ctx, e, d, list, o.Options, emit)
}

// Once plays connection n of a case with the first client that asks l for a WebSocket,
// whatever the path, and tells begun. Others are told that there is no room. It closes l.
// What TLS comes to counts as well, where the case is about that.
func (e *endpoint) Once(ctx context.Context, l net.Listener, conf *tls.Config, c cases.Case, n int, how runner.How, begun func()) (transcript.Transcript, error) {
	serving := &Endpoint{Faithful: e.faithful, Streams: e.Streams, Subprotocols: true, monitor: how.Monitor, brief: how.Brief}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	context.AfterFunc(ctx, func() { l.Close() }) // runs at the latest when we return
	taken := make(chan struct{}, 1)
	type played struct {
		tr  transcript.Transcript
		err error
	}
	done := make(chan played, 1)
	again := make(chan struct{}, 1)
	var mu sync.Mutex              // guards further
	var further []transcript.Event // requests beside the one that is played
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				tr, ok, err := serving.single(ctx, nc, conf, offer{c, n}, taken, begun)
				switch {
				case ok:
					done <- played{tr, err}
				case tr.Request != "":
					select {
					case again <- struct{}{}:
					default:
					}
					mu.Lock()
					defer mu.Unlock()
					if e := anotherRequest(tr.Request); len(further) == 0 { // all of its fields are looked at
						head := tr.Request[:min(len(tr.Request), firstRequest)]
						e.Len, e.Data = len(head), transcript.Octet(head)
						further = append(further, e)
					} else if len(further) < mostVisits {
						further = append(further, e)
					}
				}
			})
		}
	})
	select {
	case p := <-done:
		if strings.HasPrefix(statusIn(p.tr.Response), "3") {
			select {
			case <-again:
			case <-time.After(redirectPatience):
			case <-ctx.Done():
			}
		}
		mu.Lock()
		defer mu.Unlock()
		p.tr.Events = append(p.tr.Events, further...)
		return p.tr, p.err
	case <-ctx.Done():
		return transcript.Transcript{}, ctx.Err()
	}
}

// single answers one connection. It is ok if that was the client's; of a further one only the
// request is told.
func (e *Endpoint) single(ctx context.Context, nc net.Conn, conf *tls.Config, o offer, taken chan struct{}, begun func()) (tr transcript.Transcript, ok bool, err error) {
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // closed already
	defer stop()
	e.Protocol.setOpenDeadline(nc)
	change := o.Conns[o.conn].TLS
	if conf != nil {
		tc := tls.Server(watch(nc), changed(conf.Clone(), change))
		err, nc = tc.HandshakeContext(ctx), tc
	}
	var h head
	if err == nil {
		h, err = readHead(nc)
	}
	if err != nil && h.text == "" {
		if change == nil {
			return tr, false, nil // it connected and said nothing
		}
		begun()
		return transcript.Transcript{
			Role: cases.Client, Started: time.Now().UTC(), DroppedByUs: true, UncleanReason: netReason(err), TLS: secured(nc), Events: tlsEnd(err),
		}, true, nil
	}
	var refused *refusal
	if err != nil {
		refused = refuse(400, cmp.Or(err.Error(), "malformed request"))
	} else {
		_, refused = checkRequest(h, o.Suite.OneGrade())
	}
	if refused != nil && refused.status == http.StatusUpgradeRequired {
		respond(nc, refused) // a browser asks for an icon
		return tr, false, nil
	}
	select {
	case taken <- struct{}{}:
	default:
		respond(nc, refuse(http.StatusServiceUnavailable, "one connection per start"))
		tr.Request = h.text
		return tr, false, nil
	}
	begun()
	if refused != nil {
		respond(nc, refused)
		return transcript.Transcript{
			Role: cases.Client, Started: time.Now().UTC(), Request: h.text, DroppedByUs: true, UncleanReason: refused.Error(),
		}, true, nil
	}
	offers, _ := checkRequest(h, o.Suite.OneGrade())
	opened := e.open(nc, h, o, offers)
	tr, err = play(ctx, opened, o.Case, o.conn, cases.Client, manner{faithful: e.Faithful, brief: e.brief, streams: e.Streams, monitor: e.monitor})
	return tr, true, err
}

// Concluded is the result of a case whose connections were played.
func (*endpoint) Concluded(ctx context.Context, c cases.Case, list []transcript.Transcript) harness.Result {
	if len(list) == 0 {
		return concluded(ctx, c, transcript.Transcript{}, errors.New("no connection was played"))
	}
	return concluded(ctx, c, joined(list), nil)
}
