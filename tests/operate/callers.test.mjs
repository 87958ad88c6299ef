// One device, or one policy, that asks for more than it may is slowed or refused, and takes nothing from the others.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ga } from '../lib/devices.mjs';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { RawClient } from '../rest/client.mjs';

process.env.CARILLON_LIMITS__DEVICE_MESSAGES_PER_S = '3';
process.env.CARILLON_LIMITS__POLICY_CALLS_PER_S = '1';
const hub = Hub.fromEnvironment();
const keys = {};
before(async () => {
  await hub.start();
  for (const id of ['loud', 'quiet']) keys[id] = parts(await hub.device(id)).SharedAccessKey;
});
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));

const expires = Math.floor(Date.now() / 1000) + 3600;
const token = (id) => sign(`${hub.address}/devices/${id}`, keys[id], expires);

/** The statuses of messages of a device over HTTPS, one after the other. */
async function send(id, count) {
  const client = await RawClient.open(hub);
  const statuses = [];
  for (let i = 0; i < count; ++i) {
    client.send(`POST /devices/${id}/messages/events?api-version=2020-03-13 HTTP/1.1\r\nHost: x\r\nAuthorization: ${token(id)}\r\n`
      + 'Content-Length: 1\r\n\r\nx');
    statuses.push((await client.answer()).status);
  }
  client.destroy();
  return statuses;
}

test('over HTTPS a device that sends too much is answered 429, and another is not', async () => {
  const statuses = await send('loud', 40);
  assert.ok(statuses.filter((status) => status === 204).length >= 3);
  assert.ok(statuses.includes(429), String(statuses));
  assert.deepEqual(await send('quiet', 2), [204, 204]);
});

test('over MQTT it loses its connection', async () => {
  const client = ga.mqtt.connect({
    protocol: 'mqtts', host: hub.address, port: 8883, clientId: 'loud', clean: true, reconnectPeriod: 0,
    username: `${hub.address}/loud/?api-version=2021-04-12`, password: token('loud'), ca: readFileSync(hub.caFile),
  });
  client.on('error', () => {});
  let isClosed = false;
  client.on('close', () => { isClosed = true; });
  await new Promise((resolve) => { client.on('connect', resolve); });
  for (let i = 0; i < 40; ++i) client.publish('devices/loud/messages/events/', 'x', { qos: 1 }, () => {});
  await until(() => isClosed, 'the connection to be closed');
});

test('calls of a policy wait, and are 429 when too many do', async () => {
  const { primaryKey } = JSON.parse(await hub.ok('policy', 'show', 'registryRead', '-o', 'json'));
  const ask = (client) => {
    client.send(`GET /devices?api-version=2021-04-12&top=1 HTTP/1.1\r\nHost: x\r\nAuthorization: ${sign(hub.address, primaryKey, expires, 'registryRead')}\r\n\r\n`);
    return client.answer();
  };
  const clients = [];
  for (let i = 0; i < 60; ++i) clients.push(await RawClient.open(hub));
  const statuses = [];
  const asking = clients.map(async (client) => {
    const answer = await ask(client).catch(() => null);
    if (answer) statuses.push(answer.status);
  });
  await until(() => statuses.includes(429), () => `a refusal among ${statuses}`);
  assert.ok(statuses.includes(200));
  for (const client of clients) client.destroy();
  await Promise.all(asking);
  // Another policy does not notice.
  const other = await hub.cli('device', 'show', 'quiet');
  assert.equal(other.code, 0, other.stderr);
});
