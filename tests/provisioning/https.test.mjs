// The device side of provisioning over HTTPS: each form of a token, each form of a body, each wrong path, with
// its answer.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { derive, enroll, makeHub, rightTokens, scope, service, token, wrongTokens } from './enrolled.mjs';
import { until } from '../lib/hub.mjs';

const hub = makeHub();
before(async () => {
  await hub.start();
  await enroll(hub);
});
after(async () => assert.equal(await hub.stop(), 0));

async function ask(method, path, { auth = token(), body, version = '?api-version=2021-06-01', headers = {} } = {}) {
  const answer = await fetch(`https://${hub.address}${path}${version}`, {
    method, headers: { ...(auth === undefined || auth === null ? {} : { Authorization: auth }), ...headers }, ...(body === undefined ? {} : { body }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text ? JSON.parse(text) : undefined };
}
const path = (id = 'dev-1', within = scope) => `/${within}/registrations/${id}`;
const register = (id, options) => ask('PUT', `${path(id)}/register`, { body: '{}', ...options });

function refused(answer, status, code, what) {
  assert.equal(answer.status, status, `${what}: ${JSON.stringify(answer.body)}`);
  assert.deepEqual(Object.keys(answer.body).sort(), ['errorCode', 'message', 'timestampUtc', 'trackingId'], what);
  assert.equal(answer.body.errorCode, code, what);
}

test('a device registers, polls and is assigned', async () => {
  const begun = await register('dev-1', { body: '{"registrationId":"dev-1","payload":{"n":1}}' });
  assert.equal(begun.status, 202);
  assert.deepEqual(Object.keys(begun.body), ['operationId', 'status']);
  assert.equal(begun.body.status, 'assigning');
  assert.equal(begun.headers.get('retry-after'), '2');
  assert.match(begun.body.operationId, /^[0-9a-f.-]+$/, 'some clients put it into a path as it is');
  const ended = await ask('GET', `${path()}/operations/${begun.body.operationId}`);
  assert.equal(ended.status, 200);
  assert.equal(ended.body.status, 'assigned');
  const state = ended.body.registrationState;
  assert.deepEqual([state.registrationId, state.deviceId, state.assignedHub, state.substatus], ['dev-1', 'dev-1', hub.address, 'initialAssignment']);
  assert.match(state.etag, /^Ij/);
  assert.deepEqual((await ask('POST', path(), { body: '{}' })).body, state);
});

for (const [what, make] of Object.entries(rightTokens)) {
  test(`a token is believed: ${what}`, async () => assert.equal((await register('dev-1', { auth: make() })).status, 202));
}
for (const [what, make] of Object.entries(wrongTokens)) {
  test(`a token is refused: ${what}`, async () => {
    refused(await register('dev-1', { auth: make() }), 401, 401002, what);
    refused(await ask('GET', `${path()}/operations/5.x`, { auth: make() }), 401, 401002, what);
    refused(await ask('POST', path(), { auth: make(), body: '{}' }), 401, 401002, what);
  });
}

test('without a token nobody registers, and an unknown id sounds like a wrong key', async () => {
  refused(await register('dev-1', { auth: null }), 401, 401002, 'none');
  const unknown = await register('nobody', { auth: token({ id: 'nobody' }) });
  const wrong = await register('dev-1', { auth: wrongTokens['signed by nobody']() });
  assert.equal(unknown.body.message, wrong.body.message);
});

test('what one request of a connection has proved says nothing of the next', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: readFileSync(hub.caFile) });
  const put = (id, headers) => new Promise((resolve, reject) => {
    request({ agent, host: hub.address, method: 'PUT', path: `${path(id)}/register?api-version=2021-06-01`, headers: { ...headers, 'Content-Length': 2 } }, (answer) => {
      const { localPort } = answer.socket;
      answer.resume();
      answer.on('end', () => resolve([answer.statusCode, localPort]));
    }).on('error', reject).end('{}');
  });
  const [status, port] = await put('dev-1', { Authorization: token() });
  assert.equal(status, 202);
  assert.deepEqual(await put('dev-1', {}), [401, port]);
  agent.destroy();
});

test('bodies', async () => {
  for (const body of ['', ' ', '{}', '{"payload":null}', '{"payload":[1]}', '{"registrationId":"DEV-1"}', '{"registrationId":null,"new":1}'])
    assert.equal((await register('dev-1', { body })).status, 202, body);
  for (const [body, code] of [
    ['{', 400006], ['[]', 400006], ['"x"', 400006], ['1', 400006], ['{"a":}', 400006], ['{}x', 400006],
    ['{"registrationId":"other"}', 400004], ['{"registrationId":5}', 400004], ['{"registrationId":""}', 400004],
    ['{"tpm":{"endorsementKey":"AA=="}}', 400004], ['{"csr":"AA=="}', 400004],
    ['{"RegistrationId":"dev-1","registrationId":"dev-1"}', 400004],
  ]) refused(await register('dev-1', { body }), 400, code, body);
  refused(await register('dev-1', { body: JSON.stringify({ payload: 'x'.repeat(40_000) }) }), 413, 413000, 'too large');
});

test('ids and scopes are compared without case, and escaped or not', async () => {
  for (const [id, within] of [['DEV-1', scope], ['dev-1', scope.toLowerCase()], ['dev%2D1', scope], ['%64ev-1', scope]]) {
    const answer = await ask('PUT', `${path(id, within)}/register`, { body: '{}' });
    assert.equal(answer.status, 202, `${within} ${id}: ${JSON.stringify(answer.body)}`);
  }
  const colon = await register('a.b_c%3Ad-', { auth: token({ id: 'a.b_c:d-' }) });
  assert.equal(colon.status, 202);
});

test('paths and versions that are wrong', async () => {
  refused(await ask('PUT', `/nowhere/registrations/dev-1/register`, { body: '{}' }), 404, 404000, 'scope');
  refused(await ask('GET', `${path()}/operations/5.nothing`), 404, 404203, 'operation');
  refused(await ask('PUT', `${path('a b')}/register`, { body: '{}' }), 401, 401002, 'id');
  refused(await register('dev-1', { version: '' }), 400, 400001, 'version');
  refused(await register('dev-1', { version: '?api-version=new' }), 400, 400001, 'version');
  assert.equal((await register('dev-1', { version: '?api-version=2030-01-01-preview' })).status, 202);
  assert.equal((await ask('DELETE', path())).status, 405);
  assert.equal((await ask('PUT', `${path()}/enter`, { body: '{}' })).status, 404);
});

test('another device\'s operation is none of its own', async () => {
  const { body } = await register('dev-1');
  const answer = await ask('GET', `${path('dev-case')}/operations/${body.operationId}`, { auth: token({ id: 'dev-case' }) });
  refused(answer, 404, 404203, 'foreign');
});

test('a disabled enrollment ends as disabled, with a reason', async () => {
  const { status, body } = await register('shut', { auth: token({ id: 'shut' }) });
  assert.equal(status, 202);
  const ended = await ask('GET', `${path('shut')}/operations/${body.operationId}`, { auth: token({ id: 'shut' }) });
  assert.equal(ended.status, 200);
  assert.equal(ended.body.status, 'disabled');
  const { errorCode, errorMessage, lastUpdatedDateTimeUtc, assignedHub } = ended.body.registrationState;
  assert.ok(errorCode > 0 && errorMessage && lastUpdatedDateTimeUtc);
  assert.equal(assignedHub, undefined);
});

test('devices of a group are derived from its key, in either spelling', async () => {
  for (const [id, derived] of [['Sensor-1', 'Sensor-1'], ['Sensor-2', 'sensor-2']]) {
    assert.equal((await register(id, { auth: token({ id, signedBy: derive(derived) }) })).status, 202);
  }
  refused(await register('sensor-3', { auth: token({ id: 'sensor-3', signedBy: derive('sensor-4') }) }), 401, 401002, 'a sibling\'s key');
});

test('a route tells of the device that a registration makes, once, and the audit log of enrollments that change', async () => {
  await hub.ok('endpoint', 'create', 'told', '--container', 'file:told', '--max-wait', '1');
  await hub.ok('route', 'create', 'lives', '--source', 'DeviceLifecycleEvents', '--endpoint-name', 'told');
  const folder = join(hub.directory, 'data', 'import-export', 'told');
  const told = () => (existsSync(folder) ? readdirSync(folder, { recursive: true }) : []).filter((name) => name.endsWith('.ndjson'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n')).map((line) => JSON.parse(line));
  for (const id of ['told-1', 'told-1', 'told-2']) {
    assert.equal((await register(id, { auth: token({ id, signedBy: derive(id) }) })).status, 202);
  }
  await until(() => told().some(({ deviceId }) => deviceId === 'told-2'), 'the second device to be told of');
  assert.deepEqual(told().map(({ deviceId, properties }) => `${properties.opType} ${deviceId}`).sort(),
    ['createDeviceIdentity told-1', 'createDeviceIdentity told-2']);
  assert.equal((await service(hub, 'PUT', '/enrollments/audited', { attestation: { type: 'symmetricKey' } })).status, 200);
  assert.equal((await service(hub, 'DELETE', '/enrollments/audited')).status, 204);
  const { body } = await service(hub, 'GET', '/carillon/audit');
  assert.deepEqual(body.entries.filter(({ target }) => target?.includes('audited')).map(({ operation }) => operation), ['PUT /enrollments/{}', 'DELETE /enrollments/{}']);
});

test('a registration record is deleted by a back end, not by a device', async () => {
  assert.equal((await ask('DELETE', '/registrations/dev-1')).status, 401);
  assert.equal((await service(hub, 'DELETE', '/registrations/dev-1')).status, 204);
  assert.equal((await service(hub, 'GET', '/registrations/dev-1')).body.errorCode, 404202);
  assert.equal((await service(hub, 'GET', '/devices/dev-1')).status, 200, 'the device stays');
});

test('a hub without an id scope answers that it does not provision', async () => {
  delete process.env.CARILLON_PROVISIONING__ID_SCOPES;
  await hub.stop();
  await hub.start();
  refused(await register('dev-1'), 404, 404000, 'off');
  assert.equal((await service(hub, 'GET', '/enrollments/dev-1')).status, 404);
});
