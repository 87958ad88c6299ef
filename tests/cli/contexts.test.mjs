// Hubs by name.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub } from '../lib/hub.mjs';

const hub = Hub.fromEnvironment();
const home = join(hub.directory, 'home');
const file = join(home, 'carillon', 'contexts.json');
/** The program without CARILLON_LOGIN and CARILLON_CA. */
const run = (...args) => hub.run(args, { CARILLON_LOGIN: '', CARILLON_CA: '', XDG_CONFIG_HOME: home });

before(async () => {
  mkdirSync(home);
  await hub.start();
  await hub.ok('device', 'create', '-d', 'known');
});
after(() => hub.stop());

test('a hub of this machine is named by its data, and is the current one', async () => {
  assert.equal((await run('device', 'list')).code, 2, 'no hub is named yet');
  const added = await run('context', 'add', 'lab', '--data-dir', join(hub.directory, 'data'));
  assert.equal(added.code, 0, added.stderr);
  assert.match(added.stderr, /current/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const shown = await run('device', 'show', 'known');
  assert.equal(shown.code, 0, shown.stderr);
});

test('another is named by its login, used, listed and removed', async () => {
  const added = await run('context', 'add', 'office', '-l', hub.connectionString, '--ca', hub.caFile);
  assert.equal(added.code, 0, added.stderr);
  assert.equal((await run('context', 'use', 'office')).code, 0);
  const { stdout } = await run('context', 'list', '-o', 'ndjson');
  const rows = stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(rows.map((row) => [row.name, row.current]), [['lab', false], ['office', true]]);
  assert.equal(JSON.parse((await run('context', 'show')).stdout).name, 'office');
  assert.equal((await run('device', 'show', 'known', '--context', 'lab')).code, 0);
  assert.equal((await run('context', 'remove', 'office')).code, 0);
  assert.equal((await run('device', 'list')).code, 2, 'none is current now');
  assert.equal((await run('context', 'use', 'lab')).code, 0);
});

test('keys are never shown', async () => {
  const key = hub.connectionString.match(/SharedAccessKey=(.*)/)[1];
  assert.ok(readFileSync(file, 'utf8').includes(key), 'though it is kept');
  for (const args of [['context', 'list'], ['context', 'show', 'lab'], ['context', 'list', '-o', 'json']]) {
    const { stdout, stderr } = await run(...args);
    assert.equal((stdout + stderr).includes(key), false);
  }
});

test('the environment goes before the current context, and a named one before it', async () => {
  const wrong = hub.connectionString.replace(/SharedAccessKeyName=\w+/, 'SharedAccessKeyName=nobody');
  const env = { CARILLON_LOGIN: wrong, CARILLON_CA: hub.caFile, XDG_CONFIG_HOME: home };
  assert.equal((await hub.run(['device', 'list'], env)).code, 4);
  assert.equal((await hub.run(['device', 'list', '--context', 'lab'], env)).code, 0);
});

test('what cannot be is told with its exit code', async () => {
  assert.equal((await run('context', 'add', 'lab', '-l', hub.connectionString)).code, 5);
  assert.equal((await run('context', 'use', 'attic')).code, 3);
  assert.equal((await run('context', 'show', 'attic')).code, 3);
  assert.equal((await run('context', 'remove', 'attic')).code, 3);
  assert.equal((await run('device', 'list', '--context', 'attic')).code, 2);
  assert.equal((await run('context', 'add', 'a b', '-l', hub.connectionString)).code, 2);
  assert.equal((await run('context', 'add', 'x')).code, 2);
  assert.equal((await run('context', 'add', 'x', '-l', 'HostName=h;DeviceId=d;SharedAccessKey=YQ==')).code, 2);
  assert.equal((await run('device', 'list', '--context', 'lab', '-l', hub.connectionString)).code, 2, 'one or the other');
});

test('a file that others may read is not used', async () => {
  chmodSync(file, 0o644);
  const { code, stderr } = await run('device', 'list');
  assert.equal(code, 2);
  assert.match(stderr, /chmod 600/);
  assert.equal((await hub.run(['device', 'list'], { CARILLON_LOGIN: hub.connectionString, CARILLON_CA: hub.caFile, XDG_CONFIG_HOME: home })).code, 0);
  chmodSync(file, 0o600);
  writeFileSync(file, '{"current":');
  assert.equal((await run('context', 'list')).code, 2);
});
