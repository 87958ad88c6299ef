// Files that devices upload to a hub which passes them on to a blob container.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';
import { BlobServer, signature } from '../transfer/blob_server.mjs';
import { address, block, blockList, put, talk } from './uploads.mjs';

const blobs = new BlobServer();
const hub = Hub.fromEnvironment();
const { ask, begin, end, service, told } = talk(hub);
const root = join(hub.directory, 'data', 'device-files');
before(async () => {
  await blobs.start();
  process.env.CARILLON_FILES__CONTAINER = blobs.container('uploads');
  await hub.start();
});
after(async () => {
  await blobs.stop();
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});
const waiting = () => readdirSync(join(root, 'whole'));
/** What back ends hear of so many files. */
async function heard(count) {
  const all = [];
  await until(async () => all.push(...await told()) >= count || all.length >= count, `${count} notifications`);
  return all;
}
const secret = new URLSearchParams(signature).get('sig');

test('a file goes on to the container, and its device learns nothing of that', async () => {
  const login = await hub.device('one');
  const upload = await begin(login, 'logs/a b.txt');
  assert.equal(upload.hostName, hub.address);
  assert.ok(!JSON.stringify(upload).includes(secret) && !upload.sasToken.includes(encodeURIComponent(secret)));
  assert.equal((await put(address(upload), 'hello')).status, 201);
  assert.equal(blobs.text('uploads', 'one/logs/a b.txt'), undefined, 'not before its device says so');
  assert.equal((await end(login, upload)).status, 204);
  const [said] = await heard(1);
  assert.equal(blobs.text('uploads', 'one/logs/a b.txt'), 'hello');
  assert.equal(said.blobName, 'one/logs/a b.txt');
  assert.equal(said.blobUri, `http://127.0.0.1:${blobs.port}/account/uploads/one/logs/a b.txt`);
  assert.equal(said.blobSizeInBytes, 5);
  await until(() => waiting().length === 0, 'the hub to keep no copy');
  assert.ok(!existsSync(join(root, 'files', 'one')));
});

test('a large file in blocks comes whole', async () => {
  const login = await hub.device('large');
  const content = randomBytes(5 * 1024 * 1024);
  const upload = await begin(login, 'dump');
  assert.equal((await block(upload, '1', content.subarray(0, 3_000_000))).status, 201);
  assert.equal((await block(upload, '2', content.subarray(3_000_000))).status, 201);
  assert.equal((await blockList(upload, ['1', '2'])).status, 201);
  assert.equal((await end(login, upload)).status, 204);
  await heard(1);
  assert.ok(blobs.blobs.get('/account/uploads/large/dump').equals(content));
});

test('what its device does not complete goes nowhere', async () => {
  const login = await hub.device('half');
  const upload = await begin(login, 'f');
  assert.equal((await put(address(upload), 'x')).status, 201);
  assert.equal((await end(login, upload, false)).status, 204);
  await until(() => waiting().length === 0, 'the hub to drop it');
  assert.equal(blobs.text('uploads', 'half/f'), undefined);
  assert.equal((await ask(login, 'POST', '/files', { blobName: 'a\\b' })).status, 400, 'no blob may be called so');
});

test('a container that is away keeps no device waiting, and gets everything after a killed hub too', async () => {
  blobs.trouble = { status: 503, count: 1e9 };
  const names = ['f1', 'f2', 'f3'];
  const login = await hub.device('patient');
  for (const name of names) {
    const upload = await begin(login, name);
    assert.equal((await put(address(upload), `content of ${name}`)).status, 201);
    assert.equal((await end(login, upload)).status, 204);
  }
  assert.equal(waiting().length, names.length);
  await hub.stop('SIGKILL');
  await hub.start();
  assert.deepEqual(await told(), [], 'nobody hears of what is not there');
  assert.equal(waiting().length, names.length);
  blobs.trouble.count = 0;
  const said = await heard(names.length);
  assert.deepEqual(said.map(({ blobName }) => blobName).sort(), names.map((name) => `patient/${name}`));
  for (const name of names) assert.equal(blobs.text('uploads', `patient/${name}`), `content of ${name}`);
  await until(() => waiting().length === 0, 'the hub to keep no copy');
});

test('two files of one name are both told of, and the later one stays', async () => {
  const login = await hub.device('twice');
  for (const text of ['first', 'second']) {
    const upload = await begin(login, 'f');
    assert.equal((await put(address(upload), text)).status, 201);
    assert.equal((await end(login, upload)).status, 204);
  }
  assert.equal((await heard(2)).length, 2);
  assert.equal(blobs.text('uploads', 'twice/f'), 'second');
});

test('the signature of the container is in no log and in no report of settings', async () => {
  const shown = JSON.stringify((await service('GET', '/carillon/settings')).body);
  assert.ok(shown.includes('files.container'));
  for (const text of [shown, readFileSync(hub.logFile, 'utf8')]) {
    assert.ok(!text.includes(secret) && !text.includes('c2VjcmV0'), 'the secret is nowhere');
  }
});
