// Import and export jobs against the real hub, from and to directories of its machine.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Hub, until } from '../lib/hub.mjs';
import { close, connect, ga } from '../lib/devices.mjs';
import { begin, ended, fleet, rest, run } from './jobs.mjs';

const hub = Hub.fromEnvironment();
const root = join(hub.directory, 'data', 'import-export');
const read = (...path) => readFileSync(join(root, ...path), 'utf8');
const write = (directory, text) => {
  mkdirSync(join(root, directory), { recursive: true });
  writeFileSync(join(root, directory, 'devices.txt'), text);
};
const importFrom = (directory) =>
  run(hub, { type: 'import', inputBlobContainerUri: `file:${directory}`, outputBlobContainerUri: `file:${directory}` });
const exportTo = (directory, more = {}) => run(hub, { type: 'export', outputBlobContainerUri: `file:${directory}`, ...more });
before(() => hub.start());
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));

test('a device that comes by import connects with the key it always had', async () => {
  const key = Buffer.from('a key that the cloud made, 32 byt').toString('base64');
  write('one', `${JSON.stringify({
    id: 'moved', eTag: 'MA==', status: 'enabled',
    authentication: { symmetricKey: { primaryKey: key, secondaryKey: key } },
    tags: { site: 'north' }, properties: { desired: { mode: 'eco' }, reported: { firmware: '1.2' } },
  })}\n`);
  const job = await importFrom('one');
  assert.equal(job.status, 'completed', JSON.stringify(job));
  assert.equal(job.statusMessage, '1 of 1 lines applied.');
  assert.equal(read('one', 'importErrors.log'), '');
  const device = await connect(ga, `HostName=${hub.address};DeviceId=moved;SharedAccessKey=${key}`, {});
  await close(device);
  const twin = (await rest(hub, 'GET', '/twins/moved')).body;
  assert.equal(twin.tags.site, 'north');
  assert.equal(twin.properties.desired.mode, 'eco');
  assert.equal(twin.properties.reported.firmware, '1.2');
});

test('every mode does what it says, and what is refused is in the error log', async () => {
  const lines = async (...entries) => {
    write('modes', `${entries.map((entry) => (typeof entry === 'string' ? entry : JSON.stringify(entry))).join('\n')}\n`);
    const job = await importFrom('modes');
    assert.equal(job.status, 'completed', JSON.stringify(job));
    return read('modes', 'importErrors.log').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  };
  assert.deepEqual(await lines({ id: 'm1', importMode: 'create' }, { id: 'm2' }, { id: 'm2', moduleId: 'x', importMode: 'createOrUpdate' }), []);
  const etag = async (id) => (await rest(hub, 'GET', `/devices/${id}`)).body.etag;
  const twinEtag = async (id) => (await rest(hub, 'GET', `/twins/${id}`)).body.etag;
  assert.deepEqual(await lines(
    { id: 'm1', importMode: 'update', status: 'disabled', statusReason: 'why' },
    { id: 'm2', importMode: 'updateIfMatchETag', status: 'disabled', eTag: await etag('m2') },
    { id: 'm2', importMode: 'updateTwinIfMatchETag', twinETag: await twinEtag('m2'), tags: { a: 1 } },
    { id: 'm1', importMode: 'updateTwin', properties: { desired: { b: 2 } } },
  ), []);
  const device = (await rest(hub, 'GET', '/devices/m1')).body;
  assert.deepEqual([device.status, device.statusReason], ['disabled', 'why']);
  assert.equal((await rest(hub, 'GET', '/twins/m2')).body.tags.a, 1);
  assert.equal((await rest(hub, 'GET', '/twins/m1')).body.properties.desired.b, 2);
  const errors = await lines(
    { id: 'm1', importMode: 'create' }, { id: 'nobody', importMode: 'update' }, 'not JSON at all',
    { id: 'm1', importMode: 'updateIfMatchETag', eTag: 'c3RhbGU=' }, { id: 'a b' },
    { id: 'm2', importMode: 'deleteIfMatchETag', eTag: 'c3RhbGU=' }, { id: 'm1', importMode: 'explode' },
    { id: 'm2', importMode: 'delete' }, { id: 'm1', importMode: 'deleteIfMatchETag', eTag: await etag('m1') },
    { id: 'nobody', moduleId: 'x', importMode: 'create' },
  );
  assert.deepEqual(errors.map((error) => [error.line, error.deviceId, error.errorCode]), [
    [1, 'm1', 'DeviceAlreadyExists'], [2, 'nobody', 'DeviceNotFound'], [3, '', 'IotHubFormatError'],
    [4, 'm1', 'PreconditionFailed'], [5, 'a b', 'ArgumentInvalid'], [6, 'm2', 'PreconditionFailed'],
    [7, 'm1', 'ArgumentInvalid'], [10, 'nobody', 'DeviceNotFound'],
  ]);
  assert.equal(errors.every((error) => typeof error.errorStatus === 'string'), true);
  for (const id of ['m1', 'm2']) assert.equal((await rest(hub, 'GET', `/devices/${id}`)).status, 404);
});

test('an export is whole, in order, private, and without keys where asked', async () => {
  const job = await exportTo('out/today', { outputBlobName: 'fleet.txt' });
  assert.equal(job.status, 'completed', JSON.stringify(job));
  assert.equal(statSync(join(root, 'out/today/fleet.txt')).mode & 0o777, 0o600);
  const line = JSON.parse(read('out/today', 'fleet.txt').split('\n').find((text) => text.includes('"moved"')));
  assert.deepEqual(line.tags, { site: 'north' });
  assert.equal(line.authentication.type, 'sas');
  assert.notEqual(line.authentication.symmetricKey.primaryKey, null);
  assert.equal((await exportTo('out/public', { excludeKeysInExport: true })).excludeKeysInExport, true);
  const open = JSON.parse(read('out/public', 'devices.txt').split('\n').find((text) => text.includes('"moved"')));
  assert.deepEqual(open.authentication.symmetricKey, { primaryKey: null, secondaryKey: null });
});

test('an import that disables devices from an export without keys leaves their keys alone', async () => {
  const before = (await rest(hub, 'GET', '/devices/moved')).body.authentication;
  const line = JSON.parse(read('out/public', 'devices.txt').split('\n').find((text) => text.includes('"moved"')));
  write('disable', `${JSON.stringify({ ...line, importMode: 'update', status: 'disabled' })}\n`);
  assert.equal((await importFrom('disable')).status, 'completed');
  const device = (await rest(hub, 'GET', '/devices/moved')).body;
  assert.equal(device.status, 'disabled');
  assert.deepEqual(device.authentication, before);
});

test('containers outside the root are refused at once', async () => {
  symlinkSync('/', join(root, 'everything'));
  for (const uri of ['file:../..', 'file:///etc', 'file:everything', 'file:/', 'ftp://x/y', 'http://192.0.2.1/c?sig=x', 'devices']) {
    const { status, body } = await rest(hub, 'POST', '/jobs/create', {
      type: 'import', inputBlobContainerUri: uri, inputBlobName: 'etc/passwd', outputBlobContainerUri: 'file:out',
    });
    assert.equal(status, 400, uri);
    assert.match(body.Message, /BlobContainerValidationError/, uri);
  }
  rmSync(join(root, 'everything'));
});

test('a job waits its turn, is listed, and can be cancelled', async () => {
  write('large', fleet(30_000, 'c'));
  const order = { type: 'import', inputBlobContainerUri: 'file:large', outputBlobContainerUri: 'file:large' };
  const first = await begin(hub, order);
  const second = await begin(hub, { type: 'export', outputBlobContainerUri: 'file:second' });
  const listed = (await rest(hub, 'GET', '/jobs')).body;
  assert.deepEqual(listed.slice(0, 2).map((job) => job.jobId), [second, first]);
  assert.equal((await rest(hub, 'DELETE', `/jobs/${second}`)).status, 204);
  assert.equal((await ended(hub, second)).status, 'cancelled');
  const cancelled = await rest(hub, 'DELETE', `/jobs/${first}`);
  const job = await ended(hub, first);
  assert.equal(cancelled.status, job.status === 'cancelled' ? 204 : 405, 'it may have ended before');
  if (job.status === 'cancelled') assert.match(job.statusMessage, /lines applied/);
  assert.equal((await rest(hub, 'DELETE', `/jobs/${first}`)).status, 405);
});

for (const [signal, name, outcome] of [['SIGKILL', 'killed', 'SIGKILL'], ['SIGTERM', 'stopped', 0]]) {
  test(`an import that is ${name} goes on after the restart, and every line counts once`, async () => {
    const count = 20_000;
    const text = fleet(count, name);
    write(name, text);
    const id = await begin(hub, { type: 'import', inputBlobContainerUri: `file:${name}`, outputBlobContainerUri: `file:${name}` });
    // Somewhere in the middle, as a rule: some lines are in, not all.
    await until(async () => {
      const { body } = await rest(hub, 'GET', `/jobs/${id}`);
      return body.progress > 0 || body.status === 'completed';
    }, 'the import to get going');
    assert.equal(await hub.stop(signal), outcome);
    const restarted = Date.now();
    await hub.start();
    const job = await ended(hub, id);
    assert.equal(job.status, 'completed', JSON.stringify(job));
    assert.equal(job.lineCount, count);
    assert.equal(job.errorCount, undefined, read(name, 'importErrors.log').slice(0, 500));
    assert.match(job.statusMessage, /^20000 of 20000 lines applied\./);
    // On a machine that was quick enough to end it before, there was nothing to continue.
    if (Date.parse(job.endTimeUtc) >= restarted) assert.match(job.statusMessage, /Continued after line \d+ when the hub was started again\./);
    // Every device is there once, with the twin of its line.
    assert.equal((await exportTo('after')).status, 'completed');
    const lines = read('after', 'devices.txt').split('\n').filter((line) => line.startsWith(`{"id":"${name}-`)).map((line) => JSON.parse(line));
    assert.equal(lines.length, count);
    const expected = text.trim().split('\n').map((line) => JSON.parse(line));
    for (const [i, line] of lines.entries()) {
      assert.equal(line.id, expected[i].id);
      assert.equal(line.twinETag, 'AAAAAAAAAAI=', `${line.id}: its twin was written once`);
      assert.deepEqual(line.tags, expected[i].tags);
      assert.deepEqual(line.authentication.symmetricKey, expected[i].authentication.symmetricKey);
    }
  });
}

test('an export imported into a new hub is exported the same, but for etags', async () => {
  assert.equal((await exportTo('move')).status, 'completed');
  const first = read('move', 'devices.txt');
  await hub.stop();
  // All but the authority, which this process has learnt to trust.
  for (const part of ['store', 'store.ledger', 'hub.json']) rmSync(join(hub.directory, 'data', part), { recursive: true });
  await hub.start();
  assert.equal((await importFrom('move')).errorCount, undefined);
  assert.equal((await exportTo('back')).status, 'completed');
  const bare = (text) => text.replace(/"(eTag|twinETag)":"[^"]*"/g, '"$1":""');
  assert.equal(bare(read('back', 'devices.txt')) === bare(first), true);
  assert.equal(existsSync(join(root, 'back', 'devices.txt.part')), false);
});
