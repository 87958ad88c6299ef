// Back ends with the 2016 packages: identities, twins, queries.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, call, parts, sign } from '../../lib/hub.mjs';
import { preview, wrongKey } from '../../lib/devices.mjs';
import { pages } from '../../lib/jobs.mjs';

const hub = Hub.fromEnvironment();
let registry;
before(async () => {
  await hub.start();
  registry = preview.service.Registry.fromConnectionString(hub.connectionString);
});
after(() => hub.stop());

test('a device is created, read, disabled, listed and deleted', async () => {
  const made = await call(registry, 'create', { deviceId: 's-one' });
  assert.equal(made.deviceId, 's-one');
  assert.equal(Buffer.from(made.authentication.symmetricKey.primaryKey, 'base64').length, 32);
  assert.deepEqual((await call(registry, 'get', 's-one')).authentication, made.authentication);

  const changed = await call(registry, 'update', { ...made, status: 'disabled', statusReason: 'why not' });
  assert.equal(changed.status, 'disabled');
  assert.notEqual(changed.etag, made.etag);
  assert.equal((await call(registry, 'list')).some((device) => device.deviceId === 's-one'), true);

  await call(registry, 'delete', 's-one');
  await assert.rejects(call(registry, 'get', 's-one'), { name: 'DeviceNotFoundError' });
});

test('keys that are given are kept', async () => {
  const symmetricKey = { primaryKey: wrongKey, secondaryKey: Buffer.alloc(16, 1).toString('base64') };
  const made = await call(registry, 'create', { deviceId: 's-keys', authentication: { symmetricKey } });
  assert.deepEqual(made.authentication.symmetricKey, symmetricKey);
});

test('a device is created once', async () => {
  await call(registry, 'create', { deviceId: 's-twice' });
  await assert.rejects(call(registry, 'create', { deviceId: 's-twice' }), { name: 'DeviceAlreadyExistsError' });
});

test('a twin is patched, and a stale etag is a conflict', async () => {
  await call(registry, 'create', { deviceId: 's-twin' });
  const twin = await call(registry, 'getTwin', 's-twin');
  const stale = twin.etag;
  await call(twin, 'update', { tags: { site: { b: 43 } }, properties: { desired: { x: 1 } } });
  assert.deepEqual(twin.tags, { site: { b: 43 } });
  assert.equal(twin.properties.desired.x, 1);
  assert.notEqual(twin.etag, stale);

  await assert.rejects(call(registry, 'updateTwin', 's-twin', { tags: { lost: 1 } }, stale),
    { name: 'InvalidEtagError' });
  const after412 = await call(registry, 'getTwin', 's-twin');
  assert.equal('lost' in after412.tags, false);
  const forced = await call(registry, 'updateTwin', 's-twin', { tags: { site: null, y: 2 } }, '*');
  assert.deepEqual(forced.tags, { y: 2 });
});

test('the twin of an unknown device is not found', async () => {
  await assert.rejects(call(registry, 'getTwin', 's-nobody'), { name: 'DeviceNotFoundError' });
});

test('a query comes in pages and ends', async () => {
  for (let i = 0; i < 5; i++) {
    await call(registry, 'create', { deviceId: `s-page-${i}` });
    await call(registry, 'updateTwin', `s-page-${i}`, { tags: { paged: true, n: i } }, '*');
  }
  const { rows, sizes } = await pages(registry.createQuery('SELECT * FROM devices WHERE tags.paged = true', 2));
  assert.deepEqual(rows.map((twin) => twin.deviceId), [0, 1, 2, 3, 4].map((i) => `s-page-${i}`));
  assert.deepEqual(sizes, [2, 2, 1]);
  const exact = await pages(registry.createQuery('SELECT * FROM devices WHERE tags.paged = true AND tags.n < 4', 2));
  assert.deepEqual(exact.sizes, [2, 2], 'no empty page after the last full one');
});

test('a statement that cannot be read is an argument error', async () => {
  await assert.rejects(call(registry.createQuery('SELECT FROM'), 'next'), { name: 'ArgumentError' });
});

test('a wrong key and an expired token are refused', async () => {
  const wrong = hub.connectionString.replace(/SharedAccessKey=.*/, `SharedAccessKey=${wrongKey}`);
  await assert.rejects(call(preview.service.Registry.fromConnectionString(wrong), 'get', 'x'),
    { name: 'UnauthorizedError' });
  const { SharedAccessKey, SharedAccessKeyName } = parts(hub.connectionString);
  const now = Math.floor(Date.now() / 1000);
  const expired = sign(hub.address, SharedAccessKey, now - 3600, SharedAccessKeyName);
  await assert.rejects(call(preview.service.Registry.fromSharedAccessSignature(expired), 'get', 'x'),
    { name: 'UnauthorizedError' });
});
