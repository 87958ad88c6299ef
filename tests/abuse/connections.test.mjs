// Connections without end from peers that say nothing, by a hub that may open few files: a device and a
// back end that are there stay served, and every write of theirs is acknowledged; afterwards whoever
// comes is served as before.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';
import { HTTPS, MQTTS, leave, size, source, stranger } from './attack.mjs';
import { Honest } from './honest.mjs';

const descriptors = size(300, 2000);
const hub = Hub.fromEnvironment();
let honest;
before(async () => {
  // The hub raises its soft limit to the hard one, so that is what is low.
  const limited = join(hub.directory, 'limited');
  writeFileSync(limited, `#!/bin/sh\nulimit -n ${descriptors} && exec "${hub.binary}" "$@"\n`, { mode: 0o700 });
  assert.equal(spawnSync(limited, ['--version']).status, 0);
  hub.binary = limited;
  await hub.start();
  honest = await Honest.begin(hub, { arrivals: false });
});
after(() => hub.stop());

const open = () => readdirSync(`/proc/${hub.process.pid}/fd`).length;

test('idle connections take all that they may, and leave the hub what it needs', async () => {
  await honest.phase('alone', 10);
  const peers = new Set();
  let over = false;
  let begun = 0;
  const attackers = Array.from({ length: descriptors }, async (_, i) => {
    while (!over) {
      const peer = stranger(hub, i % 2 === 0 ? MQTTS : HTTPS, { from: source(i % 50) });
      peers.add(peer);
      begun += 1;
      await peer.closed;
      peers.delete(peer);
    }
  });
  try {
    await until(() => /accepting paused.*connections\.open_max/.test(hub.log()), 'the hub to pause');
    let most = 0;
    for (let i = 0; i < size(5, 30); i += 1) {
      await honest.phase(`${begun} connections begun`, 20);
      most = Math.max(most, open());
      assert.ok(open() < descriptors, 'some are left');
    }
    console.log(`at most ${most} of ${descriptors} descriptors`);
    assert.ok(most <= descriptors - 20, `${most} of ${descriptors} descriptors`);
  } finally {
    over = true;
    leave([...peers]);
  }
  await Promise.all(attackers);
});

test('afterwards all is as before', async () => {
  await honest.end();
  const late = await Honest.begin(hub, { name: 'late' });
  await late.end('new arrivals');
  assert.equal(await hub.stop(), 0);
});
