// A hub that is killed by SIGKILL, again and again, while jobs of every policy go over its devices: waves with soak and a
// gate, pauses, retries, reruns, plans, approvals, jobs after jobs, templates, confirmations, windows, times to live, jobs that
// newer ones take devices from, pipelines, a budget over all of them, undos by hand and by a rule. KILL_COUNT=200 is the long form.
//
// Devices keep a journal of what reached them. Against it and against what the hub has acknowledged: no job is lost or made
// twice; counters add up, never fall, and are those of the records; nothing begins after the answer to a pause; at most
// one call for each attempt, and none again that nobody asked for; waves open in their order, not before their soak or gate; an undo
// brings every value back, or reports a conflict; and `carillon job verify` finds every log as it was written.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';
import { connect, Journal } from './rollout_devices.mjs';
import { verifyAll, World } from './rollout_hub.mjs';
import * as lanes from './rollout_lanes.mjs';

const kills = Number(process.env.KILL_COUNT ?? 10);
const thereCount = 48;
const absentCount = 12;

// No device is skipped, and no time to live ends, before they have had the time to come back.
process.env.CARILLON_JOBS__RECONNECT_GRACE_S = '1';
const hub = Hub.fromEnvironment();
const clients = [];
let world;
let scene;

before(async () => {
  await hub.start();
  world = new World(hub);
  const ids = [...Array(thereCount + absentCount).keys()].map((n) => `d${n}`);
  const closed = new Set(ids.slice(40, 44));
  const body = ids.map((id, n) => ({
    id, importMode: 'create', tags: { there: n < thereCount, ...closed.has(id) && { tz: n % 2 ? 'Asia/Tokyo' : 'America/Los_Angeles' } },
  }));
  assert.equal((await world.ask('POST', '/devices', body)).status, 200);
  // Half of them have a value of their own, the others have none.
  for (let n = 0; n < ids.length; n += 2)
    assert.equal((await world.ask('PATCH', `/twins/d${n}`, { properties: { desired: { lane: `old${n}` } } })).status, 200);
  assert.equal((await world.ask('PUT', '/carillon/approval-rules/guarded', { when: { methods: ['guarded'] }, by: ['release'] })).status, 200);
  assert.equal((await world.ask('PUT', '/carillon/budgets/few', { max: 24, jobs: 'methods' })).status, 200);
  const { body: { primaryKey } } = await world.ask('PUT', '/carillon/policies/release', { rights: 'RegistryRead, JobApprove' });
  const told = { pauses: 0, gates: 0, conflicts: 0, decisions: 0, plans: 0, chains: 0, taken: 0, diverged: 0, windows: 0, expired: 0, superseded: 0, templates: 0, members: 0, budgeted: 0 };
  scene = {
    world, ids, closed, told, absent: new Set(ids.slice(thereCount)), journal: new Journal(), release: world.token('release', primaryKey),
  };
  for (let n = 0; n < thereCount; ++n) {
    const { body: identity } = await world.ask('GET', `/devices/d${n}`);
    const key = identity.authentication.symmetricKey.primaryKey;
    clients.push(connect(world, n, `HostName=${hub.address};DeviceId=d${n};SharedAccessKey=${key}`, scene.journal));
  }
  await until(() => clients.every((client) => client.connected), 'all devices to connect');
});
after(() => {
  world?.stop();
  for (const client of clients) client.end(true);
  return hub.stop();
});

test(`jobs of every policy hold over ${kills} kills`, { timeout: (120 + kills * 8) * 1000 }, async () => {
  const live = Object.values(lanes).map(async (lane) => {
    for (let round = 0; round === 0 || world.killed < kills; ++round) await lane(scene, round);
  });
  const killing = (async () => {
    while (world.killed < kills) {
      await world.rest(100 + Math.random() * 900);
      await hub.stop('SIGKILL');
      await hub.start();
      ++world.killed;
    }
  })();
  await Promise.all([killing, ...live]);
  // Of the jobs that newer ones take from, the last still waits for devices that are away.
  const waiting = world.jobs.filter((job) => job.id.startsWith('superseded')).at(-1);
  await world.insist('POST', `/jobs/v2/${waiting.id}/cancel`);
  await waiting.end();
  await hub.stop('SIGKILL');
  await hub.start();
  const listed = new Set();
  for (const job of world.jobs) {
    if (listed.has(job.id)) job.fault('was acknowledged twice');
    listed.add(job.id);
    await job.settle();
  }
  assert.deepEqual(world.faults, []);
  await verifyAll(world);
  console.log(`# ${kills} kills, ${world.jobs.length} jobs: ${Object.entries(scene.told).map(([what, count]) => `${what} ${count}`).join(', ')}`);
});
