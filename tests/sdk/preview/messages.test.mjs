// A back end with the 2016 package over AMQP: messages to devices, and feedback. Its AmqpWs connects to 5671 too, as
// traces of it show.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Hub, call, until } from '../../lib/hub.mjs';
import { close, connect, preview, withKey, wrongKey } from '../../lib/devices.mjs';

const fromDemo = createRequire(new URL('../../demo/package.json', import.meta.url));
const { Message } = fromDemo('azure-iot-common');
const Amqp = fromDemo('azure-iothub/lib/amqp.js');
const AmqpWs = fromDemo('azure-iothub/lib/amqp_ws.js');
const hub = Hub.fromEnvironment();
before(() => hub.start());
after(() => hub.stop());

const backEnd = async (transport, login = hub.connectionString) => {
  const client = preview.service.Client.fromConnectionString(login, transport);
  await call(client, 'open');
  return client;
};
const message = (body, options = {}) => Object.assign(new Message(body), options);

/** A device over MQTT that completes what it gets. */
async function listen(id) {
  const device = await connect(preview, await hub.device(id));
  device.bodies = [];
  device.on('message', (one) => {
    device.bodies.push(one.getData().toString());
    device.complete(one, () => {});
  });
  return device;
}

test('messages go out, and come back as feedback', async () => {
  const device = await listen('p-c2d');
  const service = await backEnd(Amqp);
  const told = [];
  const receiver = await call(service, 'getFeedbackReceiver');
  receiver.on('message', ({ data }) => told.push(...JSON.parse(data.toString())));
  for (let n = 1; n <= 5; n++) await call(service, 'send', 'p-c2d', message(`m${n}`, { messageId: `m-${n}`, ack: 'full' }));
  await until(() => device.bodies.length === 5, () => `five messages; there are ${device.bodies}`);
  assert.deepEqual(device.bodies, ['m1', 'm2', 'm3', 'm4', 'm5']);
  await until(() => told.length >= 5, () => `feedback; there is ${JSON.stringify(told)}`);
  assert.deepEqual(told.map((one) => [one.originalMessageId, one.statusCode]),
    [1, 2, 3, 4, 5].map((n) => [`m-${n}`, 'Success']));
  await close(device);
  await call(service, 'close');
});

test('messages go out by AmqpWs', async () => {
  const device = await listen('p-c2d-ws');
  const service = await backEnd(AmqpWs);
  await call(service, 'send', 'p-c2d-ws', message('hello'));
  await until(() => device.bodies.length === 1, 'the message');
  await close(device);
  await call(service, 'close');
});

test('a device that is not there, and a wrong key, are told as the package knows them', async () => {
  const service = await backEnd(Amqp);
  await assert.rejects(call(service, 'send', 'p-none', message('x')), { name: 'DeviceNotFoundError' });
  await call(service, 'close');
  await assert.rejects(backEnd(Amqp, withKey(hub.connectionString, wrongKey)), { message: 'AMQP Transport: Could not connect' });
});
