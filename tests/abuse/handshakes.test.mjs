// Peers that begin a handshake and go on byte by byte, on both ports: some with a hello that takes for
// ever, some with a whole one and then the rest by bytes. Honest requests, and new connections above all, are
// answered while they try. ABUSE=full has 5,000 of them; the figures of both phases are printed.

import { after, before, test } from 'node:test';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Hub } from '../lib/hub.mjs';
import { HTTPS, MQTTS, leave, size, source, stranger } from './attack.mjs';
import { Honest } from './honest.mjs';

const count = size(400, 5000);
const seconds = size(8, 60);
const hub = Hub.fromEnvironment();
let honest;
before(async () => {
  await hub.start();
  honest = await Honest.begin(hub);
});
after(() => hub.stop());

/** What a client of TLS says first. */
async function clientHello() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const client = connectTls({ host: '127.0.0.1', port: server.address().port, rejectUnauthorized: false });
  client.on('error', () => {});
  const [socket] = await accepted;
  const [hello] = await once(socket, 'data');
  client.destroy();
  socket.destroy();
  server.close();
  return hello;
}

test('handshakes that come byte by byte keep nobody out', async () => {
  await honest.phase('alone', size(20, 200));
  const hello = await clientHello();
  const peers = new Map();
  const arrive = (i) => {
    const isWhole = i % 4 === 3;
    const peer = stranger(hub, i % 2 === 0 ? MQTTS : HTTPS, { from: source(i % 200), say: isWhole ? hello : hello.subarray(0, 6) });
    peer.said = isWhole ? hello.length : 6;
    peers.set(i, peer);
  };
  for (let i = 0; i < count; i += 1) arrive(i);
  let opened = 0;
  // Each says a byte a second, in tenths of them at a time; who was closed comes again.
  for (let tenth = 0; tenth < seconds * 10; tenth += 1) {
    for (let i = tenth % 10; i < count; i += 10) {
      const peer = peers.get(i);
      if (peer.isClosed) {
        opened += 1;
        arrive(i);
      } else if (peer.socket.readyState === 'open') {
        peer.socket.write(peer.said < hello.length ? hello.subarray(peer.said, ++peer.said) : Buffer.of(0x14));
      }
    }
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  await honest.phase(`${count} slow handshakes, ${opened} begun anew`);
  leave([...peers.values()]);
});

test('nothing of it stays', () => honest.end());
