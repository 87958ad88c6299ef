// The gateway of examples/: a thousand devices that speak plain MQTT on this machine, behind one AMQP connection
// to a real hub, also when that connection or the hub is gone for a while.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, call, until } from '../lib/hub.mjs';
import { ga } from '../lib/devices.mjs';
import { counts, end, newJob } from '../lib/jobs.mjs';

const DEVICES = 1000;
const PORT = 1883;
const ids = [...Array(DEVICES).keys()].map((number) => `local-${number}`);
const hub = Hub.fromEnvironment();
const devices = new Map();
let registry;
let jobs;
let gateway;
let said = '';

async function startGateway() {
  const policy = JSON.parse(await hub.ok('policy', 'show', 'device', '-o', 'json'));
  gateway = spawn(join(dirname(hub.binary), 'examples', 'gateway'), ['--ca', hub.caFile, '--listen', hub.address, '--port', `${PORT}`], {
    env: { ...process.env, GATEWAY_CONNECTION_STRING: `HostName=${hub.address};SharedAccessKeyName=device;SharedAccessKey=${policy.primaryKey}` },
  });
  said = '';
  gateway.stdout.on('data', (text) => { said += text; });
  gateway.stderr.on('data', (text) => { said += text; });
  await until(() => said.includes('connected to the hub'), () => `the gateway to connect: ${said}`);
}

async function stopGateway() {
  const gone = new Promise((resolve) => { gateway.once('exit', resolve); });
  gateway.kill('SIGKILL');
  await gone;
}

/** A local device: answers the method ping, and keeps what comes to it. */
function connect(id) {
  const client = ga.mqtt.connect(`mqtt://${hub.address}:${PORT}`, {
    clientId: id, clean: true, reconnectPeriod: 200, protocolVersion: 4, username: `${hub.address}/${id}/?api-version=2021-04-12`,
  });
  const device = { client, calls: 0, desired: [], messages: [], answers: new Map() };
  client.on('error', () => {});
  const topics = ['$iothub/methods/POST/#', '$iothub/twin/res/#', `devices/${id}/messages/devicebound/#`];
  if (id !== 'local-1') topics.push('$iothub/twin/PATCH/properties/desired/#');
  client.on('connect', () => client.subscribe(topics, { qos: 1 }));
  client.on('message', (topic, payload) => {
    const method = /^\$iothub\/methods\/POST\/([^/]+)\/\?\$rid=(.+)$/.exec(topic);
    const answer = /^\$iothub\/twin\/res\/(\d+)\/\?\$rid=([^&]+)/.exec(topic);
    if (method) {
      device.calls += 1;
      client.publish(`$iothub/methods/res/200/?$rid=${method[2]}`, JSON.stringify({ id, name: method[1], asked: JSON.parse(payload) }));
    } else if (answer) {
      device.answers.set(answer[2], { status: Number(answer[1]), body: payload.toString() });
    } else if (topic.startsWith('$iothub/twin/PATCH')) {
      device.desired.push(JSON.parse(payload));
    } else {
      device.messages.push({ topic, body: payload.toString() });
    }
  });
  devices.set(id, device);
  return new Promise((resolve) => { client.once('connect', resolve); });
}

const publish = ({ client }, topic, body) => new Promise((resolve) => { client.publish(topic, body, { qos: 1 }, resolve); });
async function twin(device, operation, body = '') {
  const rid = `${Math.random()}`;
  device.client.publish(`$iothub/twin/${operation}/?$rid=${rid}`, body);
  await until(() => device.answers.has(rid), `an answer to ${operation}`);
  return device.answers.get(rid);
}

const connected = async () => JSON.parse(await hub.ok('query', "SELECT COUNT() AS n FROM devices WHERE connectionState = 'Connected'", '-o', 'json'))[0]?.n ?? 0;

before(async () => {
  await hub.start();
  registry = ga.service.Registry.fromConnectionString(hub.connectionString);
  jobs = ga.service.JobClient.fromConnectionString(hub.connectionString);
  for (let i = 0; i < DEVICES; i += 100) {
    await call(registry, 'addDevices', ids.slice(i, i + 100).map((deviceId) => ({ deviceId, authentication: {} })));
  }
  await startGateway();
  for (let i = 0; i < DEVICES; i += 100) await Promise.all(ids.slice(i, i + 100).map(connect));
});
after(async () => {
  for (const { client } of devices.values()) client.end(true);
  await stopGateway();
  await hub.stop();
});

test('a job over a thousand devices behind one socket succeeds on each', async () => {
  await until(async () => (await connected()) === DEVICES, async () => `all devices to be connected, not ${await connected()}`);
  const job = newJob('gateway');
  await call(jobs, 'scheduleDeviceMethod', job, "STARTSWITH(deviceId, 'local-')", { methodName: 'ping', payload: { n: 1 }, responseTimeoutInSeconds: 60 }, new Date(), 300);
  assert.deepEqual(counts(await end(jobs, job)), [DEVICES, 0, DEVICES, 0, 0]);
  assert.deepEqual([...devices.values()].filter(({ calls }) => calls !== 1), [], 'each was called once');
  const answer = JSON.parse(await hub.ok('method', 'invoke', '-d', 'local-7', '--method-name', 'look', '--method-payload', '[2]', '-o', 'json'));
  assert.deepEqual([answer.status, answer.payload], [200, { id: 'local-7', name: 'look', asked: [2] }]);
});

test('each device has its own twin, telemetry and messages', async () => {
  const device = devices.get('local-3');
  assert.equal((await twin(device, 'PATCH/properties/reported', '{"t":21}')).status, 204);
  const read = await twin(device, 'GET');
  assert.deepEqual([read.status, JSON.parse(read.body).reported.t], [200, 21]);
  assert.equal((await twin(device, 'PATCH/properties/reported', '[1]')).status, 400, 'what the hub refuses is refused');
  await hub.ok('twin', 'update', '-d', 'local-3', '--desired', '{"interval":5}');
  await until(() => device.desired.some(({ interval }) => interval === 5), 'the desired properties');
  assert.ok([...devices].every(([id, { desired }]) => id === 'local-3' || desired.length === 0), 'and nobody else got them');

  await publish(device, 'devices/local-3/messages/events/%24.ct=application%2Fjson&%24.ce=utf-8&level=high', '{"t":22}');
  const [line] = (await hub.ok('events', 'watch', '-d', 'local-3', '--from', 'earliest', '--no-follow', '-o', 'ndjson')).trim().split('\n');
  const event = JSON.parse(line);
  assert.deepEqual([event.body, event.properties.level, event.systemProperties['content-type']], [{ t: 22 }, 'high', 'application/json']);

  await hub.ok('c2d', 'send', '-d', 'local-3', '--data', 'hello', '--props', 'a=1');
  await until(() => device.messages.length === 1, 'the message');
  assert.equal(device.messages[0].body, 'hello');
  assert.ok([...devices].every(([id, { messages }]) => id === 'local-3' || messages.length === 0), 'and nobody else got it');
  assert.match(device.messages[0].topic, /^devices\/local-3\/messages\/devicebound\/.*a=1/);
  await until(async () => JSON.parse(await hub.ok('device', 'show', '-d', 'local-3', '-o', 'json')).cloudToDeviceMessageCount === 0, 'the message to be completed');
});

test('what is sent while the hub is away arrives when it is back, and jobs reach all again', async () => {
  // A device that follows its desired properties has to connect again when the hub is back, and sends again itself.
  let dropped = 0;
  devices.get('local-1').client.on('close', () => { dropped += 1; });
  await hub.stop('SIGKILL');
  await until(() => said.includes('no connection to the hub'), 'the gateway to notice');
  const sent = ['local-1', 'local-2'].flatMap((id) => [1, 2, 3, 4, 5].map((n) => publish(devices.get(id), `devices/${id}/messages/events/`, `${n}`)));
  assert.equal((await twin(devices.get('local-1'), 'GET')).status, 503);
  await hub.start();
  await Promise.all(sent);
  for (const id of ['local-1', 'local-2']) {
    const lines = (await hub.ok('events', 'watch', '-d', id, '--from', 'earliest', '--no-follow', '-o', 'ndjson')).trim().split('\n');
    const bodies = lines.map((line) => JSON.parse(line).body);
    assert.deepEqual([...new Set(bodies)], [1, 2, 3, 4, 5], `${id}: ${bodies}`);
  }
  assert.equal(dropped, 0, 'local-1 noticed nothing');
  await until(async () => (await connected()) === DEVICES, async () => `all devices to be connected again, not ${await connected()}`);
  const job = newJob('again');
  await call(jobs, 'scheduleDeviceMethod', job, "STARTSWITH(deviceId, 'local-')", { methodName: 'ping', payload: null, responseTimeoutInSeconds: 60 }, new Date(), 300);
  assert.deepEqual(counts(await end(jobs, job)), [DEVICES, 0, DEVICES, 0, 0]);
});

test('a device that the hub does not know, or no longer takes, loses its connection and nobody else does', async () => {
  const others = await connected();
  const stranger = ga.mqtt.connect(`mqtt://${hub.address}:${PORT}`, { clientId: 'stranger', clean: true, reconnectPeriod: 0, protocolVersion: 4, username: `${hub.address}/stranger/?api-version=2021-04-12` });
  stranger.on('error', () => {});
  await new Promise((resolve) => { stranger.once('close', resolve); });
  stranger.end(true);
  const closed = new Promise((resolve) => { devices.get('local-0').client.once('close', resolve); });
  await hub.ok('device', 'delete', '-d', 'local-0', '--yes');
  await closed;
  devices.get('local-0').client.end(true);
  assert.equal(await connected(), others - 1);
});

test('a device that connects again takes the place of its earlier connection', async () => {
  const id = 'local-5';
  const earlier = devices.get(id).client;
  earlier.options.reconnectPeriod = 0;
  const closed = new Promise((resolve) => { earlier.once('close', resolve); });
  await connect(id);
  await closed;
  const answer = JSON.parse(await hub.ok('method', 'invoke', '-d', id, '--method-name', 'look', '--method-payload', '1', '-o', 'json'));
  assert.equal(answer.status, 200);
  assert.equal(devices.get(id).calls, 1, 'the newer connection was called');
  assert.equal((await twin(devices.get(id), 'GET')).status, 200);
});

test('a gateway that was killed begins anew', async () => {
  await stopGateway();
  await startGateway();
  await until(async () => (await connected()) === DEVICES - 1, async () => `all devices to be connected again, not ${await connected()}`);
});
