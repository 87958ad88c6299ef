// Jobs with the 2016 packages.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { Hub, call, until } from '../../lib/hub.mjs';
import { close, connect, patiently, preview } from '../../lib/devices.mjs';
import { counts, end, newJob, pages, watch } from '../../lib/jobs.mjs';

const hub = Hub.fromEnvironment();
let jobs;
let registry;
before(async () => {
  await hub.start();
  jobs = preview.service.JobClient.fromConnectionString(hub.connectionString);
  registry = preview.service.Registry.fromConnectionString(hub.connectionString);
});
after(() => hub.stop());

const method = { methodName: 'lockDoor', payload: null, timeoutInSeconds: 45 };
const lockDoor = () => [200, { locked: true }];
const inAnHour = () => new Date(Date.now() + 3600 * 1000);
const deviceJobs = async (id) =>
  (await pages(registry.createQuery(`SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '${id}'`))).rows;

test('a method job over an array of devices ends with their answers', async () => {
  const devices = await Promise.all(['j-a', 'j-b'].map(async (id) => connect(preview, await hub.device(id), { lockDoor })));
  const id = newJob('methods');
  const accepted = await call(jobs, 'scheduleDeviceMethod', id, ['j-a', 'j-b'], method, new Date(Date.now() - 5), 3600);
  assert.equal(accepted.status, 'queued');
  const job = await end(jobs, id);
  assert.equal(job.status, 'completed');
  assert.equal(job.type, 'scheduleDeviceMethod');
  assert.deepEqual(counts(job), [2, 0, 2, 0, 0]);
  for (const row of await deviceJobs(id)) {
    assert.equal(row.status, 'completed');
    assert.deepEqual(row.outcome.deviceMethodResponse, { status: 200, payload: { locked: true } });
  }
  assert.deepEqual(devices.map((device) => device.calls.length), [1, 1], 'each was called once');
  await Promise.all(devices.map(close));
});

test("a twin job takes the short form of its patch and reaches offline devices' twins", async () => {
  await hub.device('j-twin');
  const id = newJob('twins');
  await call(jobs, 'scheduleTwinUpdate', id, ['j-twin'], { etag: '*', desired: { building: '43', floor: 3 } }, new Date(), 3600);
  const job = await end(jobs, id);
  assert.equal(job.status, 'completed');
  assert.deepEqual(counts(job), [1, 0, 1, 0, 0]);
  const twin = await call(registry, 'getTwin', 'j-twin');
  assert.equal(twin.properties.desired.building, '43');
  assert.equal(twin.properties.desired.$version, 2, 'patched once');
});

test('a twin job by query takes those that match and tells them', async () => {
  await hub.device('j-in');
  await hub.device('j-out');
  await call(registry, 'updateTwin', 'j-in', { tags: { ring: 'early' } }, '*');
  const device = await connect(preview, await hub.ok('device', 'show', 'j-in', '--connection-string').then((s) => s.trim()));
  const twin = await patiently(() => call(device, 'getTwin'));
  const id = newJob('by-query');
  await call(jobs, 'scheduleTwinUpdate', id, "tags.ring = 'early'", { etag: '*', properties: { desired: { fast: true } } }, new Date(), 3600);
  assert.deepEqual(counts(await end(jobs, id)), [1, 0, 1, 0, 0]);
  await until(() => twin.properties.desired.fast, 'the device to be told');
  assert.equal('fast' in (await call(registry, 'getTwin', 'j-out')).properties.desired, false);
  await close(device);
});

test('an id that is not a device fails by itself, not the job', async () => {
  const id = newJob('unknown-device');
  await call(jobs, 'scheduleTwinUpdate', id, ['j-nobody'], { etag: '*', tags: { a: 1 } }, new Date(), 60);
  const job = await end(jobs, id);
  assert.equal(job.status, 'completed');
  assert.deepEqual(counts(job), [1, 1, 0, 0, 0]);
  assert.equal((await deviceJobs(id))[0].error.code, 'DeviceNotFound');
});

test('a job for later is scheduled, and cancelled for good', async () => {
  const id = newJob('future');
  await call(jobs, 'scheduleDeviceMethod', id, ['j-nobody'], method, inAnHour(), 60);
  await watch(jobs, id, (job) => job.status === 'scheduled', 'scheduled');
  assert.equal((await call(jobs, 'cancelJob', id)).status, 'cancelled');
  assert.equal((await call(jobs, 'getJob', id)).status, 'cancelled');
  await assert.rejects(call(jobs, 'cancelJob', id), (error) => /OperationNotAllowed/.test(error.responseBody));
});

test('a running job is cancelled, and devices that come later are left alone', async () => {
  const connectionString = await hub.device('j-late');
  const id = newJob('running');
  await call(jobs, 'scheduleDeviceMethod', id, ['j-late'], method, new Date(), 3600);
  await watch(jobs, id, (job) => job.status === 'running' && counts(job)?.[4] === 1, 'running with one pending');
  assert.equal((await call(jobs, 'cancelJob', id)).status, 'cancelled');
  const device = await connect(preview, connectionString, { lockDoor, again: lockDoor });
  // The next job's call arrives, so the cancelled one's would have.
  const next = newJob('after-cancel');
  await call(jobs, 'scheduleDeviceMethod', next, ['j-late'], { methodName: 'again' }, new Date(), 3600);
  await end(jobs, next);
  assert.deepEqual(device.calls.map((c) => c.name), ['again']);
  assert.equal((await call(jobs, 'getJob', id)).status, 'cancelled');
  await close(device);
});

test('a device that comes online in time is called', async () => {
  const connectionString = await hub.device('j-comes');
  const id = newJob('comes');
  await call(jobs, 'scheduleDeviceMethod', id, ['j-comes'], method, new Date(), 3600);
  await watch(jobs, id, (job) => job.status === 'running' && counts(job)?.[4] === 1, 'running with one pending');
  const device = await connect(preview, connectionString, { lockDoor });
  const job = await end(jobs, id);
  assert.equal(job.status, 'completed');
  assert.deepEqual(counts(job), [1, 0, 1, 0, 0]);
  assert.equal(device.calls.length, 1);
  await close(device);
});

test('a device that does not come online in time fails, and the job is complete', async () => {
  await hub.device('j-stays-away');
  const id = newJob('away');
  await call(jobs, 'scheduleDeviceMethod', id, ['j-stays-away'], method, new Date(), 2);
  const job = await end(jobs, id);
  assert.equal(job.status, 'completed');
  assert.deepEqual(counts(job), [1, 1, 0, 0, 0]);
  assert.equal((await deviceJobs(id))[0].error.code, 'JobRunPreconditionFailed');
});

test('a device that dies the moment after its answer is counted', async () => {
  const fixture = fileURLToPath(new URL('../dying_device.mjs', import.meta.url));
  const connectionString = await hub.device('j-dies');
  const dying = spawn(process.execPath, ['--no-deprecation', fixture, connectionString], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => dying.on('exit', (code, signal) => resolve(signal ?? code)));
  await new Promise((resolve) => dying.stdout.once('data', resolve));
  const id = newJob('dies');
  await call(jobs, 'scheduleDeviceMethod', id, ['j-dies'], method, new Date(), 3600);
  const twinJob = newJob('twin-of-the-dead');
  await call(jobs, 'scheduleTwinUpdate', twinJob, ['j-dies'], { etag: '*', desired: { floor: 3 } }, new Date(), 3600);
  assert.equal(await ended, 'SIGKILL');
  assert.deepEqual(counts(await end(jobs, id)), [1, 0, 1, 0, 0]);
  assert.deepEqual(counts(await end(jobs, twinJob)), [1, 0, 1, 0, 0]);
});

test('a job id is used once, and an unknown job says so', async () => {
  const id = newJob('once');
  await call(jobs, 'scheduleTwinUpdate', id, ['j-nobody'], { etag: '*', tags: { a: 1 } }, inAnHour(), 60);
  await assert.rejects(call(jobs, 'scheduleTwinUpdate', id, ['j-nobody'], { etag: '*', tags: { a: 1 } }, inAnHour(), 60),
    (error) => /JobAlreadyExists/.test(error.responseBody));
  assert.equal((await call(jobs, 'getJob', 'no-such-job')).status, 'unknown');
  await assert.rejects(call(jobs, 'cancelJob', 'no-such-job'), (error) => /JobNotFound/.test(error.responseBody));
});

test("a twin job without etag '*' is refused", async () => {
  await assert.rejects(call(jobs, 'scheduleTwinUpdate', newJob('etag'), ['j-nobody'], { tags: { a: 1 } }, new Date(), 60),
    { name: 'ArgumentError' });
});

test('the list of jobs comes in pages, filtered and newest first', async () => {
  const ids = [];
  for (let i = 0; i < 5; i++) {
    ids.push(newJob('listed'));
    await call(jobs, 'scheduleDeviceMethod', ids[i], ['j-nobody'], method, inAnHour(), 60);
    await watch(jobs, ids[i], (job) => job.status === 'scheduled', 'scheduled');
  }
  const { rows, sizes } = await pages(jobs.createQuery('scheduleDeviceMethod', 'scheduled', 2));
  assert.deepEqual(rows.map((job) => job.jobId), [...ids].reverse());
  assert.deepEqual(sizes, [2, 2, 1]);
  const twins = await pages(jobs.createQuery('scheduleUpdateTwin', 'completed'));
  assert.equal(twins.rows.every((job) => job.type === 'scheduleUpdateTwin' && job.status === 'completed'), true);
  assert.notEqual(twins.rows.length, 0);
});
