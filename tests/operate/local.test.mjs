// The commands that help whoever runs a hub on this machine: health, doctor, debug bundle.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, parts, until } from '../lib/hub.mjs';
import { RawClient } from '../rest/client.mjs';
import { hubWithAdmin } from './scrape.mjs';

const tokenFile = join(process.env.HUB_TEST_DIRECTORY, 'admin-token');
writeFileSync(tokenFile, 'Zm9vYmFyMTIzQUJDYWJjNDU2REVGZGVm\n');
const hub = hubWithAdmin({ 'admin.token_file': tokenFile, 'connections.open_max': '5' });
before(() => hub.start());
after(() => hub.stop());

const data = () => join(hub.directory, 'data');
const own = (...args) => hub.run([...args, '--data-dir', data()], { CARILLON_BIND: hub.address, CARILLON_HOSTNAMES: hub.address });

test('health says that the hub is ready, and why it is not', async () => {
  const { code, stdout } = await own('health');
  assert.deepEqual([code, stdout], [0, 'ready\n']);
  const clients = [];
  for (let i = 0; i < 5; i += 1) clients.push(await RawClient.open(hub));
  const full = await own('health');
  assert.deepEqual([full.code, full.stdout], [1, 'not_ready\n']);
  assert.match(full.stderr, /connections: All 5 connections are in use/);
  assert.equal((await own('health', '--alive')).code, 0);
  for (const client of clients) client.destroy();
});

test('the doctor finds a machine sound whose hub runs, and says what it saw', async () => {
  const { code, stdout, stderr } = await own('doctor', '-o', 'json');
  const findings = JSON.parse(stdout);
  assert.equal(code, 0, stdout);
  assert.match(stderr, /A hub runs on this data/);
  const checks = new Set(findings.map(({ check }) => check));
  for (const check of ['ports', 'descriptors', 'data', 'disk room', 'disk speed', 'clock', 'certificates', 'huge pages', 'names']) {
    assert.ok(checks.has(check), check);
  }
  assert.ok(findings.some(({ found }) => /MQTT port 8883 of 127\S+ is the running hub's/.test(found)), stdout);
  for (const { result, advice } of findings) assert.ok(result === 'ok' || advice !== '', 'what is wrong has an advice');
});

test('the doctor says what keeps a hub from running, and what to do', async () => {
  // Another hub's data, on the addresses of this one.
  const { code, stdout } = await hub.run(['doctor', '--data-dir', join(hub.directory, 'none')], { CARILLON_BIND: hub.address });
  assert.equal(code, 1);
  assert.match(stdout, /FAILED {2}ports: MQTT port 8883 of \S+ is taken by another program\n {8}`ss -ltnp` shows which/);
  const absent = await hub.run(['doctor', '--data-dir', join(hub.directory, 'none')], { CARILLON_BIND: '192.0.2.77' });
  assert.match(absent.stdout, /FAILED {2}ports: MQTT port 8883 of 192\.0\.2\.77: Cannot assign requested address/);
});

test('a bundle has what helps, and no secret', async () => {
  const keys = [parts(await hub.device('bundled')).SharedAccessKey];
  for (const { keyName } of JSON.parse(await hub.ok('policy', 'list', '-o', 'json'))) {
    const policy = JSON.parse(await hub.ok('policy', 'show', keyName, '-o', 'json'));
    keys.push(policy.primaryKey, policy.secondaryKey);
  }
  keys.push(readFileSync(tokenFile, 'utf8').trim());
  const log = join(hub.directory, 'with-secrets.log');
  writeFileSync(log, `${hub.log()}\na careless program: SharedAccessKey=${keys[1]} and ${keys[0]}\n${readFileSync(join(data(), 'ca-key.pem'), 'utf8')}`);
  const file = join(hub.directory, 'bundle.txt');
  const bundle = async () => {
    const { code, stderr } = await hub.run(['debug', 'bundle', '--data-dir', data(), '--log', log, '--file', file], { CARILLON_BIND: hub.address });
    assert.equal(code, 0, stderr);
    return readFileSync(file, 'utf8');
  };
  let text;
  // Devices are counted anew each second.
  await until(async () => (text = await bundle()).includes('carillon_devices_registered 1'), 'the device to be counted');
  for (const part of ['===== doctor =====', 'process limits', 'a careless program', '===== files =====', '"status":"ready"']) {
    assert.ok(text.includes(part), part);
  }
  for (const key of keys) assert.ok(!text.includes(key), key);
  assert.ok(!text.includes('PRIVATE KEY'));
});

test('health of a hub that does not run, and of none', async () => {
  assert.equal(await hub.stop(), 0);
  assert.equal((await own('health')).code, 9);
  assert.equal((await hub.run(['health', '--data-dir', join(hub.directory, 'none')], {})).code, 2);
  const bundle = await own('debug', 'bundle');
  assert.equal(bundle.code, 0, 'a bundle is made of what is there');
});

test('without an admin listener health asks the HTTPS port', async () => {
  const plain = new Hub({ binary: hub.binary, directory: hub.directory, address: hub.address });
  await plain.start();
  const { code, stdout, stderr } = await own('health');
  assert.deepEqual([code, stdout], [0, 'answers\n'], stderr);
  assert.equal(await plain.stop(), 0);
});
