// A node that keeps dying leaves the hub to another one, and serves when there is none.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../lib/hub.mjs';
import { Cluster } from './cluster.mjs';

const cluster = new Cluster({
  binary: process.env.HUB_BINARY, address: '127.43.58.10', nodes: { n1: '127.43.58.1', n2: '127.43.58.2' }, extra: ['--lease', '3'],
});
const { store } = cluster.postgres;
const nameOf = (node) => `${node.id}/${node.incarnation}`;
const rowOf = async (id) => (await cluster.status()).nodes.filter((row) => row.node === id && row.state === 'live').at(-1);

before(() => cluster.start());
after(() => cluster.stop());

test('a node that has died twice leaves the hub to the other one', async () => {
  const victim = (await cluster.active()).id;
  for (let time = 0; time < 2; time += 1) {
    let owner = await cluster.active();
    if (owner.id !== victim) {
      await cluster.ok('cluster', 'move', victim, '--store', store);
      owner = await cluster.active();
    }
    assert.equal(owner.id, victim);
    const name = nameOf(owner);
    const { incarnation } = owner;
    owner.process.kill('SIGKILL');
    const next = await cluster.active(name);
    if (time === 1) assert.notEqual(next.id, victim);
    await until(async () => (await rowOf(victim))?.incarnation > incarnation, 'the node to be back');
  }
  const node = cluster.nodes.find(({ id }) => id === victim);
  await until(() => node.log().includes('leaves the hub to others'), 'the node to say so');
  const row = await until(() => rowOf(victim), 'the node to be back');
  assert.deepEqual([row.recentEnds, row.heldBack], [2, true]);
  const other = cluster.nodes.find(({ id }) => id !== victim);
  assert.equal((await rowOf(other.id)).heldBack, false);

  other.isSupervised = false;
  const name = nameOf(await cluster.active());
  other.process.kill('SIGKILL');
  assert.equal((await cluster.active(name)).id, victim, 'there is nobody else');
  other.isSupervised = true;
  other.start();
});
