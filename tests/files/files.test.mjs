// Files that devices upload, request by request: the forms of older and other clients, bounds, and a killed hub.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { request as https } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';
import { address, block, blockList, notifications, put, talk } from './uploads.mjs';

Object.assign(process.env, {
  CARILLON_FILES__FILE_BYTES_MAX: String(6 * 1024 * 1024), CARILLON_FILES__DEVICE_BYTES_MAX: String(16 * 1024 * 1024),
  CARILLON_FILES__HUB_BYTES_MAX: String(64 * 1024 * 1024),
});
const hub = Hub.fromEnvironment();
before(() => hub.start());
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));

const root = join(hub.directory, 'data', 'device-files');
const { ask, begin, end, service, toldOf } = talk(hub);
const stored = (name) => readFileSync(join(root, 'files', name));

/** Says how long a file is and sends nothing of it; gives the status. */
const announce = (url, bytes) => new Promise((resolve, reject) => {
  const { pathname, search } = new URL(url);
  const sending = https({ host: hub.address, path: pathname + search, method: 'PUT', headers: { 'content-length': bytes, 'x-ms-blob-type': 'BlockBlob' } });
  sending.on('response', (answer) => { resolve(answer.statusCode); sending.destroy(); });
  sending.on('error', reject);
  sending.flushHeaders();
});

test('a file in one piece, as other clients send it, is there when it is whole, and is told of', async () => {
  const login = await hub.device('one');
  const upload = await begin(login, 'a b/ü.txt');
  assert.equal(upload.blobName, 'one/a b/ü.txt');
  assert.match(upload.sasToken, /^\?sv=/);
  assert.equal(upload.hostName, hub.address);
  assert.equal((await end(login, upload)).status, 400, 'no file yet');
  const sent = await put(address(upload), 'hello');
  assert.equal(sent.status, 201, sent.text);
  assert.match(sent.headers.get('etag'), /^"0x/);
  assert.equal(stored('one/a b/ü.txt').toString(), 'hello');
  assert.equal((await end(login, upload)).status, 204);
  assert.equal((await end(login, upload)).status, 400, 'it has ended');
  assert.equal((await put(address(upload), 'more')).status, 403, 'and its address with it');
  const told = await service('GET', notifications);
  assert.equal(told.status, 200);
  assert.equal(told.type, 'application/vnd.microsoft.iothub.filenotification.json');
  assert.equal(told.body.blobName, 'one/a b/ü.txt');
  assert.equal(told.body.blobSizeInBytes, 5);
  assert.equal((await service('GET', notifications)).status, 204, 'it is locked');
  assert.equal((await service('POST', `${notifications}/${told.lock}/abandon`)).status, 204);
  const again = await service('GET', notifications);
  assert.deepEqual(again.body, told.body);
  assert.equal((await service('DELETE', `${notifications}/${told.lock}`)).status, 412, 'the lock of before');
  assert.equal((await service('DELETE', `${notifications}/${again.lock}`)).status, 204);
  assert.equal((await service('GET', notifications)).status, 204);
});

test('a device of 2016 names the file in the path, and the end by the path too', async () => {
  const login = await hub.device('old');
  const { status, body } = await ask(login, 'GET', '/files/a.txt');
  assert.equal(status, 200);
  assert.equal((await put(address(body), '')).status, 201, 'an empty file is one');
  assert.equal((await ask(login, 'POST', `/files/notifications/${body.correlationId}`, { isSuccess: false, statusCode: 500 })).status, 204);
  assert.equal((await service('GET', notifications)).status, 204, 'a failure is not told');
});

test('blocks become a file in the order of their list', async () => {
  const login = await hub.device('blocks');
  const upload = await begin(login, 'f');
  for (const [id, text] of [['b', 'two'], ['a', 'first'], ['a', 'one ']]) assert.equal((await block(upload, id, text)).status, 201);
  assert.equal((await blockList(upload, ['a', 'c'])).status, 400);
  const done = await blockList(upload, ['a', 'b', 'a']);
  assert.equal(done.status, 201, done.text);
  assert.equal(stored('blocks/f').toString(), 'one twoone ');
  assert.equal((await end(login, upload)).status, 204);
  const other = await begin(login, 'f');
  assert.equal((await put(address(other), 'x', { 'x-ms-blob-type': 'BlockBlob', 'if-none-match': '*' })).status, 409);
  assert.equal(stored('blocks/f').toString(), 'one twoone ');
});

test('blocks that were taken survive a killed hub, and the address with them', async () => {
  await toldOf();
  const login = await hub.device('killed');
  const upload = await begin(login, 'f');
  const content = randomBytes(300_000);
  assert.equal((await block(upload, '1', content)).status, 201);
  await hub.stop('SIGKILL');
  await hub.start();
  assert.equal((await blockList(upload, ['1'])).status, 201);
  assert.equal((await end(login, upload)).status, 204);
  await hub.stop('SIGKILL');
  await hub.start();
  assert.ok(stored('killed/f').equals(content));
  assert.deepEqual(await toldOf(), ['killed/f']);
});

test('an address is good for one file of one device, as long as it says', async () => {
  const login = await hub.device('mine');
  const upload = await begin(login, 'f');
  const url = address(upload);
  const forged = [
    url.replace('/mine/f', '/mine/g'), url.replace('/mine/f', '/yours/f'), url.replace('/mine/f', '/mine/../yours/f'),
    url.replace('/mine/f', '/mine/%2e%2e/f'), url.replace(/sig=.*/, 'sig=AAAA'), url.replace(/&sig=.*/, ''),
    url.replace(/se=[^&]*/, `se=${encodeURIComponent('2099-01-01T00:00:00Z')}`), url.replace(/cid=[^&]*/, 'cid=other'),
    url.replace(/\?.*/, ''),
  ];
  for (const one of forged) {
    const answer = await put(one, 'x');
    assert.ok([403, 404, 405].includes(answer.status), `${one}: ${answer.status}`);
  }
  assert.equal((await fetch(url)).status, 405, 'only to write');
  assert.equal((await put(url, 'x', {})).status, 400, 'no blob type');
  assert.equal((await put(url, 'x', { 'x-ms-blob-type': 'PageBlob' })).status, 400);
  assert.equal((await put(`${url}&comp=metadata`, '')).status, 400);
  assert.equal((await put(`${url}&comp=block&blockid=`, 'x')).status, 400);
  assert.deepEqual(existsSync(join(root, 'files', 'mine')), false);
  assert.equal((await ask(await hub.device('yours'), 'POST', '/files/notifications', { correlationId: upload.correlationId, isSuccess: true })).status, 400);
  for (const blobName of ['', '/f', 'a//b', '../f', 'a/../../f', 'a\u0000', 'x'.repeat(1025), {}, undefined]) {
    assert.equal((await ask(login, 'POST', '/files', { blobName })).status, 400, String(blobName));
  }
  assert.equal((await ask(login, 'POST', '/files')).status, 400);
});

test('uploads, files and bytes are bounded', async () => {
  const login = await hub.device('much');
  const open = [];
  for (let i = 0; i < 10; i++) open.push(await begin(login, `f${i}`));
  assert.equal((await ask(login, 'POST', '/files', { blobName: 'one more' })).status, 403);
  assert.equal((await end(login, open.pop(), false)).status, 204);
  open.push(await begin(login, 'f9'));
  assert.equal(await announce(address(open[0]), 6 * 1024 * 1024 + 1), 413, 'by its length');
  const part = Buffer.alloc(6 * 1024 * 1024);
  assert.equal((await put(address(open[0]), part)).status, 201);
  assert.equal((await put(address(open[1]), part)).status, 201);
  const full = await put(address(open[2]), part).catch((error) => ({ status: 403, text: String(error) }));
  assert.equal(full.status, 403, full.text);
  assert.ok(!existsSync(join(root, 'files', 'much', 'f2')));
  assert.equal((await put(address(open[0]), 'smaller')).status, 201, 'what is replaced counts no more');
  assert.equal((await put(address(open[2]), part)).status, 201);
  const staged = open.map(({ correlationId }) => join(root, 'staging', correlationId)).filter(existsSync);
  assert.deepEqual(staged.flatMap((directory) => readdirSync(directory)), [], 'nothing half-written is left');
});

test('an upload that is cut off leaves nothing, and holds up no other', async () => {
  const login = await hub.device('cut');
  const upload = await begin(login, 'f');
  const { pathname, search } = new URL(address(upload));
  const sending = https({ host: hub.address, path: pathname + search, method: 'PUT', headers: { 'content-length': 1_000_000, 'x-ms-blob-type': 'BlockBlob' } });
  sending.on('error', () => {});
  sending.write(Buffer.alloc(200_000));
  const staging = join(root, 'staging', upload.correlationId);
  await until(() => existsSync(staging) && readdirSync(staging).some((file) => statSync(join(staging, file)).size >= 150_000), 'its beginning');
  assert.equal((await put(address(upload), 'whole')).status, 201, 'another one goes on');
  sending.destroy();
  await until(() => readdirSync(staging).length === 0, 'the rest to go');
  assert.equal(stored('cut/f').toString(), 'whole');
  assert.equal((await end(login, upload)).status, 204);
  await until(() => !existsSync(staging), 'its directory to go');
});
