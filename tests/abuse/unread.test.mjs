// Peers that ask and do not read: strangers who pipeline requests for what needs no token, devices that
// ping and fetch their twin, back ends that ask for lists. What the hub keeps for each stays within
// docs/limits.md, and an honest device and back end are served meanwhile.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { Hub } from '../lib/hub.mjs';
import { rest } from '../transfer/jobs.mjs';
import { HTTPS, MQTTS, size, usage } from './attack.mjs';
import { Honest } from './honest.mjs';
import { dial, mqtt, read, request, say, serviceToken, webSocket } from './peers.mjs';

const peers = size(40, 400);
const stranger_kib = 64;
const device_kib = 256;
const back_end_kib = 1024;
/** What the program's allocator, TLS and the honest pair add, with room; an attack took 50 MiB for each. */
const slack_mib = 24;

const hub = Hub.fromEnvironment();
let honest;
before(async () => {
  await hub.start();
  honest = await Honest.begin(hub);
  for (let i = 0; i < 200; i += 1) {
    assert.equal((await rest(hub, 'PUT', `/devices/d${i}`, { deviceId: `d${i}` })).status, 200);
  }
});
after(() => hub.stop());

/** What the program takes at most while `attack` is upon it and others are served, beyond what it took before. */
const growth = async (name, count, attack) => {
  const before_kib = usage(hub).residentKiB;
  writeFileSync(`/proc/${hub.process.pid}/clear_refs`, '5'); // The peak is taken anew.
  const sockets = await Promise.all(Array.from({ length: count }, () => attack()));
  await honest.phase(name, 20);
  const grown = (usage(hub).peakKiB - before_kib) / 1024;
  const standing = sockets.filter((socket) => !socket.isOver).length;
  for (const socket of sockets) socket.destroy();
  console.log(`${name}: ${count} peers, ${standing} standing, +${grown.toFixed(0)} MiB, ` +
    `${(grown * 1024 / count).toFixed(0)} KiB each`);
  return grown;
};
const boundMiB = (count, kib) => count * kib / 1024 + slack_mib;

test('strangers who pipeline requests and read nothing cost 64 KB each', async () => {
  const asked = request(hub, 'GET', '/carillon/openapi.json').repeat(700);
  const grown = await growth('strangers', peers, async () => {
    const socket = await dial(hub, HTTPS);
    say(socket, asked); // It may never be taken.
    return socket;
  });
  assert.ok(grown < boundMiB(peers, stranger_kib), `${grown} MiB`);
});

test('who pipelines and reads gets every answer whole', async () => {
  const whole = await rest(hub, 'GET', '/carillon/openapi.json');
  const socket = await dial(hub, HTTPS);
  say(socket, request(hub, 'GET', '/carillon/openapi.json').repeat(19) +
    request(hub, 'GET', '/carillon/openapi.json', { Connection: 'close' }));
  const bodies = (await read(socket)).toString('utf8').split('HTTP/1.1 200 OK\r\n').slice(1)
    .map((answer) => answer.slice(answer.indexOf('\r\n\r\n') + 4));
  assert.equal(bodies.length, 20);
  for (const body of bodies) assert.deepEqual(JSON.parse(body), whole.body);
});

const twinReads = Buffer.concat(Array.from({ length: 2000 }, () => mqtt.publish('$iothub/twin/GET/?$rid=1')));
const subscribed = mqtt.subscribe('$iothub/twin/res/#');
let device_count = 0;
const connectionString = () => hub.device(`slow-${device_count++}`);

test('devices that ping over WebSocket and read nothing cost 256 KB each', async () => {
  const pings = Buffer.concat(Array.from({ length: 100_000 }, () => webSocket.ping('x'.repeat(125))));
  const count = Math.min(peers, size(12, 60));
  const ids = [];
  for (let i = 0; i < count; i += 1) ids.push(await connectionString());
  const grown = await growth('WebSocket devices', count, async () => {
    const socket = await dial(hub, HTTPS);
    await say(socket, webSocket.request(hub));
    assert.match((await read(socket, (seen) => seen.includes('\r\n\r\n'))).toString(), /^HTTP\/1.1 101/);
    await say(socket, webSocket.data(mqtt.connect(hub, ids.pop())));
    await read(socket, (seen) => seen.includes('\x20\x02\x00\x00'));
    socket.pause();
    say(socket, pings);
    return socket;
  });
  assert.ok(grown < boundMiB(count, device_kib), `${grown} MiB`);
});

test('devices that ask for their twin and read nothing cost 256 KB each', async () => {
  const ids = [];
  for (let i = 0; i < peers; i += 1) ids.push(await connectionString());
  const grown = await growth('devices', peers, async () => {
    const socket = await dial(hub, MQTTS);
    await say(socket, Buffer.concat([mqtt.connect(hub, ids.pop()), subscribed]));
    await read(socket, (seen) => seen.includes('\x90\x03'));
    socket.pause();
    say(socket, Buffer.concat([...Array.from({ length: 1000 }, () => mqtt.ping), twinReads]));
    return socket;
  });
  assert.ok(grown < boundMiB(peers, device_kib), `${grown} MiB`);
});

test('back ends that ask for lists and read nothing cost 1 MB each', async () => {
  const Authorization = serviceToken(hub);
  const asked = request(hub, 'GET', '/devices?api-version=2021-04-12', { Authorization }).repeat(300);
  const grown = await growth('back ends', peers, async () => {
    const socket = await dial(hub, HTTPS);
    say(socket, asked);
    return socket;
  });
  assert.ok(grown < boundMiB(peers, back_end_kib), `${grown} MiB`);
});

test('back ends that ask for a twin of megabytes and read nothing cost 1 MB each', async () => {
  // The time of each of so many members makes it long.
  const desired = {};
  for (let i = 0; i < 1000; i += 1) desired[i] = Object.fromEntries(Array.from({ length: 26 }, (_, n) => [String.fromCharCode(65 + n), '']));
  const patched = await rest(hub, 'PATCH', '/twins/d0', { properties: { desired } });
  assert.equal(patched.status, 200);
  const bytes = JSON.stringify(patched.body).length;
  assert.ok(bytes > 2 * 1024 * 1024, `${bytes} bytes`);
  assert.deepEqual((await rest(hub, 'GET', '/twins/d0')).body, patched.body);
  const query = JSON.stringify({ query: "SELECT * FROM devices WHERE deviceId = 'd0'" });
  assert.deepEqual((await rest(hub, 'POST', '/devices/query', JSON.parse(query))).body, [patched.body]);
  const Authorization = serviceToken(hub);
  const ask = (method, path, body) => request(hub, method, `${path}?api-version=2021-04-12`, { Authorization, 'Content-Length': body.length }) + body;
  for (const [name, asked] of [
    ['GET', ask('GET', '/twins/d0', '')], ['PATCH', ask('PATCH', '/twins/d0', '{}')], ['query', ask('POST', '/devices/query', query)],
  ]) {
    const grown = await growth(`back ends, ${name} of ${(bytes / 1024).toFixed(0)} KiB`, peers, async () => {
      const socket = await dial(hub, HTTPS);
      say(socket, asked.repeat(20));
      return socket;
    });
    assert.ok(grown < boundMiB(peers, back_end_kib), `${grown} MiB`);
  }
});

test('nothing of it stays', async () => {
  await honest.end();
  assert.equal(await hub.stop(), 0);
});
