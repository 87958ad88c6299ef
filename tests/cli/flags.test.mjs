// The flags of every command that talks to a hub, and what stands beside commands: help, version, examples, ids that a
// shell completes.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hub, parts } from '../lib/hub.mjs';

const hub = Hub.fromEnvironment();
const home = mkdtempSync(join(tmpdir(), 'carillon-flags-'));
before(async () => {
  await hub.start();
  await hub.device('f-one');
});
after(async () => {
  rmSync(home, { recursive: true });
  await hub.stop();
});
const succeeds = async (...args) => {
  const outcome = await hub.cli(...args);
  assert.equal(outcome.code, 0, outcome.stderr);
  return outcome;
};

test('--trace prints each request and answer, without secrets', async () => {
  const { stdout, stderr } = await succeeds('device', 'show', 'f-one', '--trace');
  const { primaryKey, secondaryKey } = JSON.parse(stdout).authentication.symmetricKey;
  assert.match(stderr, /^> GET \/devices\/f-one\?api-version=/);
  assert.match(stderr, /\n< 200 after \d+ ms\n\{"deviceId":"f-one"/);
  for (const secret of [primaryKey, secondaryKey, parts(hub.connectionString).SharedAccessKey, 'sig=']) {
    assert.ok(!stderr.includes(secret), stderr);
  }
  const failed = await hub.cli('device', 'show', 'f-none', '--trace');
  assert.equal(failed.code, 3);
  assert.match(failed.stderr, /\n< 404 after/);
});

test('--dry-run shows what would change something, and sends none of it', async () => {
  for (const [args, line] of [
    [['device', 'create', 'f-two'], /^PUT \/devices\/f-two\?/],
    [['device', 'update', 'f-one', '--status', 'disabled'], /^PUT \/devices\/f-one\?/],
    [['device', 'delete', 'f-one'], /^DELETE \/devices\/f-one\?/],
    [['module', 'create', 'f-one', '-m', 'm'], /^PUT \/devices\/f-one\/modules\/m\?/],
    [['twin', 'update', 'f-one', '--tags', '{"a":1}'], /^PATCH \/twins\/f-one\?.*\n\{"tags":\{"a":1\}\}\n/],
    [['twin', 'replace', 'f-one', '--tags', '{"a":1}'], /^PUT \/twins\/f-one\?/],
    [['method', 'invoke', 'f-one', '--mn', 'x'], /^POST \/twins\/f-one\/methods\?/],
    [['job', 'create', '-q', '*', '--patch', '{"tags":{"a":1}}', '--job-id', 'f-job'], /^PUT \/jobs\/v2\/f-job\?/],
    [['configuration', 'create', '-c', 'c', '-k', '{"deviceContent":{"properties.desired.a":1}}'], /^PUT \/configurations\/c\?/],
  ]) {
    const { stdout } = await succeeds(...args, '--dry-run');
    assert.match(stdout, line);
  }
  const twin = JSON.parse(await hub.ok('twin', 'show', 'f-one'));
  assert.equal(twin.status, 'enabled');
  assert.deepEqual(twin.tags ?? {}, {});
  const ids = (await hub.ok('device', 'list', '-o', 'tsv')).split('\n').map((line) => line.split('\t')[0]);
  assert.deepEqual(ids, ['f-one', '']);
  assert.equal(await hub.ok('job', 'list', '-o', 'tsv'), '');
  // What only reads is done.
  assert.equal(JSON.parse(await hub.ok('device', 'show', 'f-one', '--dry-run')).deviceId, 'f-one');
});

test('--quiet leaves messages out, and errors in', async () => {
  await hub.device('f-gone');
  assert.equal((await succeeds('device', 'delete', 'f-gone', '--quiet')).stderr, '');
  await hub.device('f-gone');
  assert.match((await succeeds('device', 'delete', 'f-gone', '--yes')).stderr, /device f-gone deleted/);
  const failed = await hub.cli('device', 'show', 'f-gone', '--quiet');
  assert.equal(failed.code, 3);
  assert.match(failed.stderr, /DeviceNotFound/);
});

test('-o yaml and -o tsv', async () => {
  assert.match(await hub.ok('device', 'show', 'f-one', '-o', 'yaml'), /^deviceId: f-one\n[^]*\nauthentication:\n {2}symmetricKey:\n {4}primaryKey: "?/);
  assert.match(await hub.ok('query', "SELECT deviceId, status FROM devices WHERE deviceId = 'f-one'", '-o', 'yaml'), /^- deviceId: f-one\n {2}status: enabled\n$/);
  assert.equal(await hub.ok('query', "SELECT deviceId, status FROM devices WHERE deviceId = 'f-one'", '-o', 'tsv'), 'f-one\tenabled\n');
});

test('CARILLON_CONTEXT names the hub', async () => {
  const env = { XDG_CONFIG_HOME: home, CARILLON_LOGIN: '', CARILLON_CA: '' };
  const added = await hub.run(['context', 'add', 'plant', '-l', hub.connectionString, '--ca', hub.caFile], env);
  assert.equal(added.code, 0, added.stderr);
  const other = await hub.run(['context', 'add', 'other', '-l', hub.connectionString.replace(/HostName=[^;]*/, 'HostName=192.0.2.1')], env);
  assert.equal(other.code, 0, other.stderr);
  assert.equal((await hub.run(['context', 'use', 'other'], env)).code, 0);
  const shown = await hub.run(['device', 'show', 'f-one'], { ...env, CARILLON_CONTEXT: 'plant' });
  assert.equal(shown.code, 0, shown.stderr);
  const none = await hub.run(['device', 'show', 'f-one'], { ...env, CARILLON_CONTEXT: 'nowhere' });
  assert.equal(none.code, 2);
  assert.match(none.stderr, /no context is called `nowhere`/);
});

test('help and version are words, too', async () => {
  for (const [words, option] of [[['help'], ['--help']], [['help', 'job', 'create'], ['job', 'create', '--help']], [['version'], ['--version']]]) {
    const { stdout } = await succeeds(...words);
    assert.equal(stdout, (await succeeds(...option)).stdout);
  }
});

test('each command has an example, whose options it has', async () => {
  const page = await hub.ok('reference', 'markdown');
  const common = [...page.split('## Options of many commands')[1].matchAll(/`(--?[a-z-]+)`/g)].map(([, name]) => name);
  let count = 0;
  for (const section of page.split(/\n#{2,3} carillon /).slice(1)) {
    const path = section.slice(0, section.indexOf('\n'));
    if (!section.includes('```text\n')) continue;  // A group of commands.
    const example = /\nExample:\n\n```sh\n(.*)/.exec(section)?.[1] ?? assert.fail(`${path} has no example`);
    assert.ok(example.includes(`carillon ${path}`), `${path}: ${example}`);
    const options = [...section.matchAll(/`(--?[a-z-]+)`/g)].map(([, name]) => name).concat(common);
    for (const [, option] of example.replaceAll(/"[^"]*"|'[^']*'/g, '').split('|')[0].matchAll(/ (--[a-z-]+)/g)) {
      assert.ok(options.includes(option), `${path} has no ${option}: ${example}`);
    }
    ++count;
  }
  assert.ok(count > 40, `${count} commands`);
});

test('bash completes ids of devices and jobs', async () => {
  await hub.ok('job', 'create', '-q', '*', '--patch', '{"tags":{"a":1}}', '--job-id', 'f-job-1', '--wait');
  const complete = (line) => execFileSync('bash', ['--norc', '-c', `source <("$HUB" completion bash)
    carillon() { "$HUB" "$@"; }
    COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _carillon; printf '%s\\n' "\${COMPREPLY[@]}"`],
  { encoding: 'utf8', env: { ...process.env, HUB: hub.binary, CARILLON_LOGIN: hub.connectionString, CARILLON_CA: hub.caFile } }).trim();
  assert.equal(complete('carillon twin show f-o'), 'f-one');
  assert.equal(complete('carillon device show --device-id f-o'), 'f-one');
  assert.equal(complete('carillon job show f-j'), 'f-job-1');
  assert.equal(complete('carillon twin show "o\'x"'), '');
});

test('device simulate says that it was stopped', async () => {
  const { stdout } = await succeeds('device', 'simulate', 'f-one', '--duration', '1s');
  assert.match(stdout, /^connected\n[^]*stopped\n$/);
  assert.doesNotMatch(stdout, /lost/);
});

test('a fleet beyond the descriptors is refused before it is registered', async () => {
  const { code, stderr } = await hub.run(['-c', 'ulimit -n 256 && exec "$0" simulate --devices 1000 --create', hub.binary],
    { CARILLON_LOGIN: hub.connectionString, CARILLON_CA: hub.caFile }, 'bash');
  assert.equal(code, 2, stderr);
  assert.match(stderr, /1,000 devices need as many descriptors/);
  assert.doesNotMatch(stderr, /registered/);
  assert.equal((await hub.ok('query', "SELECT deviceId FROM devices WHERE STARTSWITH(deviceId, 'sim-')", '-o', 'tsv')), '');
});
