"""An echo server with the module websockets. Arguments: port, and a PEM file for TLS."""
import asyncio
import ssl
import sys

from websockets.asyncio.server import serve


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def main():
    context = None
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2])
    async with serve(
        echo, "127.0.0.1", int(sys.argv[1]), ssl=context, subprotocols=["chat", "echo"], max_size=None
    ) as server:
        await server.serve_forever()


asyncio.run(main())
