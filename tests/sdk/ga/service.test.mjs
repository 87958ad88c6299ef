// Back ends with today's packages: identities, twins, queries.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, call, parts, sign } from '../../lib/hub.mjs';
import { ga, wrongKey } from '../../lib/devices.mjs';
import { pages, value } from '../../lib/jobs.mjs';

const hub = Hub.fromEnvironment();
let registry;
const get = async (method, ...args) => value(await call(registry, method, ...args));
before(async () => {
  await hub.start();
  registry = ga.service.Registry.fromConnectionString(hub.connectionString);
});
after(() => hub.stop());

test('a device is created, read, disabled, listed and deleted', async () => {
  const made = await get('create', { deviceId: 't-one' });
  assert.equal(Buffer.from(made.authentication.symmetricKey.primaryKey, 'base64').length, 32);
  const changed = await get('update', { deviceId: 't-one', status: 'disabled', statusReason: 'why not', etag: made.etag });
  assert.equal(changed.status, 'disabled');
  assert.notEqual(changed.etag, made.etag);
  assert.equal((await get('list')).some((device) => device.deviceId === 't-one'), true);
  await get('delete', 't-one');
  await assert.rejects(get('get', 't-one'), { name: 'DeviceNotFoundError' });
});

test('an id with every character that is allowed works on every route', async () => {
  const deviceId = "a-:.+%_#*?!(),=@$'z";
  await get('create', { deviceId });
  assert.equal((await get('get', deviceId)).deviceId, deviceId);
  const twin = await get('updateTwin', deviceId, { tags: { odd: true } }, '*');
  assert.equal(twin.deviceId, deviceId);
  await get('delete', deviceId);
});

test('devices are created and removed in bulk', async () => {
  const batch = ['b-1', 'b-2', 'b-3'].map((deviceId) => ({ deviceId }));
  assert.equal((await get('addDevices', batch)).isSuccessful, true);
  const again = await call(registry, 'addDevices', batch).catch((error) => JSON.parse(error.responseBody));
  assert.equal(value(again).isSuccessful, false);
  await get('removeDevices', batch, true);
  await assert.rejects(get('get', 'b-2'), { name: 'DeviceNotFoundError' });
});

test('a twin is patched, and a stale etag is a conflict', async () => {
  await get('create', { deviceId: 't-twin' });
  const twin = await get('getTwin', 't-twin');
  const stale = twin.etag;
  await call(twin, 'update', { tags: { site: { b: 43 } }, properties: { desired: { x: 1 } } });
  assert.deepEqual(twin.tags, { site: { b: 43 } });
  await assert.rejects(get('updateTwin', 't-twin', { tags: { lost: 1 } }, stale), { name: 'InvalidEtagError' });
  const forced = await get('updateTwin', 't-twin', { tags: { site: null, y: 2 } }, '*');
  assert.deepEqual(forced.tags, { y: 2 });
});

test('the twin of an unknown device is not found', async () => {
  await assert.rejects(get('getTwin', 't-nobody'), { name: 'DeviceNotFoundError' });
});

test('a query comes in pages and ends', async () => {
  for (let i = 0; i < 5; i++) {
    await get('create', { deviceId: `t-page-${i}` });
    await get('updateTwin', `t-page-${i}`, { tags: { paged: true, n: i } }, '*');
  }
  const { rows, sizes } = await pages(registry.createQuery('SELECT * FROM devices WHERE tags.paged = true', 2));
  assert.deepEqual(rows.map((twin) => twin.deviceId), [0, 1, 2, 3, 4].map((i) => `t-page-${i}`));
  assert.deepEqual(sizes, [2, 2, 1]);
  const exact = await pages(registry.createQuery('SELECT * FROM devices WHERE tags.paged = true AND tags.n IN [0, 1, 2, 3]', 2));
  assert.deepEqual(exact.sizes, [2, 2], 'no empty page after the last full one');
});

test('a query knows AND, OR, NOT, IN, comparisons and IS_DEFINED over all paths', async () => {
  await get('create', { deviceId: 'q-1' });
  await get('updateTwin', 'q-1', { tags: { q: 'a', site: { floor: 3 } }, properties: { desired: { mode: 'eco' } } }, '*');
  await get('create', { deviceId: 'q-2' });
  await get('updateTwin', 'q-2', { tags: { q: 'b', site: { floor: 5 } } }, '*');
  const found = async (condition) =>
    (await pages(registry.createQuery(`SELECT * FROM devices WHERE IS_DEFINED(tags.q) AND (${condition})`))).rows.map((t) => t.deviceId);
  assert.deepEqual(await found("tags.q = 'a'"), ['q-1']);
  assert.deepEqual(await found("tags.q IN ['a', 'b'] AND NOT tags.site.floor <= 3"), ['q-2']);
  assert.deepEqual(await found("properties.desired.mode = 'eco' OR tags.site.floor > 4"), ['q-1', 'q-2']);
  assert.deepEqual(await found('IS_DEFINED(properties.desired.mode)'), ['q-1']);
  assert.deepEqual(await found("deviceId != 'q-1' AND status = 'enabled'"), ['q-2']);
});

test('a statement that cannot be read is an argument error', async () => {
  await assert.rejects(call(registry.createQuery('SELECT FROM'), 'next'), { name: 'ArgumentError' });
});

test('a wrong key, a policy without the right and an expired token are refused', async () => {
  const as = (connectionString) => ga.service.Registry.fromConnectionString(connectionString);
  const wrong = hub.connectionString.replace(/SharedAccessKey=.*/, `SharedAccessKey=${wrongKey}`);
  await assert.rejects(call(as(wrong), 'get', 'x'), { name: 'UnauthorizedError' });
  const reader = (await hub.local('connection-string', '--policy', 'registryRead')).trim();
  await assert.rejects(call(as(reader), 'create', { deviceId: 'x' }), { name: 'UnauthorizedError' });
  const { SharedAccessKey, SharedAccessKeyName } = parts(hub.connectionString);
  const expired = sign(hub.address, SharedAccessKey, Math.floor(Date.now() / 1000) - 3600, SharedAccessKeyName);
  await assert.rejects(call(ga.service.Registry.fromSharedAccessSignature(expired), 'get', 'x'), { name: 'UnauthorizedError' });
});
