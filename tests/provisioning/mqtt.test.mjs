// The device side of provisioning over MQTT, packet by packet.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { connect as dial } from 'node:tls';
import { enroll, makeHub, rightTokens, scope, token, wrongTokens } from './enrolled.mjs';

const hub = makeHub();
let ca;
before(async () => {
  await hub.start();
  ca = readFileSync(hub.caFile);
  await enroll(hub);
});
after(async () => assert.equal(await hub.stop(), 0));

const text = (value) => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};
function packet(first, ...parts) {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length = [];
  let left = body.length;
  do {
    length.push((left & 127) | (left > 127 ? 128 : 0));
    left >>= 7;
  } while (left);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}
const user = (id = 'dev-1', rest = '/api-version=2019-03-31&ClientVersion=x%2F1') => `${scope}/registrations/${id}${rest}`;
function connectPacket({ client = 'dev-1', name = user(), password = token(), clean = true, keepAlive = 60, level = 4, protocol = 'MQTT' } = {}) {
  const flags = (clean ? 2 : 0) | 0x80 | (password === null ? 0 : 0x40);
  return packet(0x10, text(protocol), [level, flags, keepAlive >> 8, keepAlive & 255], text(client), text(name), password === null ? [] : text(password));
}
const subscribePacket = (filter = '$dps/registrations/res/#', qos = 1, id = 1) => packet(0x82, [0, id], text(filter), [qos]);
const publishPacket = (topic, body = '{}', qos = 0, id = 5) => packet(0x30 | (qos << 1), text(topic), qos ? [0, id] : [], body);
const registerTopic = '$dps/registrations/PUT/iotdps-register/?$rid=';
const pollTopic = '$dps/registrations/GET/iotdps-get-operationstatus/?$rid=';

class Peer {
  static async open() {
    const peer = new Peer();
    peer.socket = dial({ host: hub.address, port: 8883, ca });
    peer.packets = [];
    peer.buffer = Buffer.alloc(0);
    peer.isClosed = false;
    peer.waiting = [];
    peer.socket.on('data', (bytes) => peer.take(bytes));
    peer.socket.on('error', () => {});
    peer.socket.on('close', () => { peer.isClosed = true; peer.wake(); });
    await new Promise((resolve, reject) => { peer.socket.once('secureConnect', resolve); peer.socket.once('error', reject); });
    return peer;
  }
  wake() { for (const go of this.waiting.splice(0)) go(); }
  take(bytes) {
    this.buffer = Buffer.concat([this.buffer, bytes]);
    for (;;) {
      let length = 0;
      let at = 1;
      let shift = 0;
      for (; at < this.buffer.length; at++) {
        length |= (this.buffer[at] & 127) << shift;
        shift += 7;
        if (!(this.buffer[at] & 128)) break;
      }
      if (at >= this.buffer.length || this.buffer.length < at + 1 + length) break;
      this.packets.push(this.buffer.subarray(0, at + 1 + length));
      this.buffer = this.buffer.subarray(at + 1 + length);
    }
    this.wake();
  }
  say(...bytes) { this.socket.write(Buffer.concat(bytes)); }
  /** The next packet, or 'closed'. */
  async next() {
    while (this.packets.length === 0) {
      if (this.isClosed) return 'closed';
      await new Promise((resolve) => { this.waiting.push(resolve); });
    }
    return this.packets.shift();
  }
  async hex() {
    const one = await this.next();
    return one === 'closed' ? one : one.toString('hex');
  }
  /** The next packet, which is a publish. */
  async published() {
    const one = await this.next();
    assert.notEqual(one, 'closed');
    assert.equal(one[0] >> 4, 3, one.toString('hex'));
    const start = one.length < 130 ? 2 : 3;
    const topicEnd = start + 2 + one.readUInt16BE(start);
    const qos = (one[0] >> 1) & 3;
    return { qos, topic: one.subarray(start + 2, topicEnd).toString(), body: JSON.parse(one.subarray(topicEnd + (qos ? 2 : 0)).toString()) };
  }
  end() { this.socket.destroy(); }
}

async function ready(options) {
  const peer = await Peer.open();
  peer.say(connectPacket(options));
  assert.equal(await peer.hex(), '20020000');
  peer.say(subscribePacket());
  assert.equal(await peer.hex(), '9003000101');
  return peer;
}

async function refusal(options) {
  const peer = await Peer.open();
  peer.say(connectPacket(options));
  const answer = await peer.hex();
  const then = await peer.hex();
  peer.end();
  assert.equal(then, 'closed');
  return answer;
}

test('a device registers, polls and is assigned', async () => {
  const peer = await ready();
  peer.say(publishPacket(`${registerTopic}one`, '{"registrationId":"dev-1","payload":null}', 1));
  assert.equal(await peer.hex(), '40020005', 'acknowledged before it is answered');
  const begun = await peer.published();
  assert.equal(begun.topic, '$dps/registrations/res/202/?$rid=one&retry-after=2');
  assert.equal(begun.qos, 1);
  assert.equal(begun.body.status, 'assigning');
  peer.say(publishPacket(`${pollTopic}2&operationId=${begun.body.operationId}`, ' '));
  const ended = await peer.published();
  assert.equal(ended.topic, '$dps/registrations/res/200/?$rid=2');
  assert.equal(ended.body.status, 'assigned');
  assert.equal(ended.body.registrationState.assignedHub, hub.address);
  peer.say(packet(0xc0));
  assert.equal(await peer.hex(), 'd000');
  peer.say(packet(0xa2, [0, 9], text('$dps/registrations/res/#')), packet(0xe0));
  assert.equal(await peer.hex(), 'b0020009');
  assert.equal(await peer.hex(), 'closed');
});

test('all of it in one piece is carried out in order', async () => {
  const peer = await Peer.open();
  peer.say(connectPacket({ clean: false, keepAlive: 0 }), subscribePacket('$dps/registrations/res/#', 0), publishPacket(`${registerTopic}1`, ''), publishPacket(`${pollTopic}1&operationId=none`, ''), packet(0xc0));
  assert.equal(await peer.hex(), '20020000', 'no session is ever present');
  assert.equal(await peer.hex(), '9003000100');
  assert.match((await peer.published()).topic, /res\/202\/\?\$rid=1&retry-after=2$/);
  const failed = await peer.published();
  assert.equal(failed.topic, '$dps/registrations/res/404/?$rid=1');
  assert.equal(failed.body.errorCode, 404203);
  assert.equal(failed.qos, 0);
  assert.equal(await peer.hex(), 'd000');
  peer.end();
});

test('byte by byte, too', async () => {
  const peer = await Peer.open();
  for (const byte of Buffer.concat([connectPacket(), subscribePacket()])) peer.say(Buffer.from([byte]));
  assert.equal(await peer.hex(), '20020000');
  assert.equal(await peer.hex(), '9003000101');
  peer.end();
});

for (const [what, make] of Object.entries(rightTokens)) {
  test(`a token is believed: ${what}`, async () => {
    const peer = await Peer.open();
    peer.say(connectPacket({ password: make() }));
    assert.equal(await peer.hex(), '20020000');
    peer.end();
  });
}
for (const [what, make] of Object.entries(wrongTokens)) {
  test(`a token is refused: ${what}`, async () => assert.equal(await refusal({ password: make() }), '20020005'));
}

test('a CONNECT that does not fit is refused', async () => {
  const cases = {
    'another client id': { client: 'dev-2' },
    'no client id': { client: '' },
    'neither token nor certificate': { password: null },
    'an empty token': { password: '' },
    'an unknown device': { client: 'nobody', name: user('nobody'), password: token({ id: 'nobody' }) },
    'an id that is none': { client: 'a b', name: user('a b'), password: token({ id: 'a b' }) },
  };
  for (const [what, options] of Object.entries(cases)) assert.equal(await refusal(options), '20020005', what);
  assert.equal(await refusal({ level: 5 }), '20020001', 'another MQTT');
});

test('ids and scopes in another case are the same, and the version may be left out', async () => {
  for (const options of [
    { client: 'DEV-1', name: user('DEV-1') }, { client: 'Dev-1', name: user('dev-1') }, { name: user().toLowerCase() },
    { name: user('dev-1', '') }, { name: user('dev-1', '/') }, { name: user('dev-1', '/api-version=2021-06-01') },
    { name: user('dev-1', '/api-version=2019-03-31&ClientVersion=a;b#c@d') },
  ]) {
    const peer = await Peer.open();
    peer.say(connectPacket(options));
    assert.equal(await peer.hex(), '20020000', JSON.stringify(options));
    peer.end();
  }
});

test('other filters are refused, and other packets end the connection', async () => {
  for (const filter of ['#', '$dps/#', '$dps/registrations/#', '$dps/registrations/res/+', 'devices/dev-1/messages/devicebound/#', '$iothub/methods/POST/#']) {
    const peer = await Peer.open();
    peer.say(connectPacket(), subscribePacket(filter));
    await peer.next();
    assert.equal(await peer.hex(), '9003000180', filter);
    peer.end();
  }
  for (const [what, bytes] of Object.entries({
    'telemetry': publishPacket('devices/dev-1/messages/events/'), 'another topic': publishPacket('$dps/registrations/PUT/other/?$rid=1'),
    'a second CONNECT': connectPacket(), 'a CONNACK': packet(0x20, [0, 0]), 'QoS 2': publishPacket(`${registerTopic}1`, '{}', 2),
    'a rid without end': publishPacket(`${registerTopic}${'x'.repeat(257)}`), 'a packet without end': Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]),
    'a length of five bytes': Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01]), 'a type that is none': packet(0xf0),
  })) {
    const peer = await ready();
    peer.say(bytes);
    assert.equal(await peer.hex(), 'closed', what);
  }
});

test('bodies that are wrong are answered with 400 and an error', async () => {
  const peer = await ready();
  for (const [i, body] of ['{', '[]', '{"registrationId":"other"}', '{"tpm":{"endorsementKey":"AA=="}}', '{"csr":"x"}', '{"registrationId":1}'].entries()) {
    peer.say(publishPacket(`${registerTopic}${i}`, body));
    const answer = await peer.published();
    assert.equal(answer.topic, `$dps/registrations/res/400/?$rid=${i}`, body);
    assert.equal(Math.floor(answer.body.errorCode / 1000), 400, body);
  }
  peer.say(publishPacket(`${registerTopic}large`, JSON.stringify({ payload: 'x'.repeat(90_000) })));
  assert.match((await peer.published()).topic, /res\/202/);
  peer.say(publishPacket(`${registerTopic}larger`, JSON.stringify({ payload: 'x'.repeat(120_000) })));
  assert.equal(await peer.hex(), 'closed');
});

test('who has not subscribed hears nothing', async () => {
  const peer = await Peer.open();
  peer.say(connectPacket(), publishPacket(`${registerTopic}1`), subscribePacket());
  assert.equal(await peer.hex(), '20020000');
  assert.equal(await peer.hex(), '9003000101');
  peer.end();
});

test('devices of the hub connect through the same port, whatever they are called', async () => {
  for (const id of ['registrations', 'plain']) {
    const login = Object.fromEntries((await hub.device(id)).split(';').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
    const password = token({ sr: encodeURIComponent(`${hub.address}/devices/${id}`), signedBy: login.SharedAccessKey, skn: '' });
    const peer = await Peer.open();
    peer.say(connectPacket({ client: id, name: `${hub.address}/${id}/?api-version=2021-04-12`, password }), packet(0xc0));
    assert.equal(await peer.hex(), '20020000', id);
    assert.equal(await peer.hex(), 'd000', id);
    peer.end();
  }
});
