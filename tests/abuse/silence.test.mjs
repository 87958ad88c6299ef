// Peers that connect and say nothing, or half a handshake: each is closed when its ten seconds are over,
// and whoever is honest is served meanwhile.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Hub } from '../lib/hub.mjs';
import { BEGUN_HELLO, HTTPS, MQTTS, clientHello, crowd, leave, size, source, usage } from './attack.mjs';
import { Honest } from './honest.mjs';

const peers = size(1000, 4000);
const hub = Hub.fromEnvironment(['--threads', '2']);
let honest;
let starts = 0;
// A hub that is new to each, as memory that one gave back would not be seen to grow for the next.
beforeEach(async () => {
  await hub.start();
  honest = await Honest.begin(hub, { name: `honest-${++starts}` });
});
afterEach(async () => {
  await honest.end();
  assert.equal(await hub.stop(), 0);
});

// Bounds in docs/limits.md, with what the allocator adds. A process under a sanitizer takes more. Of whole hellos, each
// of the two threads keeps 1,024 at most, so that more peers do not cost more.
const ways = [
  { name: 'half of a hello', say: () => BEGUN_HELLO, kibibytes: 16 },
  { name: 'a hello without its last byte', say: (hello) => hello.subarray(0, -1), kibibytes: 16 },
  { name: 'a hello and no more', say: (hello) => hello, kibibytes: size(24, 16) },
  { name: 'nothing', say: () => undefined, kibibytes: 16 },
];

for (const { name, say, kibibytes } of ways) {
  test(`who says ${name} is closed, costs little, and others are served`, async () => {
    await honest.phase('before', size(10, 100));
    const said = say(await clientHello());
    const residentBefore = usage(hub).residentKiB;
    const all = await crowd(hub, peers, (i) => ({ port: i % 2 === 0 ? MQTTS : HTTPS, from: source(i % 50), say: said }));
    const grown = (usage(hub).residentKiB - residentBefore) / peers;
    console.log(`${peers} peers that say ${name}: ${grown.toFixed(1)} KiB each`);
    if (process.env.HUB_SANITIZED !== '1') assert.ok(grown < kibibytes, `${grown.toFixed(1)} KiB each`);
    // Not asserted: when, which a slow machine decides. They would stay for ever.
    const ends = await Promise.all(all.map((peer) => peer.closed));
    console.log(`closed after ${Math.min(...ends).toFixed(1)} to ${Math.max(...ends).toFixed(1)} s`);
  });
}

test('one address has no more strangers than it may', async () => {
  const [most, from] = [1024, source(200)];
  const all = await crowd(hub, most + size(100, 2000), () => ({ port: HTTPS, from }));
  await Promise.all(all.slice(most).map((peer) => Promise.race([peer.closed, ...all.slice(0, most).map((one) => one.closed)])));
  assert.match(hub.log(), /connections refused port=443 reason=connections\.unknown_per_address_max peer=127\.99\.0\.201/);
  await honest.phase('while one address has all that it may');
  leave(all);
});
