// Three nodes over one PostgreSQL, each with an address of its own: devices and back ends connect to any of them,
// and those that do not serve pass everything on to the one that does.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { Agent, request } from 'node:https';
import { createRequire } from 'node:module';
import { connect as tcpConnect, createServer } from 'node:net';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { parts, sign, until } from '../lib/hub.mjs';
import { Cluster } from './cluster.mjs';

const { connect: mqttConnect } = createRequire(new URL('../sdk/ga/package.json', import.meta.url))('mqtt');

const strangersMax = 20;
process.env.CARILLON_CONNECTIONS__UNKNOWN_PER_ADDRESS_MAX = String(strangersMax);
const address = '127.43.53.10';
const cluster = new Cluster({
  binary: process.env.HUB_BINARY, address, nodes: { n1: '127.43.53.1', n2: '127.43.53.2', n3: '127.43.53.3' }, extra: ['--lease', '3'], healthPort: 7811,
});
const linkPort = 7883;
const agent = new Agent({ keepAlive: true, maxSockets: 32 });
const clients = [];
let ca;

/** The network before the port for lines of a node, which may carry nothing for a while. */
class Network {
  constructor(node) {
    this.node = node;
    this.address = node.address.replace(/\d+$/, (last) => `${200 + Number(last)}`);
    this.pairs = new Set();
    this.isCut = false;
    node.extra = ['--advertise', this.address];
  }

  open() {
    this.server = createServer((near) => {
      const far = tcpConnect(linkPort, this.node.address);
      const pair = [near, far];
      const end = () => { this.pairs.delete(pair); near.destroy(); far.destroy(); };
      for (const socket of pair) socket.on('error', end).on('close', end);
      this.pairs.add(pair);
      if (!this.isCut) this.join(pair);
    });
    return new Promise((resolve, reject) => { this.server.on('error', reject).listen(linkPort, this.address, resolve); });
  }

  join([near, far]) {
    near.pipe(far).pipe(near);
  }

  cut() {
    this.isCut = true;
    for (const [near, far] of this.pairs) {
      near.unpipe(far).pause();
      far.unpipe(near).pause();
    }
  }

  heal() {
    this.isCut = false;
    for (const pair of this.pairs) this.join(pair);
  }

  close() {
    this.server.close();
    for (const pair of this.pairs) for (const socket of pair) socket.destroy();
  }
}

const networks = new Map(cluster.nodes.map((node) => [node.id, new Network(node)]));

/** One request to a node; status 0 where no answer came. */
function ask(node, method, path, body = '', headers = {}) {
  return new Promise((resolve) => {
    const lost = () => resolve({ status: 0, body: '' });
    const sent = request({
      agent, host: node.address, ca, method, timeout: 15_000,
      path: `${path}${path.includes('?') ? '&' : '?'}api-version=2021-04-12`,
      headers: { Authorization: cluster.token, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...headers },
    }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('error', lost).on('aborted', lost);
      answer.on('end', () => resolve({ status: answer.statusCode, body: Buffer.concat(pieces).toString() }));
    });
    sent.on('timeout', () => sent.destroy()).on('error', lost);
    sent.end(body);
  });
}

const insist = (node, ...what) => until(async () => {
  const answer = await ask(node, ...what);
  return answer.status >= 200 && answer.status < 300 ? answer : null;
}, `${what.slice(0, 2)} by ${node.id}`);

/** What a node says of itself, its door's counters among it; null where no answer comes. */
function health(node) {
  return new Promise((resolve) => {
    plainRequest({ host: node.address, port: 7811, timeout: 1_000 }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => resolve(JSON.parse(Buffer.concat(pieces).toString())));
    }).on('timeout', function end() { this.destroy(); }).on('error', () => resolve(null)).end();
  });
}

/** The node that serves, and the others once they pass connections on. */
async function roles(unlike = null) {
  const owner = await cluster.active(unlike);
  const others = cluster.nodes.filter((node) => node.id !== owner.id && node.isSupervised);
  for (const node of others) await insist(node, 'GET', '/statistics/devices');
  return [owner, ...others];
}

const nameOf = (node) => `${node.id}/${node.incarnation}`;

/** A device that answers methods and counts how often each came. */
class Device {
  constructor(id, key, node, { url = `mqtts://${node.address}:8883`, more = {} } = {}) {
    this.id = id;
    this.calls = new Map();
    this.acknowledged = 0;
    this.client = mqttConnect(url, {
      ca, clientId: id, clean: true, reconnectPeriod: 200, connectTimeout: 3_000, keepalive: 30, protocolVersion: 4,
      username: `${address}/${id}/?api-version=2021-04-12`, rejectUnauthorized: true,
      ...(key ? { password: sign(`${address}/devices/${id}`, key, Math.floor(Date.now() / 1000) + 7200) } : {}), ...more,
    });
    clients.push(this.client);
    this.client.on('error', (error) => { this.error = error; });
    this.client.on('connect', () => this.client.subscribe('$iothub/methods/POST/#'));
    this.client.on('message', (topic, payload) => {
      const [, rid] = topic.match(/\$rid=(.*)$/);
      const call = JSON.parse(payload.toString());
      this.calls.set(call.job, (this.calls.get(call.job) ?? 0) + 1);
      setTimeout(() => this.client.publish(`$iothub/methods/res/200/?$rid=${rid}`, JSON.stringify(call)), call.wait ?? 0);
    });
  }

  connected() {
    return until(() => this.client.connected, () => `${this.id} to connect: ${this.error}`);
  }

  send(text) {
    return new Promise((resolve, reject) => {
      this.client.publish(`devices/${this.id}/messages/events/`, text, { qos: 1 }, (error) => (error ? reject(error) : resolve()));
    });
  }
}

async function make(id) {
  const made = (await cluster.ok('device', 'create', '--device-id', id, '--connection-string')).trim();
  return parts(made).SharedAccessKey;
}

function call(node, id, payload) {
  return ask(node, 'POST', `/twins/${id}/methods`, JSON.stringify({ methodName: 'echo', responseTimeoutInSeconds: 10, connectTimeoutInSeconds: 10, payload }));
}

/** TLS to a node; resolves with what was received until the end. */
function talk(host, port, { say = '', half = false, ...options } = {}) {
  return new Promise((resolve) => {
    const pieces = [];
    const socket = tlsConnect({ host, port, ca, allowHalfOpen: half, ...options }, () => {
      if (half) socket.end(say);
      else if (say) socket.write(say);
    });
    socket.on('data', (piece) => pieces.push(piece));
    const done = (how) => { socket.destroy(); resolve({ how, bytes: Buffer.concat(pieces) }); };
    socket.setTimeout(8_000, () => done('silence'));
    socket.on('error', () => done('error')).on('end', () => done('end')).on('close', () => done('close'));
    if (options.enough) socket.on('data', () => { if (Buffer.concat(pieces).length >= options.enough) done('enough'); });
  });
}

before(async () => {
  for (const network of networks.values()) await network.open();
  await cluster.start();
  ca = readFileSync(cluster.caFile);
});

after(async () => {
  for (const client of clients) client.end(true);
  agent.destroy();
  await cluster.stop();
  for (const network of networks.values()) network.close();
});

test('a back end is served by each node, and refused by each where it has no right', async () => {
  for (const node of await roles()) {
    const made = await ask(node, 'PUT', `/devices/by-${node.id}`, JSON.stringify({ deviceId: `by-${node.id}` }));
    assert.equal(made.status, 200, made.body);
    const refused = await ask(node, 'GET', `/devices/by-${node.id}`, '', { Authorization: 'SharedAccessSignature sr=x&sig=x&se=1' });
    assert.equal(refused.status, 401);
  }
  const [, door] = await roles();
  assert.equal(JSON.parse((await ask(door, 'GET', '/devices')).body).length, 3);
  const { role, door: figures } = await health(door);
  assert.equal(role, 'standby');
  assert.ok(figures.passedOn > 0 && figures.connections > 0 && figures.bytesIn > 100 && figures.bytesOut > 100, JSON.stringify(figures));
});

test('devices by MQTT, by WebSockets and by AMQP come through a node that does not serve', async () => {
  const [owner, door, other] = await roles();
  const device = new Device('mqtt-1', await make('mqtt-1'), door);
  const web = new Device('web-1', await make('web-1'), other, { url: `wss://${other.address}:443/$iothub/websocket` });
  for (const each of [device, web]) {
    await each.connected();
    await each.send('hello');
    const answer = await call(owner, each.id, { job: each.id });
    assert.deepEqual([answer.status, JSON.parse(answer.body).payload], [200, { job: each.id }]);
  }
  const sasl = Buffer.from([0x41, 0x4d, 0x51, 0x50, 3, 1, 0, 0]);
  const { bytes } = await talk(door.address, 5671, { say: sasl, enough: 9 });
  assert.deepEqual(bytes.subarray(0, 8), sasl);
  const wrong = new Device('mqtt-1', Buffer.from('wrong').toString('base64'), door);
  await until(() => wrong.error, 'a wrong key to be refused');
  assert.match(String(wrong.error), /refused/);
  wrong.client.end(true);
});

test('large messages pass whole in both directions', async () => {
  const [, door, other] = await roles();
  const device = new Device('large-1', await make('large-1'), door);
  await device.connected();
  const text = createHash('sha512').update('x').digest('hex').repeat(900);
  for (let i = 0; i < 5; i += 1) {
    const answer = await call(other, 'large-1', { job: `large-${i}`, text });
    assert.equal(answer.status, 200, answer.body.slice(0, 200));
    assert.ok(JSON.parse(answer.body).payload.text === text, 'the payload has changed');
  }
});

test('a device proves itself by its certificate to a node that does not serve', async () => {
  const [, door] = await roles();
  const files = {};
  for (const name of ['own', 'other']) {
    const [key, cert] = ['key', 'pem'].map((kind) => join(cluster.folder, `${name}.${kind}`));
    const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=cert-1']);
    assert.equal(made.status, 0, String(made.stderr));
    files[name] = { key: readFileSync(key), cert: readFileSync(cert) };
  }
  const der = Buffer.from(files.own.cert.toString().replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const thumbprint = createHash('sha1').update(der).digest('hex').toUpperCase();
  const body = JSON.stringify({ deviceId: 'cert-1', authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint } } });
  assert.equal((await ask(door, 'PUT', '/devices/cert-1', body)).status, 200);
  const device = new Device('cert-1', null, door, { more: files.own });
  await device.connected();
  device.client.end(true);
  const wrong = new Device('cert-1', null, door, { more: files.other });
  await until(() => wrong.error, 'another certificate to be refused');
  wrong.client.end(true);
  for (const shown of [{}, files.other]) {
    const stranger = new Device('cert-1', null, door, { more: shown });
    await until(() => stranger.error, 'a device without its certificate to be refused');
    stranger.client.end(true);
  }
});

test('while nothing comes through between two nodes, who is there and who comes waits', async () => {
  const [owner, door] = await roles();
  const network = networks.get(owner.id);
  const device = new Device('cut-1', await make('cut-1'), door);
  await device.connected();
  network.cut();
  const sent = device.send('meanwhile');
  const asked = ask(door, 'GET', '/devices/cut-1', '', { Connection: 'close' });
  assert.equal(await Promise.race([sent, asked, sleep(2_000, 'nothing')]), 'nothing');
  assert.equal((await ask(owner, 'GET', '/devices/cut-1')).status, 200, 'the node that serves is not held up');
  network.heal();
  await sent;
  assert.equal((await asked).status, 200);
  assert.ok(device.client.connected);
  for (const [near] of network.pairs) near.resetAndDestroy();
  await until(() => !device.client.connected, 'the device to be cut');
  await device.connected();
  await device.send('and again');
});

test('who says all and ends is answered all the same', async () => {
  const [owner, door] = await roles();
  for (const node of [owner, door]) {
    const say = `GET /statistics/devices?api-version=2021-04-12 HTTP/1.1\r\nHost: ${address}\r\nAuthorization: ${cluster.token}\r\n\r\n`;
    const { bytes } = await talk(node.address, 443, { say, half: true });
    assert.match(bytes.toString(), /^HTTP\/1\.1 200/, `by ${node.id}`);
  }
});

test('strangers are bounded by their own address, through a node that does not serve too', async () => {
  const [, door] = await roles();
  const log = () => cluster.nodes.map((node) => node.log()).join('');
  const sockets = [];
  const open = (localAddress) => new Promise((resolve) => {
    const socket = tlsConnect({ host: door.address, port: 8883, ca, localAddress });
    sockets.push(socket);
    socket.on('error', () => {}).on('close', () => { socket.isOver = true; resolve(); }).on('secureConnect', resolve);
  });
  for (let i = 0; i < strangersMax + 8; i += 1) await open('127.43.53.99');
  const left = () => sockets.filter((socket) => !socket.isOver).length;
  await until(() => left() <= strangersMax, () => `${left()} to be ${strangersMax}`);
  await open('127.43.53.98');
  assert.ok(!sockets.at(-1).isOver, 'another address has places of its own');
  assert.equal(left(), strangersMax + 1);
  for (const socket of sockets) socket.destroy();
  assert.doesNotMatch(log(), /connections refused port=7883/, 'the address of a node is not that of its peers');
});

test('only a node of the cluster gets a line to the one that serves', async () => {
  const [owner, door] = await roles();
  const file = (node, name) => readFileSync(join(node.dataDir, name));
  const hello = Buffer.from([1, 0xff, 0, 0, 0]);
  const shown = { checkServerIdentity: () => undefined };
  const server = { ...shown, cert: file(owner, 'server-ecdsa.pem'), key: file(owner, 'server-ecdsa-key.pem') };
  for (const options of [shown, server]) {
    const { how, bytes } = await talk(owner.address, linkPort, { ...options, say: hello });
    assert.notEqual(how, 'silence', 'it is closed at once');
    assert.equal(bytes.length, 0);
  }
  assert.match(owner.log(), /lines refused .*reason=not a node of this cluster/);
  const node = { ...shown, cert: file(door, 'node.pem'), key: file(door, 'node-key.pem') };
  const body = Buffer.concat([Buffer.from([0, 99, 0, 0, 0, 0, 0, 0, 0, 9]), Buffer.from('1.2.3.4:5'), Buffer.from([0])]);
  const head = Buffer.from([1, body.length, 0, 0, 0]);
  const { bytes } = await talk(owner.address, linkPort, { ...node, say: Buffer.concat([head, body]), enough: 1 });
  assert.deepEqual([...bytes], [1], 'another start of this node was meant');
  const other = await talk(owner.address, linkPort, { ...node, say: Buffer.from([9, 0, 0, 0, 0]), enough: 3 });
  assert.deepEqual([...other.bytes], [3, 1, 2], 'it says which versions it speaks');
  for (const wrong of [Buffer.from([1, 0xff, 0xff, 0xff, 0]), Buffer.concat([head, Buffer.alloc(body.length, 0xff)])]) {
    assert.equal((await talk(owner.address, linkPort, { ...node, say: wrong })).bytes.length, 0);
  }
  const isRefused = await new Promise((resolve) => {
    const socket = tcpConnect(linkPort, door.address, () => { socket.destroy(); resolve(false); }).on('error', () => resolve(true));
  });
  assert.ok(isRefused, 'a node that stands by takes no lines');
  assert.ok(existsSync(join(door.dataDir, 'node.pem')));
});

/** Starts a method job for `devices`, does `harm` in its middle, and follows it to its end through `node()`. */
async function survive(name, devices, node, harm) {
  await insist(node(), 'PUT', `/jobs/v2/${name}`, JSON.stringify({
    jobId: name, type: 'scheduleDeviceMethod', startTime: new Date(Date.now() - 1000).toISOString(), maxExecutionTimeInSeconds: 600,
    queryCondition: `deviceId IN [${devices.map(({ id }) => `'${id}'`)}]`,
    cloudToDeviceMethod: { methodName: 'act', payload: { job: name, wait: 300 }, responseTimeoutInSeconds: 20 }, rollout: { pace: { rate: '2/s' } },
  }));
  const state = async () => JSON.parse((await insist(node(), 'GET', `/jobs/v2/${name}`)).body);
  await until(async () => (await state()).deviceJobStatistics?.succeededCount > 0, `${name} to be on its way`);
  await harm();
  const job = await until(async () => { const now = await state(); return ['completed', 'failed'].includes(now.status) ? now : null; }, `${name} to end`);
  const { deviceCount, succeededCount, failedCount } = job.deviceJobStatistics;
  assert.deepEqual([deviceCount, succeededCount + failedCount], [devices.length, devices.length]);
  for (const device of devices) assert.ok((device.calls.get(name) ?? 0) <= 1, `${device.id} was called ${device.calls.get(name)} times`);
  assert.ok(devices.filter((device) => device.calls.get(name) === 1).length >= succeededCount, 'more successes than calls');
  await until(() => devices.every((device) => device.client.connected), 'all devices to be back');
  for (const device of devices) await device.send('after');
  return succeededCount;
}

let fleet;

test('kill -9 of the node that serves: devices stay with their node, which passes them on to the next', async () => {
  const [owner, first, second] = await roles();
  fleet = [];
  for (let i = 0; i < 8; i += 1) fleet.push(new Device(`fleet-${i}`, await make(`fleet-${i}`), i % 2 ? first : second));
  for (const device of fleet) await device.connected();
  let next;
  await survive('owner-dies', fleet, () => (next ?? first), async () => {
    owner.isSupervised = false;
    owner.process.kill('SIGKILL');
    next = await cluster.active(nameOf(owner));
    assert.notEqual(next.id, owner.id);
    await owner.ended;
    owner.isSupervised = true;
    owner.start();
  });
  const [, ...doors] = await roles();
  assert.ok(doors.some(({ id }) => id === owner.id), 'the one that came back is a door now');
});

test('kill -9 of a node that passes on: its devices are cut, and come back with it; no method is sent twice', async () => {
  const [owner, ...doors] = await roles();
  const door = doors.find((node) => fleet.some((device) => device.client.options.host === node.address));
  const succeeded = await survive('door-dies', fleet, () => owner, async () => {
    door.process.kill('SIGKILL');
    await door.ended;
  });
  assert.ok(succeeded >= fleet.length / 2, 'devices at other nodes are not touched');
  assert.equal((await cluster.active()).id, owner.id);
});

test('a node that passes on and stands still for 8 s goes on where it was', async () => {
  const [owner, ...doors] = await roles();
  const door = doors.find((node) => fleet.some((device) => device.client.options.host === node.address));
  const before = door.incarnation;
  await survive('door-stands-still', fleet, () => owner, async () => {
    door.process.kill('SIGSTOP');
    await sleep(8_000);
    door.process.kill('SIGCONT');
  });
  assert.equal(door.incarnation, before);
});

test('an orderly stop of the node that serves is followed by every door', async () => {
  const [owner, ...doors] = await roles();
  owner.isSupervised = false;
  owner.process.kill('SIGTERM');
  assert.equal(await owner.ended, 0);
  agent.destroy(); // Connections that are open were closed with it.
  // Whichever takes over closes its door for that: the other one keeps who comes.
  const asked = doors.map((node) => ask(node, 'GET', '/devices/fleet-0'));
  const next = await cluster.active(nameOf(owner));
  const door = doors.find((node) => node.id !== next.id);
  assert.equal((await asked[doors.indexOf(door)]).status, 200, `a call that came meanwhile has waited:\n${door.log()}`);
  assert.match(door.log(), new RegExp(`connections are passed on to node=${next.id}\\.`));
  await until(() => fleet.filter((device) => device.client.options.host !== owner.address).every((device) => device.client.connected), 'the devices of nodes that live');
  owner.isSupervised = true;
  owner.start();
});
