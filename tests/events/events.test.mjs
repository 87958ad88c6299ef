// Messages of devices, sent by today's SDK and read back by the command line and over HTTPS.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { close, ga } from '../lib/devices.mjs';

const { Message } = createRequire(new URL('../sdk/ga/package.json', import.meta.url))('azure-iot-device');

const hub = Hub.fromEnvironment();
const devices = {};
before(async () => {
  await hub.start();
  for (const id of ['door-1', 'door-2', 'lamp']) devices[id] = await open(await hub.device(id));
});
after(async () => {
  for (const device of Object.values(devices)) await close(device);
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});

async function open(login) {
  const client = ga.device.Client.fromConnectionString(login, ga.Mqtt);
  client.on('error', () => {});
  await client.open();
  return client;
}

/** Sends one message; resolves when the hub has acknowledged it. */
function send(id, body, properties = {}) {
  const message = new Message(typeof body === 'string' ? body : JSON.stringify(body));
  for (const [name, value] of Object.entries(properties)) message.properties.add(name, value);
  return devices[id].sendEvent(message);
}

const authorization = () => {
  const { HostName, SharedAccessKey, SharedAccessKeyName } = parts(hub.connectionString);
  return sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName);
};
const get = (path) => fetch(`https://${hub.address}${path}`, { headers: { authorization: authorization() } });
const lines = (text) => text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));

/** A watch of a group that goes on; `events` grows. */
function follow(group, ...args) {
  const child = spawn(hub.binary, [group, 'watch', '-o', 'json', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, CARILLON_LOGIN: hub.connectionString, CARILLON_CA: hub.caFile },
  });
  const watching = { events: [], error: '', child };
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece) => {
    text += piece;
    const end = text.lastIndexOf('\n') + 1;
    watching.events.push(...lines(text.slice(0, end)));
    text = text.slice(end);
  });
  child.stderr.setEncoding('utf8').on('data', (piece) => { watching.error += piece; });
  watching.ended = new Promise((resolve) => { child.on('close', resolve); });
  return watching;
}

const watch = (...args) => follow('events', ...args);

test('messages are read back with all that the device said', async () => {
  const message = new Message('{"temp":21.50}');
  Object.assign(message, { messageId: 'm-1', contentType: 'application/json', contentEncoding: 'utf-8' });
  message.properties.add('alert', 'true');
  await devices['door-1'].sendEvent(message);
  const [event] = lines(await hub.ok('events', 'watch', 'door-1', '--from', 'earliest', '--no-follow', '-o', 'json'));
  assert.equal(event.deviceId, 'door-1');
  assert.deepEqual(event.body, { temp: 21.5 });
  assert.deepEqual(event.properties, { alert: 'true' });
  assert.deepEqual(event.systemProperties, {
    'message-id': 'm-1', 'content-type': 'application/json', 'content-encoding': 'utf-8',
  });
  assert.equal(event.authMethod.scope, 'device');
  assert.equal(event.offset, String(event.sequenceNumber));
  const text = await hub.ok('events', 'watch', '-d', 'door-1', '--from', '1h', '--no-follow', '-p', 'all');
  assert.match(text, /^\S+Z {2}door-1 {2}\{"temp":21\.50\}\n/, 'numbers stay as they were written');
  assert.match(text, /\n {4}property alert: true\n/);
  assert.match(text, /\n {4}system message-id: m-1\n/);
});

test('a wildcard, a limit and a time choose', async () => {
  await send('door-1', { n: 1 });
  await send('door-2', { n: 2 });
  await send('lamp', { n: 3 });
  const of = async (...args) => lines(await hub.ok('events', 'watch', '--no-follow', '-o', 'ndjson', ...args));
  const doors = await of('-d', 'door-*', '--from', 'earliest');
  assert.deepEqual(new Set(doors.map(({ deviceId }) => deviceId)), new Set(['door-1', 'door-2']));
  assert.equal((await of('--from', 'earliest', '--limit', '2')).length, 2);
  const last = doors.find(({ deviceId }) => deviceId === 'door-2');
  const at = Date.parse(last.enqueuedTime);
  const since = await of('-d', 'door-2', '--et', String(at));
  assert.deepEqual(since.map(({ body }) => body.n), [2]);
  const behind = await of('-d', 'door-2', '--partition', String(last.partition), '--offset', last.offset);
  assert.deepEqual(behind, []);
  assert.equal((await hub.cli('events', 'watch', '--from', 'yesterday')).code, 2);
  assert.equal((await hub.cli('events', 'watch', '--cg', 'none', '--no-follow')).code, 3);
  const slow = await hub.cli('events', 'watch', '--limit', '1', '--duration', '1');
  assert.equal(slow.code, 7, slow.stderr);
});

test('a watch sees what comes, without a gap, over kill -9 of the hub', async () => {
  const mark = (await send('lamp', { n: 'before' }), new Date().toISOString());
  const watching = watch('-d', 'lamp', '--from', mark);
  for (let n = 1; n <= 20; n++) await send('lamp', { n });
  await until(() => watching.events.length === 20, () => `20 messages; there are ${watching.events.length}: ${watching.error}`);
  await hub.stop('SIGKILL');
  await hub.start();
  devices.lamp = await open(await hub.ok('device', 'show', 'lamp').then(() => hub.local('connection-string', '--device', 'lamp')).then((s) => s.trim()));
  for (let n = 21; n <= 40; n++) await send('lamp', { n });
  await until(() => watching.events.length === 40, () => `40 messages; there are ${watching.events.length}: ${watching.error}`);
  assert.deepEqual(watching.events.map(({ body }) => body.n), Array.from({ length: 40 }, (_, i) => i + 1));
  const numbers = watching.events.map(({ sequenceNumber }) => sequenceNumber);
  assert.deepEqual(numbers, numbers.slice().sort((a, b) => a - b), 'in order');
  assert.equal(new Set(numbers).size, 40, 'each once');
  assert.match(watching.error, /reconnecting/);
  watching.child.kill();
  await watching.ended;
});

test('lines of JSON come over HTTPS, and a cut answer is taken up where it ended', async () => {
  const all = lines(await (await get('/carillon/events?from=earliest&follow=false')).text());
  assert.ok(all.length > 40);
  const reached = JSON.parse(await (await get('/carillon/events/partitions')).text());
  for (const { partition, lastSequenceNumber, beginSequenceNumber } of reached) {
    const here = all.filter((event) => event.partition === partition);
    assert.equal(here.length, lastSequenceNumber - beginSequenceNumber + 1);
    here.forEach((event, i) => assert.equal(event.sequenceNumber, i, 'from 0, without gaps'));
  }
  const some = all.filter(({ deviceId }) => deviceId === 'lamp');
  const { partition, sequenceNumber } = some.at(-3);
  const rest = lines(await (await get(
    `/carillon/events?deviceId=lamp&follow=false&partition=${partition}&after=${partition}:${sequenceNumber + 1}`)).text());
  assert.deepEqual(rest, some.slice(-2));
});

test('large and binary bodies come whole', async () => {
  const large = 'x'.repeat(200 * 1024);
  await send('door-2', large);
  await devices['door-2'].sendEvent(new Message(Buffer.from([0, 1, 254, 255])));
  const [text, bytes] = lines(await hub.ok('events', 'watch', 'door-2', '--from', 'earliest', '--no-follow', '-o', 'json')).slice(-2);
  assert.equal(text.body, large);
  assert.deepEqual([bytes.bodyFormat, bytes.body], ['base64', 'AAH+/w==']);
});

test('consumer groups are made, listed and deleted', async () => {
  const made = JSON.parse(await hub.ok('consumer-group', 'create', 'reports'));
  assert.equal(made.name, 'reports');
  assert.match(await hub.ok('consumer-group', 'list', '-o', 'csv'), /^name,createdTime\n\$Default,\nreports,/);
  await hub.ok('events', 'watch', '--cg', 'Reports', '--no-follow');
  await hub.ok('consumer-group', 'delete', '-n', 'reports');
  assert.equal((await hub.cli('consumer-group', 'show', '-n', 'reports')).code, 3);
});

test('notifications of files are watched over kill -9 of the hub', async () => {
  const file = join(hub.directory, 'a.log');
  writeFileSync(file, 'all is well\n');
  const watching = follow('file-notification', 'door-1', '--limit', '2', '--duration', '120');
  await hub.ok('device', 'upload-file', 'door-2', '--fp', file);
  await hub.ok('device', 'upload-file', 'door-1', '--fp', file, '--name', '1.log');
  await until(() => watching.events.length === 1, () => `a notification; there are ${watching.events.length}: ${watching.error}`);
  await hub.stop('SIGKILL');
  await until(() => /asking again/.test(watching.error), () => `to notice the kill: ${watching.error}`);
  await hub.start();
  await hub.ok('device', 'upload-file', 'door-1', '--fp', file, '--name', '2.log');
  assert.equal(await watching.ended, 0, watching.error);
  assert.deepEqual(watching.events.map(({ blobName }) => blobName), ['door-1/1.log', 'door-1/2.log']);
});
