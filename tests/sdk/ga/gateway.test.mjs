// A thousand devices behind one AMQP connection, as a gateway has them: rhea, the AMQP library under the SDKs,
// with the token of a policy.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Hub, call, parts, sign, until } from '../../lib/hub.mjs';
import { ga } from '../../lib/devices.mjs';
import { counts, end, newJob, value } from '../../lib/jobs.mjs';

const rhea = createRequire(new URL('./package.json', import.meta.url))('rhea');
const DEVICES = 1000;
const ids = [...Array(DEVICES).keys()].map((number) => `gw-${number}`);

const hub = Hub.fromEnvironment();
let registry;
let jobs;
before(async () => {
  await hub.start();
  registry = ga.service.Registry.fromConnectionString(hub.connectionString);
  jobs = ga.service.JobClient.fromConnectionString(hub.connectionString);
  for (let i = 0; i < DEVICES; i += 100) {
    await call(registry, 'addDevices', ids.slice(i, i + 100).map((deviceId) => ({ deviceId, authentication: {} })));
  }
});
after(() => hub.stop());

const once = (emitter, event) => new Promise((resolve) => { emitter.once(event, resolve); });

/** A connection that has put a token for all devices of the hub. */
async function gateway() {
  const container = rhea.create_container({ sender_options: { autosettle: true } });
  const connection = container.connect({
    transport: 'tls', host: hub.address, port: 5671, ca: readFileSync(hub.caFile), reconnect: false, servername: '',
  });
  await once(connection, 'connection_open');
  const answers = connection.open_receiver({ source: '$cbs' });
  const requests = connection.open_sender({ target: '$cbs' });
  await once(requests, 'sendable');
  const { SharedAccessKeyName: policy, SharedAccessKey: key } = parts(hub.connectionString);
  const answer = once(answers, 'message');
  requests.send({
    message_id: 'token', application_properties: { operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: hub.address },
    body: sign(hub.address, key, Math.floor(Date.now() / 1000) + 3600, policy),
  });
  assert.equal((await answer).message.application_properties['status-code'], 200);
  return connection;
}

/** The links of one device for direct methods, which it answers, and for telemetry. */
async function attach(connection, id, called) {
  const address = `/devices/${id}/methods/devicebound`;
  const properties = { 'com.microsoft:channel-correlation-id': `methods:${id}` };
  const responses = connection.open_sender({ target: address, properties });
  const calls = connection.open_receiver({ source: address, properties, credit_window: 5 });
  const telemetry = connection.open_sender({ target: `/devices/${id}/messages/events` });
  calls.on('message', ({ message }) => {
    called.push(id);
    responses.send({
      correlation_id: message.correlation_id, application_properties: { 'IoThub-status': rhea.types.wrap_int(200) },
      body: rhea.message.data_section(Buffer.from(JSON.stringify({ id }))),
    });
  });
  await Promise.all([once(responses, 'sender_open'), once(calls, 'receiver_open'), once(telemetry, 'sendable')]);
  return telemetry;
}

/** Says who a device is; resolves with the status of the answer. */
function putDeviceToken({ requests, answers }, id, key, number) {
  const message_id = `${id} ${number}`;
  const scope = `${hub.address}/devices/${id}`;
  const status = new Promise((resolve) => {
    const take = ({ message }) => {
      if (message.correlation_id !== message_id) return;
      answers.removeListener('message', take);
      resolve(message.application_properties['status-code']);
    };
    answers.on('message', take);
  });
  requests.send({
    message_id, application_properties: { operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: scope },
    body: sign(scope, key, Math.floor(Date.now() / 1000) + 3600),
  });
  return status;
}

test('a device with a wrong key holds up no other on its connection', { timeout: 120_000 }, async () => {
  const good = parts(await hub.device('good')).SharedAccessKey;
  await hub.device('bad');
  const wrong = Buffer.alloc(32, 7).toString('base64');
  const container = rhea.create_container({ sender_options: { autosettle: true } });
  const connection = container.connect({
    transport: 'tls', host: hub.address, port: 5671, ca: readFileSync(hub.caFile), reconnect: false, servername: '',
  });
  await once(connection, 'connection_open');
  const answers = connection.open_receiver({ source: '$cbs' });
  answers.setMaxListeners(0);
  const requests = connection.open_sender({ target: '$cbs' });
  await once(requests, 'sendable');
  const cbs = { requests, answers };
  assert.equal(await putDeviceToken(cbs, 'good', good, 0), 200);
  const telemetry = connection.open_sender({ target: '/devices/good/messages/events' });
  await once(telemetry, 'sendable');

  // The hub answers the first twenty refusals at once, later ones after up to five seconds.
  for (let i = 0; i < 23; i++) assert.equal(await putDeviceToken(cbs, 'bad', wrong, i), 401);
  const order = [];
  const accepted = () => {
    const done = once(telemetry, 'accepted').then(() => order.push('accepted'));
    telemetry.send({ body: 'I am well' });
    return done;
  };
  const refused = putDeviceToken(cbs, 'bad', wrong, 99).then((status) => { assert.equal(status, 401); order.push('refused'); });
  await accepted();
  await refused;
  assert.deepEqual(order, ['accepted', 'refused'], 'a token');

  order.length = 0;
  const link = connection.open_sender({ target: '/devices/bad/messages/events' });
  link.on('sender_error', () => {});
  const closed = once(link, 'sender_close').then(() => order.push('refused'));
  await accepted();
  await closed;
  assert.deepEqual(order, ['accepted', 'refused'], 'a link');
  connection.close();
});

test('a job over a thousand devices behind one socket succeeds on each', async () => {
  const connection = await gateway();
  const called = [];
  const telemetry = [];
  for (let i = 0; i < DEVICES; i += 50) {
    telemetry.push(...await Promise.all(ids.slice(i, i + 50).map((id) => attach(connection, id, called))));
  }
  const accepted = telemetry.map((sender) => once(sender, 'accepted'));
  telemetry.forEach((sender, i) => sender.send({ body: `from ${i}` }));
  await Promise.all(accepted);

  const job = newJob('gateway');
  await call(jobs, 'scheduleDeviceMethod', job, "STARTSWITH(deviceId, 'gw-')",
    { methodName: 'ping', payload: null, responseTimeoutInSeconds: 60 }, new Date(), 300);
  assert.deepEqual(counts(await end(jobs, job)), [DEVICES, 0, DEVICES, 0, 0]);
  assert.deepEqual(called.sort(), [...ids].sort());

  // Others stay when one device goes.
  const conditions = [];
  for (const event of ['sender_error', 'receiver_error']) {
    connection.on(event, ({ sender, receiver }) => conditions.push((sender ?? receiver).error.condition));
  }
  const gone = once(telemetry[0], 'sender_close');
  await call(registry, 'delete', 'gw-0');
  await gone;
  assert.deepEqual([...new Set(conditions)], ['amqp:not-found']);
  const last = once(telemetry[1], 'accepted');
  telemetry[1].send({ body: 'still here' });
  await last;
  connection.close();
  await once(connection, 'connection_close');
  await until(async () => value(await call(registry, 'get', 'gw-1')).connectionState === 'Disconnected', 'the devices to be gone');
});
