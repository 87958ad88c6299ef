// What a running hub tells of itself: its settings and their sources, its health, and the connections of a device.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { close, connect, ga } from '../lib/devices.mjs';
import { Hub, until } from '../lib/hub.mjs';
import { RawClient, ownerField } from '../rest/client.mjs';

const home = process.env.HUB_TEST_DIRECTORY;
const file = join(home, 'carillon.toml');
const hub = Hub.fromEnvironment(['--config', file, '--threads', '2']);
process.env.CARILLON_JOBS__RUNNING_MAX = '9';

before(async () => {
  writeFileSync(file, '\ndrain_s = 0\n[telemetry]\nage_max_s = 3600\n');
  await hub.start();
});
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));

async function get(path) {
  const client = await RawClient.open(hub);
  client.send(`GET ${path} HTTP/1.1\r\nHost: x\r\n${ownerField(hub)}\r\n`);
  const { status, body } = await client.answer();
  client.destroy();
  assert.equal(status, 200, String(body));
  return JSON.parse(body);
}

async function setting(key) {
  return (await get('/carillon/settings')).settings.find((each) => each.key === key);
}

test('each setting names its source: file and line, variable, command line, or the default', async () => {
  assert.deepEqual(await setting('telemetry.age_max_s'), { key: 'telemetry.age_max_s', source: 'file', place: `${file}:4`, takesEffect: 'restart', value: 3600, default: 86400 });
  assert.deepEqual(await setting('jobs.running_max'), { key: 'jobs.running_max', source: 'environment', place: 'CARILLON_JOBS__RUNNING_MAX', takesEffect: 'restart', value: 9, default: 64 });
  assert.deepEqual(await setting('threads'), { key: 'threads', source: 'commandLine', takesEffect: 'restart', value: 2, default: 0 });
  assert.equal((await setting('amqps_port')).source, 'default');
  assert.ok((await setting('connections.open_max')).inForce > 0, 'what was left to the hub is told as it came out');
  const rows = JSON.parse(await hub.ok('settings', 'show', '-o', 'json'));
  assert.deepEqual(rows.find((row) => row.key === 'threads').value, 2);
  assert.match(await hub.ok('settings', 'show'), /telemetry\.age_max_s +3600 +file/);
});

test('a change of the file counts at SIGHUP or is told to wait for the next start', async () => {
  writeFileSync(file, 'log_level = "debug"\n[telemetry]\nage_max_s = 7200\n');
  hub.process.kill('SIGHUP');
  await until(() => hub.log().includes('certificates read again'), 'the reload');
  const level = await setting('log_level');
  assert.deepEqual([level.value, level.place, level.takesEffect], ['debug', `${file}:1`, 'reload']);
  const age = await setting('telemetry.age_max_s');
  assert.deepEqual([age.value, age.nextStart], [3600, 7200]);
  assert.match(hub.log(), /take effect at the next start keys=telemetry\.age_max_s/);
  await hub.ok('log', 'set', '--level', 'info');
  assert.equal((await setting('log_level')).inForce, 'info');
});

test('the health names store, certificates, connections and event loops', async () => {
  const health = await get('/carillon/health');
  assert.deepEqual([health.status, health.reasons], ['ready', []]);
  assert.equal(health.store.kind, 'rocksdb');
  assert.ok(health.store.diskBytes > health.store.diskFreeBytes);
  assert.ok(health.certificates.some((each) => each.file === 'server-ecdsa.pem'));
  assert.ok(health.certificates.every((each) => Date.parse(each.endTime) > Date.now()));
  assert.ok(health.connections.open >= 1 && health.connections.max > health.connections.open);
  assert.deepEqual(health.loops.map((each) => [each.loop, each.isStuck]), [[0, false], [1, false]]);
  await until(async () => (await get('/carillon/health')).loops.every((each) => each.lagP99Seconds > 0), 'a turn of each loop');
});

const events = async (id) => JSON.parse(await hub.ok('device', 'connections', id, '-o', 'json'));

test('connections of a device, their ends and refused logins are kept, over MQTT and AMQP', async () => {
  const string = await hub.device('door-1');
  assert.deepEqual(await events('door-1'), []);
  const device = await connect(ga, string);
  await close(device);
  await until(async () => (await events('door-1')).length === 2, 'the end of the connection');
  const [end, begin] = await events('door-1');
  assert.deepEqual([begin.event, begin.protocol], ['connected', 'mqtt']);
  assert.match(begin.peer, /^127\.[\d.]+:\d+$/);
  assert.deepEqual([end.event, end.reason], ['disconnected', 'client disconnected']);
  assert.ok(Date.parse(end.time) >= Date.parse(begin.time));
  const other = await hub.device('door-2');
  const wrong = string.replace(/SharedAccessKey=.*/, `SharedAccessKey=${other.split('SharedAccessKey=')[1]}`);
  await assert.rejects(connect(ga, wrong));
  await until(async () => (await events('door-1'))[0].event === 'refused', 'the refusal');
  assert.deepEqual((await events('door-1'))[0].reason, 'IotHubUnauthorized');
  const amqp = await connect(ga, string, {}, ga.Amqp);
  await amqp.sendEvent(new ga.device.Message('here')); // Over AMQP a device is there once a link speaks for it.
  await until(async () => (await events('door-1'))[0].event === 'connected', 'the connection over AMQP');
  assert.equal((await events('door-1'))[0].protocol, 'amqp');
  await close(amqp);
  await until(async () => (await events('door-1'))[0].event === 'disconnected', 'its end');
  assert.deepEqual(await events('door-2'), [], 'of another device nothing is told');
  assert.equal((await hub.cli('device', 'connections', 'nobody')).code, 3);
});
