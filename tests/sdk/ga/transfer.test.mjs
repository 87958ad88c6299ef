// Import and export jobs with today's package for back ends.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, until } from '../../lib/hub.mjs';
import { ga } from '../../lib/devices.mjs';
import { BlobServer } from '../../transfer/blob_server.mjs';
import { fleet } from '../../transfer/jobs.mjs';

const hub = Hub.fromEnvironment();
const blobs = new BlobServer();
let registry;
before(async () => {
  await blobs.start();
  await hub.start();
  registry = ga.service.Registry.fromConnectionString(hub.connectionString);
});
after(async () => {
  await blobs.stop();
  await hub.stop();
});

// The package answers some calls with the body alone, others with the body and the response.
const body = (answer) => answer.responseBody ?? answer;
const ended = (id) => until(async () => {
  const job = body(await registry.getJob(id));
  return ['completed', 'failed', 'cancelled'].includes(job.status) ? job : null;
}, `job ${id} to end`);

test('a registry is imported, listed and exported', async () => {
  blobs.put('in', 'devices.txt', `${fleet(50, 's')}{"id":"s-000001","importMode":"create"}\n`);
  const accepted = body(await registry.importDevicesFromBlob(blobs.container('in'), blobs.container('out')));
  assert.equal(accepted.type, 'import');
  assert.equal(accepted.status, 'enqueued');
  const job = await ended(accepted.jobId);
  assert.equal(job.status, 'completed', JSON.stringify(job));
  assert.equal(job.progress, 100);
  assert.match(blobs.text('out', 'importErrors.log'), /"deviceId":"s-000001","errorCode":"DeviceAlreadyExists"/);
  const exporting = body(await registry.exportDevicesToBlob(blobs.container('out'), false));
  assert.equal((await ended(exporting.jobId)).status, 'completed');
  const lines = blobs.text('out', 'devices.txt').trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((line) => line.id), [...Array(50).keys()].map((i) => `s-0000${String(i).padStart(2, '0')}`));
  const device = body(await registry.get('s-000003'));
  assert.deepEqual(device.authentication.symmetricKey, lines[3].authentication.symmetricKey);
  const listed = body(await registry.listJobs());
  assert.deepEqual(listed.map((one) => one.jobId), [exporting.jobId, accepted.jobId]);
});

test('keys are left out where asked', async () => {
  const job = body(await registry.exportDevicesToBlob(blobs.container('public'), true));
  assert.equal((await ended(job.jobId)).excludeKeysInExport, true);
  assert.equal(/"primaryKey":"/.test(blobs.text('public', 'devices.txt')), false);
});

test('a job is cancelled, and an ended or unknown one is not', async () => {
  blobs.put('large', 'devices.txt', fleet(20_000, 'l'));
  const first = body(await registry.importDevicesFromBlob(blobs.container('large'), blobs.container('large')));
  const second = body(await registry.exportDevicesToBlob(blobs.container('never'), false));
  await registry.cancelJob(second.jobId);
  assert.equal((await ended(second.jobId)).status, 'cancelled');
  assert.equal((await ended(first.jobId)).status, 'completed');
  assert.equal(blobs.text('never', 'devices.txt'), undefined);
  await assert.rejects(registry.cancelJob(second.jobId));
  await assert.rejects(registry.getJob('none'), (error) => error.responseBody.includes('ErrorCode:JobNotFound'));
});

test('what cannot be done is refused at once', async () => {
  await assert.rejects(registry.importDevicesFromBlob(blobs.container('nothing'), blobs.container('out')), { name: 'ArgumentError' });
  await assert.rejects(registry.exportDevicesToBlobByIdentity(blobs.container('out'), false), { name: 'ArgumentError' });
});
