// Devices with the 2016 packages: connections, direct methods, twins.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, call, parts, sign, until } from '../../lib/hub.mjs';
import { close, connect, open2016, patiently, preview, refused, untilOnline, withKey, wrongKey } from '../../lib/devices.mjs';

const hub = Hub.fromEnvironment();
let service;
before(async () => {
  await hub.start();
  service = preview.service.Client.fromConnectionString(hub.connectionString);
});
after(() => hub.stop());

const clientFor = (connectionString) =>
  preview.device.Client.fromConnectionString(connectionString, preview.Mqtt);
const invoke = (device, params) => untilOnline(() => call(service, 'invokeDeviceMethod', device, params));

test('a device connects, answers a direct method and is told its payload', async () => {
  const device = await connect(preview, await hub.device('p-method'), {
    echo: (payload) => [201, { heard: payload }],
  });
  const answer = await invoke('p-method', { methodName: 'echo', payload: { a: 1, s: 'text' }, timeoutInSeconds: 20 });
  assert.deepEqual(answer, { status: 201, payload: { heard: { a: 1, s: 'text' } } });
  assert.deepEqual((await invoke('p-method', { methodName: 'echo' })).payload, { heard: null });
  await close(device);
});

test("a device's status of 500 is an answer, not an error", async () => {
  const device = await connect(preview, await hub.device('p-500'), { fail: () => [500, { why: 'jammed' }] });
  assert.deepEqual(await invoke('p-500', { methodName: 'fail' }), { status: 500, payload: { why: 'jammed' } });
  await close(device);
});

test('a method that the device never answers times out', async () => {
  const device = await connect(preview, await hub.device('p-silent'), { known: () => [200, null] });
  await invoke('p-silent', { methodName: 'known' });
  await assert.rejects(call(service, 'invokeDeviceMethod', 'p-silent', { methodName: 'unknown', timeoutInSeconds: 1 }),
    { name: 'GatewayTimeoutError' });
  await close(device);
});

test('a method of a device that is not there, or of none at all, is not found', async () => {
  await hub.device('p-offline');
  await assert.rejects(call(service, 'invokeDeviceMethod', 'p-offline', { methodName: 'x' }), (error) => {
    assert.equal(error.responseBody.includes('404103'), true, error.responseBody);
    return true;
  });
  await assert.rejects(call(service, 'invokeDeviceMethod', 'p-nobody', { methodName: 'x' }),
    { name: 'DeviceNotFoundError' });
});

test('a twin is read, reported and told of desired properties', async () => {
  const connectionString = await hub.device('p-twin');
  const device = await connect(preview, connectionString);
  const twin = await patiently(() => call(device, 'getTwin'));
  assert.equal(twin.properties.desired.$version, 1);

  await patiently(() => call(twin.properties.reported, 'update', { firmware: { version: '1.2' } }));
  const stored = JSON.parse(await hub.ok('twin', 'show', '-d', 'p-twin'));
  assert.deepEqual(stored.properties.reported.firmware, { version: '1.2' });

  const patches = [];
  twin.on('properties.desired', (patch) => patches.push(patch));
  await hub.ok('twin', 'update', '-d', 'p-twin', '--desired', '{"building":"43","floor":3}');
  const seen = await until(() => patches.find((patch) => patch.building), 'the desired properties');
  assert.deepEqual(seen, { building: '43', floor: 3, $version: 2 });
  assert.equal(twin.properties.desired.floor, 3);

  await hub.ok('twin', 'update', '-d', 'p-twin', '--desired', '{"floor":null}');
  await until(() => patches.some((patch) => patch.floor === null), 'the removal of a property');
  assert.equal('floor' in twin.properties.desired, false);
  await close(device);
});

test('text beyond ASCII reaches the device whole', async () => {
  const device = await connect(preview, await hub.device('p-text'));
  await hub.ok('twin', 'update', '-d', 'p-text', '--desired', '{"ort":"Zürich, 東京"}');
  const twin = await patiently(() => call(device, 'getTwin'));
  assert.equal(twin.properties.desired.ort, 'Zürich, 東京');
  await close(device);
});

test('a wrong key is refused', async () => {
  const connectionString = await hub.device('p-wrong-key');
  await refused(clientFor(withKey(connectionString, wrongKey)), /Not authorized/);
});

test('an unknown device is refused', async () => {
  const connectionString = `HostName=${hub.address};DeviceId=p-unknown;SharedAccessKey=${wrongKey}`;
  await refused(clientFor(connectionString), /Not authorized/);
});

test('an expired token is refused, a fresh one is not', async () => {
  const { SharedAccessKey } = parts(await hub.device('p-token'));
  const now = Math.floor(Date.now() / 1000);
  const clientUntil = (expires) => preview.device.Client.fromSharedAccessSignature(
    sign(`${hub.address}/devices/p-token`, SharedAccessKey, expires), preview.Mqtt);
  await refused(clientUntil(now - 3600), /Not authorized/);
  await close(await open2016(clientUntil(now + 3600)));
});

test('telemetry is accepted', async () => {
  const device = await connect(preview, await hub.device('p-telemetry'));
  await call(device, 'sendEvent', new preview.device.Message('{"temperature":21}'));
  await close(device);
});
