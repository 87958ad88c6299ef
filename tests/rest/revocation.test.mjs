// Tokens of one device that are revoked are refused at every door, its connections end, and what it signs from then
// on is good; nobody else notices.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ga, close } from '../lib/devices.mjs';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { RawClient } from './client.mjs';

const hub = Hub.fromEnvironment();
const keys = {};
before(async () => {
  await hub.start();
  for (const id of ['stolen', 'bystander', 'amqp', 'renewed']) keys[id] = parts(await hub.device(id)).SharedAccessKey;
});
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));

const hour = 3600;
const now = () => Math.floor(Date.now() / 1000);
const token = (id, lifetime = hour, key = keys[id], policy = undefined) =>
  sign(`${hub.address}/devices/${id}`, key, now() + lifetime, policy);

function connect(id, password) {
  const client = ga.mqtt.connect({
    protocol: 'mqtts', host: hub.address, port: 8883, clientId: id, clean: true, reconnectPeriod: 0,
    username: `${hub.address}/${id}/?api-version=2021-04-12`, password, ca: readFileSync(hub.caFile),
  });
  client.on('error', () => {});
  return new Promise((resolve, reject) => {
    client.on('connect', () => resolve(client));
    client.on('close', () => { client.isClosed = true; reject(new Error('closed')); });
  });
}

/** The status of a message over HTTPS. */
async function send(id, password) {
  const client = await RawClient.open(hub);
  client.send(`POST /devices/${id}/messages/events?api-version=2020-03-13 HTTP/1.1\r\nHost: x\r\nAuthorization: ${password}\r\n`
    + 'Content-Length: 1\r\n\r\nx');
  const { status } = await client.answer();
  client.destroy();
  return status;
}

/** The status of a request for the device's own modules. */
async function modules(id, password) {
  const client = await RawClient.open(hub);
  client.send(`GET /devices/${id}/modules?api-version=2021-04-12 HTTP/1.1\r\nHost: x\r\nAuthorization: ${password}\r\n\r\n`);
  const { status } = await client.answer();
  client.destroy();
  return status;
}

test('a stolen token opens nothing any more, and the device comes back with a new one', async () => {
  const stolen = token('stolen');
  const byPolicy = token('stolen', hour, JSON.parse(await hub.ok('policy', 'show', 'device', '-o', 'json')).primaryKey, 'device');
  const client = await connect('stolen', stolen);
  const bystander = await connect('bystander', token('bystander'));
  assert.equal(await send('stolen', stolen), 204);
  assert.equal(await send('stolen', byPolicy), 204);
  assert.equal(await modules('stolen', stolen), 200);

  const { tokensRefusedUpTo } = JSON.parse(await hub.ok('device', 'revoke', 'stolen', '--token-lifetime', '1h', '-o', 'json'));
  assert.ok(Math.abs(Date.parse(tokensRefusedUpTo) - Date.now() - hour * 1000) < 60_000);
  await until(() => client.isClosed, 'the connection to end');
  await assert.rejects(connect('stolen', stolen));
  assert.equal(await send('stolen', stolen), 401);
  assert.equal(await send('stolen', byPolicy), 401);
  assert.equal(await modules('stolen', stolen), 401);
  assert.match(hub.log(), /login refused .*identity=stolen .*why="revoked token"/);

  await hub.stop();
  await hub.start();
  assert.equal(await send('stolen', stolen), 401, 'also after a restart');
  const back = await connect('stolen', token('stolen', hour + 60));
  back.end(true);
  assert.equal(await send('bystander', token('bystander')), 204);
  bystander.end(true);

  assert.equal(JSON.parse(await hub.ok('device', 'revoke', 'stolen', '--show', '-o', 'json')).tokensRefusedUpTo, tokensRefusedUpTo);
  await hub.ok('device', 'revoke', 'stolen', '--lift');
  assert.equal(await send('stolen', stolen), 204);
  assert.equal((await hub.cli('device', 'revoke', 'stolen', '--show')).code, 3);
});

test('over AMQP the same token does not bring the device back', async () => {
  const lost = [];
  const client = ga.device.Client.fromSharedAccessSignature(token('amqp'), ga.Amqp);
  client.setRetryPolicy(new (class { shouldRetry() { return false; } nextRetryTimeout() { return 0; } })());
  client.on('disconnect', (error) => lost.push(error));
  client.on('error', (error) => lost.push(error));
  await client.open();
  await client.sendEvent(new ga.device.Message('x'));
  await hub.ok('device', 'revoke', 'amqp');
  await until(async () => {
    try {
      await client.sendEvent(new ga.device.Message('y'));
      return false;
    } catch { return true; }
  }, 'messages to be refused');
  await close(client);
});

test('new keys end what the old ones signed, however long it was good for', async () => {
  const long = token('renewed', 1000 * hour);
  assert.equal(await send('renewed', long), 204);
  await hub.ok('device', 'revoke', 'renewed', '--renew-keys', 'both');
  assert.equal(await send('renewed', long), 401);
  const { authentication } = JSON.parse(await hub.ok('device', 'show', 'renewed', '-o', 'json'));
  assert.notEqual(authentication.symmetricKey.primaryKey, keys.renewed);
  assert.equal(await send('renewed', token('renewed', hour + 60, authentication.symmetricKey.primaryKey)), 204);
});

test('what cannot be revoked is refused', async () => {
  assert.equal((await hub.cli('device', 'revoke', 'nobody')).code, 3);
  for (const time of ['soon', '-1h', '9000h']) {
    assert.equal((await hub.cli('device', 'revoke', 'bystander', '--token-lifetime', time)).code, 2, time);
  }
  assert.equal(await send('bystander', token('bystander')), 204);
});
