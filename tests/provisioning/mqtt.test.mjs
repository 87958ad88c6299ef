// The device side of provisioning over MQTT, packet by packet.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { enroll, makeHub, rightTokens, token, wrongTokens } from './enrolled.mjs';
import { Peer, connectPacket, packet, pollTopic, publishPacket, registerTopic, subscribePacket, text, user } from './mqtt_peer.mjs';

const hub = makeHub();
before(async () => {
  await hub.start();
  await enroll(hub);
});
after(async () => assert.equal(await hub.stop(), 0));

async function ready(options) {
  const peer = await Peer.open(hub);
  peer.say(connectPacket(options));
  assert.equal(await peer.hex(), '20020000');
  peer.say(subscribePacket());
  assert.equal(await peer.hex(), '9003000101');
  return peer;
}

async function refusal(options) {
  const peer = await Peer.open(hub);
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
  const peer = await Peer.open(hub);
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
  const peer = await Peer.open(hub);
  for (const byte of Buffer.concat([connectPacket(), subscribePacket()])) peer.say(Buffer.from([byte]));
  assert.equal(await peer.hex(), '20020000');
  assert.equal(await peer.hex(), '9003000101');
  peer.end();
});

for (const [what, make] of Object.entries(rightTokens)) {
  test(`a token is believed: ${what}`, async () => {
    const peer = await Peer.open(hub);
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
    const peer = await Peer.open(hub);
    peer.say(connectPacket(options));
    assert.equal(await peer.hex(), '20020000', JSON.stringify(options));
    peer.end();
  }
});

test('other filters are refused, and other packets end the connection', async () => {
  for (const filter of ['#', '$dps/#', '$dps/registrations/#', '$dps/registrations/res/+', 'devices/dev-1/messages/devicebound/#', '$iothub/methods/POST/#']) {
    const peer = await Peer.open(hub);
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
  const peer = await Peer.open(hub);
  peer.say(connectPacket(), publishPacket(`${registerTopic}1`), subscribePacket());
  assert.equal(await peer.hex(), '20020000');
  assert.equal(await peer.hex(), '9003000101');
  peer.end();
});

test('devices of the hub connect through the same port, whatever they are called', async () => {
  for (const id of ['registrations', 'plain']) {
    const login = Object.fromEntries((await hub.device(id)).split(';').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
    const password = token({ sr: encodeURIComponent(`${hub.address}/devices/${id}`), signedBy: login.SharedAccessKey, skn: '' });
    const peer = await Peer.open(hub);
    peer.say(connectPacket({ client: id, name: `${hub.address}/${id}/?api-version=2021-04-12`, password }), packet(0xc0));
    assert.equal(await peer.hex(), '20020000', id);
    assert.equal(await peer.hex(), 'd000', id);
    peer.end();
  }
});
