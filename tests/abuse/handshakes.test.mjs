// Peers that begin a handshake and go on byte by byte, on both ports: some with a hello that takes for
// ever, some with a whole one and then the rest by bytes. Honest requests, and new connections above all, are
// answered while they try. ABUSE=full has 5,000 of them; the figures of both phases are printed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hub } from '../lib/hub.mjs';
import { HTTPS, MQTTS, clientHello, giveWay, leave, size, source, stranger } from './attack.mjs';
import { Honest } from './honest.mjs';

const SLOWED_AT_MOST = 4;
const count = size(400, 5000);
const seconds = size(8, 60);
const hub = Hub.fromEnvironment();
let honest;
before(async () => {
  await hub.start();
  honest = await Honest.begin(hub);
  giveWay();
});
after(() => hub.stop());

test('handshakes that come byte by byte keep nobody out', async () => {
  await honest.phase('at first');
  await sleep(seconds * 1000);
  const alone = await honest.phase('alone');
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
  const attacked = await honest.phase(`${count} slow handshakes, ${opened} begun anew`);
  // In as many seconds a quarter as many new connections at least. Where slow handshakes hold up those
  // behind them, it is a tenth.
  for (const kind of ['newBackEnd', 'newDevice']) {
    assert.ok(attacked[kind].count * SLOWED_AT_MOST >= alone[kind].count,
      `${kind}: ${attacked[kind].count} served under attack, ${alone[kind].count} alone`);
  }
  leave([...peers.values()]);
});

test('nothing of it stays', () => honest.end());
