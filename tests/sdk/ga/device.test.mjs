// Devices with today's packages: connections, direct methods, twins.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, call, parts, sign, until } from '../../lib/hub.mjs';
import { close, connect, ga, refused, untilOnline, withKey, wrongKey } from '../../lib/devices.mjs';
import { value } from '../../lib/jobs.mjs';

const hub = Hub.fromEnvironment();
let service;
before(async () => {
  await hub.start();
  service = ga.service.Client.fromConnectionString(hub.connectionString);
});
after(() => hub.stop());

function clientFor(connectionString) {
  const client = ga.device.Client.fromConnectionString(connectionString, ga.Mqtt);
  client.setRetryPolicy(new NoRetry());
  client.on('error', () => {});
  return client;
}
class NoRetry {
  shouldRetry() { return false; }
  nextRetryTimeout() { return 0; }
}
const invoke = async (device, params) =>
  value(await untilOnline(() => call(service, 'invokeDeviceMethod', device, { connectTimeoutInSeconds: 15, ...params })));

test('a device connects, answers a direct method and is told its payload', async () => {
  const device = await connect(ga, await hub.device('g-method'), { echo: (payload) => [201, { heard: payload }] });
  const answer = await invoke('g-method', { methodName: 'echo', payload: { a: 1, s: 'Zürich' }, responseTimeoutInSeconds: 20 });
  assert.deepEqual(answer, { status: 201, payload: { heard: { a: 1, s: 'Zürich' } } });
  await close(device);
});

test('a device connects within a WebSocket on the port of HTTPS', async () => {
  const device = await connect(ga, await hub.device('g-ws'), { echo: (payload) => [200, payload] }, ga.MqttWs);
  assert.deepEqual(await invoke('g-ws', { methodName: 'echo', payload: [1, 2] }), { status: 200, payload: [1, 2] });
  const twin = await call(device, 'getTwin');
  await call(twin.properties.reported, 'update', { via: 'ws' });
  await close(device);
});

test('a call waits for a device to connect', async () => {
  const connectionString = await hub.device('g-comes');
  const answer = invoke('g-comes', { methodName: 'hello', responseTimeoutInSeconds: 60, connectTimeoutInSeconds: 60 });
  const device = await connect(ga, connectionString, { hello: () => [200, 'here'] });
  assert.deepEqual(await answer, { status: 200, payload: 'here' });
  await close(device);
});

test('a method that the device never answers times out', async () => {
  const device = await connect(ga, await hub.device('g-silent'), { known: () => [200, null] });
  await invoke('g-silent', { methodName: 'known' });
  await assert.rejects(call(service, 'invokeDeviceMethod', 'g-silent', { methodName: 'unknown', responseTimeoutInSeconds: 5 }),
    { name: 'GatewayTimeoutError' });
  await close(device);
});

test('a device that is not there is not online, one that does not exist is not found', async () => {
  await hub.device('g-offline');
  await assert.rejects(call(service, 'invokeDeviceMethod', 'g-offline', { methodName: 'x' }), (error) => {
    assert.equal(error.responseBody.includes('404103'), true, error.responseBody);
    return true;
  });
  await assert.rejects(call(service, 'invokeDeviceMethod', 'g-nobody', { methodName: 'x' }),
    { name: 'DeviceNotFoundError' });
});

test('a connect timeout beyond the response timeout is an argument error', async () => {
  await assert.rejects(
    call(service, 'invokeDeviceMethod', 'g-offline', { methodName: 'x', connectTimeoutInSeconds: 60, responseTimeoutInSeconds: 10 }),
    { name: 'ArgumentError' });
});

test('a twin is read, reported and told of desired properties', async () => {
  const device = await connect(ga, await hub.device('g-twin'));
  const twin = await call(device, 'getTwin');
  assert.equal(twin.properties.desired.$version, 1);
  await call(twin.properties.reported, 'update', { firmware: { version: '1.2' }, ort: '東京' });
  const stored = JSON.parse(await hub.ok('twin', 'show', '-d', 'g-twin'));
  assert.deepEqual(stored.properties.reported.firmware, { version: '1.2' });
  assert.equal(stored.properties.reported.ort, '東京');

  const patches = [];
  twin.on('properties.desired', (patch) => patches.push(structuredClone(patch)));
  await until(() => patches.length > 0, 'the listener to be told what is there');
  await hub.ok('twin', 'update', '-d', 'g-twin', '--desired', '{"building":"43","floor":3}');
  const seen = await until(() => patches.find((patch) => patch.building), 'the desired properties');
  assert.deepEqual(seen, { building: '43', floor: 3, $version: 2 });
  await close(device);
});

test('a reported patch that breaks the rules is refused, and the connection stays', async () => {
  const device = await connect(ga, await hub.device('g-rules'));
  const twin = await call(device, 'getTwin');
  await assert.rejects(call(twin.properties.reported, 'update', { 'a.b': 1 }));
  await call(twin.properties.reported, 'update', { fine: 1 });
  await close(device);
});

test('a wrong key, an unknown device and a disabled one are refused', async () => {
  const connectionString = await hub.device('g-wrong-key');
  await refused(clientFor(withKey(connectionString, wrongKey)), { name: 'UnauthorizedError' });
  const unknown = `HostName=${hub.address};DeviceId=g-unknown;SharedAccessKey=${wrongKey}`;
  await refused(clientFor(unknown), { name: 'UnauthorizedError' });
  await hub.ok('device', 'update', 'g-wrong-key', '--status', 'disabled');
  await refused(clientFor(connectionString), Error);
});

test('an expired token is refused, a fresh one is not', async () => {
  const { SharedAccessKey } = parts(await hub.device('g-token'));
  const now = Math.floor(Date.now() / 1000);
  const clientUntil = (expires) => {
    const client = ga.device.Client.fromSharedAccessSignature(
      sign(`${hub.address}/devices/g-token`, SharedAccessKey, expires), ga.Mqtt);
    client.setRetryPolicy(new NoRetry());
    client.on('error', () => {});
    return client;
  };
  await refused(clientUntil(now - 3600), { name: 'UnauthorizedError' });
  const client = clientUntil(now + 3600);
  await call(client, 'open');
  await close(client);
});

test('a second connection of a device takes over from the first', async () => {
  const connectionString = await hub.device('g-takeover');
  const first = clientFor(connectionString);
  await call(first, 'open');
  const dropped = new Promise((resolve) => first.on('disconnect', resolve));
  const second = clientFor(connectionString);
  await call(second, 'open');
  await dropped;
  await close(first);
  await close(second);
});

test('telemetry with properties is accepted', async () => {
  const device = await connect(ga, await hub.device('g-telemetry'));
  const message = new ga.device.Message('{"temperature":21}');
  message.properties.add('alert', 'no');
  await call(device, 'sendEvent', message);
  await close(device);
});
