// The commands of docs/configurations.md, each as it stands there.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Hub, until } from '../lib/hub.mjs';

const hub = Hub.fromEnvironment();
const page = readFileSync(new URL('../../docs/configurations.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((block) => block[1]);
const scratch = join(hub.directory, 'scratch');

before(async () => {
  await hub.start();
  mkdirSync(join(hub.directory, 'bin'));
  mkdirSync(scratch);
  symlinkSync(hub.binary, join(hub.directory, 'bin', 'carillon'));
});
after(() => hub.stop());

const shell = async (script) => {
  const env = {
    ...process.env,
    PATH: `${join(hub.directory, 'bin')}${delimiter}${process.env.PATH}`,
    CARILLON_LOGIN: hub.connectionString,
    CARILLON_CA: hub.caFile,
  };
  const { code, stdout, stderr } = await new Promise((resolve) => {
    execFile('/bin/sh', ['-e', '-c', script], { env, cwd: scratch }, (error, out, talk) => {
      resolve({ code: error ? error.code : 0, stdout: out, stderr: talk });
    });
  });
  assert.equal(code, 0, `${script}\n${stderr}`);
  return stdout;
};
const json = async (...args) => JSON.parse(await hub.ok(...args));
const becomes = (id, probe, what) => until(async () => probe((await json('twin', 'show', id)).properties.desired), what);

test('a configuration reaches the devices that match, and those that come to match', async () => {
  await shell(blocks[0]);
  await becomes('north-1', (desired) => desired.firmware?.version === '1.2.0', 'north-1 to get it');
  const south = (await json('twin', 'show', 'south-1')).properties.desired;
  assert.equal(south.firmware, undefined);
  await shell(blocks[1]);
  await becomes('south-1', (desired) => desired.firmware?.version === '1.2.0', 'south-1 to get it');
});

test('its spread is seen in counts, metrics and queries', async () => {
  await until(async () => (await json('configuration', 'show', 'firmware')).systemMetrics.results.appliedCount === 3, 'all three to be counted');
  const shown = await shell(blocks[2]);
  assert.match(shown, /firmware +10 +tags.ring = 'early' +3 +3/);
  assert.equal(shown.match(/^north-1/gm).length, 2, shown);
});

test('a stronger one wins and gives way again', async () => {
  await shell(blocks[3]);
  await becomes('north-1', (desired) => desired.firmware?.version === '1.1.9', 'north-1 to be held back');
  assert.equal((await json('twin', 'show', 'north-2')).properties.desired.firmware.version, '1.2.0');
  await shell(blocks[4]);
  await becomes('north-1', (desired) => desired.firmware?.version === '1.2.0', 'north-1 to go on');
});

test('it is changed and deleted', async () => {
  await shell(blocks[5]);
  await becomes('north-1', (desired) => desired.firmware === undefined, 'north-1 to lose it');
  assert.deepEqual(JSON.parse(await hub.ok('configuration', 'list', '-o', 'json')), []);
  assert.equal(blocks.length, 6, 'every command of the page is run');
});

test('a metric without FROM is shown as it is counted', async () => {
  await hub.ok('configuration', 'create', 'counted', '-k', '{"deviceContent":{"properties.desired.x":1}}',
    '-m', '{"queries":{"all":"select *","north":"SELECT deviceId WHERE deviceId = \'north-1\'"}}');
  const rows = async (metric) => JSON.parse(await hub.ok('configuration', 'show-metric', 'counted', '-m', metric, '-o', 'json'));
  assert.equal((await rows('all')).length, 3);
  assert.deepEqual(await rows('north'), [{ deviceId: 'north-1' }]);
  await hub.ok('configuration', 'delete', 'counted', '--yes');
});

test('mistakes of use are told', async () => {
  for (const args of [
    ['create', 'x'], ['create', 'x', '-k', 'nonsense'], ['create', 'x', '-k', '[]'], ['update', 'x', '--set', 'content={}'],
    ['show-metric', 'x', '-m', 'y', '--metric-type', 'other'], ['show'],
  ]) {
    assert.equal((await hub.cli('configuration', ...args)).code, 2, args.join(' '));
  }
  assert.equal((await hub.cli('configuration', 'show', 'nobody')).code, 3);
  const content = '{"deviceContent":{"properties.desired.x":1}}';
  await hub.ok('configuration', 'create', 'once', '-k', content);
  assert.equal((await hub.cli('configuration', 'create', 'once', '-k', content)).code, 5);
  assert.equal((await hub.cli('configuration', 'update', 'once', '--priority', '2', '--etag', 'Mjc=')).code, 5);
  assert.equal((await hub.cli('configuration', 'delete', 'once', '--etag', 'Mjc=')).code, 5);
  assert.equal((await hub.cli('configuration', 'apply', 'nobody', '-k', '{"deviceContent":{"properties.desired.x":1}}')).code, 3);
});
