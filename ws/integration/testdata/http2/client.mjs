// Opens three WebSockets over one connection of HTTP/2, sends a text on each and closes.
import http2 from 'node:http2';
import fs from 'node:fs';

const session = http2.connect(process.argv[2], process.argv[3] ? { ca: fs.readFileSync(process.argv[3]), servername: 'localhost' } : {});
const frame = (opcode, payload) => Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload]);

session.on('remoteSettings', (settings) => {
  console.log('setting ' + settings.enableConnectProtocol);
  let open = 3;
  for (let i = 0; i < 3; i++) {
    const stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', 'sec-websocket-version': '13', 'sec-websocket-protocol': 'echo',
    });
    let got = Buffer.alloc(0);
    let closing = false;
    stream.on('response', (h) => {
      console.log(`status ${h[':status']} ${h['sec-websocket-protocol']}`);
      stream.write(frame(1, Buffer.from('text ' + i)));
    });
    stream.on('data', (d) => {
      got = Buffer.concat([got, d]);
      if (!closing && got.length >= 8) {
        closing = true;
        console.log('got ' + got.subarray(2));
        stream.write(frame(8, Buffer.from([0x03, 0xe8])));
      }
    });
    stream.on('end', () => stream.end());
    stream.on('close', () => {
      console.log(`closed ${got.subarray(8).toString('hex')} ${stream.rstCode}`);
      if (--open === 0) session.close();
    });
  }
});
session.on('error', (err) => console.log('error ' + err));
