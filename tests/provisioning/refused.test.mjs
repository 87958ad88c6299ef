// What is refused of devices that register, over MQTT and over HTTPS, and of back ends that enroll them: how, and
// that nothing comes of it. The cases are data: refused-mqtt.json, refused-https.json, refused-service.json.
//
// In their texts `{x*9}` stands for nine times `x`, `{key}` for a key, `{host}` for the hub and `{other}` for an
// operation of another device. A token is named by a word; see `tokens`.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { after, before, test } from 'node:test';
import { sign } from '../lib/hub.mjs';
import { SoftwareTpm } from '../lib/software_tpm.mjs';
import { derive, enroll, groupKey, key, makeHub, scope, service, soon, token, wrongTokens } from './enrolled.mjs';
import { Peer, connectPacket, publishPacket, subscribePacket, user } from './mqtt_peer.mjs';

const hub = makeHub();
const casesOf = (name) => JSON.parse(readFileSync(new URL(`refused-${name}.json`, import.meta.url)));
const cases = { mqtt: casesOf('mqtt'), https: casesOf('https'), service: casesOf('service') };
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const policies = new Map();
let ca;
let operation; // Of `dev-2`, which has registered.

/** Where the cases come from: the hub slows an address from which many logins fail. */
const addresses = { mqtt: '127.43.38.101', https: '127.43.38.102', service: '127.43.38.103' };

const nobodysKey = Buffer.alloc(32, 1).toString('base64');
const past = () => Math.floor(Date.now() / 1000) - 400;

/** The token, or the field, that a case of the device `id` names; undefined for none. */
function tokenOf(word, id) {
  const [, kind, rest] = word.match(/^(\w+) (.*)$/) ?? [undefined, word, ''];
  const makers = {
    none: () => undefined,
    empty: () => '',
    key: () => key,
    own: () => token({ id }),
    id: () => token({ id: rest }),
    scope: () => token({ sr: encodeURIComponent(`${rest}/registrations/${id}`) }),
    group: () => token({ id: rest, signedBy: groupKey }),
    sibling: () => token({ id: rest, signedBy: derive('sensor-9') }),
    policy: () => sign(hub.address, policies.get(rest), soon(), rest),
    owner: () => sign(hub.address, policies.get('iothubowner'), soon(), 'iothubowner'),
    Basic: () => `Basic ${Buffer.from(`${id}:${key}`).toString('base64')}`,
    Bearer: () => 'Bearer e30.e30.',
  };
  const whole = {
    'hub device': () => sign(`${hub.address}/devices/${id}`, key, soon()),
    'wrong key': () => sign(hub.address, nobodysKey, soon(), 'iothubowner'),
    'unknown policy': () => sign(hub.address, nobodysKey, soon(), 'nobody'),
    'of another host': () => sign('hub.example.net', policies.get('iothubowner'), soon(), 'iothubowner'),
    'for one enrollment only': () => sign(`${hub.address}/enrollments/dev-1`, policies.get('iothubowner'), soon(), 'iothubowner'),
    registration: () => token(),
    'owner, expired': () => sign(hub.address, policies.get('iothubowner'), past(), 'iothubowner'),
    ...wrongTokens,
  };
  return (whole[word] ?? makers[kind])(id);
}

const fill = (value) => value
  .replace(/\{(.)\*(\d+)\}/g, (_, one, times) => one.repeat(Number(times)))
  .replaceAll('{key}', key).replaceAll('{host}', hub.address).replaceAll('{other}', operation);

/** One request; a body that the hub does not read may be cut off behind the answer. */
function ask({ method, path, auth, headers = {}, body }, from) {
  const field = tokenOf(auth, path.match(/\/registrations\/([^/?]*)/)?.[1]);
  const bytes = body === undefined ? undefined : Buffer.from(fill(body));
  return new Promise((resolve, reject) => {
    const sent = request({
      agent, host: hub.address, ca, localAddress: from, method, path: fill(path),
      headers: { ...headers, ...(bytes ? { 'Content-Length': bytes.length } : {}), ...(field === undefined ? {} : { Authorization: field }) },
    }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces).toString() }));
    });
    sent.on('error', (error) => { if (!sent.res) reject(error); });
    sent.end(bytes);
  });
}

/** All that back ends see of provisioning. */
async function state() {
  const lists = [];
  for (const path of ['/enrollments/query', '/enrollmentGroups/query', '/registrations/fleet/query']) lists.push((await service(hub, 'POST', path, {})).body);
  for (const id of ['dev-1', 'dev-2']) lists.push((await service(hub, 'GET', `/registrations/${id}`)).body?.etag);
  lists.push((await service(hub, 'POST', '/devices/query', { query: 'SELECT deviceId FROM devices' })).body);
  return lists;
}

let begun;
before(async () => {
  await hub.start();
  ca = readFileSync(hub.caFile);
  for (const name of ['iothubowner', 'service', 'device', 'registryReadWrite', 'provisioningserviceowner']) policies.set(name, JSON.parse(await hub.ok('policy', 'show', name, '-o', 'json')).primaryKey);
  await enroll(hub);
  for (const id of ['dev-2', 'mqtt-1', 'https-1', 'https-2', 'https-3']) await hub.ok('enrollment', 'create', id, '--primary-key', key, '--secondary-key', key);
  await hub.ok('enrollment', 'create', 'tpm-1', '--attestation-type', 'tpm', '--endorsement-key', new SoftwareTpm('tpm-1').endorsement.public.toString('base64'));
  await hub.ok('enrollment', 'create', 'cert-1', '--attestation-type', 'x509', '--certificate-path', hub.caFile);
  const answer = await ask({ method: 'PUT', path: `/${scope}/registrations/dev-2/register?api-version=2019-03-31`, auth: 'id dev-2', body: '{}' });
  assert.equal(answer.status, 202, answer.body);
  operation = JSON.parse(answer.body).operationId;
  begun = await state();
});
after(async () => {
  agent.destroy();
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});

test('there are 200 cases and more, each with a name of its own', () => {
  const names = Object.values(cases).flatMap((list) => list.map(({ name }) => name));
  assert.ok(names.length >= 200, String(names.length));
  for (const list of Object.values(cases)) assert.equal(new Set(list.map(({ name }) => name)).size, list.length);
});

const bytes = (hex) => Buffer.from(hex, 'hex');

/** A device that may register, and listens. */
async function listening() {
  const peer = await Peer.open(hub);
  peer.say(connectPacket(), subscribePacket());
  assert.equal(await peer.hex(), '20020000');
  assert.equal(await peer.hex(), '9003000101');
  return peer;
}

async function answered(peer, { status, code }, rid) {
  const answer = await peer.published();
  assert.equal(answer.topic, `$dps/registrations/res/${status}/?$rid=${rid}`);
  assert.equal(answer.body.errorCode, code, JSON.stringify(answer.body));
  assert.deepEqual(Object.keys(answer.body).sort(), ['errorCode', 'message', 'timestampUtc', 'trackingId']);
}

for (const entry of cases.mqtt) {
  test(`mqtt: ${entry.name}`, async () => {
    if (entry.connect || entry.first) {
      const { client = 'dev-1', user: name = user(), token: word = 'own', ...rest } = entry.connect ?? {};
      const peer = await Peer.open(hub, addresses.mqtt);
      const password = tokenOf(fill(word), fill(client)) ?? null;
      peer.say(entry.first ? bytes(entry.first) : connectPacket({ client: fill(client), name: fill(name), password, ...rest }));
      assert.equal(await peer.hex(), entry.answer);
      if (entry.answer !== 'closed') assert.equal(await peer.hex(), 'closed');
      return peer.end();
    }
    const peer = await listening();
    if (entry.subscribe) {
      peer.say(subscribePacket(entry.subscribe));
      assert.equal(await peer.hex(), '90030001' + entry.answer);
    } else if (entry.bytes) {
      peer.say(bytes(entry.bytes));
    } else {
      peer.say(publishPacket(fill(entry.topic), entry.hex ? bytes(entry.hex) : fill(entry.body), entry.qos));
    }
    if (entry.answer === 'closed') {
      assert.equal(await peer.hex(), 'closed');
      return peer.end();
    }
    if (entry.topic) await answered(peer, entry.answer, entry.topic.match(/\$rid=([^&]*)/)[1]);
    peer.say(bytes('c000'));
    assert.equal(await peer.hex(), 'd000', 'the connection lives on');
    peer.end();
  });
}

for (const of of ['https', 'service']) {
  for (const entry of cases[of]) {
    test(`${of}: ${entry.name}`, async () => {
      const answer = await ask(entry, addresses[of]);
      assert.equal(answer.status, entry.status, answer.body);
      assert.match(answer.headers['content-type'], /^application\/json; charset=utf-8/);
      assert.match(answer.headers['x-ms-request-id'], /^[0-9a-f-]{36}$/);
      const body = JSON.parse(answer.body);
      assert.deepEqual(Object.keys(body).sort(), ['errorCode', 'message', 'timestampUtc', 'trackingId'], answer.body);
      assert.equal(body.errorCode, entry.code, answer.body);
      assert.equal(answer.headers['x-ms-error-code'], String(entry.code));
    });
  }
}

test('who may do all of provisioning may do nothing else', async () => {
  const auth = 'policy provisioningserviceowner';
  const version = '?api-version=2021-04-12';
  for (const [method, path, body] of [
    ['GET', '/devices'], ['GET', '/devices/dev-2'], ['PUT', '/devices/new', '{"deviceId":"new"}'], ['DELETE', '/devices/dev-2'],
    ['POST', '/devices/query', '{"query":"SELECT * FROM devices"}'], ['GET', '/twins/dev-2'], ['PATCH', '/twins/dev-2', '{"tags":{"a":1}}'],
    ['POST', '/twins/dev-2/methods', '{"methodName":"m"}'], ['GET', '/jobs/v2/query'], ['GET', '/statistics/devices'], ['GET', '/carillon/overview'],
    ['GET', '/carillon/policies'], ['GET', '/carillon/policies/iothubowner'], ['GET', '/carillon/backup'],
    ['PUT', '/carillon/policies/mine', '{"rights":"EnrollmentRead"}'], ['POST', '/devices/dev-2/messages/events', 'x'], ['GET', '/configurations'],
  ]) {
    const answer = await ask({ method, path: path + version, auth, body });
    assert.equal(answer.status, 401, `${method} ${path}: ${answer.body}`);
  }
  for (const [method, path, body] of [['GET', '/enrollments/dev-2'], ['POST', '/enrollmentGroups/query', '{}'], ['GET', '/registrations/dev-2'], ['POST', '/enrollments/dev-2/attestationmechanism', '']]) {
    const answer = await ask({ method, path: path + version, auth, body });
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.body}`);
  }
});

test('nothing has come of all that, and whoever is right is served', async () => {
  assert.deepEqual(await state(), begun);
  const peer = await listening();
  peer.say(publishPacket('$dps/registrations/PUT/iotdps-register/?$rid=1'));
  assert.match((await peer.published()).topic, /res\/202/);
  peer.end();
});
