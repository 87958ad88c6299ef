// Devices with today's package for AMQP, over a socket and within a WebSocket: telemetry, direct methods, twins.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, call, until } from '../../lib/hub.mjs';
import { close, connect, ga, refused, untilOnline, withKey, wrongKey } from '../../lib/devices.mjs';
import { value } from '../../lib/jobs.mjs';

const hub = Hub.fromEnvironment();
let service;
let registry;
before(async () => {
  await hub.start();
  service = ga.service.Client.fromConnectionString(hub.connectionString);
  registry = ga.service.Registry.fromConnectionString(hub.connectionString);
});
after(() => hub.stop());

const invoke = async (device, params) =>
  value(await untilOnline(() => call(service, 'invokeDeviceMethod', device, { connectTimeoutInSeconds: 15, ...params })));
const desired = (id, properties) => call(registry, 'updateTwin', id, { properties: { desired: properties } }, '*');
const reported = async (id) => value(await call(registry, 'getTwin', id)).properties.reported;

for (const [name, transport] of [['a socket', ga.Amqp], ['a WebSocket', ga.AmqpWs]]) {
  const id = name === 'a socket' ? 'amqp' : 'amqp-ws';

  test(`over ${name} a device sends telemetry`, async () => {
    const device = await connect(ga, await hub.device(`${id}-d2c`), {}, transport);
    const message = new ga.device.Message(JSON.stringify({ t: 21.5 }));
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.properties.add('alert', 'true');
    await call(device, 'sendEvent', message);
    await close(device);
  });

  test(`over ${name} a device answers a direct method`, async () => {
    const device = await connect(ga, await hub.device(`${id}-method`),
      { echo: (payload) => [201, { heard: payload }], empty: () => [204, null] }, transport);
    assert.deepEqual(await invoke(`${id}-method`, { methodName: 'echo', payload: { s: 'Zürich' }, responseTimeoutInSeconds: 20 }),
      { status: 201, payload: { heard: { s: 'Zürich' } } });
    assert.deepEqual(await invoke(`${id}-method`, { methodName: 'empty' }), { status: 204, payload: null });
    assert.deepEqual(device.calls[1], { name: 'empty', payload: null });
    await close(device);
  });

  test(`over ${name} a device reads its twin, reports, and is told of desired properties`, async () => {
    const connectionString = await hub.device(`${id}-twin`);
    await desired(`${id}-twin`, { interval: 5 });
    const device = await connect(ga, connectionString, {}, transport);
    const twin = await call(device, 'getTwin');
    assert.equal(twin.properties.desired.interval, 5);
    const told = [];
    twin.on('properties.desired', (delta) => told.push(delta));
    await call(twin.properties.reported, 'update', { firmware: '1.2', nested: { a: 1 } });
    assert.equal((await reported(`${id}-twin`)).nested.a, 1);
    await until(() => told.length > 0, 'the desired properties at the start');
    await desired(`${id}-twin`, { interval: 7 });
    await until(() => told.some((delta) => delta.interval === 7 && delta.$version === 3), 'the change of a desired property');
    await assert.rejects(call(twin.properties.reported, 'update', { a: 'x'.repeat(40_000) }));
    await close(device);
  });
}

const withoutRetry = (connectionString) => {
  const client = ga.device.Client.fromConnectionString(connectionString, ga.Amqp);
  client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
  client.on('error', () => {});
  return client;
};

test('a device with a wrong key is refused, as is one that is disabled', async () => {
  const connectionString = await hub.device('amqp-wrong');
  await refused(withoutRetry(withKey(connectionString, wrongKey)), { name: 'UnauthorizedError' });
  await call(registry, 'update', { deviceId: 'amqp-wrong', status: 'disabled' });
  await refused(withoutRetry(connectionString), { name: 'UnauthorizedError' });
});

test('a newer connection takes the place of an older one', async () => {
  const connectionString = await hub.device('amqp-twice');
  const older = await connect(ga, connectionString, { who: () => [200, 'older'] }, ga.Amqp);
  assert.deepEqual(await invoke('amqp-twice', { methodName: 'who' }), { status: 200, payload: 'older' });
  older.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
  const newer = await connect(ga, connectionString, { who: () => [200, 'newer'] }, ga.Amqp);
  await until(async () => (await invoke('amqp-twice', { methodName: 'who' })).payload === 'newer', 'the newer one to be called');
  await close(newer);
  await close(older);
});

test('a module speaks for itself', async () => {
  const connectionString = await hub.device('amqp-parent');
  await call(registry, 'addModule', { deviceId: 'amqp-parent', moduleId: 'm1' });
  const made = value(await call(registry, 'getModule', 'amqp-parent', 'm1'));
  const key = made.authentication.symmetricKey.primaryKey;
  const module = ga.device.ModuleClient.fromConnectionString(
    connectionString.replace(/SharedAccessKey=.*/, `ModuleId=m1;SharedAccessKey=${key}`), ga.Amqp);
  await call(module, 'open');
  await call(module, 'sendEvent', new ga.device.Message('from a module'));
  const twin = await call(module, 'getTwin');
  await call(twin.properties.reported, 'update', { is: 'module' });
  assert.equal(value(await call(registry, 'getModuleTwin', 'amqp-parent', 'm1')).properties.reported.is, 'module');
  await close(module);
});
