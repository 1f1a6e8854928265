// Echoes what comes over WebSockets of HTTP/2, frame by frame.
import http2 from 'node:http2';

const server = http2.createServer({ settings: { enableConnectProtocol: true } });
server.on('stream', (stream, headers) => {
  if (headers[':method'] !== 'CONNECT' || headers[':protocol'] !== 'websocket' || headers['sec-websocket-version'] !== '13' ||
      headers['sec-websocket-key'] !== undefined) {
    stream.respond({ ':status': 400 }, { endStream: true });
    return;
  }
  stream.respond({ ':status': 200, 'sec-websocket-protocol': headers['sec-websocket-protocol'] });
  let buffer = Buffer.alloc(0);
  stream.on('error', () => {});
  stream.on('data', (data) => {
    buffer = Buffer.concat([buffer, data]);
    for (;;) {
      if (buffer.length < 2) return;
      let length = buffer[1] & 0x7f;
      let start = 2;
      if (length === 126) {
        if (buffer.length < 4) return;
        length = buffer.readUInt16BE(2);
        start = 4;
      } else if (length === 127) {
        if (buffer.length < 10) return;
        length = Number(buffer.readBigUInt64BE(2));
        start = 10;
      }
      if (buffer.length < start + 4 + length) return;
      const head = Buffer.from(buffer.subarray(0, start));
      const key = buffer.subarray(start, start + 4);
      const payload = Buffer.from(buffer.subarray(start + 4, start + 4 + length));
      for (let i = 0; i < length; i++) payload[i] ^= key[i & 3];
      buffer = buffer.subarray(start + 4 + length);
      head[1] &= 0x7f;
      if ((head[0] & 0x0f) === 9) head[0] = 0x8a;
      stream.write(head);
      stream.write(payload);
      if ((head[0] & 0x0f) === 8) stream.end();
    }
  });
});
server.listen(0, '127.0.0.1', () => console.log('ws://127.0.0.1:' + server.address().port));
