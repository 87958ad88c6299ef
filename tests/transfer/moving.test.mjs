// The commands of docs/moving-a-fleet.md, each as it stands there, between two hubs: one plays the
// cloud, and its container is a server of ours.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Hub } from '../lib/hub.mjs';
import { BlobServer } from './blob_server.mjs';
import { fleet } from './jobs.mjs';

const home = Hub.fromEnvironment();
const cloudDirectory = join(home.directory, 'cloud');
mkdirSync(cloudDirectory);
const cloud = new Hub({ binary: home.binary, directory: cloudDirectory, address: home.address.replace(/\d+$/, '103') });
const blobs = new BlobServer();
const page = readFileSync(new URL('../../docs/moving-a-fleet.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((block) => block[1]);
const scratch = join(home.directory, 'scratch');
let environment;

before(async () => {
  await blobs.start();
  await cloud.start();
  await home.start();
  // One bundle trusts both hubs.
  const bundle = join(home.directory, 'both.pem');
  writeFileSync(bundle, readFileSync(cloud.caFile, 'utf8') + readFileSync(home.caFile, 'utf8'));
  mkdirSync(join(home.directory, 'bin'));
  mkdirSync(scratch);
  symlinkSync(home.binary, join(home.directory, 'bin', 'carillon'));
  environment = {
    ...process.env,
    PATH: `${join(home.directory, 'bin')}${delimiter}${process.env.PATH}`,
    CLOUD: cloud.connectionString,
    CONTAINER: blobs.container('moving'),
    CARILLON_LOGIN: home.connectionString,
    CARILLON_CA: bundle,
  };
  mkdirSync(join(cloudDirectory, 'data', 'import-export'), { recursive: true });
  writeFileSync(join(cloudDirectory, 'data', 'import-export', 'devices.txt'), fleet(2_000, 'x'));
  await cloud.ok('device', 'import', 'file:.');
});
after(async () => {
  await blobs.stop();
  await cloud.stop();
  await home.stop();
});

const shell = (script) => new Promise((resolve) => {
  execFile('/bin/sh', ['-e', '-c', script], { env: environment, cwd: scratch }, (error, stdout, stderr) => {
    resolve({ code: error ? error.code : 0, stdout, stderr });
  });
});
const count = async () => JSON.parse(await home.ok('query', 'SELECT COUNT() AS n FROM devices', '-o', 'json'))[0].n;

test('the fleet moves by way of a container', async () => {
  const { code, stderr } = await shell(blocks[0]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /completed: 2000 of 2000 lines applied/);
  assert.equal(await count(), 2_000);
  const moved = JSON.parse(await home.ok('device', 'show', 'x-000007'));
  assert.deepEqual(moved.authentication, JSON.parse(await cloud.ok('device', 'show', 'x-000007')).authentication);
});

test('and by way of a file, over HTTPS', async () => {
  await home.ok('device', 'delete', 'x-000007');
  const { code, stdout, stderr } = await shell(blocks[1]);
  assert.equal(code, 0, stderr);
  assert.equal(statSync(join(scratch, 'fleet.txt')).mode & 0o777, 0o600);
  assert.equal(existsSync(join(scratch, 'fleet.txt.part')), false);
  assert.equal(readFileSync(join(scratch, 'fleet.txt'), 'utf8').trim().split('\n').length, 2_000);
  assert.deepEqual(stdout.match(/"lineCount": ?\d+/g).length, 2, stdout);
  assert.equal(await count(), 2_000);
  assert.equal(JSON.parse(await home.ok('twin', 'show', 'x-000007')).tags.building, 'b0');
});

test('and by way of a directory, and as a list without keys', async () => {
  const directory = await shell(blocks[2]);
  assert.equal(directory.code, 0, directory.stderr);
  const list = await shell(blocks[3]);
  assert.equal(list.code, 0, list.stderr);
  assert.equal(/"primaryKey": ?"/.test(readFileSync(join(scratch, 'inventory.txt'), 'utf8')), false);
  assert.equal(blocks.length, 4, 'every command of the page is run');
});

test('refused lines are told with their numbers and end the command with status 8', async () => {
  writeFileSync(join(scratch, 'bad.txt'), [
    'Keys are left out.', '{"id":"x-000001","importMode":"create"}', 'nonsense', '{"id":"good","importMode":"create"}',
    '{"id":"good","importMode":"update","status":"disabled"}', '{"id":"a b"}', '{"id":"nobody","importMode":"delete"}',
  ].join('\n'));
  const { code, stdout, stderr } = await shell('carillon device import bad.txt --errors errors.txt -o json');
  assert.equal(code, 8, stderr);
  assert.deepEqual(JSON.parse(stdout), { lineCount: 6, appliedCount: 2, errorCount: 4 });
  const errors = readFileSync(join(scratch, 'errors.txt'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(errors.map((error) => [error.line, error.errorCode]).sort((a, b) => a[0] - b[0]), [
    [2, 'DeviceAlreadyExists'], [3, 'IotHubFormatError'], [6, 'ArgumentInvalid'], [7, 'DeviceNotFound'],
  ]);
  assert.equal(JSON.parse(await home.ok('device', 'show', 'good')).status, 'disabled');
  const told = await shell('carillon device import - < bad.txt');
  assert.match(told.stderr, /"line":2,"deviceId":"x-000001"/);
});

test('mistakes of use are told before anything is sent', async () => {
  for (const args of ['import fleet.txt --mode explode', 'import', 'export', 'import file:x --mode create', 'import fleet.txt --start-line 0']) {
    const { code, stderr } = await shell(`carillon device ${args}`);
    assert.equal(code, 2, `${args}: ${stderr}`);
  }
  assert.notEqual((await shell('carillon device import no-such-file')).code, 0);
  const skipped = await shell('carillon device import fleet.txt --mode createOrUpdate --start-line 1999 -o json');
  assert.equal(JSON.parse(skipped.stdout).lineCount, 2);
});
