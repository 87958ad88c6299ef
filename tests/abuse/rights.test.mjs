// What holders of small rights try: URIs of import jobs that are to look around the hub's own machine, hosts that say
// nothing, a device whose answers are too long, bodies that come too slowly, tokens of pages that nobody was given, and a policy's key that leaked.
// An honest device and back end are served meanwhile.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { connect, close, ga } from '../lib/devices.mjs';
import { HTTPS, size } from './attack.mjs';
import { Honest } from './honest.mjs';
import { dial, read, request, say } from './peers.mjs';

const rounds = size(1, 10);
const hub = Hub.fromEnvironment();
/** Listens, and says nothing. */
const mute = createServer();
let callers = 0;
mute.on('connection', (socket) => {
  callers += 1;
  socket.on('error', () => {});
});
let honest;
let registry;
before(async () => {
  mute.listen(0, '127.0.0.1');
  await once(mute, 'listening');
  // Of the two addresses at which it listens, one is allowed.
  process.env.CARILLON_STORAGE__HOSTS = `https://127.0.0.1:${mute.address().port}`;
  await hub.start();
  honest = await Honest.begin(hub);
  registry = JSON.parse(await hub.ok('policy', 'show', 'registryReadWrite', '-o', 'json'));
});
after(async () => {
  mute.close();
  await hub.stop();
});

const expires = Math.floor(Date.now() / 1000) + 3600;
const tokenOf = (key, policy) => sign(parts(hub.connectionString).HostName, key, expires, policy);

/** One call, by the holder of `registryReadWrite` unless another token is given. */
async function ask(method, path, body, { token = tokenOf(registry.primaryKey, 'registryReadWrite'), version = '2021-04-12' } = {}) {
  const answer = await fetch(`https://${hub.address}${path}${path.includes('?') ? '&' : '?'}api-version=${version}`, {
    method, headers: { Authorization: token }, body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, text, body: text === '' ? null : JSON.parse(text) };
}
const importFrom = (uri) => ask('POST', '/jobs/create', { type: 'import', inputBlobContainerUri: uri, outputBlobContainerUri: uri });

test('a container\'s URI reaches nothing that is not listed, and tells nothing of what is there', async () => {
  const port = mute.address().port;
  const said = new Set();
  const hosts = ['127.0.0.2', 'localhost', '[::1]', '10.0.0.1', '169.254.169.254', '[::ffff:127.0.0.1]', '0.0.0.0'];
  for (let i = 0; i < rounds; i += 1) {
    // Open and closed ports, also those of the hub itself.
    const uris = hosts.flatMap((host) => ['', ':443', `:${port}`, ':1'].map((at) => `https://${host}${at}/c?sig=${i}`));
    for (const { status, body, text } of await Promise.all(uris.map(importFrom))) {
      assert.equal(status, 400, text);
      said.add(body.Message.replace(/^[^;]*;/, '').replace(/^\S+: /, '').replace(/TrackingId.*/, ''));
    }
  }
  assert.equal(callers, 0, 'nobody was called');
  // Another port than that of HTTPS is refused by its look, whatever is there.
  assert.ok(said.size <= 2, [...said].join('\n'));
  await honest.phase('URIs');
});

test('hosts that say nothing hold up no other import', async () => {
  const uri = `https://127.0.0.1:${mute.address().port}/c?sig=x`;
  const slow = Array.from({ length: size(12, 20) }, () => importFrom(uri));
  await until(() => callers > 0, 'the silent host to be called');
  const { status, text } = await importFrom('file:nothing-there');
  assert.ok(status === 200 || status === 400, text);
  for (const answer of await Promise.all(slow)) {
    assert.ok(answer.status === 200 || answer.status === 400, answer.text);
    if (answer.status === 400) assert.match(answer.body.Message, /cannot be reached, or is not one that the hub may connect to/);
  }
  await honest.phase('hosts that say nothing');
});

test('an answer to a method may have 128 KB, and no byte more reaches the caller', async () => {
  const device = await connect(ga, await hub.device('talker'), {
    long: () => [200, 'x'.repeat(200_000)],
    longest: () => [200, 'x'.repeat(128 * 1024 - 2)],
  });
  const token = tokenOf(parts(hub.connectionString).SharedAccessKey, 'iothubowner');
  const call = (methodName) => ask('POST', '/twins/talker/methods', { methodName, responseTimeoutInSeconds: 30, connectTimeoutInSeconds: 30 }, { token });
  for (let i = 0; i < size(3, 50); i += 1) {
    const { status, text } = await call('long');
    assert.equal(status, 502, text.slice(0, 200));
    assert.ok(text.length < 2000);
  }
  const whole = await call('longest');
  assert.equal(whole.status, 200, whole.text.slice(0, 200));
  assert.equal(whole.body.payload.length, 128 * 1024 - 2);
  await close(device);
  await honest.phase('long answers');
});

test('a body that comes slower than 1 KB a second is cut before the time for a request is over', async () => {
  const begun = performance.now();
  const sockets = await Promise.all(Array.from({ length: size(2, 50) }, async () => {
    const socket = await dial(hub, HTTPS);
    const Authorization = tokenOf(registry.primaryKey, 'registryReadWrite');
    say(socket, request(hub, 'POST', '/devices?api-version=2021-04-12', { Authorization, 'Content-Length': 1_000_000 }));
    socket.resume();
    return socket;
  }));
  while (sockets.some((socket) => !socket.isOver)) {
    for (const socket of sockets) if (!socket.isOver) say(socket, ' '.repeat(50));
    await sleep(100);
  }
  const after = (performance.now() - begun) / 1000;
  console.log(`bodies of 500 bytes a second: cut after ${after.toFixed(1)} s`);
  assert.ok(after < 50, `${after} s, where a request may take 60`);
  await honest.phase('slow bodies');
});

test('a page\'s token that is a number, or anything else that the hub did not give, is refused', async () => {
  const token = tokenOf(parts(hub.connectionString).SharedAccessKey, 'iothubowner');
  for (const version of ['2016-09-30-preview', '2021-04-12']) {
    for (const continuationToken of [0, 1, 2, 100, -1, 1.5, '1', 'Mg==', {}, [], true]) {
      const { status, text } = await ask('POST', '/devices/query', { sql: 'SELECT * FROM devices', continuationToken }, { token, version });
      assert.equal(status, 400, `${version} ${JSON.stringify(continuationToken)}: ${text}`);
    }
  }
});

test('a key that leaked is worth nothing once it was renewed, and who stood on it is gone', async () => {
  const open = [];
  for (let i = 0; i < size(10, 100); i += 1) {
    const socket = await dial(hub, HTTPS);
    await say(socket, request(hub, 'GET', '/devices/honest?api-version=2021-04-12', { Authorization: tokenOf(registry.primaryKey, 'registryReadWrite') }));
    assert.match((await read(socket, (seen) => seen.includes('\r\n\r\n'))).toString(), /^HTTP\/1.1 200/);
    socket.resume();
    open.push(socket);
  }
  const renewed = JSON.parse(await hub.ok('policy', 'renew-key', '--policy-name', 'registryReadWrite', '--renew-key', 'primary', '-o', 'json'));
  await until(() => open.every((socket) => socket.isOver), 'the connections on the old key to end');
  assert.equal((await ask('GET', '/devices/honest')).status, 401, 'the old key');
  assert.equal((await ask('GET', '/devices/honest', undefined, { token: tokenOf(renewed.primaryKey, 'registryReadWrite') })).status, 200);
  assert.equal((await ask('GET', '/devices/honest', undefined, { token: tokenOf(registry.secondaryKey, 'registryReadWrite') })).status, 200);
  assert.match(hub.log(), /policy key renewed policy=registryReadWrite key=primary/);
  await honest.end('after a new key');
  assert.equal(await hub.stop(), 0);
});
