// As little as a TLS server in Node can do: tickets, a greeting, nothing else. Listens on the port it is told, with
// the certificate and the key in the files it is told.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:tls';
import { boundYoungGeneration } from '../../../server/threads/heap.ts';

boundYoungGeneration(true);
const [port, cert, key] = process.argv.slice(2);
const server = createServer(
  { cert: await readFile(cert!), key: await readFile(key!) },
  (socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.resume();
    socket.write('* OK ready\r\n');
  },
);
server.listen(Number(port), '127.0.0.1');
