// Peers that begin a handshake and go on byte by byte, on both ports: some with a hello that takes for
// ever, some with a whole one and then the rest by bytes. Honest requests, and new connections above all, are
// answered while they try. ABUSE=full has 5,000 of them, in turns with as long a time without any, and prints
// how much longer the slowest hundredth of each kind took meanwhile, as the medians of these turns.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hub } from '../lib/hub.mjs';
import { HTTPS, MQTTS, clientHello, giveWay, leave, size, source, stranger } from './attack.mjs';
import { Honest } from './honest.mjs';

const SLOWED_AT_MOST = 4;
const count = size(400, 5000);
const rounds = size(1, 4);
const seconds = size(8, 20);
const hub = Hub.fromEnvironment();
let honest;
before(async () => {
  await hub.start();
  honest = await Honest.begin(hub);
  giveWay();
});
after(() => hub.stop());

/** Has peers say a byte a second each; who was closed comes again. */
async function attack(hello) {
  const peers = new Map();
  const arrive = (i) => {
    const isWhole = i % 4 === 3;
    const peer = stranger(hub, i % 2 === 0 ? MQTTS : HTTPS, { from: source(i % 200), say: isWhole ? hello : hello.subarray(0, 6) });
    peer.said = isWhole ? hello.length : 6;
    peers.set(i, peer);
  };
  for (let i = 0; i < count; i += 1) arrive(i);
  let opened = 0;
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
    await sleep(100);
  }
  const figures = await honest.phase(`${count} slow handshakes, ${opened} begun anew`);
  leave([...peers.values()]);
  await Promise.all([...peers.values()].map((peer) => peer.closed));
  return figures;
}

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
};

test('handshakes that come byte by byte keep nobody out', async () => {
  const hello = await clientHello();
  const alone = [];
  const attacked = [];
  for (let round = 0; round < rounds; round += 1) {
    await honest.phase('at first');
    await sleep(seconds * 1000);
    alone.push(await honest.phase('alone'));
    attacked.push(await attack(hello));
  }
  for (const share of ['p50', 'p99']) {
    const of = (phases, kind) => median(phases.map((phase) => phase[kind][share]));
    console.log(`${share} under attack / alone: ${honest.kinds.map((kind) =>
      `${kind} ${(of(attacked, kind) / of(alone, kind)).toFixed(2)} (${of(attacked, kind)} / ${of(alone, kind)} ms)`).join(', ')}`);
  }
  // In as many seconds a quarter as many new connections at least. Where slow handshakes hold up those
  // behind them, it is a tenth.
  for (const kind of ['newBackEnd', 'newDevice']) {
    const served = (phases) => phases.reduce((sum, phase) => sum + phase[kind].count, 0);
    assert.ok(served(attacked) * SLOWED_AT_MOST >= served(alone),
      `${kind}: ${served(attacked)} served under attack, ${served(alone)} alone`);
  }
});

test('nothing of it stays', () => honest.end());
