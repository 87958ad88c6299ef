// Modules with today's packages.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, call, parts, sign, until } from '../../lib/hub.mjs';
import { close, ga } from '../../lib/devices.mjs';
import { counts, end, newJob, value } from '../../lib/jobs.mjs';

const hub = Hub.fromEnvironment();
let registry;
let service;
before(async () => {
  await hub.start();
  registry = ga.service.Registry.fromConnectionString(hub.connectionString);
  service = ga.service.Client.fromConnectionString(hub.connectionString);
});
after(() => hub.stop());

async function addModule(device, moduleId) {
  await call(registry, 'addModule', { deviceId: device, moduleId });
  const identity = value(await call(registry, 'getModule', device, moduleId));
  const key = identity.authentication.symmetricKey.primaryKey;
  return `HostName=${hub.address};DeviceId=${device};ModuleId=${moduleId};SharedAccessKey=${key}`;
}

test('a module connects, answers methods and has a twin of its own', async () => {
  await hub.device('m-device');
  const module = ga.device.ModuleClient.fromConnectionString(await addModule('m-device', 'lock'), ga.Mqtt);
  await call(module, 'open');
  module.onMethod('ping', (request, response) => { response.send(200, { pong: request.payload }).catch(() => {}); });
  const answer = value(await call(service, 'invokeDeviceMethod', 'm-device', 'lock',
    { methodName: 'ping', payload: 7, connectTimeoutInSeconds: 15 }));
  assert.deepEqual(answer, { status: 200, payload: { pong: 7 } });

  const twin = await call(module, 'getTwin');
  const patches = [];
  twin.on('properties.desired', (patch) => patches.push(structuredClone(patch)));
  await hub.ok('twin', 'update', '-d', 'm-device', '-m', 'lock', '--desired', '{"bolts":2}');
  await until(() => patches.some((patch) => patch.bolts === 2), "the module's desired properties");
  await call(twin.properties.reported, 'update', { bolts: 2 });
  assert.equal(JSON.parse(await hub.ok('twin', 'show', 'm-device', '-m', 'lock')).properties.reported.bolts, 2);
  assert.equal('bolts' in JSON.parse(await hub.ok('twin', 'show', 'm-device')).properties.desired, false);
  await close(module);
});

test("a module connects by a token of its device's key", async () => {
  const { SharedAccessKey: deviceKey } = parts(await hub.device('m-scope'));
  await addModule('m-scope', 'lock');
  const resource = `${hub.address}/devices/m-scope/modules/lock`;
  const token = sign(resource, deviceKey, Math.floor(Date.now() / 1000) + 3600);
  const module = ga.device.ModuleClient.fromSharedAccessSignature(token, ga.Mqtt);
  await call(module, 'open');
  const twin = await call(module, 'getTwin');
  assert.equal(twin.properties.desired.$version, 1);
  await close(module);
});

test('modules are listed, made once and removed', async () => {
  await hub.device('m-list');
  await addModule('m-list', 'one');
  await addModule('m-list', 'two');
  const listed = value(await call(registry, 'getModulesOnDevice', 'm-list'));
  assert.deepEqual(listed.map((module) => module.moduleId).sort(), ['one', 'two']);
  await assert.rejects(call(registry, 'addModule', { deviceId: 'm-list', moduleId: 'one' }), { name: 'DeviceAlreadyExistsError' });
  await call(registry, 'removeModule', 'm-list', 'one');
  await assert.rejects(call(registry, 'getModule', 'm-list', 'one'), (error) => error.responseBody.includes('ModuleNotFound'));
});

for (const [name, transport] of [['MQTT', 'Mqtt'], ['AMQP', 'Amqp']]) {
  test(`messages for a module's inputs arrive over ${name}, and outputs carry their names`, async () => {
    const id = `m-inputs-${name}`;
    await hub.device(id);
    const module = ga.device.ModuleClient.fromConnectionString(await addModule(id, 'filter'), ga[transport]);
    const send = (input, data) => hub.ok('c2d', 'send', '-d', id, '-m', 'filter', '--input', input, '--data', data, '--props', `of=${data}`);
    await send('temperature', 'early');
    await call(module, 'open');
    const heard = [];
    module.on('inputMessage', (input, message) => {
      heard.push([input, message.getData().toString(), message.properties.getValue('of')]);
      module.complete(message, () => {});
    });
    await until(() => heard.length === 1, 'the message that waited');
    await send('pressure', 'late');
    await until(() => heard.length === 2, 'the message as it is sent');
    assert.deepEqual(heard, [['temperature', 'early', 'early'], ['pressure', 'late', 'late']]);
    const counted = async () => value(await call(registry, 'getModule', id, 'filter')).cloudToDeviceMessageCount;
    await until(async () => await counted() === 0, 'both to be completed');
    await call(module, 'sendOutputEvent', 'alarms', new ga.device.Message('hot'));
    const [event] = (await hub.ok('events', 'watch', '-d', id, '--from', 'earliest', '--limit', '1', '-o', 'json')).trim().split('\n').map(JSON.parse);
    assert.deepEqual([event.moduleId, event.systemProperties['iothub-outputname']], ['filter', 'alarms']);
    await close(module);
  });
}

test('a twin job reaches modules by their own condition', async () => {
  await hub.device('m-job');
  await addModule('m-job', 'meter');
  const jobs = ga.service.JobClient.fromConnectionString(hub.connectionString);
  const id = newJob('modules');
  await call(jobs, 'scheduleTwinUpdate', id, "FROM devices.modules WHERE moduleId = 'meter'",
    { etag: '*', properties: { desired: { unit: 'kWh' } } }, new Date(), 60);
  assert.deepEqual(counts(await end(jobs, id)), [1, 0, 1, 0, 0]);
  assert.equal(JSON.parse(await hub.ok('twin', 'show', 'm-job', '-m', 'meter')).properties.desired.unit, 'kWh');
});
