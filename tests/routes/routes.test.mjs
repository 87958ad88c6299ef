// Routes of messages: what a stock SDK sends arrives at a webhook and in files, whatever happens on the way.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { close, ga } from '../lib/devices.mjs';
import { Webhook } from './webhook.mjs';

const { Message } = createRequire(new URL('../sdk/ga/package.json', import.meta.url))('azure-iot-device');

const secret = `whsec_${randomBytes(24).toString('base64')}`;
const hook = new Webhook('127.43.45.2', secret);
const other = new Webhook('127.43.45.2');
await hook.start();
await other.start();
process.env.CARILLON_STORAGE__HOSTS = `${hook.origin},${other.origin}`;
const hub = Hub.fromEnvironment();
const devices = {};

before(async () => {
  await hub.start();
  for (const id of ['pump-1', 'pump-2']) devices[id] = await open(await hub.device(id));
});
after(async () => {
  for (const device of Object.values(devices)) await close(device);
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
  await hook.stop();
  await other.stop();
});

async function open(login) {
  const client = ga.device.Client.fromConnectionString(login, ga.Mqtt);
  client.on('error', () => {});
  await client.open();
  return client;
}

function send(id, body, properties = {}) {
  const message = new Message(JSON.stringify(body));
  Object.assign(message, { contentType: 'application/json', contentEncoding: 'utf-8' });
  for (const [name, value] of Object.entries(properties)) message.properties.add(name, value);
  return devices[id].sendEvent(message);
}

const api = async (method, path, body, policy = hub.connectionString) => {
  const { HostName, SharedAccessKey, SharedAccessKeyName } = parts(policy);
  const authorization = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName);
  const answer = await fetch(`https://${hub.address}${path}`, { method, headers: { authorization }, body });
  const text = await answer.text();
  return { status: answer.status, body: text && JSON.parse(text) };
};
const put = (path, body) => api('PUT', path, JSON.stringify(body));
const endpoint = async (name) => (await api('GET', `/carillon/endpoints/${name}`)).body;
const bodies = (events) => events.map(({ data }) => data.body.n);

/** Files below the directory of imports and exports, oldest first, as events. */
function filed(directory) {
  const root = join(hub.directory, 'data', 'import-export', directory);
  if (!existsSync(root)) return [];
  // One that is being written has another name.
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ndjson'));
  const lines = files.flatMap((file) => readFileSync(join(file.parentPath ?? file.path, file.name), 'utf8')
    .split('\n').filter((line) => line !== ''));
  return lines.map((line) => JSON.parse(line)).sort((a, b) => a.partition - b.partition || a.sequenceNumber - b.sequenceNumber);
}

test('messages that the condition keeps arrive as signed CloudEvents', async () => {
  const secretFile = join(hub.directory, 'hook.secret');
  writeFileSync(secretFile, `${secret}\n`);
  const made = JSON.parse(await hub.ok('endpoint', 'create', 'alerts', '--url', `${hook.origin}/in?a=1`,
    '--secret-file', secretFile, '--enrichment', 'floor=$twin.tags.floor'));
  assert.equal(made.isSigned, true);
  assert.ok(!JSON.stringify(made).includes('whsec_'));
  await hub.ok('route', 'create', 'hot', '--condition', "level = 'high' AND $body.n > 0", '--endpoint-name', 'alerts');
  await hub.ok('twin', 'update', '-d', 'pump-1', '--tags', '{"floor":3}');
  await send('pump-1', { n: 1 }, { level: 'low' });
  await send('pump-1', { n: 2 }, { level: 'high' });
  await until(() => hook.taken.length > 0, 'an event');
  const [event] = hook.taken;
  assert.deepEqual({ ...event, time: '', data: '' }, {
    specversion: '1.0', id: event.id, source: `//${hub.address}/devices/pump-1`, subject: 'devices/pump-1',
    type: 'Microsoft.Devices.DeviceTelemetry', time: '', datacontenttype: 'application/json', data: '',
  });
  assert.deepEqual(event.data.body, { n: 2 });
  assert.deepEqual(event.data.properties, { level: 'high', floor: '3' });
  const [request] = hook.requests;
  assert.ok(request.isSigned);
  assert.equal(request.url, '/in?a=1');
  assert.match(request.headers['content-type'], /^application\/cloudevents-batch\+json/);
});

test('a webhook that is down gets everything, in order, when it is back', async () => {
  hook.answer = () => 503;
  hook.taken.length = 0;
  for (let n = 1; n <= 20; n++) await send(`pump-${1 + (n % 2)}`, { n }, { level: 'high' });
  await until(async () => (await endpoint('alerts')).status.state === 'retrying', 'trouble that is told');
  const { status } = await endpoint('alerts');
  assert.equal(status.lastError, 'the webhook answers 503');
  assert.ok(status.eventsBehind > 0);
  hook.answer = () => 200;
  await until(() => hook.taken.length >= 20, () => `20 events; there are ${hook.taken.length}`);
  for (const id of ['pump-1', 'pump-2']) {
    const mine = bodies(hook.taken.filter(({ data }) => data.deviceId === id));
    assert.deepEqual(mine, mine.slice().sort((a, b) => a - b), id);
  }
  assert.deepEqual(bodies(hook.taken).sort((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i + 1));
  const ids = hook.requests.filter(({ events }) => events.length > 0).map(({ headers }) => headers['webhook-id']);
  assert.ok(new Set(ids).size < ids.length, 'a batch that is sent again has the id that it had');
});

test('what a webhook refuses for good goes among the dead letters, and nothing else does', async () => {
  assert.equal((await put('/carillon/endpoints/alerts', { maxAttempts: 1, maxWaitSeconds: 1 })).status, 200);
  hook.taken.length = 0;
  hook.answer = (events) => (events.some(({ data }) => data.body.n === 102) ? 400 : 200);
  for (const n of [101, 102, 103]) await send('pump-1', { n }, { level: 'high' });
  await until(() => bodies(hook.taken).includes(103), 'the message behind the one that is refused');
  assert.deepEqual(bodies(hook.taken), [101, 103]);
  const letters = readFileSync(join(hub.directory, 'data', 'dead-letters', 'alerts.ndjson'), 'utf8').trim().split('\n');
  assert.equal(letters.length, 1);
  const letter = JSON.parse(letters[0]);
  assert.deepEqual([letter.reason, letter.event.body.n], ['the webhook answers 400', 102]);
  assert.equal((await endpoint('alerts')).status.deadLetters, 1);
});

test('a webhook that never answers holds up no other endpoint, and no device', async () => {
  hook.answer = () => null;
  await put('/carillon/endpoints/well', { type: 'webhook', url: `${other.origin}/` });
  await put('/carillon/routes/all', { endpointNames: ['well'] });
  await send('pump-1', { n: 200 }, { level: 'high' });
  await until(() => hook.requests.at(-1).events.some(({ data }) => data.body.n === 200), 'the request that hangs');
  for (let n = 201; n <= 210; n++) await send('pump-1', { n }, { level: 'high' });
  await until(() => bodies(other.taken).includes(210), 'the other endpoint');
  const gone = await api('DELETE', '/carillon/routes/all');
  assert.equal(gone.status, 204);
  assert.equal((await api('DELETE', '/carillon/endpoints/alerts')).status, 405, 'a route leads there');
  assert.equal((await api('DELETE', '/carillon/routes/hot')).status, 204);
  assert.equal((await api('DELETE', '/carillon/endpoints/alerts')).status, 204);
  hook.answer = () => 200;
});

test('files hold each message once over kill -9 of the hub, but for those that were on their way', async () => {
  const made = await put('/carillon/endpoints/files', {
    type: 'file', container: 'file:telemetry', maxWaitSeconds: 1, maxEvents: 50, start: 'latest',
  });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  assert.equal((await put('/carillon/routes/keep', { endpointNames: ['files'] })).status, 200);
  for (let n = 1; n <= 60; n++) await send('pump-1', { n });
  await until(() => filed('telemetry').length >= 50, 'the first file');
  await hub.stop('SIGKILL');
  await hub.start();
  devices['pump-1'] = await open((await hub.local('connection-string', '--device', 'pump-1')).trim());
  for (let n = 61; n <= 100; n++) await send('pump-1', { n });
  await until(() => filed('telemetry').length >= 100, () => `100 messages; there are ${filed('telemetry').length}`);
  const events = filed('telemetry');
  const seen = [...new Set(events.map(({ body }) => body.n))];
  assert.deepEqual(seen, Array.from({ length: 100 }, (_, i) => i + 1));
  assert.equal(events[0].deviceId, 'pump-1');
  assert.deepEqual(events[0].systemProperties, { 'content-type': 'application/json', 'content-encoding': 'utf-8' });
});

test('a test says which routes would take a message', async () => {
  await put('/carillon/endpoints/archive', { type: 'file', container: 'file:archive' });
  await put('/carillon/routes/cold', { condition: '$body.temperature < 0', endpointNames: ['archive'] });
  await put('/carillon/routes/floor3', { condition: '$twin.tags.floor = 3', endpointNames: ['archive'] });
  await api('DELETE', '/carillon/routes/keep');
  const tried = async (body) => {
    const answer = await api('POST', '/carillon/routes/test', JSON.stringify(body));
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body.routes.map(({ name }) => name);
  };
  assert.deepEqual(await tried({ message: { body: '{"temperature":-1}' } }), ['cold']);
  const fromDevice = { body: {}, systemProperties: { connectionDeviceId: 'pump-1' } };
  assert.deepEqual(await tried({ message: fromDevice }), ['floor3'], 'the twin of the device');
  const twin = { tags: { floor: 3 }, properties: { reported: { on: true } } };
  assert.deepEqual(await tried({ message: { body: { temperature: -5 } }, twin }), ['cold', 'floor3']);
  const route = { name: 'new', condition: "a = '1'", endpointNames: ['none'] };
  assert.deepEqual(await tried({ message: { appProperties: { a: '1' } }, route }), ['new']);
});

test('what happens to a device arrives as events, each once, also over kill -9 of the hub', async () => {
  const sources = { twins: 'TwinChangeEvents', lives: 'DeviceLifecycleEvents', connections: 'DeviceConnectionStateEvents' };
  await hub.ok('endpoint', 'create', 'told', '--url', `${other.origin}/told`);
  for (const [name, source] of Object.entries(sources)) {
    await hub.ok('route', 'create', name, '--source', source, '--condition', "deviceId = 'pump-9'", '--endpoint-name', 'told');
  }
  other.taken.length = 0;
  const login = await hub.device('pump-9');
  const device = await open(login);
  const twin = await new Promise((resolve, reject) => device.getTwin((error, it) => (error ? reject(error) : resolve(it))));
  await new Promise((resolve, reject) => twin.properties.reported.update({ t: 21 }, (error) => (error ? reject(error) : resolve())));
  await hub.ok('twin', 'update', '-d', 'pump-9', '--tags', '{"floor":9}');
  await until(() => other.taken.length >= 4, () => JSON.stringify(other.taken));
  await hub.stop('SIGKILL');
  await close(device);
  await hub.start();
  await until(() => other.taken.some(({ type }) => type === 'Microsoft.Devices.DeviceDisconnected'), 'who was connected when the hub died');
  await hub.ok('device', 'delete', '-d', 'pump-9', '--yes');
  await until(() => other.taken.some(({ type }) => type === 'Microsoft.Devices.DeviceDeleted'), 'the device to be told of as gone');
  const events = [...new Map(other.taken.map((event) => [event.id, event])).values()];
  assert.deepEqual(events.map(({ type }) => type), [
    'Microsoft.Devices.DeviceCreated', 'Microsoft.Devices.DeviceConnected', 'Carillon.TwinUpdated', 'Carillon.TwinUpdated',
    'Microsoft.Devices.DeviceDisconnected', 'Microsoft.Devices.DeviceDeleted',
  ]);
  const [created, connected, reported, tagged, disconnected] = events;
  assert.equal(created.data.body.deviceId, 'pump-9');
  assert.deepEqual([reported.data.body.version, reported.data.body.properties.reported.t], [3, 21]);
  assert.deepEqual(tagged.data.body, { version: 4, tags: { floor: 9 } });
  assert.ok(connected.data.body.sequenceNumber < disconnected.data.body.sequenceNumber);
  assert.equal(tagged.data.systemProperties['iothub-message-source'], 'twinChangeEvents');
  const { operationTimestamp, ...properties } = tagged.data.properties;
  assert.ok(Date.parse(operationTimestamp) > 0);
  assert.deepEqual(properties, {
    hubName: hub.address.split('.')[0], deviceId: 'pump-9', 'iothub-message-schema': 'twinChangeNotification', opType: 'updateTwin',
  });
  for (const name of Object.keys(sources)) await hub.ok('route', 'delete', name);
  await hub.ok('endpoint', 'delete', 'told', '--yes');
});

test('the ends of a job and of its devices arrive, each once, also over kill -9 of the hub', async () => {
  await hub.ok('endpoint', 'create', 'told', '--url', `${other.origin}/told`);
  await hub.ok('route', 'create', 'jobs', '--source', 'DeviceJobLifecycleEvents', '--endpoint-name', 'told');
  other.taken.length = 0;
  const method = { methodName: 'open', payload: null, responseTimeoutInSeconds: 5 };
  const order = { type: 'scheduleDeviceMethod', cloudToDeviceMethod: method, queryCondition: "deviceId IN ['pump-1','pump-2']", maxExecutionTimeInSeconds: 4 };
  devices['pump-1'].onDeviceMethod('open', (request, answer) => answer.send(200, { by: 'pump-1' }, () => {}));
  assert.equal((await put('/jobs/v2/opening?api-version=2021-04-12', order)).status, 200);
  await until(() => other.taken.length >= 1, 'the end of the first device');
  await hub.stop('SIGKILL');
  await hub.start();
  await until(() => other.taken.some(({ type }) => type === 'Carillon.JobCompleted'), () => JSON.stringify(other.taken));
  await until(() => new Set(other.taken.map(({ id }) => id)).size === 3, () => JSON.stringify(other.taken));
  const events = [...new Map(other.taken.map((event) => [event.id, event])).values()];
  const [answered] = events;
  assert.equal(answered.type, 'Carillon.DeviceJobCompleted');
  assert.equal(answered.subject, 'devices/pump-1');
  assert.deepEqual(answered.data.body.outcome, { deviceMethodResponse: { status: 200, payload: { by: 'pump-1' } } });
  assert.equal(answered.data.properties.jobId, 'opening');
  const failed = events.find(({ type }) => type === 'Carillon.DeviceJobFailed');
  assert.equal(failed.data.deviceId, 'pump-2');
  assert.ok(failed.data.body.error.code.length > 0);
  const ended = events.find(({ type }) => type === 'Carillon.JobCompleted');
  assert.equal(ended.subject, 'jobs/opening');
  assert.equal(ended.data.deviceId, undefined);
  assert.deepEqual([ended.data.body.status, ended.data.body.deviceJobStatistics.failedCount], ['completed', 1]);
  await hub.ok('route', 'delete', 'jobs');
  await hub.ok('endpoint', 'delete', 'told', '--yes');
});

test('the command line saves what a file declares, and deletes the rest', async () => {
  const file = join(hub.directory, 'routing.json');
  writeFileSync(file, JSON.stringify({
    endpoints: [{ name: 'Archive', type: 'file', container: 'file:archive' }, { name: 'second', type: 'file', container: 'file:b' }],
    routes: [{ name: 'cold', condition: '$body.temperature < 0', endpointNames: ['second'] },
      { name: 'Floor3', condition: '$twin.tags.floor = 3', endpointNames: ['archive'] }],
  }));
  const names = async (collection) => (await api('GET', `/carillon/${collection}`)).body.map(({ name }) => name.toLowerCase()).sort();
  const before = await names('endpoints');
  const shown = await hub.ok('route', 'apply', file, '--prune', '--dry-run');
  assert.equal((shown.match(/^PUT /gm) ?? []).length, 4, shown);
  assert.deepEqual(await names('endpoints'), before, 'nothing was changed');
  await hub.ok('route', 'apply', file, '--prune');
  assert.deepEqual(await names('endpoints'), ['archive', 'second']);
  assert.deepEqual(await names('routes'), ['cold', 'floor3']);
  const tried = async (...args) => JSON.parse(await hub.ok('route', 'test', ...args)).routes.map(({ name }) => name.toLowerCase());
  assert.deepEqual(await tried('--body', '{"temperature":-1}'), ['cold']);
  assert.match(await hub.ok('route', 'test', '--body', '{"temperature":-1}', '-o', 'csv'), /^name,source,isEnabled,endpointNames,condition\ncold,/);
  assert.deepEqual(await tried('--body', '{"temperature":1}', '--device-id', 'pump-1'), ['floor3']);
  assert.deepEqual(await tried('--ap', 'a=1', '--condition', "a = '1'"), ['test']);
  assert.match(await hub.ok('endpoint', 'list', '-o', 'table'), /archive +file +idle/i);
  assert.equal(JSON.parse(await hub.ok('endpoint', 'show', 'second', '-o', 'json')).status.eventsBehind, 0);
  assert.equal(JSON.parse(await hub.ok('route', 'show', 'cold', '-o', 'json')).condition, '$body.temperature < 0');
  const held = await hub.cli('endpoint', 'delete', 'second', '--yes');
  assert.equal(held.code, 5);
  assert.match(held.stderr, /The route 'cold' leads to the endpoint 'second'/);
  assert.doesNotMatch(held.stderr, /cancelled/);
  await hub.ok('route', 'create', 'cold', '--condition', '$body.temperature < 0', '--endpoint-name', 'second', '--enabled', 'false');
  assert.deepEqual(await tried('--body', '{"temperature":-1}'), [], 'a route that is off takes nothing');
  await hub.ok('route', 'delete', 'cold');
  await hub.ok('endpoint', 'delete', 'second', '--yes');
  assert.deepEqual(await names('endpoints'), ['archive']);
});

test('what is not valid is refused with its reason', async () => {
  for (const [path, body, reason] of [
    ['/carillon/routes/r', { condition: 'level =', endpointNames: ['archive'] }, /Line 1:8/],
    ['/carillon/routes/r', { endpointNames: ['none'] }, /no endpoint 'none'/],
    ['/carillon/routes/r', { source: 'TwinChangeEvent', endpointNames: ['archive'] }, /TwinChangeEvents/],
    ['/carillon/endpoints/e', { type: 'webhook', url: 'http://127.0.0.1/' }, /does not send there/],
    ['/carillon/endpoints/e', { type: 'webhook', url: 'https://169.254.169.254:8443/' }, /does not send there/],
    ['/carillon/endpoints/e', { type: 'webhook', url: 'ftp://a.example/' }, /scheme/],
    ['/carillon/endpoints/e', { type: 'file', container: 'file:../x' }, /does not send there/],
    ['/carillon/endpoints/e', { type: 'file', container: 'file:x', path: '{partition}.ndjson' }, /\{sequence\}/],
  ]) {
    const answer = await put(path, body);
    assert.equal(answer.status, 400, JSON.stringify(answer));
    assert.match(JSON.stringify(answer.body), reason);
  }
  const service = (await hub.local('connection-string', '--policy', 'service')).trim();
  assert.equal((await api('PUT', '/carillon/routes/r', '{}', service)).status, 401, 'it takes every right');
  assert.equal((await api('GET', '/carillon/routes', undefined, service)).status, 200);
});
