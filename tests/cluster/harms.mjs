// What can happen to the processes of a cluster. Each returns once it has happened and whoever ended is started again.

import { setTimeout as sleep } from 'node:timers/promises';
import assert from 'node:assert/strict';
import { nameOf } from './traffic.mjs';

/** SIGSTOP for longer than a lease, so that an owner is taken for dead. */
const frozenMs = 8_000;

async function again(node, code) {
  const ended = await node.ended;
  if (code !== undefined) assert.equal(ended, code, node.log().slice(-2000));
  node.isSupervised = true;
  node.start();
}

async function roles(cluster) {
  const owner = await cluster.active();
  return { owner, door: cluster.nodes.find((node) => node.id !== owner.id) };
}

export const harms = {
  'kill -9 of the owner': async (cluster) => {
    const { owner } = await roles(cluster);
    const before = nameOf(owner);
    owner.isSupervised = false;
    owner.process.kill('SIGKILL');
    await cluster.active(before);
    await again(owner);
  },
  'the owner stands still for 8 s': async (cluster) => {
    const { owner } = await roles(cluster);
    const [before, exits] = [nameOf(owner), owner.exits.length];
    owner.process.kill('SIGSTOP');
    const began = Date.now();
    const next = await cluster.active(before);
    assert.notEqual(next.id, owner.id);
    await sleep(Math.max(0, began + frozenMs - Date.now()));
    const { ended } = owner;
    owner.process.kill('SIGCONT');
    await ended;
    assert.deepEqual(owner.exits.slice(exits), [75], 'it ends by itself');
  },
  'the owner is stopped': async (cluster) => {
    const { owner } = await roles(cluster);
    const before = nameOf(owner);
    owner.isSupervised = false;
    owner.process.kill('SIGTERM');
    await cluster.active(before);
    await again(owner, 0);
  },
  'the owner is drained': async (cluster) => {
    const { owner } = await roles(cluster);
    const [{ pid }, exits] = [owner.process, owner.exits.length];
    const drained = await cluster.run('cluster', 'drain', owner.id, '--store', cluster.postgres.store);
    assert.equal(drained.code, 0, drained.stderr);
    assert.notEqual((await cluster.active()).id, owner.id);
    assert.deepEqual([owner.process.pid, owner.exits.length], [pid, exits], 'the process goes on');
    assert.equal((await cluster.run('cluster', 'drain', owner.id, '--off', '--store', cluster.postgres.store)).code, 0);
  },
  'the hub is moved': async (cluster) => {
    const { door } = await roles(cluster);
    const moved = await cluster.run('cluster', 'move', door.id, '--store', cluster.postgres.store);
    assert.equal(moved.code, 0, moved.stderr);
    assert.equal((await cluster.active()).id, door.id);
  },
  'kill -9 of a door': async (cluster) => {
    const { owner, door } = await roles(cluster);
    const before = nameOf(owner);
    door.isSupervised = false;
    door.process.kill('SIGKILL');
    await again(door);
    assert.equal(nameOf(await cluster.active()), before);
  },
  'a door stands still for 8 s': async (cluster) => {
    const { owner, door } = await roles(cluster);
    const [before, exits] = [nameOf(owner), door.exits.length];
    door.process.kill('SIGSTOP');
    await sleep(frozenMs);
    door.process.kill('SIGCONT');
    assert.equal(nameOf(await cluster.active()), before);
    assert.equal(door.exits.length, exits);
  },
  'a door is stopped': async (cluster) => {
    const { owner, door } = await roles(cluster);
    const before = nameOf(owner);
    door.isSupervised = false;
    door.process.kill('SIGTERM');
    await again(door, 0);
    assert.equal(nameOf(await cluster.active()), before);
  },
  'PostgreSQL restarts at once': async (cluster) => {
    const before = nameOf(await cluster.active());
    await cluster.postgres.stop('SIGQUIT');
    await cluster.postgres.start();
    assert.equal(nameOf(await cluster.active()), before);
  },
  'PostgreSQL stands still for 8 s': async (cluster) => {
    const before = nameOf(await cluster.active());
    cluster.postgres.signal('SIGSTOP');
    await sleep(frozenMs);
    cluster.postgres.signal('SIGCONT');
    assert.equal(nameOf(await cluster.active()), before);
  },
};

/** Those in which no device of a job may fail. */
export const planned = new Set(['the owner is stopped', 'the owner is drained', 'the hub is moved', 'a door is stopped']);
