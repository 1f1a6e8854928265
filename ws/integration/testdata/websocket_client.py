"""A client with the module websocket-client. Arguments: URL and PEM file to trust, or none."""
import sys

import websocket

options = {"ca_certs": sys.argv[2]} if len(sys.argv) > 2 else {}
connection = websocket.create_connection(sys.argv[1], subprotocols=["echo"], sslopt=options, timeout=20)
assert connection.getsubprotocol() == "echo", connection.getsubprotocol()
for message in "", "grüße", "again and " * 7000:
    connection.send(message)
    assert connection.recv() == message
connection.send_binary(b"\0\1\2")
assert connection.recv() == b"\0\1\2"
connection.ping("x")
assert connection.recv_data(control_frame=True) == (websocket.ABNF.OPCODE_PONG, b"x")
connection.close(1000, b"done")
