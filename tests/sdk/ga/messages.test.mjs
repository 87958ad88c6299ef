// Messages to devices on today's packages, over MQTT and over HTTPS, and from devices over HTTPS.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, call, until } from '../../lib/hub.mjs';
import { close, connect, ga } from '../../lib/devices.mjs';

const hub = Hub.fromEnvironment();
before(() => hub.start());
after(() => hub.stop());

const { Client, Message } = ga.device;
const count = async (id) => JSON.parse(await hub.ok('device', 'show', id)).cloudToDeviceMessageCount;
const send = (id, data, ...flags) => hub.ok('c2d', 'send', id, '--data', data, ...flags);

/** A device that keeps what it is sent in `.messages`; what `settle` says of each is done. */
async function listening(connectionString, transport, settle) {
  const client = Client.fromConnectionString(connectionString, transport);
  client.messages = [];
  client.errors = [];
  client.on('error', (error) => client.errors.push(error));
  await client.open();
  client.on('message', (message) => {
    client.messages.push(message);
    const how = settle(message);
    if (how) client[how](message).catch((error) => client.errors.push(error));
  });
  return client;
}
const texts = (client) => client.messages.map((message) => message.getData().toString());

test('a device over MQTT receives what waited for it and what comes, in order and with its properties', async () => {
  const id = 'm-mqtt';
  const connectionString = await hub.device(id);
  await send(id, 'first', '--props', 'room=7;name=größe & more', '--message-id', 'm1', '--correlation-id', 'c1',
    '--content-type', 'text/plain', '--content-encoding', 'utf-8', '--ack', 'full', '--user-id', 'me');
  assert.equal(await count(id), 1);
  const device = await listening(connectionString, ga.Mqtt, () => 'complete');
  await until(() => device.messages.length === 1, 'the message that waited');
  await send(id, 'second');
  await until(() => device.messages.length === 2, 'the message that came');
  assert.deepEqual(texts(device), ['first', 'second']);
  const [first] = device.messages;
  assert.equal(first.messageId, 'm1');
  assert.equal(first.correlationId, 'c1');
  assert.equal(first.userId, 'me');
  assert.equal(first.contentType, 'text/plain');
  assert.equal(first.contentEncoding, 'utf-8');
  assert.equal(first.to, `/devices/${id}/messages/deviceBound`);
  assert.equal(first.properties.getValue('room'), '7');
  assert.equal(first.properties.getValue('name'), 'größe & more');
  await until(async () => await count(id) === 0, 'both to be completed');
  await close(device);
});

test('a message that arrives while a device over MQTT is away is delivered when it is back', async () => {
  const id = 'm-away';
  const connectionString = await hub.device(id);
  const first = await listening(connectionString, ga.Mqtt, () => 'complete');
  await close(first);
  for (const data of ['1', '2', '3']) await send(id, data);
  const second = await listening(connectionString, ga.Mqtt, () => 'complete');
  await until(() => second.messages.length === 3, 'three messages');
  assert.deepEqual(texts(second), ['1', '2', '3']);
  await close(second);
});

test('messages survive a crash of the hub', async () => {
  const id = 'm-crash';
  const connectionString = await hub.device(id);
  for (const data of ['1', '2']) await send(id, data);
  assert.equal(await hub.stop('SIGKILL'), 'SIGKILL');
  await hub.start();
  assert.equal(await count(id), 2);
  const device = await listening(connectionString, ga.Mqtt, () => 'complete');
  await until(() => device.messages.length === 2, 'both messages');
  assert.deepEqual(texts(device), ['1', '2']);
  await close(device);
});

test('a device over HTTPS asks for its messages, and completes, abandons and rejects them', async () => {
  const id = 'm-http';
  const connectionString = await hub.device(id);
  await send(id, 'complete', '--props', 'Room=7', '--message-id', 'm1', '--correlation-id', 'c1');
  const seen = new Set();
  const device = await listening(connectionString, ga.Http, (message) => {
    const what = message.getData().toString();
    if (what !== 'abandon') return what;
    if (!seen.has(what)) { seen.add(what); return 'abandon'; }
    return 'complete';
  });
  await until(() => device.messages.length === 1, 'the message that waited');
  const [first] = device.messages;
  assert.equal(first.messageId, 'm1');
  assert.equal(first.correlationId, 'c1');
  assert.equal(first.properties.getValue('iothub-app-room'), '7');  // as this package names it
  await until(async () => await count(id) === 0, 'it to be completed');
  await send(id, 'abandon');
  await until(() => device.messages.length === 3, 'it to come twice');
  await send(id, 'reject');
  await until(() => device.messages.length === 4, 'the message to reject');
  await until(async () => await count(id) === 0, 'all to be settled');
  assert.deepEqual(texts(device), ['complete', 'abandon', 'abandon', 'reject']);
  assert.deepEqual(device.errors, []);
  await close(device);
});

test('a device over HTTPS sends one message and many', async () => {
  const device = await connect(ga, await hub.device('m-sends'), {}, ga.Http);
  const message = new Message('21 degrees');
  message.messageId = 'm1';
  message.properties.add('level', 'high');
  assert.equal((await device.sendEvent(message)).constructor.name, 'MessageEnqueued');
  const many = ['a', 'b', 'c'].map((data) => new Message(data));
  assert.equal((await device.sendEventBatch(many)).constructor.name, 'MessageEnqueued');
  await assert.rejects(device.sendEvent(new Message('x'.repeat(256 * 1024 + 1))), { name: 'MessageTooLargeError' });
  await close(device);
});

test('a device over HTTPS that is not registered, has the wrong key or is disabled is refused', async () => {
  const known = await hub.device('m-known');
  const wrong = known.replace(/SharedAccessKey=.*/, `SharedAccessKey=${Buffer.alloc(32).toString('base64')}`);
  const stranger = known.replace('m-known', 'm-stranger');
  await hub.device('m-disabled', '--status', 'disabled');
  const disabled = (await hub.ok('device', 'show', 'm-disabled', '--connection-string')).trim();
  for (const connectionString of [wrong, stranger, disabled]) {
    const device = await connect(ga, connectionString, {}, ga.Http);
    device.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => -1 });
    await assert.rejects(device.sendEvent(new Message('x')), { name: 'UnauthorizedError' });
    await close(device);
  }
});

test('feedback tells what became of the messages that asked for it', async () => {
  const id = 'm-told';
  await hub.device(id);
  await send(id, 'x', '--message-id', 'told-1', '--ack', 'full');
  const received = JSON.parse(await hub.ok('c2d', 'receive', id, '--complete'));
  assert.equal(received.data, 'x');
  assert.equal(received.properties.system['iothub-messageid'], 'told-1');
  await send(id, 'y', '--message-id', 'told-2', '--ack', 'negative');
  assert.equal(JSON.parse(await hub.ok('c2d', 'purge', id)).totalMessagesPurged, 1);
  const outcomes = new Map();
  while (!outcomes.has('told-1') || !outcomes.has('told-2')) {
    const lines = (await hub.ok('feedback', 'watch', '--limit', '1')).trim().split('\n').map((line) => JSON.parse(line));
    for (const { originalMessageId, statusCode, deviceId } of lines) {
      outcomes.set(originalMessageId, statusCode);
      if (originalMessageId.startsWith('told')) assert.equal(deviceId, id);
    }
  }
  assert.equal(outcomes.get('told-1'), 'Success');
  assert.equal(outcomes.get('told-2'), 'Purged');
});
