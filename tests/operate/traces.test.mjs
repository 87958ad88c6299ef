// One device is followed through what it does, and nobody else.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { ga } from '../lib/devices.mjs';
import { Hub, parts, sign, until } from '../lib/hub.mjs';

const hub = Hub.fromEnvironment();
before(() => hub.start());
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));
const expires = Math.floor(Date.now() / 1000) + 3600;

test('a traced device is followed through what it does', async () => {
  const { SharedAccessKey } = parts(await hub.device('watched'));
  const { SharedAccessKey: otherKey } = parts(await hub.device('other'));
  const trace = spawn(hub.binary, ['trace', 'device', 'watched', '--for', '30s'],
    { env: { ...process.env, CARILLON_LOGIN: hub.connectionString, CARILLON_CA: hub.caFile }, stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  trace.stdout.setEncoding('utf8').on('data', (more) => { text += more; });
  const events = () => text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
  const has = (event) => until(() => events().find((one) => one.event === event), () => `${event} in ${text}`);

  const login = (id, key) => ga.mqtt.connect({
    protocol: 'mqtts', host: hub.address, port: 8883, clientId: id, clean: true, reconnectPeriod: 0,
    username: `${hub.address}/${id}/?api-version=2021-04-12`, password: sign(`${hub.address}/devices/${id}`, key, expires), ca: readFileSync(hub.caFile),
  });
  // The trace begins when the hub has taken it: a login that fails is repeated until it is seen.
  await until(async () => {
    await new Promise((resolve) => { login('watched', Buffer.alloc(32).toString('base64')).on('error', resolve); });
    return events().length > 0;
  }, 'the trace');
  const wrong = await has('refused');
  assert.deepEqual([wrong.protocol, wrong.why], ['mqtt', 'wrong key']);

  const other = login('other', otherKey); // Who does the same, unwatched.
  await new Promise((resolve) => { other.on('connect', resolve); });
  await new Promise((resolve) => { other.publish('devices/other/messages/events/', 'mine', { qos: 1 }, resolve); });
  other.end(true);
  const client = login('watched', SharedAccessKey);
  await new Promise((resolve) => { client.on('connect', resolve); });
  await new Promise((resolve) => { client.publish('devices/watched/messages/events/', 'secret payload', { qos: 1 }, resolve); });
  await new Promise((resolve) => { client.publish('$iothub/twin/PATCH/properties/reported/?$rid=1', '{"a":1}', { qos: 1 }, resolve); });
  client.on('message', (topic) => {
    const call = /^\$iothub\/methods\/POST\/(\w+)\/\?\$rid=(\w+)/.exec(topic);
    if (call) client.publish(`$iothub/methods/res/200/?$rid=${call[2]}`, '{}');
  });
  await new Promise((resolve) => { client.subscribe('$iothub/methods/POST/#', { qos: 1 }, resolve); });
  await hub.ok('method', 'invoke', 'watched', '--method-name', 'ping');
  client.end(true);
  await has('disconnected');
  for (const event of ['connected', 'telemetry', 'twin update', 'method sent', 'method answered']) await has(event);
  assert.equal((await has('method answered')).status, 200);
  assert.ok(events().every(({ identity }) => identity === 'watched'));
  assert.ok(!text.includes('secret payload'));
  trace.kill();
});

test('a trace is for a time that is one', async () => {
  for (const time of ['0', '2h', 'soon', '-1s']) {
    assert.equal((await hub.cli('trace', 'device', 'watched', '--for', time)).code, 2, time);
  }
  assert.equal((await hub.cli('trace', 'device', 'watched', '--for', '1s')).code, 0);
});
