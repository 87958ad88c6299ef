// A data directory that a later program wrote is refused before anything in it is changed, with what to do.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32c } from '../lib/crc32c.mjs';
import { Hub } from '../lib/hub.mjs';

const hub = Hub.fromEnvironment();
const data = join(hub.directory, 'data');
const file = join(data, 'format');

function tree() {
  const names = readdirSync(data, { recursive: true }).filter((name) => name !== 'lock').sort();
  return names.map((name) => join(data, name)).filter((path) => statSync(path).isFile())
    .map((path) => [path, statSync(path).mtimeMs, readFileSync(path)]);
}

const written = (said) => `${said} crc32c ${crc32c(said).toString(16).padStart(8, '0')}\n`;

/** The log of a start that is refused, and its exit code. */
async function refused() {
  rmSync(hub.logFile, { force: true });
  await assert.rejects(hub.start());
  const code = await hub.ended;
  hub.process = null;
  return { code, log: hub.log() };
}

test('the program says which format it wrote', async () => {
  await hub.start();
  await hub.ok('device', 'create', '-d', 'kept');
  await hub.stop();
  const said = /^(\d+ carillon \S+) crc32c/.exec(readFileSync(file, 'utf8'))[1];
  assert.equal(readFileSync(file, 'utf8'), written(said));
});

test('a later format is refused, by the start and by the check, and nothing is touched', async () => {
  const ours = readFileSync(file);
  const next = Number.parseInt(ours.toString(), 10) + 1; // The first that this program does not know.
  writeFileSync(file, written(`${next} carillon 99.1`));
  const before = tree();
  const { code, log } = await refused();
  assert.equal(code, 1, log);
  assert.match(log, new RegExp(`has format ${next}, which carillon 99\\.1 wrote`));
  assert.match(log, /Nothing was changed\. Run the program that wrote it/);
  const checked = await hub.run(['store', 'check', '--data-dir', data], {});
  assert.equal(checked.code, 1);
  assert.match(checked.stderr, new RegExp(`has format ${next}`));
  assert.deepEqual(tree(), before);
  writeFileSync(file, ours);
  await hub.start();
  assert.match(await hub.ok('device', 'show', '-d', 'kept'), /kept/);
  await hub.stop();
});

test('a damaged line is told from a later format', async () => {
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, '1000'));
  const { code, log } = await refused();
  assert.equal(code, 10, log);
  assert.match(log, /format is damaged/);
  rmSync(file);
  await hub.start();
  assert.equal(await hub.stop(), 0);
});
