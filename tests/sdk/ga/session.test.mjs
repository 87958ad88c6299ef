// What outlives a connection: renewed tokens, subscriptions, jobs over a restart of the hub.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hub, call, parts, sign, until } from '../../lib/hub.mjs';
import { answer, close, connect, ga } from '../../lib/devices.mjs';
import { counts, end, newJob, value, watch } from '../../lib/jobs.mjs';

const hub = Hub.fromEnvironment();
before(() => hub.start());
after(() => hub.stop());

const service = () => ga.service.Client.fromConnectionString(hub.connectionString);
const ping = async (device) => value(await call(service(), 'invokeDeviceMethod', device,
  { methodName: 'ping', connectTimeoutInSeconds: 30, responseTimeoutInSeconds: 30 }));

/** The MQTT client by itself, which subscribes only when told to. */
function raw(connectionString, options = {}) {
  const { DeviceId, SharedAccessKey } = parts(connectionString);
  const client = ga.mqtt.connect(`mqtts://${hub.address}:8883`, {
    clientId: DeviceId, clean: false, resubscribe: false, reconnectPeriod: 0, protocolVersion: 4,
    username: `${hub.address}/${DeviceId}/?api-version=2021-04-12`,
    password: sign(`${hub.address}/devices/${DeviceId}`, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600),
    ...options,
  });
  client.on('error', () => {});
  return new Promise((resolve, reject) => {
    client.once('connect', (connack) => resolve({ client, sessionPresent: connack.sessionPresent }));
    client.once('close', () => reject(new Error('refused')));
  });
}

test('a device that renews its token keeps getting methods without subscribing again', async () => {
  const connectionString = await hub.device('r-renews');
  const provider = ga.device.SharedAccessKeyAuthenticationProvider.fromConnectionString(connectionString, 5, 3);
  const client = ga.device.Client.fromAuthenticationProvider(provider, ga.Mqtt);
  client.calls = [];
  let renewals = 0;
  await client.open();
  provider.on('newTokenAvailable', () => { renewals += 1; });
  await answer(client, { ping: () => [200, renewals] }, ga);
  assert.equal((await ping('r-renews')).status, 200);
  await until(() => renewals >= 2, 'two renewals');
  await sleep(500);  // Let the SDK be back; the call's connect timeout allows for more.
  const reply = await ping('r-renews');
  assert.equal(reply.status, 200);
  assert.ok(reply.payload >= 2);
  provider.stop();
  await close(client);
});

test('subscriptions survive a goodbye and a restart of the hub', async () => {
  const connectionString = await hub.device('r-restart');
  const first = await raw(connectionString);
  assert.equal(first.sessionPresent, false);
  await call(first.client, 'subscribe', '$iothub/methods/POST/#', { qos: 0 });
  await new Promise((resolve) => first.client.end(false, {}, resolve));

  assert.equal(await hub.stop(), 0);
  await hub.start();

  const second = await raw(connectionString);
  assert.equal(second.sessionPresent, true);
  second.client.on('message', (topic) => {
    const rid = /\$rid=(.*)$/.exec(topic)[1];
    second.client.publish(`$iothub/methods/res/200/?$rid=${rid}`, '"still here"');
  });
  assert.deepEqual(await ping('r-restart'), { status: 200, payload: 'still here' });
  await new Promise((resolve) => second.client.end(false, {}, resolve));
});

test('a device reconnects by itself after a restart of the hub', async () => {
  const device = await connect(ga, await hub.device('r-reconnects'), { ping: () => [200, 'back'] });
  assert.equal((await ping('r-reconnects')).payload, 'back');
  await hub.stop();
  await hub.start();
  assert.equal((await until(() => ping('r-reconnects').catch(() => null), 'the device to be back')).payload, 'back');
  await close(device);
});

test('a hub killed while jobs wait goes on with them', async () => {
  const connectionString = await hub.device('r-waits');
  const jobs = () => ga.service.JobClient.fromConnectionString(hub.connectionString);
  const method = newJob('waits');
  await call(jobs(), 'scheduleDeviceMethod', method, "deviceId = 'r-waits'", { methodName: 'ping' }, new Date(), 3600);
  await watch(jobs(), method, (job) => job.status === 'running' && counts(job)?.[4] === 1, 'running with one pending');
  const later = newJob('later');
  await call(jobs(), 'scheduleTwinUpdate', later, "deviceId = 'r-waits'", { etag: '*', tags: { late: 1 } }, new Date(Date.now() + 3000), 3600);

  await hub.stop('SIGKILL');
  await hub.start();

  assert.deepEqual(counts(await end(jobs(), later)), [1, 0, 1, 0, 0]);
  const device = await connect(ga, connectionString, { ping: () => [200, null] });
  assert.deepEqual(counts(await end(jobs(), method)), [1, 0, 1, 0, 0]);
  assert.equal(device.calls.length, 1);
  await close(device);
});
