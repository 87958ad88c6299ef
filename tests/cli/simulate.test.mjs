// `carillon device simulate`: one device whose answers are given in advance.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';

const hub = Hub.fromEnvironment();
before(() => hub.start());
const running = new Set();
after(() => {
  for (const child of running) child.kill('SIGKILL');
  return hub.stop();
});
const json = async (...args) => JSON.parse(await hub.ok(...args));

/** A simulated device whose events are kept. */
class Device {
  constructor(args, env = {}) {
    this.events = [];
    this.stderr = '';
    this.child = spawn(hub.binary, ['device', 'simulate', '-o', 'ndjson', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, CARILLON_LOGIN: hub.connectionString, CARILLON_CA: hub.caFile, ...env },
    });
    running.add(this.child);
    let rest = '';
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) this.events.push(JSON.parse(line));
    });
    this.child.stderr.setEncoding('utf8').on('data', (text) => { this.stderr += text; });
    this.ended = new Promise((resolve) => { this.child.on('close', resolve); });
    this.ended.then(() => running.delete(this.child));
  }
  until(holds, what) {
    return until(() => this.events.find(holds), () => `${what}: ${JSON.stringify(this.events)} ${this.stderr}`);
  }
  stop() {
    this.child.kill('SIGTERM');
    return this.ended;
  }
}
const invoke = (device, method, seconds = 15) =>
  hub.cli('method', 'invoke', '-d', device, '--mn', method, '--mct', `${seconds}`, '--mrt', `${seconds}`);

test('it answers as it is told, method by method', async () => {
  await hub.ok('device', 'create', '-d', 's-door');
  const file = join(hub.directory, 'answers.json');
  writeFileSync(file, JSON.stringify({
    lockDoor: { payload: { locked: true }, after: '50ms' },
    update: [{ status: 500 }, { status: 200, payload: 'done' }],
    sulk: { silent: true },
  }));
  const device = new Device(['s-door', '--answers', `@${file}`, '--mrc', '404', '--mrp', '{"known":false}']);
  await device.until((event) => event.event === 'connected', 'it to connect');
  const answered = async (method) => JSON.parse((await invoke('s-door', method)).stdout);
  assert.deepEqual(await answered('lockDoor'), { status: 404, payload: { locked: true } });
  assert.equal((await answered('update')).status, 500);
  assert.deepEqual(await answered('update'), { status: 200, payload: 'done' });
  assert.deepEqual(await answered('update'), { status: 200, payload: 'done' });
  assert.deepEqual(await answered('other'), { status: 404, payload: { known: false } });
  assert.equal((await invoke('s-door', 'sulk', 5)).code, 7);
  const called = device.events.find((event) => event.name === 'lockDoor');
  assert.deepEqual([called.event, called.number, called.answer], ['method', 404, { locked: true }]);
  assert.equal(await device.stop(), 0, device.stderr);
});

test('it reports at its start, and what is desired of it', async () => {
  await hub.ok('device', 'create', '-d', 's-lamp');
  await hub.ok('twin', 'update', '-d', 's-lamp', '--desired', '{"power":"on"}');
  const device = new Device(['-d', 's-lamp', '--irp', '{"firmware":"1.2"}', '--echo-desired']);
  const reported = async (holds) => {
    const twin = await json('twin', 'show', 's-lamp');
    return holds(twin.properties.reported) ? twin : null;
  };
  await until(() => reported((it) => it.firmware === '1.2' && it.power === 'on'), 'both to be reported');
  await hub.ok('twin', 'update', '-d', 's-lamp', '--desired', '{"power":"off"}');
  await until(() => reported((it) => it.power === 'off'), 'the change to be reported');
  assert.ok(device.events.some((event) => event.event === 'changed' && event.json.power === 'off'));
  assert.equal(await device.stop(), 0);
});

test('it sends messages, comes back after a cut, and needs no login with its own string', async () => {
  const login = await hub.device('s-meter');
  const device = new Device(['--cs', login, '--msg-count', '2', '--mi', '0.05', '--data', '{"n":1}'], { CARILLON_LOGIN: '' });
  await device.until((event) => event.event === 'message' && event.number === 2, 'two messages');
  device.child.kill('SIGUSR1');
  await device.until((event) => event.event === 'lost', 'the cut');
  await until(() => device.events.filter((event) => event.event === 'connected').length === 2, 'it to come back');
  assert.equal(await device.stop(), 0);
  assert.equal(device.events.filter((event) => event.event === 'message').length, 2, 'and no more messages');
});

for (const transport of ['mqtt', 'mqtt-ws', 'amqp', 'amqp-ws']) {
  test(`it does all that over ${transport}`, async () => {
    const id = `s-${transport}`;
    await hub.ok('device', 'create', '-d', id);
    const device = new Device([id, '--transport', transport, '--irp', '{"firmware":"1.2"}', '--echo-desired',
      '--msg-count', '2', '--mi', '0.05', '--data', '{"n":1}']);
    await device.until((event) => event.event === 'reported' && event.number === 204, 'what it reports to be stored');
    assert.deepEqual(JSON.parse((await invoke(id, 'lockDoor')).stdout), { status: 200, payload: {} });
    await hub.ok('twin', 'update', '-d', id, '--desired', '{"power":"on"}');
    await until(async () => (await json('twin', 'show', id)).properties.reported.power === 'on', 'the change to be reported');
    await hub.ok('c2d', 'send', '-d', id, '--data', 'open', '--props', 'why=test');
    const message = await device.until((event) => event.event === 'c2d', 'a message');
    assert.equal(message.name, 'completed');
    assert.deepEqual([message.json.body, message.json.properties], ['open', { why: 'test' }]);
    await until(async () => (await json('device', 'show', id)).cloudToDeviceMessageCount === 0, 'it to be completed');
    await until(async () => (await hub.ok('events', 'watch', '-d', id, '--from', 'earliest', '--no-follow', '-o', 'ndjson'))
      .trim().split('\n').length === 2, 'two messages in the hub');
    device.child.kill('SIGUSR1');
    await until(() => device.events.filter((event) => event.event === 'connected').length === 2, 'it to come back');
    assert.equal(await device.stop(), 0, device.stderr);
  });
}

test('over AMQP a message is abandoned or rejected', async () => {
  await hub.ok('device', 'create', '-d', 's-settle');
  await hub.ok('c2d', 'send', '-d', 's-settle', '--data', 'again');
  const abandons = new Device(['s-settle', '--transport', 'amqp', '--receive-settle', 'abandon']);
  await until(() => abandons.events.filter((event) => event.event === 'c2d' && event.name === 'abandoned').length > 1,
    () => `it to come again: ${JSON.stringify(abandons.events)} ${abandons.stderr}`);
  await abandons.stop();
  await hub.ok('c2d', 'purge', '-d', 's-settle');
  await hub.ok('c2d', 'send', '-d', 's-settle', '--data', 'away', '--ack', 'full');
  const rejects = new Device(['s-settle', '--transport', 'amqp-ws', '--receive-settle', 'reject']);
  await rejects.until((event) => event.event === 'c2d' && event.name === 'rejected', 'a message');
  const outcome = JSON.parse(await hub.ok('feedback', 'watch', '--limit', '1', '-o', 'ndjson'));
  assert.deepEqual([outcome.deviceId, outcome.statusCode], ['s-settle', 'Rejected']);
  assert.equal(await rejects.stop(), 0);
  const refused = await hub.cli('device', 'simulate', 's-settle', '--receive-settle', 'reject');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /needs --transport amqp/);
});

test('over AMQP it says why it cannot be that device', async () => {
  const login = await hub.device('s-off');
  await hub.ok('device', 'update', '-d', 's-off', '--status', 'disabled');
  const refused = await hub.cli('device', 'simulate', 's-off', '--cs', login, '--transport', 'amqp');
  assert.equal(refused.code, 4, refused.stderr);
  assert.match(refused.stderr, /refuses the device/);
});

test('it says why it cannot be that device', async () => {
  assert.equal((await hub.cli('device', 'simulate', 's-nobody')).code, 3);
  assert.equal((await hub.cli('device', 'simulate')).code, 2);
  assert.equal((await hub.cli('device', 'simulate', 's-lamp', '--answers', '{"x":{"colour":1}}')).code, 2);
  await hub.ok('device', 'create', '-d', 's-cert', '--am', 'x509_ca');
  assert.equal((await hub.cli('device', 'simulate', 's-cert')).code, 2);
  await hub.ok('device', 'update', '-d', 's-lamp', '--status', 'disabled');
  const refused = await hub.cli('device', 'simulate', 's-lamp');
  assert.equal(refused.code, 4, refused.stderr);
  assert.match(refused.stderr, /disabled/);
});

test('people are told in words', async () => {
  await hub.ok('device', 'create', '-d', 's-words');
  const { code, stdout } = await hub.cli('device', 'simulate', 's-words', '--duration', '1s', '--irp', '{"a":1}');
  assert.equal(code, 0);
  assert.match(stdout, /^connected$/m);
  assert.match(stdout, /^reported 204$/m);
});
