// Enrollments that leave it to a webhook where a device belongs: the webhook is a real server, the devices the
// unmodified package.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';
import { key, makeHub, scope, service } from './enrolled.mjs';

const require = createRequire(new URL('../sdk/dps/package.json', import.meta.url));
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const { Mqtt } = require('azure-iot-provisioning-device-mqtt');

const address = '127.43.38.14';
const questions = [];
const spans = []; // The same server is the collector of traces.
let answer; // Of the webhook: a status and a body; null: none.
const webhook = createServer((request, response) => {
  let text = '';
  request.setEncoding('utf8').on('data', (piece) => { text += piece; }).on('end', () => {
    if (request.url === '/v1/traces') {
      spans.push(...JSON.parse(text).resourceSpans.flatMap((one) => one.scopeSpans).flatMap((one) => one.spans));
      return response.end('{}');
    }
    questions.push({ url: request.url, type: request.headers['content-type'], trace: request.headers.traceparent, body: JSON.parse(text) });
    if (answer === null) return;
    response.writeHead(answer.status ?? 200).end(JSON.stringify(answer.body));
  });
});
await new Promise((resolve) => { webhook.listen(0, address, resolve); });
const origin = `http://${address}:${webhook.address().port}`;
const directory = join(process.env.HUB_TEST_DIRECTORY, 'east');
mkdirSync(directory);
const east = await new Hub({ binary: process.env.HUB_BINARY, directory, address: '127.43.38.15' }).start();
process.env.CARILLON_STORAGE__HOSTS = origin;
process.env.CARILLON_TRACING__ENDPOINT = `${origin}/v1/traces`;
process.env.CARILLON_STORAGE__CA_FILE = east.caFile;
process.env.CARILLON_PROVISIONING__LINKED_HUBS = east.connectionString;
const hub = makeHub();

before(async () => {
  await hub.start();
  for (const id of ['dev-1', 'dev-2', 'dev-3']) {
    const made = await service(hub, 'PUT', `/enrollments/${id}`, {
      attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: key, secondaryKey: key } },
      allocationPolicy: 'custom', customAllocationDefinition: { webhookUrl: `${origin}/where?code=1`, apiVersion: '2021-10-01' },
    });
    assert.equal(made.status, 200, JSON.stringify(made.body));
  }
});
after(async () => {
  webhook.closeAllConnections();
  webhook.close();
  assert.equal(await hub.stop(), 0);
  assert.equal(await east.stop(), 0);
});

function register(id, payload) {
  const client = ProvisioningDeviceClient.create(hub.address, scope, new Mqtt(), new SymmetricKeySecurityClient(id, key));
  if (payload) client.setProvisioningPayload(payload);
  return client.register();
}

test('the webhook gets what the device says, and the device what the webhook says', async () => {
  answer = { body: { iotHubHostName: hub.address, initialTwin: { tags: { site: 'south' } }, payload: { welcome: true } } };
  const result = await register('dev-1', { model: 'p7' });
  assert.deepEqual([result.assignedHub, result.deviceId, result.payload], [hub.address, 'dev-1', { welcome: true }]);
  const [{ url, type, body }] = questions;
  assert.equal(url, '/where?code=1');
  assert.match(type, /^application\/json/);
  assert.deepEqual(body.linkedHubs, [hub.address, east.address]);
  assert.deepEqual(body.deviceRuntimeContext, { registrationId: 'dev-1', symmetricKey: {}, payload: { model: 'p7' } });
  assert.equal(body.individualEnrollment.customAllocationDefinition.apiVersion, '2021-10-01');
  assert.equal(JSON.stringify(body).includes(key), false, 'keys stay here');
  const twin = await service(hub, 'GET', '/twins/dev-1');
  assert.deepEqual(twin.body.tags, { site: 'south' });
});

test('the webhook is sent the trace of the question', async () => {
  const [, trace, span] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/.exec(questions[0].trace);
  const sent = await until(() => spans.find((one) => one.traceId === trace), 'the span of it');
  assert.deepEqual([sent.spanId, sent.kind, sent.name], [span, 3, 'POST allocation webhook']);
});

test('a webhook that answers badly, or never, fails the registration and nothing else', async () => {
  answer = { status: 500, body: {} };
  await assert.rejects(register('dev-2'));
  let record = (await service(hub, 'GET', '/registrations/dev-2')).body;
  assert.deepEqual([record.status, record.errorCode, record.errorMessage], ['failed', 400207, 'Custom allocation failed: the webhook answers with status 500']);
  answer = null;
  const mute = assert.rejects(register('dev-3'));
  assert.equal((await service(hub, 'GET', '/enrollments/dev-3')).status, 200, 'the hub goes on');
  await mute;
  record = (await service(hub, 'GET', '/registrations/dev-3')).body;
  assert.deepEqual([record.status, record.errorCode], ['failed', 400207]);
  answer = { body: { iotHubHostName: hub.address } };
  assert.equal((await register('dev-3')).deviceId, 'dev-3');
});

test('a device is made at another hub, and moves with its twin', async () => {
  answer = { body: { iotHubHostName: east.address } };
  const there = await register('dev-1');
  assert.deepEqual([there.assignedHub, there.substatus], [east.address, 'deviceDataMigrated']);
  const twin = JSON.parse(await east.ok('twin', 'show', 'dev-1', '-o', 'json'));
  assert.deepEqual(twin.tags, { site: 'south' });
  assert.equal((await service(hub, 'GET', '/twins/dev-1')).status, 404, 'it is at one hub');
  const identity = JSON.parse(await east.ok('device', 'show', 'dev-1', '-o', 'json'));
  assert.equal(identity.authentication.symmetricKey.primaryKey, key);
  await east.ok('twin', 'update', 'dev-1', '--tags', '{"floor":2}', '--desired', '{"interval":9}');
  answer = { body: { iotHubHostName: hub.address } };
  assert.equal((await register('dev-1')).assignedHub, hub.address);
  const back = (await service(hub, 'GET', '/twins/dev-1')).body;
  assert.deepEqual([back.tags, back.properties.desired.interval], [{ site: 'south', floor: 2 }, 9]);
  assert.notEqual((await east.cli('device', 'show', 'dev-1')).code, 0);
});

test('a hub that is away delays the device, and is asked again', async () => {
  answer = { body: { iotHubHostName: east.address } };
  await register('dev-2');
  await east.stop();
  answer = { body: { iotHubHostName: hub.address } };
  const late = register('dev-2'); // The package asks again by itself.
  await until(() => questions.filter(({ body }) => body.deviceRuntimeContext.registrationId === 'dev-2').length > 3, 'it to be asked again');
  await east.start();
  assert.equal((await late).assignedHub, hub.address);
});

test('an address that the hub may not reach is refused', async () => {
  const refused = await service(hub, 'PUT', '/enrollments/dev-4', {
    attestation: { type: 'symmetricKey' }, allocationPolicy: 'custom', customAllocationDefinition: { webhookUrl: 'http://127.0.0.1/' },
  });
  assert.equal(refused.status, 400);
  assert.match(refused.body.message, /does not send there/);
});
