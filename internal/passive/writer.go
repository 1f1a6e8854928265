package passive

import (
	"io"
	"net"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// A writer writes a capture (pcap) of IPv4 packets without a link layer.
type writer struct {
	out    *pcapgo.Writer
	buffer gopacket.SerializeBuffer
}

func newWriter(w io.Writer) (*writer, error) {
	out := pcapgo.NewWriter(w)
	return &writer{out: out, buffer: gopacket.NewSerializeBuffer()}, out.WriteFileHeader(65535, layers.LinkTypeRaw)
}

// A connection is one of TCP in a capture.
type connection struct {
	w     *writer
	addrs [2]net.IP
	ports [2]layers.TCPPort
	next  [2]uint32 // the sequence number of each end
	begun bool
}

// connection begins one between two addresses. Those of IPv6 become addresses for
// documentation (RFC 5737 §3), as packets are of IPv4.
func (w *writer) connection(client, server net.Addr) *connection {
	c := &connection{w: w, next: [2]uint32{1000, 2000}}
	for by, addr := range []net.Addr{client, server} {
		c.addrs[by] = net.IPv4(192, 0, 2, byte(by+1)).To4()
		if tcp, ok := addr.(*net.TCPAddr); ok {
			c.ports[by] = layers.TCPPort(tcp.Port)
			if v4 := tcp.IP.To4(); v4 != nil {
				c.addrs[by] = v4
			}
		}
	}
	return c
}

// data writes what an end has sent, in packets as long as they may be.
func (c *connection) data(by End, p []byte) error {
	const most = 60000 // IPv4 has 16 bits for the length
	for len(p) > 0 {
		n := min(len(p), most)
		if err := c.packet(by, p[:n], layers.TCP{PSH: true}); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// end writes the end of a direction, or a reset.
func (c *connection) end(by End, broken bool) error {
	return c.packet(by, nil, layers.TCP{FIN: !broken, RST: broken})
}

// packet writes a packet, after those that open the connection.
func (c *connection) packet(by End, payload []byte, flags layers.TCP) error {
	if !c.begun {
		c.begun = true
		for _, syn := range []struct {
			by  End
			tcp layers.TCP
		}{{Client, layers.TCP{SYN: true}}, {Server, layers.TCP{SYN: true, ACK: true}}, {Client, layers.TCP{ACK: true}}} {
			if err := c.write(syn.by, nil, syn.tcp); err != nil {
				return err
			}
		}
	}
	flags.ACK = true
	return c.write(by, payload, flags)
}

func (c *connection) write(by End, payload []byte, tcp layers.TCP) error {
	other := 1 - by
	ip := layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: c.addrs[by], DstIP: c.addrs[other]}
	tcp.SrcPort, tcp.DstPort, tcp.Window = c.ports[by], c.ports[other], 65535
	tcp.Seq = c.next[by]
	if tcp.ACK {
		tcp.Ack = c.next[other]
	}
	c.next[by] += uint32(len(payload))
	if tcp.SYN || tcp.FIN {
		c.next[by]++
	}
	if err := tcp.SetNetworkLayerForChecksum(&ip); err != nil {
		return err
	}
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(c.w.buffer, options, &ip, &tcp, gopacket.Payload(payload)); err != nil {
		return err
	}
	p := c.w.buffer.Bytes()
	return c.w.out.WritePacket(gopacket.CaptureInfo{Timestamp: time.Now(), CaptureLength: len(p), Length: len(p)}, p)
}
