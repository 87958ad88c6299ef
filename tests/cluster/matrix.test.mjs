// Three nodes over one PostgreSQL. The one that serves, one that passes on and PostgreSQL are killed, frozen and stopped,
// each while a twin job, a method job with a rollout, an import, patches, telemetry and cloud-to-device messages are under way
// by all nodes. Nothing that was acknowledged may be gone; a twin is patched once, a method sent at most once, a line of an
// import carried out once.
//
//   MATRIX=full   everything that can happen, instead of the four that `make test` runs

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Cluster } from './cluster.mjs';
import { harms, planned } from './harms.mjs';
import { Traffic } from './traffic.mjs';

const short = ['kill -9 of the owner', 'the owner stands still for 8 s', 'the owner is drained', 'PostgreSQL restarts at once'];
const chosen = process.env.MATRIX === 'full' ? Object.keys(harms) : process.env.MATRIX ? [process.env.MATRIX] : short;

const cluster = new Cluster({
  binary: process.env.HUB_BINARY, address: '127.43.55.10', hasBalancer: false, extra: ['--lease', '3'],
  nodes: { n1: '127.43.55.1', n2: '127.43.55.2', n3: '127.43.55.3' },
});
const traffic = new Traffic(cluster);

before(async () => {
  await traffic.prepare();
  await cluster.start();
  await traffic.start();
});
after(async () => {
  await traffic.stop();
  await cluster.stop();
});

for (const name of chosen) {
  test(name, async () => {
    const began = Date.now();
    const isPlanned = planned.has(name);
    // Devices of a door that is stopped are cut with a method under way; no other one is.
    const counted = await traffic.survive(() => harms[name](cluster), { failsNothing: isPlanned && name !== 'a door is stopped' });
    console.log(`${name}: ${counted.succeededCount} methods answered, ${counted.failedCount} failed or unknown, nobody answered for ${(counted.silentMs / 1000).toFixed(1)} s, all in ${Math.round((Date.now() - began) / 1000)} s`);
  });
}

test('every message that was acknowledged has come', async () => {
  const { messages, letters, patches } = await traffic.finish();
  assert.ok(messages > 100 && letters > 20 && patches > 20, JSON.stringify({ messages, letters, patches }));
  console.log(`${messages} messages, ${letters} cloud-to-device messages, ${patches} patches were acknowledged`);
});
