"""A client with the module websockets: says what comes, closes. Arguments: URL and PEM file to trust, or none."""
import asyncio
import ssl
import sys

from websockets.asyncio.client import connect


async def main():
    context = ssl.create_default_context(cafile=sys.argv[2]) if len(sys.argv) > 2 else None
    async with connect(sys.argv[1], ssl=context, subprotocols=["echo"], max_size=None) as connection:
        assert connection.subprotocol == "echo", connection.subprotocol
        for message in "", "grüße", b"\0\1\2", "again and " * 7000:
            await connection.send(message)
            assert await connection.recv() == message
        await (await connection.ping())
        await connection.close(1000, "done")
        assert connection.close_code == 1000, connection.close_code


asyncio.run(main())
