// A backup of PostgreSQL that was made while the hub served, and its restore under running nodes: they notice that it lacks
// what was acknowledged since, write nothing, and go on with it when an operator says so.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { renameSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../lib/hub.mjs';
import { Cluster } from './cluster.mjs';
import { Traffic, nameOf } from './traffic.mjs';

const cluster = new Cluster({
  binary: process.env.HUB_BINARY, address: '127.43.57.10', hasBalancer: false, extra: ['--lease', '3'],
  nodes: { n1: '127.43.57.1', n2: '127.43.57.2' },
});
const { postgres } = cluster;
const traffic = new Traffic(cluster, { devices: 0, plain: 200, hasImports: false, hasWriters: false });
const backup = join(postgres.folder, 'backup');

before(async () => {
  await cluster.start();
  await traffic.start();
});
after(async () => {
  await traffic.stop();
  await cluster.stop();
});

const tagOf = async (id) => JSON.parse((await traffic.insist('GET', `/twins/${id}`)).body).tags.count;
const patch = (count) => ['PATCH', '/twins/fix-0', { body: JSON.stringify({ tags: { count } }) }];
const write = (count) => traffic.ask(...patch(count));

test('a backup is made while the hub serves and a job is under way', async () => {
  await traffic.insist(...patch(1));
  await traffic.createJob('halfway', {
    type: 'scheduleUpdateTwin', queryCondition: "STARTSWITH(deviceId, 'fix-')",
    updateTwin: { etag: '*', properties: { desired: { job: 1 } } }, rollout: { pace: { rate: '20/s' } },
  });
  await until(async () => (await traffic.jobOf('halfway')).deviceJobStatistics?.succeededCount > 20, 'the job to be on its way');
  const made = spawnSync(join(postgres.programs, 'pg_basebackup'), ['-h', postgres.folder, '-U', 'hub', '-D', backup, '--checkpoint', 'fast', '--no-sync'], { ...postgres.user, encoding: 'utf8', cwd: postgres.folder });
  assert.equal(made.status, 0, made.stderr);
  assert.equal((await traffic.jobOf('halfway')).status, 'running', 'the backup came too late');
  await traffic.insist(...patch(2)); // What the backup does not have.
});

test('restored under running nodes, nothing is written and nothing taken over', async () => {
  const owner = await cluster.active();
  await postgres.stop('SIGINT');
  renameSync(join(postgres.folder, 'data'), join(postgres.folder, 'lost'));
  renameSync(backup, join(postgres.folder, 'data'));
  await postgres.start();
  await until(() => /PostgreSQL has lost what it acknowledged/.test(owner.log()), () => owner.log());
  assert.equal((await write(3)).status, 503);
  assert.equal(await tagOf('fix-0'), 2, 'its memory has what was acknowledged');
  await sleep(2_000); // Nobody ends by himself; a shorter wait would find less, and nothing else.
  assert.deepEqual(cluster.nodes.flatMap((node) => node.exits), []);
  assert.equal(nameOf(await cluster.active()), nameOf(owner));
});

test('an operator accepts the loss: the hub goes on with what the backup has, and so does the job', async () => {
  const accepted = await cluster.run('cluster', 'accept-loss', '--store', postgres.store);
  assert.equal(accepted.code, 0, accepted.stderr);
  await until(() => cluster.nodes.some((node) => node.exits.includes(75)), () => cluster.logs());
  assert.equal(await until(async () => {
    const { status, body } = await traffic.ask('GET', '/twins/fix-0');
    return status === 200 && JSON.parse(body).tags.count === 1;
  }, 'the state of the backup'), true);
  assert.equal((await until(async () => { const done = await write(4); return done.status === 200 ? done : null; }, 'a write')).status, 200);
  const job = await until(async () => { const now = await traffic.jobOf('halfway'); return now.status === 'completed' ? now : null; }, 'the job to complete');
  assert.equal(job.deviceJobStatistics.succeededCount, 200);
  for (const { deviceId, desired } of await traffic.rows("SELECT deviceId, properties.desired FROM devices WHERE STARTSWITH(deviceId, 'fix-')")) {
    assert.equal(desired.$version, 2, `${deviceId} was not patched once`);
  }
});
