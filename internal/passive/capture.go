package passive

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/gopacket/gopacket/reassembly"
)

// A Summary says what was looked at.
type Summary struct {
	Connections int // of TCP, or entries of an archive
	WebSocket   int // those that opened as WebSocket
	Packets     int
	Bytes       int64    // of the capture
	Blind       []string // connections that could not be read to their end, and why
	Encrypted   int      // connections in TLS of which nothing was decrypted
	Decrypted   int      // connections in TLS that were looked into
	// Locked counts those of which nothing was decrypted by the reason for that.
	Locked map[string]int
}

// bufferPages bounds what is kept of a direction while bytes are missing, and of all, in
// pages of 1,900 bytes.
const bufferPages, allPages = 1024, 64 << 10

// idle is after which time in the capture a connection without packets is given up.
const idle = 10 * time.Minute

// Capture reads a capture of packets, in the format pcap or pcapng, with any link type
// that has IP in it. Each connection is handed to done when it ends, at the latest with the
// capture. TLS 1.3, and TLS 1.2 with an AEAD cipher, is decrypted with the keys, which may be
// nil, and those that a pcapng has in it. The error is that of ctx, or of a file that is no capture.
func Capture(ctx context.Context, r io.Reader, keys *Keys, done func(*Conn)) (Summary, error) {
	if keys == nil {
		keys = &Keys{}
	}
	counted := &counter{r: &embedded{r: r, keys: keys}}
	buffered := bufio.NewReaderSize(counted, 1<<20)
	source, link, err := packets(buffered)
	if err != nil {
		return Summary{}, err
	}
	f := &factory{done: done, keys: keys, sum: Summary{Locked: map[string]int{}}}
	pool := reassembly.NewStreamPool(f)
	a := reassembly.NewAssembler(pool)
	a.MaxBufferedPagesPerConnection, a.MaxBufferedPagesTotal = bufferPages, allPages
	for {
		if f.sum.Packets%1000 == 0 && ctx.Err() != nil {
			return f.sum, context.Cause(ctx)
		}
		data, info, err := source.ReadPacketData()
		if err != nil {
			a.FlushAll()
			f.sum.Bytes = counted.n
			if errors.Is(err, io.EOF) {
				return f.sum, nil
			}
			return f.sum, fmt.Errorf("packet %d: %w", f.sum.Packets+1, err)
		}
		f.sum.Packets++
		p := gopacket.NewPacket(data, link, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
		tcp, ok := p.TransportLayer().(*layers.TCP)
		if !ok || p.NetworkLayer() == nil {
			continue
		}
		a.AssembleWithContext(p.NetworkLayer().NetworkFlow(), tcp, captured{info})
		if f.sum.Packets%10000 == 0 {
			a.FlushCloseOlderThan(info.Timestamp.Add(-idle))
		}
	}
}

// packets opens a capture.
func packets(r *bufio.Reader) (gopacket.PacketDataSource, layers.LinkType, error) {
	magic, err := r.Peek(4)
	if err != nil {
		return nil, 0, errors.New("the file is too short for a capture")
	}
	if string(magic) == "\x0a\x0d\x0d\x0a" {
		ng, err := pcapgo.NewNgReader(r, pcapgo.DefaultNgReaderOptions)
		if err != nil {
			return nil, 0, fmt.Errorf("read the capture: %w", err)
		}
		return ng, ng.LinkType(), nil
	}
	old, err := pcapgo.NewReader(r)
	if err != nil {
		return nil, 0, fmt.Errorf("it is no capture (pcap or pcapng): %w", err)
	}
	return old, old.LinkType(), nil
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// captured is the context of a packet.
type captured struct{ info gopacket.CaptureInfo }

// GetCaptureInfo returns when the packet was captured.
func (c captured) GetCaptureInfo() gopacket.CaptureInfo { return c.info }

// A factory makes a stream for each connection.
type factory struct {
	sum  Summary
	keys *Keys
	done func(*Conn)
}

// New makes the stream of a connection, at its first packet.
func (f *factory) New(ip, tcp gopacket.Flow, first *layers.TCP, _ reassembly.AssemblerContext) reassembly.Stream {
	f.sum.Connections++
	name := fmt.Sprintf("%v:%v to %v:%v", ip.Src(), tcp.Src(), ip.Dst(), tcp.Dst())
	s := &stream{f: f, conn: Conn{Name: name}, checks: *reassembly.NewTCPSimpleFSM(reassembly.TCPSimpleFSMOptions{SupportMissingEstablishment: true})}
	s.whole = first.SYN && !first.ACK
	return s
}

// A stream is a connection in a capture.
type stream struct {
	f      *factory
	conn   Conn
	checks reassembly.TCPSimpleFSM
	whole  bool // its beginning is in the capture
	begun  bool
	ended  bool
	tls    *session // nil without TLS
	read   bool     // something was decrypted
}

// Accept takes every packet that fits the state of TCP.
func (s *stream) Accept(tcp *layers.TCP, _ gopacket.CaptureInfo, dir reassembly.TCPFlowDirection, _ reassembly.Sequence, start *bool, _ reassembly.AssemblerContext) bool {
	if !s.whole { // the middle of a connection: no handshake can be read
		*start = true
	}
	return s.checks.CheckState(tcp, dir)
}

// ReassembledSG takes bytes in their order.
func (s *stream) ReassembledSG(sg reassembly.ScatterGather, _ reassembly.AssemblerContext) {
	dir, _, end, skip := sg.Info()
	by := Client
	if dir == reassembly.TCPDirServerToClient {
		by = Server
	}
	n, _ := sg.Lengths()
	data := sg.Fetch(n)
	if !s.begun && len(data) > 0 {
		s.begun = true
		if len(data) > 2 && data[0] == 0x16 && data[1] == 3 { // a record of TLS (RFC 8446 §5.1)
			s.tls = &session{keys: s.f.keys, plain: func(by End, p []byte) {
				s.read = true
				s.conn.Take(by, p)
			}}
		}
	}
	if skip > 0 || skip < 0 && s.whole && s.begun && s.conn.state == open {
		s.conn.Gap(skip)
	}
	switch {
	case s.tls == nil:
		s.conn.Take(by, append([]byte(nil), data...)) // which unmasks in place
	case skip != 0 && len(data) > 0 && (s.tls.suite != nil || s.tls.old):
		s.tls.failed = "bytes are missing in the capture"
	default:
		s.tls.take(by, data)
	}
	if end {
		s.conn.End(by)
	}
}

// ReassemblyComplete takes the end of the connection.
func (s *stream) ReassemblyComplete(reassembly.AssemblerContext) bool {
	if !s.ended {
		s.ended = true
		if s.conn.IsWebSocket() {
			s.f.sum.WebSocket++
		}
		switch {
		case s.tls == nil:
		case s.read:
			s.f.sum.Decrypted++
			if s.tls.failed != "" {
				s.f.sum.Blind = append(s.f.sum.Blind, s.conn.Name+": "+s.tls.failed)
			}
		default:
			s.f.sum.Encrypted++
			s.f.sum.Locked[cmp.Or(s.tls.failed, "their handshake is not whole")]++
		}
		if why := s.conn.Blind(); why != "" {
			s.f.sum.Blind = append(s.f.sum.Blind, s.conn.Name+": "+why)
		}
		s.f.done(&s.conn)
	}
	return true
}
