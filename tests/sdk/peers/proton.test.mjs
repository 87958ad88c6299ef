// A device and a back end written with Qpid Proton, a second implementation of AMQP 1.0: nothing of Microsoft's.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { Hub, parts, sign, until } from '../../lib/hub.mjs';

const hub = Hub.fromEnvironment();
before(() => hub.start());
const peers = [];
after(async () => {
  for (const peer of peers) peer.child.kill(); // Of a case that failed; the others have ended.
  await hub.stop();
});

/** A program of Debian's Python; `events` grows. */
class Peer {
  constructor(program, ...args) {
    const file = fileURLToPath(new URL(program, import.meta.url));
    this.child = spawn('/usr/bin/python3', [file, ...args.map(String)], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.events = [];
    this.error = '';
    let text = '';
    this.child.stdout.setEncoding('utf8').on('data', (piece) => {
      text += piece;
      const lines = text.split('\n');
      text = lines.pop();
      this.events.push(...lines.map((line) => JSON.parse(line)));
    });
    this.child.stderr.setEncoding('utf8').on('data', (piece) => { this.error += piece; });
    this.ended = new Promise((resolve) => { this.child.on('close', resolve); });
    peers.push(this);
  }

  tell(order) { this.child.stdin.write(`${JSON.stringify(order)}\n`); }
  find(fits) { return this.events.find(fits); }
  wait(fits, what) {
    return until(() => this.find(fits), () => `${what}; there are ${JSON.stringify(this.events)} ${this.error}`);
  }

  async end() {
    this.tell({ do: 'end' });
    await this.wait(({ event }) => event === 'ended', 'the end');
    assert.equal(await this.ended, 0, this.error);
  }
}

const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;
const is = (event, id) => (one) => one.event === event && (id === undefined || one.id === id);

async function device(id) {
  const { SharedAccessKey } = parts(await hub.device(id));
  const peer = new Peer('proton_device.py', hub.address, id, sign(`${hub.address}/devices/${id}`, SharedAccessKey, inAnHour()), hub.caFile);
  await peer.wait(is('ready'), 'all links of the device');
  return peer;
}

async function backEnd() {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  const { EntityPath } = parts((await hub.local('connection-string', '--event-hub', '--policy', 'service')).trim());
  const count = JSON.parse(await hub.ok('events', 'partitions', '-o', 'json')).length;
  const peer = new Peer('proton_backend.py', hub.address, SharedAccessKeyName,
    sign(HostName, SharedAccessKey, inAnHour(), SharedAccessKeyName), hub.caFile, EntityPath, count);
  await peer.wait(is('ready'), 'all links of the back end');
  return peer;
}

test('telemetry goes in, is acknowledged, and is read out with its properties', async () => {
  const sender = await device('proton-1');
  const reader = await backEnd();
  for (let n = 1; n <= 20; n++) sender.tell({ do: 'send', id: `t-${n}`, body: { n }, properties: { even: String(n % 2 === 0) } });
  await sender.wait(is('accepted', 't-20'), 'all acknowledgements');
  const mine = () => reader.events.filter(({ event, annotations }) => event === 'event' && annotations['iothub-connection-device-id'] === 'proton-1');
  await until(() => mine().length === 20, () => `20 events; there are ${mine().length} ${reader.error}`);
  assert.deepEqual(mine().map(({ body }) => JSON.parse(body).n), Array.from({ length: 20 }, (_, i) => i + 1));
  assert.deepEqual(mine()[1].properties, { even: 'true' });
  assert.equal(new Set(mine().map(({ link }) => link)).size, 1, 'a device has one partition');
  await sender.end();
  await reader.end();
});

test('messages to the device are accepted, released and rejected, and their sender hears of it', async () => {
  const receiver = await device('proton-2');
  const sender = await backEnd();
  sender.tell({ do: 'send', id: 'one', device: 'proton-2', body: 'hello', properties: { color: 'blue' } });
  const got = await receiver.wait(is('message', 'one'), 'the message');
  assert.equal(got.body, 'hello');
  assert.equal(got.properties.color, 'blue');
  assert.ok(got.tag > 0 && got.tag <= 16, 'Proton takes a zero byte for the end of a tag');
  receiver.tell({ do: 'settle', how: 'release' });
  await receiver.wait((one) => one.event === 'will' && one.how === 'release', 'the receiver to know');
  sender.tell({ do: 'send', id: 'two', device: 'proton-2', body: 'twice' });
  await until(() => receiver.events.filter(is('message', 'two')).length === 2, 'the message again');
  receiver.tell({ do: 'settle', how: 'reject' });
  await receiver.wait((one) => one.event === 'will' && one.how === 'reject', 'the receiver to know');
  sender.tell({ do: 'send', id: 'three', device: 'proton-2', body: 'no' });
  await receiver.wait(is('message', 'three'), 'the message to reject');
  const told = () => Object.fromEntries(sender.events.filter(is('feedback')).flatMap(({ records }) => records)
    .map(({ originalMessageId, statusCode }) => [originalMessageId, statusCode]));
  await until(() => Object.keys(told()).length === 3, () => `feedback; there is ${JSON.stringify(told())}`);
  assert.deepEqual(told(), { one: 'Success', two: 'Success', three: 'Rejected' });
  sender.tell({ do: 'send', id: 'nobody', device: 'is-not-there', body: '' });
  const refused = await sender.wait(is('rejected', 'nobody'), 'the refusal');
  assert.equal(refused.condition, 'amqp:not-found');
  await receiver.end();
  await sender.end();
});

test('direct methods and the twin work over links of any client', async () => {
  const peer = await device('proton-3');
  const answer = JSON.parse(await hub.ok('method', 'invoke', '-d', 'proton-3', '--mn', 'echo', '--mp', '{"a":[1]}', '-o', 'json'));
  assert.deepEqual([answer.status, answer.payload], [201, { heard: { a: [1] } }]);
  assert.equal(peer.find(is('call')).correlation, 'UUID');
  peer.tell({ do: 'twin', id: 'get', annotations: { operation: 'GET' } });
  const got = await peer.wait(is('twin', 'get'), 'the twin');
  assert.equal(got.annotations.status, 200);
  assert.equal(JSON.parse(got.body).reported.$version, 1);
  peer.tell({ do: 'twin', id: 'patch', annotations: { operation: 'PATCH', resource: '/properties/reported' }, body: { on: true } });
  const patched = await peer.wait(is('twin', 'patch'), 'the answer to a patch');
  assert.deepEqual([patched.annotations.status, patched.annotations.version], [204, 2]);
  peer.tell({ do: 'twin', id: 'put', annotations: { operation: 'PUT', resource: '/notifications/twin/properties/desired' } });
  await peer.wait(is('twin', 'put'), 'the subscription');
  await hub.ok('twin', 'update', '-d', 'proton-3', '--desired', '{"rate":5}');
  const told = await peer.wait(({ event, id }) => event === 'twin' && id === null, 'the change');
  assert.equal(told.annotations.resource, '/properties/desired');
  assert.deepEqual(JSON.parse(told.body), { rate: 5, $version: 2 });
  await peer.end();
});

test('a wrong token is refused at once', async () => {
  await hub.device('proton-4');
  const wrong = sign(`${hub.address}/devices/proton-4`, Buffer.alloc(32).toString('base64'), inAnHour());
  const peer = new Peer('proton_device.py', hub.address, 'proton-4', wrong, hub.caFile);
  await peer.wait(is('transport error'), 'the refusal');
  peer.child.kill();
  await peer.ended;
});
