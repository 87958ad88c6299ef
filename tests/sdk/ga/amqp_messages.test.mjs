// Cloud-to-device messages with today's packages: the back end over AMQP, in a socket and in a WebSocket, to
// devices over each of their transports, with feedback.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { createRequire } from 'node:module';
import { Hub, call, until } from '../../lib/hub.mjs';
import { close, connect, ga } from '../../lib/devices.mjs';
import { value } from '../../lib/jobs.mjs';

const { AmqpWs } = createRequire(import.meta.url)('azure-iothub');
const { Message } = createRequire(import.meta.url)('azure-iot-common');
const hub = Hub.fromEnvironment();
before(() => hub.start());
after(() => hub.stop());

const backEnd = async (transport) => {
  const client = ga.service.Client.fromConnectionString(hub.connectionString, transport);
  await call(client, 'open');
  return client;
};
const message = (body, options = {}) => Object.assign(new Message(body), options);
/** The first messages that a device gets, each ended by `how`. */
function received(device, how = 'complete') {
  const all = [];
  device.on('message', (one) => {
    all.push(one);
    device[how](one, () => {});
  });
  return all;
}

for (const [name, transport] of [['a socket', undefined], ['a WebSocket', AmqpWs]]) {
  const id = name === 'a socket' ? 'c2d' : 'c2d-ws';

  test(`a back end in ${name} sends to a device over AMQP, and hears that it was completed`, async () => {
    const device = await connect(ga, await hub.device(id), {}, transport ? ga.AmqpWs : ga.Amqp);
    const got = received(device);
    const service = await backEnd(transport);
    const receiver = value(await call(service, 'getFeedbackReceiver'));
    const told = [];
    receiver.on('message', (one) => told.push(...JSON.parse(one.data.toString())));
    const sent = message('hello', { messageId: `${id}-1`, ack: 'full', contentType: 'text/plain' });
    sent.properties.add('color', 'blue');
    await call(service, 'send', id, sent);
    await until(() => got.length > 0, 'the message');
    assert.equal(got[0].data.toString(), 'hello');
    assert.equal(got[0].messageId, `${id}-1`);
    assert.equal(got[0].contentType, 'text/plain');
    assert.equal(got[0].properties.getValue('color'), 'blue');
    await until(() => told.some((record) => record.originalMessageId === `${id}-1`), 'the feedback');
    const record = told.find((one) => one.originalMessageId === `${id}-1`);
    assert.equal(record.statusCode, 'Success');
    assert.equal(record.description, 'Success');
    assert.equal(record.deviceId, id);
    await close(device);
    await call(service, 'close');
  });
}

test('a message that was abandoned comes again, one that was rejected does not', async () => {
  const device = await connect(ga, await hub.device('c2d-again'), {}, ga.Amqp);
  const bodies = [];
  device.on('message', (one) => {
    bodies.push(one.data.toString());
    const how = bodies.length === 1 ? 'abandon' : one.data.toString() === 'bad' ? 'reject' : 'complete';
    device[how](one, () => {});
  });
  const service = await backEnd();
  await call(service, 'send', 'c2d-again', message('twice'));
  await until(() => bodies.length === 2, 'the message again');
  await call(service, 'send', 'c2d-again', message('bad'));
  await call(service, 'send', 'c2d-again', message('good'));
  await until(() => bodies.includes('good'), 'the last message');
  assert.deepEqual(bodies, ['twice', 'twice', 'bad', 'good']);
  await close(device);
  await call(service, 'close');
});

test('messages wait for a device that is away, in their order, fifty of them', async () => {
  const connectionString = await hub.device('c2d-away');
  const service = await backEnd();
  for (let i = 0; i < 50; ++i) await call(service, 'send', 'c2d-away', message(`${i}`));
  await assert.rejects(call(service, 'send', 'c2d-away', message('one more')), { name: 'DeviceMaximumQueueDepthExceededError' });
  const device = await connect(ga, connectionString, {}, ga.Amqp);
  const got = received(device);
  await until(() => got.length === 50, 'all messages');
  assert.deepEqual(got.map((one) => one.data.toString()), [...Array(50).keys()].map(String));
  await close(device);
  await call(service, 'close');
});

test('a message for a device that does not exist is refused', async () => {
  const service = await backEnd();
  await assert.rejects(call(service, 'send', 'c2d-nobody', message('x')), { name: 'DeviceNotFoundError' });
  await call(service, 'close');
});

for (const [name, transport, bytes] of [['a socket', undefined, 1000], ['a WebSocket', AmqpWs, 9 * 1024 * 1024]]) {
  test(`a device uploads a file of ${bytes} bytes, and a back end in ${name} is told`, async () => {
    const id = `files-${bytes}`;
    const device = await connect(ga, await hub.device(id), {}, transport ? ga.Http : ga.Mqtt);
    const service = await backEnd(transport);
    const receiver = value(await call(service, 'getFileNotificationReceiver'));
    const told = [];
    receiver.on('message', (one) => {
      told.push(JSON.parse(one.data.toString()));
      receiver.complete(one, () => {});
    });
    const content = randomBytes(bytes);
    await device.uploadToBlob('logs/today.bin', Readable.from([content]), bytes);
    await until(() => told.length > 0, 'the notification');
    const { lastUpdatedTime, enqueuedTimeUtc, ...facts } = told[0];
    assert.deepEqual(facts, {
      deviceId: id,
      blobUri: `https://${hub.address}/device-files/${id}/logs/today.bin`,
      blobName: `${id}/logs/today.bin`,
      blobSizeInBytes: bytes,
    });
    assert.ok(Date.parse(enqueuedTimeUtc) >= Date.parse(lastUpdatedTime) - 1000);
    const file = join(hub.directory, 'data', 'device-files', 'files', id, 'logs', 'today.bin');
    assert.ok(readFileSync(file).equals(content));
    assert.deepEqual(readdirSync(join(hub.directory, 'data', 'device-files', 'staging')), []);
    await close(device);
    await call(service, 'close');
  });
}
