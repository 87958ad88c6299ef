// A backup of a running hub: what `verify` finds, what `restore` takes, and who may make one.
// BACKUP_FLIPS=1000 is the long form; a failure prints the seed, for BACKUP_SEED.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, parts, sign, until } from '../lib/hub.mjs';

const flips = Number(process.env.BACKUP_FLIPS ?? 100);
const seed = Number(process.env.BACKUP_SEED ?? Math.floor(Math.random() * 1e6));
const home = process.env.HUB_TEST_DIRECTORY;
const hub = Hub.fromEnvironment(['--log-level', 'info']);
const archive = join(home, 'hub.tar');
const local = (...args) => hub.run(['backup', ...args], {});

let state = seed + 1;
/** A number below `end` by xorshift. */
function below(end) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % end;
}

/** A hub on a restored directory; the address is the same, so the first must not run. */
const restored = (name) => new Hub({ binary: hub.binary, directory: join(home, name), address: hub.address });

before(async () => {
  await hub.start();
  for (let i = 0; i < 5; ++i) await hub.ok('device', 'create', '-d', `d-${i}`);
  await hub.stop();
  await hub.start(); // So that there are tables beside a log.
  for (let i = 5; i < 8; ++i) await hub.ok('device', 'create', '-d', `d-${i}`);
  await hub.ok('job', 'create', '--job-id', 'painted', '-q', '*', '--patch', '{"tags":{"a":1}}', '--wait');
});

after(() => hub.stop());

test('a backup of a running hub is whole, private, and says what it is', async () => {
  await hub.ok('backup', 'create', archive);
  assert.equal(statSync(archive).mode & 0o777, 0o600);
  const { code, stdout } = await local('verify', archive, '-o', 'json');
  assert.equal(code, 0);
  const head = JSON.parse(stdout);
  assert.equal(head.hostName, hub.address);
  assert.equal(head.backup, 1);
  const again = await hub.cli('backup', 'create', archive);
  assert.equal(again.code, 2);
  assert.match(again.stderr, /is there already/);
});

test('tar and sha256sum read it without this program', async () => {
  const folder = join(home, 'by-tar');
  mkdirSync(folder);
  const tar = await hub.run(['-xf', archive, '-C', folder], {}, 'tar');
  assert.equal(tar.code, 0, tar.stderr);
  const sums = await hub.run(['-c', `cd '${folder}' && sha256sum --strict --quiet -c SHA256SUMS`], {}, 'sh');
  assert.equal(sums.code, 0, sums.stderr);
  assert.ok(readFileSync(join(folder, 'ca-key.pem')).equals(readFileSync(join(hub.directory, 'data', 'ca-key.pem'))));
  rmSync(folder, { recursive: true });
});

test('it goes into a directory and through a pipe', async () => {
  const folder = join(home, 'backups');
  mkdirSync(folder);
  await hub.ok('backup', 'create', folder);
  const [name] = readdirSync(folder);
  assert.match(name, new RegExp(`^carillon-backup-${hub.address}-\\d{8}T\\d{6}Z\\.tar$`));
  const env = { ...process.env, CARILLON_LOGIN: hub.connectionString, CARILLON_CA: hub.caFile };
  const pipe = spawn('sh', ['-c', `'${hub.binary}' backup create - | '${hub.binary}' backup verify -`], { env });
  assert.equal(await new Promise((resolve) => pipe.on('exit', resolve)), 0);
});

test(`each of ${flips} flipped bits is found (seed ${seed})`, async () => {
  const whole = readFileSync(archive);
  const damaged = join(home, 'flipped.tar');
  for (let i = 0; i < flips; ++i) {
    const copy = Buffer.from(whole);
    // Every tenth in the last 4 KiB, where sums, padding and end are.
    const at = i % 10 === 0 ? copy.length - 1 - below(4096) : below(copy.length);
    const bit = below(8);
    copy[at] ^= 1 << bit;
    writeFileSync(damaged, copy);
    const { code, stderr } = await local('verify', damaged);
    assert.equal(code, 10, `bit ${bit} of byte ${at}: ${stderr}`);
    assert.match(stderr, /damaged|cut short/);
  }
});

test('a backup that is cut short anywhere is not taken, and nothing is left of it', async () => {
  const whole = readFileSync(archive);
  const cut = join(home, 'cut.tar');
  for (const bytes of [0, 100, 512, 5000, below(whole.length), whole.length - 1024, whole.length - 1]) {
    writeFileSync(cut, whole.subarray(0, bytes));
    const into = join(home, 'nothing');
    const { code, stderr } = await local('restore', cut, '--data-dir', into);
    assert.equal(code, 10, `${bytes}: ${stderr}`);
    assert.equal(existsSync(into), false, `${bytes}: something is left`);
  }
  writeFileSync(cut, Buffer.concat([whole, Buffer.alloc(1)]));
  assert.equal((await local('verify', cut)).code, 10);
});

test('a restore goes into an empty directory only', async () => {
  const into = join(home, 'full');
  mkdirSync(into);
  writeFileSync(join(into, 'mine'), 'x');
  const { code, stderr } = await local('restore', archive, '--data-dir', into);
  assert.equal(code, 2, stderr);
  assert.match(stderr, /is not empty: it holds mine/);
  assert.deepEqual(readdirSync(into), ['mine']);
});

test('a restore that was cut off is nothing a hub starts on', async () => {
  const half = restored('half');
  mkdirSync(join(half.directory, 'data'), { recursive: true });
  const whole = readFileSync(archive);
  const restore = spawn(hub.binary, ['backup', 'restore', '-', '--data-dir', join(half.directory, 'data')], { stdio: ['pipe', 'ignore', 'ignore'] });
  restore.stdin.write(whole.subarray(0, whole.length - 3000));
  const ledger = join(half.directory, 'data', 'store.ledger');
  await until(() => existsSync(ledger) && statSync(ledger).size > 0, 'the ledger to be restored');
  restore.kill('SIGKILL');
  await new Promise((resolve) => restore.on('exit', resolve));
  await hub.stop();
  await assert.rejects(half.start(), /CURRENT is missing/);
  assert.equal(await half.ended, 10);
  await hub.start();
});

test('what is restored serves what was acknowledged, with the same keys and certificates', async () => {
  const rows = (await hub.ok('query', 'SELECT * FROM devices', '-o', 'ndjson')).split('\n').sort();
  await hub.ok('device', 'create', '-d', 'later');
  await hub.stop();
  const copy = restored('copy');
  mkdirSync(copy.directory);
  const { code, stderr } = await local('restore', archive, '--data-dir', join(copy.directory, 'data'));
  assert.equal(code, 0, stderr);
  assert.match(stderr, /restored/);
  assert.equal((await copy.run(['store', 'check', '--data-dir', join(copy.directory, 'data')], {})).code, 0);
  await copy.start();
  assert.equal(copy.connectionString, hub.connectionString);
  assert.doesNotMatch(copy.log(), /Made/);
  assert.deepEqual((await copy.ok('query', 'SELECT * FROM devices', '-o', 'ndjson')).split('\n').sort(), rows);
  assert.match(await copy.ok('job', 'show', 'painted'), /completed/);
  assert.equal(await copy.stop(), 0);
  await hub.start();
});

test('only a policy with every right may make one, and one that is left halfway leaves room for the next', async () => {
  const service = (await hub.local('connection-string', '--policy', 'service')).trim();
  const refused = await hub.run(['backup', 'create', join(home, 'no.tar')], { CARILLON_LOGIN: service, CARILLON_CA: hub.caFile });
  assert.equal(refused.code, 4, refused.stderr);
  assert.equal(existsSync(join(home, 'no.tar')), false);

  const { SharedAccessKey: key } = parts(hub.connectionString);
  const Authorization = sign(hub.address, key, Math.floor(Date.now() / 1000) + 600, 'iothubowner');
  const first = await new Promise((resolve, reject) => {
    get({ host: hub.address, path: '/carillon/backup', headers: { Authorization }, agent: false }, resolve).on('error', reject);
  });
  assert.equal(first.statusCode, 200);
  assert.equal(first.headers['content-type'], 'application/x-tar');
  first.destroy();
  const taken = join(home, 'next.tar');
  await until(async () => (await hub.cli('backup', 'create', taken)).code === 0, 'the next backup');
  assert.equal((await local('verify', taken)).code, 0);
  assert.match(hub.log(), /backup begun policy=iothubowner peer=/);
});

test('one that builds on another holds what is new, and the two are restored as one', async () => {
  const folder = join(home, 'chain');
  mkdirSync(folder);
  const [first, second, third] = ['first', 'second', 'third'].map((name) => join(folder, `${name}.tar`));
  await hub.ok('backup', 'create', first);
  await hub.ok('device', 'create', '-d', 'between');
  const made = await hub.cli('backup', 'create', second, '--since', first);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stderr, /since the backup that it builds on[^]*To restore it takes .*first\.tar/);
  const head = async (file) => JSON.parse((await local('verify', file, '-o', 'json')).stdout);
  assert.equal((await head(second)).backup, 2);
  assert.equal((await head(second)).since, (await head(first)).id);
  assert.ok((await head(second)).files < (await head(first)).files);
  await hub.stop();
  await hub.start(); // The log becomes tables.
  await hub.ok('device', 'create', '-d', 'last');
  await hub.ok('backup', 'create', third, '--since', second);
  const rows = (await hub.ok('query', 'SELECT * FROM devices', '-o', 'ndjson')).split('\n').sort();

  const whole = readFileSync(first);
  const newest = readFileSync(third);
  for (let i = 0; i < flips; ++i) {
    // In turn one that another builds on, and the newest.
    const [file, sound] = i % 2 === 0 ? [first, whole] : [third, newest];
    const copy = Buffer.from(sound);
    const at = below(copy.length);
    const bit = below(8);
    copy[at] ^= 1 << bit;
    writeFileSync(file, copy);
    const { code, stderr } = await local('verify', third);
    assert.equal(code, 10, `bit ${bit} of byte ${at} of ${file} (seed ${seed}): ${stderr}`);
    writeFileSync(file, sound);
  }
  assert.equal((await local('verify', third)).code, 0);

  // Without one that it builds on nothing is restored; named from another place it is found.
  const aside = join(home, 'aside');
  renameSync(first, aside);
  const into = join(home, 'chained');
  const missing = await local('restore', third, '--data-dir', join(into, 'data'));
  assert.equal(missing.code, 10, missing.stderr);
  assert.match(missing.stderr, /builds on the backup [0-9a-f]{32}, which is not beside it: name that by --with/);
  assert.equal(existsSync(join(into, 'data')), false);
  // Another backup in its place is no help.
  const other = join(home, 'other.tar');
  await hub.ok('backup', 'create', other);
  assert.equal((await local('verify', third, '--with', other)).code, 10);
  await hub.stop();
  const copy = restored('chained');
  mkdirSync(copy.directory, { recursive: true });
  const done = await local('restore', third, '--with', aside, '--data-dir', join(copy.directory, 'data'));
  assert.equal(done.code, 0, done.stderr);
  assert.equal(existsSync(join(copy.directory, 'data', 'store.files')), false);
  assert.equal((await copy.run(['store', 'check', '--data-dir', join(copy.directory, 'data')], {})).code, 0);
  await copy.start();
  assert.deepEqual((await copy.ok('query', 'SELECT * FROM devices', '-o', 'ndjson')).split('\n').sort(), rows);
  assert.equal(await copy.stop(), 0);
  await hub.start();
});

test('one that builds on a hub restored from it takes no table of the same name for the same', async () => {
  const fork = restored('fork');
  mkdirSync(fork.directory);
  assert.equal((await local('restore', archive, '--data-dir', join(fork.directory, 'data'))).code, 0);
  await hub.stop();
  await fork.start();
  await fork.ok('device', 'create', '-d', 'only-here');
  await fork.stop();
  await fork.start(); // Tables with the numbers that the first hub gave others.
  const file = join(home, 'forked.tar');
  const made = await fork.cli('backup', 'create', file, '--since', join(home, 'other.tar'));
  assert.equal(made.code, 0, made.stderr);
  const rows = (await fork.ok('query', 'SELECT * FROM devices', '-o', 'ndjson')).split('\n').sort();
  await fork.stop();
  const copy = restored('forked');
  mkdirSync(copy.directory);
  const done = await local('restore', file, '--data-dir', join(copy.directory, 'data'));
  assert.equal(done.code, 0, done.stderr);
  await copy.start();
  assert.deepEqual((await copy.ok('query', 'SELECT * FROM devices', '-o', 'ndjson')).split('\n').sort(), rows);
  await copy.stop();
  await hub.start();
});

test('what none can build on is refused', async () => {
  for (const [text, message] of [['x', /not a header|cut short/], ['', /cut short/]]) {
    const file = join(home, 'no-backup');
    writeFileSync(file, text);
    const { code, stderr } = await hub.cli('backup', 'create', join(home, 'never.tar'), '--since', file);
    assert.equal(code, 10, stderr);
    assert.match(stderr, message);
  }
  const gone = await hub.cli('backup', 'create', join(home, 'never.tar'), '--since', join(home, 'none'));
  assert.notEqual(gone.code, 0);
  assert.equal(existsSync(join(home, 'never.tar')), false);
});
