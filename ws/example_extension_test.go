package ws_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A checksum extension ends each frame with the CRC-32 of its payload and marks it with
// RSV2. Its messages of opcode 3 are the program's own.
type checksum struct{}

const checksumName = "x-example-checksum"

func (checksum) Offer() []wsproto.Extension { return []wsproto.Extension{{Name: checksumName}} }

func (checksum) Accept(offer wsproto.Extension) (wsproto.Extension, ws.Codec) {
	if offer.Name != checksumName {
		return wsproto.Extension{}, nil
	}
	return offer, checksumCodec{}
}

func (checksum) Confirm(wsproto.Extension) (ws.Codec, error) { return checksumCodec{}, nil }

type checksumCodec struct{}

func (checksumCodec) Reserves() (rsv uint8, opcodes []wsproto.Opcode) {
	return wsproto.RSV2, []wsproto.Opcode{3}
}

func (checksumCodec) Encode(f wsproto.Frame) (wsproto.Frame, error) {
	sum := crc32.ChecksumIEEE(f.Payload)
	f.Payload = binary.BigEndian.AppendUint32(append([]byte(nil), f.Payload...), sum)
	f.RSV |= wsproto.RSV2
	return f, nil
}

func (checksumCodec) Decode(f wsproto.Frame) (wsproto.Frame, error) {
	n := len(f.Payload) - 4
	if f.RSV&wsproto.RSV2 == 0 || n < 0 || crc32.ChecksumIEEE(f.Payload[:n]) != binary.BigEndian.Uint32(f.Payload[n:]) {
		return f, errors.New("no checksum, or a wrong one")
	}
	f.RSV &^= wsproto.RSV2
	f.Payload = f.Payload[:n]
	return f, nil
}

// An extension of the program's own, with messages of a type of its own.
func ExampleExtension() {
	extensions := []ws.Extension{checksum{}}
	url, stop := echoServer(ws.AcceptOptions{Options: ws.Options{Extensions: extensions, Deflate: &ws.Deflate{}}})
	defer stop()
	ctx := context.Background()

	c, err := ws.Dial(ctx, url, &ws.DialOptions{Options: ws.Options{Extensions: extensions, Deflate: &ws.Deflate{}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	fmt.Println(c.Handshake().Header.Get("Sec-WebSocket-Extensions"))
	_ = c.WriteText(ctx, "a text, compressed and with a checksum")
	fmt.Println(c.ReadText(ctx))
	_ = c.Write(ctx, ws.MessageType(3), []byte{0xFF, 0xFE})
	fmt.Println(c.Read(ctx))
	// Output:
	// permessage-deflate, x-example-checksum
	// a text, compressed and with a checksum <nil>
	// opcode 3 [255 254] <nil>
}
