"""Opens three WebSockets over one connection of HTTP/3, sends a text on each and closes: aioquic."""

import asyncio
import ssl
import struct
import sys

from aioquic.asyncio import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection, Setting
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import StreamReset


def frame(opcode, payload):
    return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.got = {}
        self.ended = {}

    def open(self, authority):
        stream = self._quic.get_next_available_stream_id()
        self.http.send_headers(stream, [
            (b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"https"), (b":authority", authority.encode()),
            (b":path", b"/"), (b"sec-websocket-version", b"13"), (b"sec-websocket-protocol", b"echo"),
        ])
        self.got[stream] = b""
        self.ended[stream] = asyncio.get_running_loop().create_future()
        self.transmit()
        return stream

    def end(self, stream, how):
        if not self.ended[stream].done():
            self.ended[stream].set_result(how)

    def quic_event_received(self, event):
        if isinstance(event, StreamReset) and event.stream_id in self.ended:
            self.end(event.stream_id, "reset %#x" % event.error_code)
        for e in self.http.handle_event(event):
            if isinstance(e, HeadersReceived):
                fields = dict(e.headers)
                print("status", fields[b":status"].decode(), fields.get(b"sec-websocket-protocol", b"").decode(), flush=True)
                self.http.send_data(e.stream_id, frame(1, b"text %d" % e.stream_id), False)
            elif isinstance(e, DataReceived):
                before = len(self.got[e.stream_id])
                self.got[e.stream_id] += e.data
                got = self.got[e.stream_id]
                if before < 8 <= len(got):
                    print("got", got[2:8].decode(), flush=True)
                    self.http.send_data(e.stream_id, frame(8, struct.pack("!H", 1000)), True)
                if e.stream_ended:
                    self.end(e.stream_id, "closed " + got[8:].hex())
        self.transmit()


async def main(port, ca):
    conf = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name="example.com")
    conf.load_verify_locations(ca)
    async with connect("127.0.0.1", port, configuration=conf, create_protocol=Client) as client:
        while client.http.received_settings is None:
            await asyncio.sleep(0.01)
        print("setting", client.http.received_settings.get(Setting.ENABLE_CONNECT_PROTOCOL), flush=True)
        streams = [client.open("127.0.0.1:%d" % port) for _ in range(3)]
        for stream in streams:
            print(await asyncio.wait_for(client.ended[stream], 20), flush=True)


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
