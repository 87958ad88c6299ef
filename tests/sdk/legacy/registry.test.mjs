// The packages of 2017, azure-iothub 1.0.18 and azure-iot-device 1.4.3: how they spell what they send.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRequire } from 'node:module';
import { Hub, call } from '../../lib/hub.mjs';
import { close, ga } from '../../lib/devices.mjs';
import { value } from '../../lib/jobs.mjs';

const require = createRequire(new URL('package.json', import.meta.url));
const service = require('azure-iothub');
const device = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');

const hub = Hub.fromEnvironment();
let registry;
let today;
before(async () => {
  await hub.start();
  registry = service.Registry.fromConnectionString(hub.connectionString);
  today = ga.service.Registry.fromConnectionString(hub.connectionString);
});
after(() => hub.stop());

const stringOf = (found) => `HostName=${hub.address};DeviceId=${found.deviceId};SharedAccessKey=${found.authentication.SymmetricKey.primaryKey}`;

/** Closes a device, and ends the timer of its token, which its package forgets and which keeps a process alive. */
async function quit(client) {
  await close(client);
  clearTimeout(client._transport._authenticationProvider._renewalTimeout);
}

test('a device that was read and is written back keeps its keys', async () => {
  const made = await call(registry, 'create', { deviceId: 'old-1' });
  const keys = made.authentication.SymmetricKey;
  assert.ok(keys.primaryKey && keys.secondaryKey);
  const read = await call(registry, 'get', 'old-1');
  const written = await call(registry, 'update', read);
  assert.deepEqual({ ...written.authentication.SymmetricKey }, { ...keys });
  const now = value(await call(today, 'get', 'old-1'));
  assert.deepEqual({ ...now.authentication.symmetricKey }, { ...keys }, 'and today\'s package sees the same');
});

test('its own spelling of a key and of a status is taken', async () => {
  const key = (byte) => Buffer.alloc(32, byte).toString('base64');
  const made = await call(registry, 'create', {
    deviceId: 'old-2', Status: 'Disabled', authentication: { SymmetricKey: { primaryKey: key(1), secondaryKey: key(2) } },
  });
  assert.equal(made.status, 'disabled');
  assert.equal(made.authentication.SymmetricKey.primaryKey, key(1));
  await assert.rejects(call(registry, 'update', { deviceId: 'old-2', authentication: { Keys: { primaryKey: key(3) } } }),
    (error) => error.responseBody.includes('ArgumentInvalid') && error.responseBody.includes('Keys'));
  assert.equal((await call(registry, 'get', 'old-2')).authentication.SymmetricKey.primaryKey, key(1));
});

test('a device of that time connects, is called and sends', async () => {
  const made = await call(registry, 'create', { deviceId: 'old-3' });
  const client = device.Client.fromConnectionString(stringOf(made), Mqtt);
  client.on('error', () => {});
  await call(client, 'open');
  client.onDeviceMethod('echo', (request, response) => response.send(200, request.payload, () => {}));
  // Its own package for back ends knew no methods yet.
  const caller = ga.service.Client.fromConnectionString(hub.connectionString);
  const answer = await call(caller, 'invokeDeviceMethod', 'old-3',
    { methodName: 'echo', payload: { a: 1 }, responseTimeoutInSeconds: '20', connectTimeoutInSeconds: '10' });
  assert.deepEqual(value(answer), { status: 200, payload: { a: 1 } });
  await call(client, 'sendEvent', new device.Message('{}'));
  // Writing back what was read does not lock it out.
  await call(registry, 'update', await call(registry, 'get', 'old-3'));
  await quit(client);
  const again = device.Client.fromConnectionString(stringOf(made), Mqtt);
  again.on('error', () => {});
  await call(again, 'open');
  await quit(again);
});

test('a back end over AMQP opens, hears that a device is unknown, and closes', async () => {
  const client = service.Client.fromConnectionString(hub.connectionString);
  await call(client, 'open');
  await assert.rejects(call(client, 'send', 'nobody', 'hello'), { name: 'DeviceNotFoundError' });
  await call(client, 'close');
});
