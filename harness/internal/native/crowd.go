package native

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A crowd is the connections of [cases.Conn.Crowd]: they are open at once, each through the
// gateway to the origin, which answers a message with its own number before it. So both
// ends see a message that went astray.
type crowd struct {
	members []*member
	sum     transcript.Crowded
}

// A member is one connection of a crowd.
type member struct {
	number  int
	nc      net.Conn // nil if it did not open
	r       io.Reader
	refused bool
	err     error // why it did not open, or was not sound
}

const (
	crowdPath     = "crowd-"
	crowdWorkers  = 64              // that open connections at once
	crowdPatience = 5 * time.Second // for a connection to open, and for an answer
	crowdBound    = 20 * time.Second
	// spareDescriptors are left for what else the harness does.
	spareDescriptors = 64
)

// gather opens a crowd of so many connections, or as many as there are file descriptors for
// at both of our ends.
func gather(ctx context.Context, t Target, size int) *crowd {
	c := &crowd{}
	c.sum.Tried = size
	if room := (freeDescriptors() - spareDescriptors) / 2; room < size {
		c.sum.Tried = max(room, 0)
		c.sum.Bounded = fmt.Sprintf("%d in place of %d connections: there are no more file descriptors; a higher ulimit -n allows more", c.sum.Tried, size)
	}
	c.members = make([]*member, c.sum.Tried)
	for i := range c.members {
		c.members[i] = &member{number: i + 1}
	}
	bounded, cancel := context.WithTimeout(ctx, crowdBound)
	defer cancel()
	c.each(func(m *member) {
		if bounded.Err() != nil { // the gateway lets the others wait
			m.err = errors.New("not tried: others wait for an answer too long")
			return
		}
		if m.open(bounded, t); m.nc != nil {
			m.say(1)
		} else if isTimeout(m.err) {
			cancel()
		}
	})
	return c
}

// each lets the members do something, many at once.
func (c *crowd) each(do func(*member)) {
	var wg sync.WaitGroup
	next := make(chan *member)
	for range crowdWorkers {
		wg.Go(func() {
			for m := range next {
				do(m)
			}
		})
	}
	for _, m := range c.members {
		next <- m
	}
	close(next)
	wg.Wait()
}

// open opens the connection.
func (m *member) open(ctx context.Context, t Target) {
	own := *t.URL
	own.Path = own.Path[:strings.LastIndexByte(own.Path, '/')+1] + crowdPath + strconv.Itoa(m.number)
	t.URL = &own
	nc, err := t.dialBelow(ctx, nil)
	if err != nil {
		m.err, m.refused = err, errors.Is(err, errRefused)
		return
	}
	nc.SetDeadline(time.Now().Add(crowdPatience)) //nolint:errcheck // a broken connection shows in the next call
	key := wsproto.NewKey()
	_, err = io.WriteString(nc, t.request(key, cases.Conn{}))
	var h head
	if err == nil {
		h, err = readHead(nc)
	}
	if err == nil {
		_, err = checkResponse(h, key, nil, t.Subprotocols, true)
	}
	if err != nil {
		nc.Close()
		m.err, m.refused = err, !isTimeout(err)
		return
	}
	m.nc, m.r = nc, io.MultiReader(bytes.NewReader(h.early), nc)
}

// errCrossed says that a message of another connection came.
var errCrossed = errors.New("a message of another connection came")

// say sends a message and waits for the answer of the other end.
func (m *member) say(round int) {
	if m.nc == nil || m.err != nil {
		return
	}
	m.nc.SetDeadline(time.Now().Add(crowdPatience)) //nolint:errcheck // a broken connection shows in the next call
	text := fmt.Sprintf("%d in round %d", m.number, round)
	frame := wsproto.Header{Fin: true, Opcode: wsproto.OpText, Masked: true, MaskKey: [4]byte{1, 2, 3, 4}, Length: uint64(len(text))}
	payload := []byte(text)
	wsproto.Mask(frame.MaskKey, 0, payload)
	_, err := m.nc.Write(append(wsproto.AppendHeader(nil, frame), payload...))
	if err == nil {
		var got []byte
		_, got, err = readSmall(m.r)
		if want := fmt.Sprintf("%d: %s", m.number, text); err == nil && string(got) != want {
			err = fmt.Errorf("%w: %q, want %q", errCrossed, got, want)
		}
	}
	m.err = err
}

// leave lets each member have another message, ends the connections, and sums up.
func (c *crowd) leave(ctx context.Context) *transcript.Crowded {
	stop := context.AfterFunc(ctx, func() {
		for _, m := range c.members {
			if m.nc != nil {
				m.nc.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // closed already
			}
		}
	})
	defer stop()
	c.each(func(m *member) { m.say(2) })
	c.each(func(m *member) {
		if m.nc != nil {
			m.nc.Close()
		}
	})
	for _, m := range c.members {
		switch {
		case m.nc == nil && m.refused:
			c.sum.Refused++
		case m.nc == nil:
		case m.err == nil:
			c.sum.Opened++
			c.sum.Sound++
		default:
			c.sum.Opened++
			if errors.Is(m.err, errCrossed) {
				c.sum.Crossed++
			}
		}
		if m.err != nil {
			c.sum.Trouble = cmp.Or(c.sum.Trouble, fmt.Sprintf("connection %d: %s", m.number, netReason(m.err)))
		}
	}
	return &c.sum
}

// readSmall reads a frame that carries little.
func readSmall(r io.Reader) (h wsproto.Header, payload []byte, err error) {
	if h, err = wsproto.ReadHeader(r); err != nil {
		return h, nil, err
	}
	if h.Length > 1<<10 {
		return h, nil, fmt.Errorf("a frame of %d bytes came", h.Length)
	}
	payload = make([]byte, h.Length)
	if _, err = io.ReadFull(r, payload); err == nil && h.Masked {
		wsproto.Mask(h.MaskKey, 0, payload)
	}
	return h, payload, err
}

// crowdMember is the number of a member in the start of a request, "" if it is of none.
func crowdMember(start string) string {
	_, rest, ok := strings.Cut(start, "/"+crowdPath)
	if !ok {
		return ""
	}
	number, _, _ := strings.Cut(rest, " ")
	if _, err := strconv.Atoi(number); err != nil {
		return ""
	}
	return number
}

// echoInCrowd is our origin's end of a member.
func echoInCrowd(nc net.Conn, h head, number string) {
	key, _ := h.One("Sec-WebSocket-Key")
	_, err := io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+wsproto.AcceptKey(key)+"\r\n\r\n")
	r := io.MultiReader(bytes.NewReader(h.early), nc)
	for err == nil {
		var got wsproto.Header
		var payload []byte
		if got, payload, err = readSmall(r); err != nil || got.Opcode != wsproto.OpText {
			return
		}
		text := number + ": " + string(payload)
		reply := wsproto.Header{Fin: true, Opcode: wsproto.OpText, Length: uint64(len(text))}
		_, err = nc.Write(append(wsproto.AppendHeader(nil, reply), text...))
	}
}

// manyDescriptors is what a process may have where the system does not say.
const manyDescriptors = 1 << 16

// freeDescriptors is how many more files this process may open.
func freeDescriptors() int {
	most, ok := descriptorLimit()
	if !ok {
		return manyDescriptors
	}
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		return most / 2
	}
	return most - len(open)
}
