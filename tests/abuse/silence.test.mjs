// Peers that connect and say nothing, or half a handshake: each is closed when its ten seconds are over,
// and whoever is honest is served meanwhile.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub } from '../lib/hub.mjs';
import { BEGUN_HELLO, HTTPS, MQTTS, crowd, size, source, usage } from './attack.mjs';
import { Honest } from './honest.mjs';

const peers = size(300, 4000);
const hub = Hub.fromEnvironment();
let honest;
before(async () => {
  await hub.start();
  honest = await Honest.begin(hub);
});
after(() => hub.stop());

test('who says nothing, or half of a handshake, is closed, and others are served', async () => {
  await honest.phase('alone', size(10, 200));
  const residentBefore = usage(hub).residentKiB;
  const all = await crowd(hub, peers, (i) => ({
    port: i % 2 === 0 ? MQTTS : HTTPS, from: source(i % 50), say: i % 4 < 2 ? BEGUN_HELLO : undefined,
  }));
  const grown = usage(hub).residentKiB - residentBefore;
  console.log(`${peers} peers: ${(grown / peers).toFixed(1)} KiB each`);
  // Not asserted: when, which a slow machine decides. They would stay for ever.
  const ends = await Promise.all(all.map((peer) => peer.closed));
  console.log(`closed after ${Math.min(...ends).toFixed(1)} to ${Math.max(...ends).toFixed(1)} s`);
  await honest.phase('under attack');
});

test('nothing of it stays', async () => {
  await honest.end();
  assert.equal(await hub.stop(), 0);
});
