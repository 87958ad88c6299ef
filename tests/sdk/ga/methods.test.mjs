// Every method of today's package for back ends that speaks HTTPS: those that no other file here
// calls are called here, and a list sees to it that none is forgotten.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync, readdirSync } from 'node:fs';
import { Hub, call, parts, sign, until } from '../../lib/hub.mjs';
import { close, connect, ga, wrongKey } from '../../lib/devices.mjs';
import { end, newJob, value } from '../../lib/jobs.mjs';

const hub = Hub.fromEnvironment();
let registry;
const get = async (method, ...args) => value(await call(registry, method, ...args));
before(async () => {
  await hub.start();
  registry = ga.service.Registry.fromConnectionString(hub.connectionString);
});
after(() => hub.stop());

test('devices are updated in bulk, with or without regard to their etags', async () => {
  const made = await Promise.all(['u-1', 'u-2'].map((deviceId) => get('create', { deviceId })));
  const disabled = made.map(({ deviceId, etag }) => ({ deviceId, etag, status: 'disabled' }));
  assert.equal((await get('updateDevices', disabled, false)).isSuccessful, true);
  assert.equal((await get('get', 'u-2')).status, 'disabled');
  const stale = await call(registry, 'updateDevices', disabled, false).catch((error) => JSON.parse(error.responseBody));
  assert.deepEqual(value(stale).errors.map((error) => error.errorCode), ['PreconditionFailed', 'PreconditionFailed']);
  const enabled = disabled.map((device) => ({ ...device, status: 'enabled' }));
  assert.equal((await get('updateDevices', enabled, true)).isSuccessful, true);
  assert.equal((await get('get', 'u-1')).status, 'enabled');
});

test('modules and their twins are read and updated', async () => {
  await get('create', { deviceId: 'm-1' });
  await call(registry, 'addModule', { deviceId: 'm-1', moduleId: 'valve', managedBy: 'one' });
  const module = await get('getModule', 'm-1', 'valve');
  const updated = await get('updateModule', { ...module, managedBy: 'another' });
  assert.equal(updated.managedBy, 'another');
  assert.notEqual(updated.etag, module.etag);
  await get('updateModule', { ...module, managedBy: 'forced' }, true);
  const twin = await get('getModuleTwin', 'm-1', 'valve');
  assert.equal(twin.moduleId, 'valve');
  const patched = await get('updateModuleTwin', 'm-1', 'valve', { tags: { a: 1 } }, twin.etag);
  assert.deepEqual(patched.tags, { a: 1 });
  await assert.rejects(get('updateModuleTwin', 'm-1', 'valve', { tags: { a: 2 } }, twin.etag), { name: 'InvalidEtagError' });
});

test('a twin object refreshes itself, and prints what it holds', async () => {
  await get('create', { deviceId: 't-1' });
  const twin = await get('getTwin', 't-1');
  await get('updateTwin', 't-1', { tags: { fresh: true } }, '*');
  await call(twin, 'get');
  assert.deepEqual(twin.tags, { fresh: true });
  assert.equal(JSON.parse(JSON.stringify(twin)).deviceId, 't-1');
});

test('statistics count devices, and those that are disabled', async () => {
  const statistics = async () => {
    const { totalDeviceCount, enabledDeviceCount, disabledDeviceCount } = await get('getRegistryStatistics');
    assert.equal(totalDeviceCount, enabledDeviceCount + disabledDeviceCount);
    return [totalDeviceCount, disabledDeviceCount];
  };
  const [total, disabled] = await statistics();
  await get('create', { deviceId: 's-1' });
  await get('create', { deviceId: 's-2', status: 'disabled' });
  assert.deepEqual(await statistics(), [total + 2, disabled + 1]);
  await get('delete', 's-2');
  assert.deepEqual(await statistics(), [total + 1, disabled]);
});

test('a device that is disabled, or whose keys are made anew, is cut off at once', async () => {
  for (const [id, change] of [['c-1', { status: 'disabled' }], ['c-2', { authentication: { symmetricKey: { primaryKey: wrongKey, secondaryKey: wrongKey } } }]]) {
    const device = await connect(ga, await hub.device(id), { ping: () => [200, null] });
    device.setRetryPolicy(new (class { shouldRetry() { return false; } nextRetryTimeout() { return -1; } })());
    const gone = new Promise((resolve) => { device.on('disconnect', resolve); });
    const before = await get('getTwin', id);
    assert.equal(before.connectionState, 'Connected');
    await get('update', { deviceId: id, ...change });
    await gone;
    const twin = await until(async () => {
      const found = await get('getTwin', id);
      return found.connectionState === 'Disconnected' && found;
    }, `${id} to be disconnected`);
    assert.ok(Date.parse(twin.lastActivityTime) >= Date.parse(before.lastActivityTime));
    assert.equal(twin.etag, before.etag, 'connections do not move a twin');
    assert.equal(twin.version, before.version);
    await close(device);
  }
});

test('the model that a device names is in its twin, also after a restart', async () => {
  const device = ga.device.Client.fromConnectionString(await hub.device('model-1'), ga.Mqtt);
  device.on('error', () => {});
  await call(device, 'setOptions', { modelId: 'dtmi:com:example:Thermostat;1' });
  await call(device, 'open');
  const model = async () => (await get('getTwin', 'model-1')).modelId;
  await until(async () => (await model()) === 'dtmi:com:example:Thermostat;1', 'the model');
  await close(device);
  await hub.stop();
  await hub.start();
  assert.equal(await model(), 'dtmi:com:example:Thermostat;1');
  assert.equal(JSON.parse(await hub.ok('query', '-q', "SELECT deviceId FROM devices WHERE modelId = 'dtmi:com:example:Thermostat;1'", '-o', 'json')).length, 1);
});

test('clients may be made from a token, and are refused with one of Entra', async () => {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  const token = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName);
  const signed = ga.service.Registry.fromSharedAccessSignature(token);
  assert.equal(value(await call(signed, 'get', 's-1')).deviceId, 's-1');
  const jobs = ga.service.JobClient.fromSharedAccessSignature(token);
  const id = newJob('token');
  await call(jobs, 'scheduleTwinUpdate', id, "deviceId = 's-1'", { etag: '*', tags: { job: true } }, new Date(), 60);
  assert.equal((await end(jobs, id)).status, 'completed');
  const client = ga.service.Client.fromSharedAccessSignature(token);
  await assert.rejects(call(client, 'invokeDeviceMethod', 's-1', { methodName: 'x' }), (error) => error.responseBody.includes('404103'));
  const credential = { getToken: async () => ({ token: 'a.b.c', expiresOnTimestamp: Date.now() + 3600_000 }) };
  for (const made of [ga.service.Registry, ga.service.JobClient]) {
    const entra = made.fromTokenCredential(HostName, credential);
    await assert.rejects(call(entra, made === ga.service.Registry ? 'get' : 'getJob', 's-1'), { name: 'UnauthorizedError' });
  }
});

test('what needs an identity of the cloud is refused as an argument', async () => {
  await assert.rejects(call(registry, 'importDevicesFromBlobByIdentity', 'https://x.example/in', 'https://x.example/out'), { name: 'ArgumentError' });
});

test('digital twins are not offered, and say so', async () => {
  const { DigitalTwinClient, IoTHubTokenCredentials } = ga.service;
  const client = new DigitalTwinClient(new IoTHubTokenCredentials(hub.connectionString));
  const absent = (error) => (error.statusCode ?? error.response?.status ?? error.response?.statusCode) === 501;
  await assert.rejects(client.getDigitalTwin('s-1'), absent);
  await assert.rejects(client.updateDigitalTwin('s-1', []), absent);
  await assert.rejects(client.invokeCommand('s-1', 'x', {}), absent);
  await assert.rejects(client.invokeComponentCommand('s-1', 'c', 'x', {}), absent);
});

/** What the package has that goes over AMQP, or over no network at all. */
const elsewhere = new Set(['Client.open', 'Client.close', 'Client.send', 'Client.getFeedbackReceiver',
  'Client.getFileNotificationReceiver', 'Client.setRetryPolicy']);

test('every method of the package that speaks HTTPS is called by some test here', () => {
  const tests = new URL('.', import.meta.url);
  const text = readdirSync(tests).filter((file) => file.endsWith('.test.mjs'))
    .map((file) => readFileSync(new URL(file, tests), 'utf8').replace(/^const elsewhere[^]*?^test\(/m, '')).join('\n');
  const missing = [];
  for (const name of ['Registry', 'Twin', 'JobClient', 'Client', 'DigitalTwinClient']) {
    for (const method of Object.getOwnPropertyNames(ga.service[name].prototype)) {
      const known = `${name}.${method}`;
      if (method === 'constructor' || method.startsWith('_') || elsewhere.has(known)) continue;
      if (method === 'toJSON') continue;  // JSON.stringify calls it
      if (!new RegExp(`'${method}'|\\.${method}\\(`).test(text)) missing.push(known);
    }
  }
  assert.deepEqual(missing, []);
});
