// How the HTTPS port behaves towards clients that are merely unusual.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub } from '../lib/hub.mjs';
import { close, connect, ga } from '../lib/devices.mjs';
import { RawClient, ownerField } from './client.mjs';

const hub = Hub.fromEnvironment();
let auth;
let deviceString;
before(async () => {
  await hub.start();
  auth = ownerField(hub);
  deviceString = await hub.device('d1');
});
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));

const version = '?api-version=2021-04-12';
const request = (method, path, body = '', fields = '') => {
  const length = method === 'GET' || method === 'DELETE' ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return `${method} ${path}${version} HTTP/1.1\r\nHost: ${hub.address}\r\n${auth}${length}${fields}\r\n${body}`;
};
const open = () => RawClient.open(hub);

test('fifty pipelined requests are answered in their order', async () => {
  const client = await open();
  let text = '';
  for (let i = 0; i < 50; i++) {
    text += i % 2 ? request('GET', '/twins/d1') : request('PATCH', '/twins/d1', `{"tags":{"n":${i}}}`);
  }
  client.send(text);
  for (let i = 0; i < 50; i++) {
    const answer = await client.answer();
    assert.equal(answer.status, 200);
    assert.equal(JSON.parse(answer.body).tags.n, i - (i % 2));
  }
  client.destroy();
});

test('a request in single bytes is read like any other', async () => {
  const client = await open();
  client.socket.setNoDelay(true);
  for (const character of request('PATCH', '/twins/d1', '{"tags":{"slow":true}}')) {
    await new Promise((resolve) => client.socket.write(character, 'latin1', resolve));
  }
  assert.equal(JSON.parse((await client.answer()).body).tags.slow, true);
  client.destroy();
});

test('a body that waits is invited, once the caller is known', async () => {
  const client = await open();
  const body = '{"tags":{"invited":true}}';
  client.send(request('PATCH', '/twins/d1', body, 'Expect: 100-continue\r\n').slice(0, -body.length));
  assert.equal((await client.answer()).status, 100);
  client.send(body);
  assert.equal((await client.answer()).status, 200);
  client.destroy();
});

test('a refused body that is sent all the same does not cost the answer', async () => {
  for (const [field, status] of [['', 401], [auth, 413]]) {
    const client = await open();
    const size = 1_000_000;
    client.send(`PATCH /twins/d1${version} HTTP/1.1\r\nHost: h\r\n${field}Content-Length: ${size}\r\n\r\n${' '.repeat(size)}`);
    assert.equal((await client.answer())?.status, status);
    client.destroy();
  }
});

test('Connection: close is honoured', async () => {
  const client = await open();
  client.send(request('GET', '/devices/d1', '', 'Connection: close\r\n'));
  const answer = await client.answer();
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.connection, 'close');
  assert.ok(await client.closed());
  client.destroy();
});

test('a client that ends its side still gets its answer', async () => {
  const client = await open();
  client.socket.end(request('GET', '/devices/d1'));
  assert.equal((await client.answer()).status, 200);
  assert.ok(await client.closed());
});

// Calls give the device time to subscribe, which its SDK does after it has said that it is connected.
test('a caller that leaves during a method call harms nobody', async () => {
  let called;
  const wasCalled = new Promise((resolve) => { called = resolve; });
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  const device = await connect(ga, deviceString, {
    wait: async () => { called(); await held; return [200, null]; },
    echo: (payload) => [200, payload],
  });
  const leaver = await open();
  leaver.send(request('POST', '/twins/d1/methods', '{"methodName":"wait","connectTimeoutInSeconds":30}'));
  await wasCalled;
  leaver.destroy();
  release();
  const client = await open();
  client.send(request('POST', '/twins/d1/methods', '{"methodName":"echo","payload":{"a":[1,"\u00e4"]}}'
    .replace('\u00e4', '\\u00e4')));
  const answer = await client.answer();
  assert.equal(answer.status, 200);
  assert.deepEqual(JSON.parse(answer.body), { status: 200, payload: { a: [1, 'ä'] } });
  client.destroy();
  await close(device);
});

test('a request behind a waiting method call waits for it', async () => {
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  const device = await connect(ga, deviceString, { wait: async () => { await held; return [201, 'late']; } });
  const client = await open();
  client.send(request('POST', '/twins/d1/methods', '{"methodName":"wait","connectTimeoutInSeconds":30}') + request('GET', '/devices/d1'));
  const other = await open();
  other.send(request('GET', '/devices/d1'));
  assert.equal((await other.answer()).status, 200, 'another connection does not wait');
  assert.equal(client.bytes.length, 0, 'and this one has said nothing');
  release();
  assert.equal(JSON.parse((await client.answer()).body).status, 201);
  assert.equal(JSON.parse((await client.answer()).body).deviceId, 'd1');
  client.destroy();
  other.destroy();
  await close(device);
});

test('a hundred connections work side by side', async () => {
  const clients = await Promise.all(Array.from({ length: 100 }, open));
  for (const client of clients) client.send(request('GET', '/twins/d1'));
  for (const client of clients) assert.equal((await client.answer()).status, 200);
  for (const client of clients) client.destroy();
});

test('what a refused caller asked for has not happened', async () => {
  const client = await open();
  client.send(request('PUT', '/devices/never').replace(auth, auth.replace(/sig=.{8}/, 'sig=AAAAAAAA')));
  assert.equal((await client.answer()).status, 401);
  client.send(request('GET', '/devices/never'));
  assert.equal((await client.answer()).status, 404);
  client.destroy();
});
