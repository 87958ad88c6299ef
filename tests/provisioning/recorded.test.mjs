// What devices say that register by the SDKs for C, C#, Java, Python and Embedded C, and by IoT Edge, over MQTT, HTTPS
// and AMQP, and what back ends say by the SDKs and `az iot dps`: written from traces of the clients and from their
// sources, in recorded-devices.json and recorded-service.json with what each wants of the answers.
// ../rest/replay.mjs says how an answer is described.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { parts, sign } from '../lib/hub.mjs';
import { SoftwareTpm } from '../lib/software_tpm.mjs';
import { RawClient } from '../rest/client.mjs';
import { fill, filled, matches, replay } from '../rest/replay.mjs';
import { derive, enroll, key, makeHub, scope, service } from './enrolled.mjs';
import { Peer, connectPacket, packet, publishPacket, subscribePacket } from './mqtt_peer.mjs';

const require = createRequire(new URL('../sdk/dps/package.json', import.meta.url));
const rhea = require('rhea');

const hub = makeHub();
const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url)));
const conversations = read('recorded-devices.json');
const captured = { ek: new SoftwareTpm('c-1').endorsement.public.toString('base64') };
let client;
let auth;
before(async () => {
  await hub.start();
  captured.host = hub.address;
  client = await RawClient.open(hub);
  const { SharedAccessKeyName, SharedAccessKey } = parts((await hub.local('connection-string', '--policy', 'provisioningserviceowner')).trim());
  auth = `Authorization: ${sign(hub.address, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName)}\r\n`;
});
after(async () => {
  client.destroy();
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});

replay(read('recorded-service.json'), captured, () => ({ host: hub.address, client, auth }));

test('devices are enrolled', async () => {
  await enroll(hub);
  const disabled = { attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: key, secondaryKey: key } }, provisioningStatus: 'disabled' };
  assert.equal((await service(hub, 'PUT', '/enrollments/disabled-1', disabled)).status, 200);
});

/** The names that stand in a conversation, and the token of its device. */
function beginning({ id, token: { sr, skn, life = 3600 } }) {
  const names = { host: hub.address, scope, id, lower: encodeURIComponent(`${scope}/registrations/${id}`.toLowerCase()) };
  const resource = fill(sr, names);
  const expires = Math.floor(Date.now() / 1000) + life;
  const signedBy = id === 'disabled-1' ? key : derive(id);
  const sig = createHmac('sha256', Buffer.from(signedBy, 'base64')).update(`${resource}\n${expires}`).digest('base64');
  names.token = `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(sig)}&se=${expires}${skn === undefined ? '' : `&skn=${skn}`}`;
  return names;
}

/** Compares an answer's body, and keeps the operation that it names. */
function taken(body, step, names, what) {
  matches(body, filled(step.expect, names), what);
  if (body.status === 'assigning') names.operationId = body.operationId;
}

async function overMqtt({ connect, steps }, names) {
  const peer = await Peer.open(hub);
  peer.say(connectPacket({ client: names.id, name: fill(connect.name, names), password: names.token, clean: connect.clean, keepAlive: connect.keepAlive }));
  assert.equal(await peer.hex(), '20020000', 'accepted, and no session is present');
  peer.say(subscribePacket());
  assert.equal(await peer.hex(), '9003000101');
  for (const step of steps) {
    const packetId = step.packetId ?? 5;
    peer.say(publishPacket(fill(step.topic, names), step.body, step.qos, packetId));
    // azure-iot-sdk-csharp reads nothing else before it.
    if (step.qos === 1) assert.equal(await peer.hex(), `4002000${packetId}`);
    const answer = await peer.published();
    assert.match(answer.topic, new RegExp(step.answer));
    assert.equal(answer.topic.split('$').length, 3, 'azure-iot-sdk-python cuts the topic at each $');
    taken(answer.body, step, names, answer.topic);
    if (answer.qos === 1) peer.say(packet(0x40, [0, answer.packetId]));
  }
  peer.say(packet(0xe0));
  assert.equal(await peer.hex(), 'closed');
}

async function overHttps({ steps }, names) {
  const peer = await RawClient.open(hub);
  for (const { method, path, headers: { $authorization: field = 'Authorization', ...headers }, body, status, fields, ...step } of steps) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${fill(value, names)}\r\n`).join('');
    const length = body === undefined ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
    peer.send(`${method} ${fill(path, names)} HTTP/1.1\r\n${lines}${field}: ${names.token}\r\n${length}\r\n${body ?? ''}`);
    const answer = await peer.answer();
    assert.equal(answer.status, status, answer.body);
    for (const [name, value] of Object.entries(fields)) matches(answer.headers[name], value, name);
    taken(JSON.parse(answer.body), step, names, path);
  }
  peer.destroy();
}

function overAmqp({ address, version, steps }, names) {
  const container = rhea.create_container({ id: 'prov_connection' });
  const at = fill(address, names);
  const properties = version ? { 'com.microsoft:api-version': '2021-06-01' } : undefined;
  let number = 0;
  return new Promise((resolve, reject) => {
    const connection = container.connect({
      transport: 'tls', host: hub.address, port: 5671, ca: readFileSync(hub.caFile), reconnect: false, hostname: hub.address,
      username: `${scope}/registrations/${names.id}`, password: names.token,
    });
    const sender = connection.open_sender({ target: { address: at }, properties });
    connection.open_receiver({ source: { address: at }, properties, credit_window: 10 });
    const fail = (what) => (context) => { connection.close(); reject(new Error(`${what}: ${context.error ?? context.sender?.error ?? context.delivery?.remote_state?.error}`)); };
    for (const event of ['disconnected', 'connection_error', 'sender_error', 'receiver_error', 'rejected']) container.on(event, fail(event));
    const say = () => {
      const { properties: named, body, correlation } = steps[number];
      sender.send({
        application_properties: Object.fromEntries(Object.entries(named).map(([name, value]) => [name, typeof value === 'string' ? fill(value, names) : value])),
        ...(correlation === undefined ? {} : { correlation_id: correlation }),
        body: 'data' in body ? rhea.message.data_section(Buffer.from(body.data)) : body.value,
      });
    };
    container.once('sendable', say);
    container.on('message', ({ message }) => {
      try {
        const step = steps[number];
        assert.equal(message.body.typecode, 0x75, 'one data section');
        taken(JSON.parse(message.body.content.toString()), step, names, step.properties['iotdps-operation-type']);
        assert.equal(message.correlation_id, step.correlation);
        for (const spelling of step.retries ? ['retry-after', 'Retry-After'] : []) assert.equal(typeof message.application_properties[spelling], 'number', spelling);
        number += 1;
        if (number < steps.length) return say();
        container.removeAllListeners('disconnected');
        connection.close();
        resolve();
      } catch (error) {
        connection.close();
        reject(error);
      }
    });
  });
}

const ways = { mqtt: overMqtt, https: overHttps, amqp: overAmqp };
for (const conversation of conversations) {
  test(`${conversation.sdk}, over ${conversation.over} (${conversation.source})`, () => ways[conversation.over](conversation, beginning(conversation)));
}
