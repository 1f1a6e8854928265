// Opens a WebSocket with undici, over HTTP/2 or not, and says what became of it.
import fs from 'node:fs';
import { createRequire } from 'node:module';

const [modules, url, ca, http2] = process.argv.slice(2);
const { Agent, WebSocket } = createRequire(modules + '/')('undici');
const dispatcher = new Agent({ allowH2: http2 === 'yes', connect: { ca: fs.readFileSync(ca), servername: 'example.com' } });
const seen = [];
const c = new WebSocket(url, { protocols: ['chat'], dispatcher });
c.onopen = () => { seen.push('open ' + c.protocol); c.close(4001); };
c.onerror = () => seen.push('error');
c.onclose = (e) => { console.log([...seen, 'close ' + e.code].join(', ')); dispatcher.destroy(); };
