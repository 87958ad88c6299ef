// Jobs with today's packages.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, call, until } from '../../lib/hub.mjs';
import { close, connect, ga } from '../../lib/devices.mjs';
import { counts, end, newJob, pages, value, watch } from '../../lib/jobs.mjs';

const hub = Hub.fromEnvironment();
let jobs;
let registry;
before(async () => {
  await hub.start();
  jobs = ga.service.JobClient.fromConnectionString(hub.connectionString);
  registry = ga.service.Registry.fromConnectionString(hub.connectionString);
});
after(() => hub.stop());

const lockDoor = () => [200, { locked: true }];
const method = { methodName: 'lockDoor', payload: { force: true }, responseTimeoutInSeconds: 15 };
const inAnHour = () => new Date(Date.now() + 3600 * 1000);
const byId = (...ids) => `deviceId IN [${ids.map((id) => `'${id}'`).join(', ')}]`;
const schedule = async (kind, ...args) => value(await call(jobs, kind, ...args));
const deviceJobs = async (id) =>
  (await pages(registry.createQuery(`SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '${id}'`))).rows;

test('a method job by query ends with the answers, whatever their status', async () => {
  const good = await connect(ga, await hub.device('k-good'), { lockDoor });
  const bad = await connect(ga, await hub.device('k-bad'), { lockDoor: () => [500, { reason: 'jammed' }] });
  const id = newJob('methods');
  const accepted = await schedule('scheduleDeviceMethod', id, byId('k-good', 'k-bad'), method, new Date(), 300);
  assert.deepEqual(accepted, { jobId: id, type: 'scheduleDeviceMethod', status: 'queued' });
  const job = await end(jobs, id);
  assert.equal(job.status, 'completed');
  assert.deepEqual(counts(job), [2, 0, 2, 0, 0]);
  assert.deepEqual(job.cloudToDeviceMethod.payload, { force: true });
  const outcomes = Object.fromEntries((await deviceJobs(id)).map((row) => [row.deviceId, row.outcome.deviceMethodResponse]));
  assert.deepEqual(outcomes, {
    'k-good': { status: 200, payload: { locked: true } },
    'k-bad': { status: 500, payload: { reason: 'jammed' } },
  });
  assert.deepEqual(good.calls, [{ name: 'lockDoor', payload: { force: true } }]);
  await Promise.all([good, bad].map(close));
});

test('a twin job by query patches once and tells the device', async () => {
  const device = await connect(ga, await hub.device('k-twin'));
  const twin = await call(device, 'getTwin');
  const patches = [];
  twin.on('properties.desired', (patch) => patches.push(structuredClone(patch)));
  const id = newJob('twins');
  const patch = { etag: '*', tags: { site: 'b' }, properties: { desired: { building: '43', floor: 3 } } };
  await schedule('scheduleTwinUpdate', id, byId('k-twin'), patch, new Date(), 300);
  assert.deepEqual(counts(await end(jobs, id)), [1, 0, 1, 0, 0]);
  await until(() => patches.some((p) => p.floor === 3), 'the device to be told');
  const stored = value(await call(registry, 'getTwin', 'k-twin'));
  assert.equal(stored.properties.desired.$version, 2);
  assert.deepEqual(stored.tags, { site: 'b' });
  await close(device);
});

test('a condition that matches nothing completes at once', async () => {
  const id = newJob('nothing');
  await schedule('scheduleTwinUpdate', id, "tags.nobody = 'has this'", { etag: '*', tags: { a: 1 } }, new Date(), 60);
  assert.deepEqual(counts(await end(jobs, id)), [0, 0, 0, 0, 0]);
});

test('a condition that cannot be read fails the job with its reason', async () => {
  const id = newJob('unreadable');
  await schedule('scheduleTwinUpdate', id, 'SELECT * FROM devices', { etag: '*', tags: { a: 1 } }, new Date(), 60);
  const job = await end(jobs, id);
  assert.equal(job.status, 'failed');
  assert.match(job.failureReason, /SQL query parse failed/);
});

test('a job for later is scheduled, and cancelled for good', async () => {
  const id = newJob('future');
  await schedule('scheduleDeviceMethod', id, '*', method, inAnHour(), 60);
  await watch(jobs, id, (job) => job.status === 'scheduled', 'scheduled');
  assert.equal(value(await call(jobs, 'cancelJob', id)).status, 'cancelled');
  assert.equal((await end(jobs, id)).status, 'cancelled');
  await assert.rejects(call(jobs, 'cancelJob', id), (error) => /OperationNotAllowed/.test(error.responseBody));
});

test('a running job is cancelled while a device is at work', async () => {
  let finish;
  const finished = new Promise((resolve) => { finish = resolve; });
  const device = await connect(ga, await hub.device('k-slow'), { lockDoor: async () => { await finished; return [200, null]; } });
  const id = newJob('running');
  await schedule('scheduleDeviceMethod', id, byId('k-slow'), { ...method, responseTimeoutInSeconds: 300 }, new Date(), 3600);
  await until(() => device.calls.length === 1, 'the device to be called');
  assert.equal(value(await call(jobs, 'cancelJob', id)).status, 'cancelled');
  finish();
  const job = await end(jobs, id);
  assert.equal(job.status, 'cancelled');
  await watch(jobs, id, (look) => counts(look)[3] === 0, 'without a device in flight');
  await close(device);
});

test('a device that comes online in time is called, one that does not fails', async () => {
  const connectionString = await hub.device('k-comes');
  await hub.device('k-stays-away');
  const id = newJob('comes');
  await schedule('scheduleDeviceMethod', id, byId('k-comes'), method, new Date(), 3600);
  await watch(jobs, id, (job) => job.status === 'running' && counts(job)?.[4] === 1, 'running with one pending');
  const device = await connect(ga, connectionString, { lockDoor });
  assert.deepEqual(counts(await end(jobs, id)), [1, 0, 1, 0, 0]);

  const away = newJob('away');
  await schedule('scheduleDeviceMethod', away, byId('k-stays-away'), method, new Date(), 2);
  const job = await end(jobs, away);
  assert.equal(job.status, 'completed');
  assert.deepEqual(counts(job), [1, 1, 0, 0, 0]);
  const [row] = await deviceJobs(away);
  assert.equal(row.status, 'failed');
  assert.equal(row.error.code, 'JobRunPreconditionFailed');
  await close(device);
});

test('the list of jobs and the rows of a job come in pages', async () => {
  const ids = [];
  for (let i = 0; i < 5; i++) {
    ids.push(newJob('listed'));
    await schedule('scheduleDeviceMethod', ids[i], '*', method, inAnHour(), 60);
    await watch(jobs, ids[i], (job) => job.status === 'scheduled', 'scheduled');
  }
  const listed = await pages(jobs.createQuery('scheduleDeviceMethod', 'scheduled', 2));
  assert.deepEqual(listed.rows.map((job) => job.jobId), [...ids].reverse());
  assert.deepEqual(listed.sizes, [2, 2, 1]);

  for (let i = 0; i < 5; i++) await hub.device(`k-row-${i}`);
  const id = newJob('rows');
  await schedule('scheduleTwinUpdate', id, byId(...[0, 1, 2, 3, 4].map((i) => `k-row-${i}`)), { etag: '*', tags: { a: 1 } }, new Date(), 60);
  assert.deepEqual(counts(await end(jobs, id)), [5, 0, 5, 0, 0]);
  const rows = await pages(registry.createQuery(`SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '${id}'`, 2));
  assert.deepEqual(rows.rows.map((row) => row.deviceId), [0, 1, 2, 3, 4].map((i) => `k-row-${i}`));
});
