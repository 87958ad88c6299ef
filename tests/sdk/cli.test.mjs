// The command line against a real hub: verbs, outputs, exit codes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Hub } from '../lib/hub.mjs';
import { close, connect, ga, wrongKey } from '../lib/devices.mjs';

const hub = Hub.fromEnvironment();
before(() => hub.start());
after(() => hub.stop());

const json = async (...args) => JSON.parse(await hub.ok(...args));
const lines = (text) => text.trim().split('\n');

test('a device is created, shown, updated, listed and deleted', async () => {
  const made = await json('device', 'create', '-d', 'c-one');
  assert.equal(made.deviceId, 'c-one');
  assert.equal((await json('device', 'show', 'c-one')).etag, made.etag);
  const changed = await json('device', 'update', '--device-id', 'c-one', '--status', 'disabled', '--status-reason', 'lost');
  assert.equal(changed.status, 'disabled');
  assert.deepEqual(changed.authentication, made.authentication, 'the keys stay');
  assert.equal((await hub.cli('device', 'update', 'c-one', '--status', 'enabled', '--etag', made.etag)).code, 5);
  assert.match(await hub.ok('device', 'list'), /^deviceId.*\nc-one +disabled/m);
  await hub.ok('device', 'delete', '-d', 'c-one');
  assert.equal((await hub.cli('device', 'show', '-d', 'c-one')).code, 3);
});

test('a listing is a table, JSON, a line a row, or csv', async () => {
  await hub.ok('device', 'create', '-d', 'c-list-1');
  await hub.ok('device', 'create', '-d', 'c-list-2');
  const statement = "SELECT deviceId, status FROM devices WHERE deviceId IN ['c-list-1', 'c-list-2']";
  const list = (format) => hub.ok('query', statement, '-o', format);
  assert.equal(await list('csv'), 'deviceId,status\nc-list-1,enabled\nc-list-2,enabled\n');
  assert.deepEqual(JSON.parse(await list('json')).length, 2);
  assert.deepEqual(lines(await list('ndjson')).map((line) => JSON.parse(line).deviceId), ['c-list-1', 'c-list-2']);
  assert.equal(await list('table'), 'deviceId  status\nc-list-1  enabled\nc-list-2  enabled\n');
});

test('a listing goes over the pages, or stops at --top', async () => {
  for (let i = 0; i < 7; i++) await hub.ok('device', 'create', '-d', `c-page-${i}`);
  const query = ['query', "SELECT * FROM devices WHERE deviceId > 'c-page-' AND deviceId < 'c-page-9'", '--page-size', '2', '-o', 'ndjson'];
  assert.equal(lines(await hub.ok(...query)).length, 7);
  assert.equal(lines(await hub.ok(...query, '--top', '3')).length, 3);
});

test('a twin is updated from a file, replaced, and guarded by an etag', async () => {
  await hub.ok('device', 'create', '-d', 'c-twin');
  const file = join(hub.directory, 'tags.json');
  writeFileSync(file, '{"site":"b"}');
  const twin = await json('twin', 'update', '-d', 'c-twin', '--tags', `@${file}`, '--desired', '{"x":1}');
  assert.equal(twin.tags.site, 'b');
  assert.equal((await hub.cli('twin', 'update', '-d', 'c-twin', '--tags', '{"y":1}', '--etag', 'AAAAAAAAAGM=')).code, 5);
  const replaced = await json('twin', 'replace', '-d', 'c-twin', '--json', '{"tags":{"only":true}}');
  assert.deepEqual(replaced.tags, { only: true });
  assert.equal('x' in replaced.properties.desired, false);
});

test('a method is invoked, and its job watched', async () => {
  const device = await connect(ga, await hub.device('c-method'), { lockDoor: (payload) => [200, { heard: payload }] });
  const answer = await json('method', 'invoke', '-d', 'c-method', '--mn', 'lockDoor', '--mp', '{"force":true}', '--mct', '15');
  assert.deepEqual(answer, { status: 200, payload: { heard: { force: true } } });

  const accepted = await json('job', 'create', '--job-id', 'c-job', '--mn', 'lockDoor', '-q', "deviceId = 'c-method'");
  assert.deepEqual(accepted, { jobId: 'c-job', type: 'scheduleDeviceMethod', status: 'queued' });
  const watched = await hub.cli('job', 'watch', 'c-job', '--interval', '0.05');
  assert.equal(watched.code, 0, watched.stderr);
  assert.match(lines(watched.stdout).at(-1), /^c-job {2}completed: 1 done, 0 failed, 0 in flight, 0 pending of 1/);
  assert.equal((await json('job', 'show', 'c-job')).status, 'completed');
  assert.match(await hub.ok('job', 'devices', 'c-job'), /c-method +c-job +completed .* 200 /);
  assert.match(await hub.ok('job', 'list'), /^c-job +scheduleDeviceMethod +completed/m);
  assert.equal((await hub.cli('job', 'cancel', 'c-job')).code, 5);
  assert.equal((await hub.cli('job', 'create', '--job-id', 'c-job', '--mn', 'x', '-q', '*')).code, 5);
  await close(device);
});

test('a job whose devices fail ends with exit code 8 and says why', async () => {
  await hub.ok('device', 'create', '-d', 'c-away');
  const args = ['job', 'create', '--job-id', 'c-fails', '--mn', 'x', '-d', 'c-away', '--ttl', '1', '--wait', '--interval', '0.05'];
  const { code, stdout, stderr } = await hub.cli(...args);
  assert.equal(code, 8, stderr);
  assert.equal(JSON.parse(stdout).deviceJobStatistics.failedCount, 1, 'data on standard output');
  assert.match(stderr, /1 × JobRunPreconditionFailed/);
});

test('a job for later is cancelled', async () => {
  await hub.ok('job', 'create', '--job-id', 'c-later', '--patch', '{"tags":{"a":1}}', '-q', '*', '--start', '+2h');
  assert.equal((await hub.cli('job', 'watch', 'c-later', '--duration', '1', '--interval', '0.1')).code, 7);
  assert.equal((await json('job', 'cancel', 'c-later')).status, 'cancelled');
});

test('mistakes of use exit 2 before anything is sent', async () => {
  for (const args of [
    ['device'], ['device', 'show'], ['device', 'show', '-d', 'a b'], ['device', 'create', '-d', 'x', '--colour', 'red'],
    ['twin', 'update', '-d', 'x', '--desired', '{no json'], ['twin', 'update', '-d', 'x'],
    ['job', 'create', '--mn', 'x'], ['job', 'create', '-q', '*'], ['query', 'SELECT * FROM devices', '-o', 'xml'],
  ]) {
    const { code, stdout, stderr } = await hub.cli(...args);
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.equal(stdout, '');
    assert.notEqual(stderr, '');
  }
  assert.equal((await hub.run(['device', 'list'], { CARILLON_LOGIN: '' })).code, 2);
  for (const args of [['frobnicate'], ['device', 'frobnicate', '-d', 'x']]) {
    const { code, stderr } = await hub.cli(...args);
    assert.equal(code, 2);
    assert.match(stderr, /'frobnicate'/);
  }
});

test('the rest of the exit codes', async () => {
  const wrong = hub.connectionString.replace(/SharedAccessKey=.*/, `SharedAccessKey=${wrongKey}`);
  assert.equal((await hub.cli('device', 'list', '-l', wrong)).code, 4);
  assert.equal((await hub.cli('job', 'show', 'c-nothing')).code, 3);
  assert.equal((await hub.cli('job', 'watch', 'c-nothing')).code, 3);
  assert.equal((await hub.cli('twin', 'show', 'c-nobody')).code, 3);
  assert.equal((await hub.cli('device', 'list', '--port', '1')).code, 9);
  assert.equal((await hub.run(['device', 'list'], { CARILLON_LOGIN: hub.connectionString })).code, 9, 'not trusted');
  assert.equal((await hub.cli('query', 'SELECT FROM')).code, 2);
});

test('the help of every command is there', async () => {
  for (const args of [[], ['device'], ['device', 'create'], ['twin', 'update'], ['method', 'invoke'], ['job', 'create'], ['job', 'watch'], ['query']]) {
    const { code, stdout } = await hub.run([...args, '--help'], {});
    assert.equal(code, 0);
    assert.match(stdout, /--help/);
  }
});
