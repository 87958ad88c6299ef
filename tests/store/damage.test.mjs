// Damages one file of a hub's data directory at a time, whichever files there are, and starts the hub: it
// serves exactly what was acknowledged, or it refuses, naming the file and the way out, before it changed anything.
// STORE_DAMAGES=200 is the long form; a failure prints the seed, for STORE_DAMAGE_SEED.

import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { Hub } from '../lib/hub.mjs';

const damages = Number(process.env.STORE_DAMAGES ?? 24);
const seed = Number(process.env.STORE_DAMAGE_SEED ?? Math.floor(Math.random() * 1e6));
const home = process.env.HUB_TEST_DIRECTORY;
const hub = Hub.fromEnvironment(['--log-level', 'warn']);
const other = new Hub({ binary: hub.binary, directory: join(home, 'other'), address: hub.address });
const data = join(home, 'data');

let state = seed + 1;
/** A number below `end`, or 0, by xorshift. */
function below(end) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return end > 0 ? (state >>> 0) % end : 0;
}

/** Contents by path; not the lock, which says who looked last, nor RocksDB's diary. */
function readTree(folder) {
  const tree = new Map();
  for (const entry of readdirSync(folder, { recursive: true })) {
    const path = join(folder, entry);
    if (statSync(path).isFile() && entry !== 'lock') tree.set(entry, readFileSync(path));
  }
  return tree;
}

function restore(tree) {
  rmSync(data, { recursive: true, force: true });
  for (const [name, bytes] of tree) {
    mkdirSync(join(data, name, '..'), { recursive: true });
    writeFileSync(join(data, name), bytes, { mode: 0o600 });
  }
}

async function fill(some, from, to) {
  for (let i = from; i < to; ++i) await some.ok('device', 'create', '-d', `d-${i}`);
  await some.ok('job', 'create', '--job-id', `job-${from}`, '-q', '*', '--patch', `{"tags":{"a":${from}}}`, '--wait');
}

/** What the hub serves, without what differs from start to start. */
async function served(some) {
  const rows = await some.ok('query', 'SELECT * FROM devices', '-o', 'ndjson');
  const jobs = await some.ok('job', 'list', '-o', 'ndjson');
  return { rows: rows.split('\n').sort(), jobs: jobs.split('\n').sort(), login: some.connectionString };
}

const kinds = {
  cut: (bytes) => bytes.subarray(0, below(bytes.length)),
  emptied: () => Buffer.alloc(0),
  flipped: (bytes) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[below(copy.length)] ^= 1 << below(8);
    return copy;
  },
  zeroed: (bytes) => {
    const from = below(bytes.length);
    return Buffer.from(bytes).fill(0, from, Math.min(bytes.length, from + 1 + below(4096)));
  },
  missing: () => undefined,
  swapped: (bytes, name) => strangers.get(name) ?? bytes,
  older: (bytes, name) => older.get(name) ?? bytes,
};

let whole;
let older;
let strangers;
let expected;

before(async () => {
  mkdirSync(other.directory);
  await other.start();
  await fill(other, 0, 3);
  await other.stop('SIGKILL');
  strangers = readTree(join(other.directory, 'data'));
  await hub.start();
  await fill(hub, 0, 4);
  await hub.stop();
  await hub.start(); // So that there are tables.
  await fill(hub, 4, 6);
  older = readTree(data);
  await fill(hub, 6, 9);
  await hub.stop('SIGKILL');
  whole = readTree(data);
  await hub.start();
  expected = await served(hub);
  await hub.stop('SIGKILL');
});

/** Starts the hub; gives its exit code and log, or null if it serves. */
async function start() {
  rmSync(hub.logFile, { force: true });
  try {
    await hub.start();
    return null;
  } catch {
    const code = await hub.ended;
    hub.process = null;
    return { code, log: hub.log() };
  }
}

const check = () => hub.run(['store', 'check', '--data-dir', data], {});

test(`${damages} damages over every file: all there, or refused before any change (seed ${seed})`, async (t) => {
  const names = [...whole.keys()].sort();
  const outcomes = { recovered: 0, refused: 0 };
  for (let done = 0, round = 0; done < damages; ++round) {
    const name = names[round % names.length];
    const kind = Object.keys(kinds)[below(Object.keys(kinds).length)];
    const damaged = new Map(whole);
    const bytes = kinds[kind](whole.get(name), name);
    if (bytes?.equals(whole.get(name))) continue;
    if (bytes === undefined) damaged.delete(name);
    else damaged.set(name, bytes);
    ++done;
    restore(damaged);
    const what = `${name} ${kind}`;
    const checked = await check();
    assert.deepEqual(readTree(data), damaged, `${what}: the check changed something`);
    const refused = await start();
    if (refused) {
      ++outcomes.refused;
      assert.equal(refused.code, 10, `${what}: ${refused.log}`);
      assert.match(refused.log, /Nothing was changed/, what);
      assert.ok(refused.log.includes(name.split('/').pop()) || /is another store/.test(refused.log), `${what}: ${refused.log}`);
      assert.deepEqual(readTree(data), damaged, `${what}: something was changed`);
      assert.equal(checked.code, 10, `${what}: the check finds nothing, but the start refuses: ${refused.log}`);
    } else {
      ++outcomes.recovered;
      assert.deepEqual(await served(hub), expected, `${what}: not what was acknowledged, silently`);
      await hub.stop('SIGKILL');
      assert.equal(checked.code, 0, `${what}: the check says ${checked.stdout}`);
    }
  }
  t.diagnostic(`${names.length} files: ${JSON.stringify(outcomes)}`);
});

test('a store that is missing or empty beside other files is not a new hub', async () => {
  for (const ledger of [true, false]) {
    for (const isThere of [false, true]) {
      restore(whole);
      if (!ledger) rmSync(join(data, 'store.ledger'));
      renameSync(join(data, 'store'), join(home, 'away'));
      if (isThere) mkdirSync(join(data, 'store'));
      const before = readTree(data);
      const { code, stdout } = await check();
      assert.equal(code, 10);
      assert.match(stdout, /store is (missing|empty)/);
      const refused = await start();
      assert.equal(refused?.code, 10);
      assert.match(refused.log, /mount that/);
      assert.match(refused.log, /Nothing was changed/);
      assert.deepEqual(readTree(data), before);
      assert.equal(existsSync(join(data, 'store')), isThere);
      rmSync(join(home, 'away'), { recursive: true });
    }
  }
});

test('the check says what a sound store holds, and needs the hub to be down', async () => {
  restore(whole);
  const { code, stdout, stderr } = await check();
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^identities +9 /m);
  assert.match(stderr, /sound/);
  cpSync(data, join(home, 'copy'), { recursive: true });
  const copy = await hub.run(['store', 'check', '--data-dir', join(home, 'copy'), '-o', 'json'], {});
  assert.equal(JSON.parse(copy.stdout).isSound, true);
  await hub.start();
  const busy = await check();
  assert.equal(busy.code, 1);
  assert.match(busy.stderr, /another hub \(process \d+\) runs/);
  await hub.stop();
});
