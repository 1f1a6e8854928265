"""Echoes WebSocket messages over HTTP/3, and closes as asked: aioquic. It compresses nothing."""

import asyncio
import sys

from aioquic.asyncio import serve
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import StreamReset


def take(buffer):
    """Takes a frame off a buffer: its first byte, its payload, and its length; None while it is not whole."""
    if len(buffer) < 2:
        return None
    size, at = buffer[1] & 0x7F, 2
    for short, width in ((126, 2), (127, 8)):
        if buffer[1] & 0x7F == short:
            size, at = int.from_bytes(buffer[2 : 2 + width], "big"), 2 + width
    end = at + 4 + size
    if len(buffer) < end:
        return None
    key = bytes(buffer[at : at + 4]) * (size // 4 + 1)
    payload = int.from_bytes(buffer[at + 4 : end], "big") ^ int.from_bytes(key[:size], "big")
    return buffer[0], payload.to_bytes(size, "big"), end


def frame(first, payload):
    size = len(payload)
    if size < 126:
        return bytes([first, size]) + payload
    if size < 1 << 16:
        return bytes([first, 126]) + size.to_bytes(2, "big") + payload
    return bytes([first, 127]) + size.to_bytes(8, "big") + payload


class Server(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = None
        self.streams = {}

    def quic_event_received(self, event):
        if self.http is None:
            self.http = H3Connection(self._quic)
        if isinstance(event, StreamReset):
            print("reset %#x" % event.error_code, flush=True)
        for e in self.http.handle_event(event):
            if isinstance(e, HeadersReceived):
                fields = dict(e.headers)
                print("request", fields[b":protocol"].decode(), fields[b":scheme"].decode(), fields[b":path"].decode(), fields[b"sec-websocket-version"].decode(), flush=True)
                self.streams[e.stream_id] = bytearray()
                self.http.send_headers(e.stream_id, [(b":status", b"200"), (b"sec-websocket-protocol", b"echo")])
            elif isinstance(e, DataReceived):
                self.data(e)
        self.transmit()

    def data(self, e):
        buffer = self.streams[e.stream_id]
        buffer += e.data
        while (taken := take(buffer)) is not None:
            first, payload, size = taken
            del buffer[:size]
            opcode = first & 0xF
            if opcode == 9:
                first = 0x8A
            self.http.send_data(e.stream_id, frame(first, payload), opcode == 8)
        if e.stream_ended:
            print("fin", flush=True)


async def main(pem):
    conf = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
    conf.load_cert_chain(pem, pem)
    server = await serve("127.0.0.1", 0, configuration=conf, create_protocol=Server)
    print(server._transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))
