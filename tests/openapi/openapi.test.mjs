// The OpenAPI description against the real hub: it is well-formed, and every operation that it says
// is offered is called, with requests and answers that keep to its schemas.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv/dist/2020.js';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { close, connect, ga } from '../lib/devices.mjs';

const hub = Hub.fromEnvironment();
const idScope = '0ne00ABCDEF';
process.env.CARILLON_PROVISIONING__ID_SCOPES = idScope;
process.env.CARILLON_MCP__TOOLS = 'read';
const ga2021 = 'api-version=2021-04-12';
const preview = 'api-version=2016-09-30-preview';
let document;
let ajv;
let device;
const called = new Set();
let lockToken;  // Of the last answer that locked something.

before(async () => {
  await hub.start();
  document = await (await fetch(`https://${hub.address}/carillon/openapi.json`)).json();
  ajv = new Ajv({ strict: false, allErrors: true });
  ajv.addSchema(document, 'api');
  device = await connect(ga, await hub.device('online'), { reboot: () => [200, { ok: true }] });
});
after(async () => {
  if (device) await close(device);
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});

/** What a reference stands for, and its place in the document. */
function resolve(node, pointer) {
  if (!node?.$ref) return { node, pointer };
  const target = node.$ref.slice(2).split('/').reduce((at, key) => at[key], document);
  return { node: target, pointer: node.$ref.slice(1) };
}

const escape = (key) => key.replaceAll('~', '~0').replaceAll('/', '~1');

function check(pointer, value, what) {
  const validate = ajv.compile({ $ref: `api#${pointer.split('/').map(encodeURIComponent).join('/')}` });
  assert.ok(validate(value), `${what}: ${JSON.stringify(validate.errors?.slice(0, 4))}\n${JSON.stringify(value)?.slice(0, 600)}`);
}

/**
 * Calls an operation, `path` as the description writes it and `ids` for its parameters, and holds the
 * answer against the description; the request, too, unless it is one that must be refused. `status` is what
 * is expected, or a list of what may be.
 */
async function ask(method, path, ids = {}, { status = 200, body, query = ga2021, headers = {}, raw } = {}) {
  const operation = document.paths[path]?.[method];
  assert.ok(operation, `${method} ${path} is not described`);
  const place = `/paths/${escape(path)}/${method}`;
  if (body !== undefined && status < 300) {
    check(`${place}/requestBody/content/application~1json/schema`, body, `the request of ${method} ${path}`);
  }
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  const target = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(ids[name]));
  // Whoever is signed in shows a cookie, and no token.
  const token = headers.Cookie ? {} : { Authorization: sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName) };
  const response = await fetch(`https://${hub.address}${target}?${query}`, {
    method: method.toUpperCase(),
    headers: { ...token, ...headers },
    body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
  });
  const text = await response.text();
  if (Array.isArray(status)) status = status.find((one) => one === response.status) ?? status[0];
  lockToken = response.headers.get('etag')?.slice(1, -1);
  const what = `${method} ${path} answers ${response.status}`;
  assert.equal(response.status, status, `${what}: ${text.slice(0, 600)}`);
  const key = operation.responses[status] ? String(status) : 'default';
  if (status < 300) assert.notEqual(key, 'default', `${what}, which is not described`);
  const { node, pointer } = resolve(operation.responses[key], `${place}/responses/${key}`);
  const type = response.headers.get('content-type')?.split(';')[0];
  if (!node.content) {
    assert.equal(text, '', `${what} with a body`);
  } else {
    assert.ok(node.content[type], `${what} as ${type}`);
    if (type === 'application/json') check(`${pointer}/content/application~1json/schema`, JSON.parse(text), what);
  }
  for (const [name, header] of Object.entries(node.headers ?? {})) {
    const value = response.headers.get(name);
    if (value !== null && header.schema.pattern) assert.match(value, new RegExp(header.schema.pattern), `${what}: ${name}`);
  }
  if (status < 300) called.add(`${method} ${path}`);
  return type === 'application/json' ? JSON.parse(text) : text;
}

const d = (deviceId) => ({ deviceId });
const m = (deviceId, moduleId) => ({ deviceId, moduleId });
const any = { headers: { 'If-Match': '"*"' } };

test('the description is a valid OpenAPI document', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  assert.ok(valid, JSON.stringify(errors));
  const ids = Object.values(document.paths).flatMap((path) => Object.values(path).map((operation) => operation.operationId));
  assert.equal(new Set(ids).size, ids.length, 'no operationId stands twice');
  called.add('get /carillon/openapi.json');
});

test('identities', async () => {
  await ask('put', '/devices/{deviceId}', d('one'), { body: { deviceId: 'one', status: 'disabled', statusReason: 'new' } });
  await ask('put', '/devices/{deviceId}', d('edge'), { body: { capabilities: { iotEdge: true } } });
  const edge = await ask('get', '/devices/{deviceId}', d('edge'));
  await ask('put', '/devices/{deviceId}', d('leaf'), { body: { deviceScope: edge.deviceScope, authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: 'ab'.repeat(20), secondaryThumbprint: null } } } });
  await ask('put', '/devices/{deviceId}', d('one'), { body: {}, ...any });
  await ask('put', '/devices/{deviceId}', d('one'), { body: {}, status: 409 });
  await ask('put', '/devices/{deviceId}', d('one'), { raw: 'no json', status: 400 });
  await ask('get', '/devices/{deviceId}', d('none'), { status: 404 });
  await ask('put', '/devices/{deviceId}/modules/{moduleId}', m('one', 'm'), { body: { managedBy: 'me' } });
  await ask('put', '/devices/{deviceId}/modules/{moduleId}', m('one', 'm'), { body: {}, status: 409 });
  await ask('get', '/devices/{deviceId}/modules/{moduleId}', m('one', 'm'));
  await ask('get', '/devices/{deviceId}/modules', d('one'));
  await ask('get', '/devices/{deviceId}/modules', d('none'), { status: 404 });
  await ask('get', '/devices', {});
  await ask('get', '/devices', {}, { query: preview });
  await ask('get', '/statistics/devices');
  await ask('get', '/statistics/service');
  await ask('delete', '/devices/{deviceId}/commands', d('one'));
  await ask('delete', '/devices/{deviceId}/commands', d('none'), { status: 404 });
  await ask('delete', '/devices/{deviceId}/modules/{moduleId}', m('one', 'm'), { status: 204, ...any });
  await ask('delete', '/devices/{deviceId}', d('leaf'), { status: 412 });
  await ask('delete', '/devices/{deviceId}', d('leaf'), { status: 204, ...any });
});

test('identities in bulk, and their keys', async () => {
  const entries = ['b1', 'b2'].map((id) => ({ id, importMode: 'create', tags: { bulk: true } }));
  await ask('post', '/devices', {}, { body: entries });
  await ask('post', '/devices', {}, { body: [{ id: 'b1', importMode: 'create' }, { id: 'b3', moduleId: 'x', importMode: 'update' }], status: 400 });
  await ask('post', '/devices', {}, { body: {}, status: 400 });
  const keys = (...ids) => ({ policyKey: 'both', devices: ids.map((id) => ({ id })) });
  await ask('post', '/devices/keys/regenerate', {}, { body: keys('b1', 'b2') });
  await ask('post', '/devices/keys/regenerate', {}, { body: keys('b1', 'none'), status: 207 });
  await ask('post', '/devices/keys/regenerate', {}, { body: keys('none'), status: 400 });
});

test('twins, queries and direct methods', async () => {
  for (const [path, ids] of [['/twins/{deviceId}', d('online')], ['/twins/{deviceId}/modules/{moduleId}', m('online', 'm')]]) {
    if (ids.moduleId) await ask('put', '/devices/{deviceId}/modules/{moduleId}', ids, { body: {} });
    await ask('get', path, ids);
    await ask('patch', path, ids, { body: { tags: { a: { b: 1 } }, properties: { desired: { c: [1, 'x', { y: true }] } } } });
    await ask('patch', path, ids, { body: { tags: { a: null } }, query: preview });
    await ask('put', path, ids, { body: { properties: { desired: { only: 1 } } }, ...any });
    await ask('patch', path, ids, { body: { tags: {} }, headers: { 'If-Match': '"AAAA"' }, status: 412 });
    await ask('patch', path, ids, { body: { tags: { 'a b': 1 } }, status: 400 });
  }
  await ask('get', '/twins/{deviceId}', d('none'), { status: 404 });
  const query = (text, more = {}) => ask('post', '/devices/query', {}, { body: { query: text }, ...more });
  for (const twin of await query('SELECT * FROM devices')) check('/components/schemas/Twin', twin, 'a twin of a query');
  await query('SELECT COUNT() AS n FROM devices');
  await query('SELECT deviceId FROM devices.modules');
  await ask('post', '/devices/query', {}, { body: { sql: 'SELECT * FROM devices', pageSize: 1, continuationToken: null }, query: preview });
  await query('SELECT * FROM devices WHERE tags.a = 1', { headers: { 'x-carillon-cost': '1' } });
  await query('SELECT nothing', { status: 400 });
  const method = { methodName: 'reboot', payload: { now: true } };
  await ask('post', '/twins/{deviceId}/methods', d('online'), { body: method });
  await ask('post', '/twins/{deviceId}/methods', d('b1'), { body: method, status: 404 });
  await ask('post', '/twins/{deviceId}/methods', d('online'), { body: { ...method, responseTimeoutInSeconds: 1 }, status: 400 });
  await ask('post', '/twins/{deviceId}/modules/{moduleId}/methods', m('online', 'm'), { body: method, status: 404 });
});

test('a method of a module', async () => {
  const module = await ask('get', '/devices/{deviceId}/modules/{moduleId}', m('online', 'm'));
  const key = module.authentication.symmetricKey.primaryKey;
  const { ModuleClient } = ga.device;
  const client = ModuleClient.fromConnectionString(`HostName=${hub.address};DeviceId=online;ModuleId=m;SharedAccessKey=${key}`, ga.Mqtt);
  client.on('error', () => {});
  await client.open();
  client.onMethod('reboot', (request, response) => response.send(200, null).catch(() => {}));
  await ask('post', '/twins/{deviceId}/modules/{moduleId}/methods', m('online', 'm'), { body: { methodName: 'reboot', connectTimeoutInSeconds: 20 } });
  await client.close();
});

test('jobs, their rows and their progress', async () => {
  const id = (jobId) => ({ jobId });
  const order = (more) => ({ type: 'scheduleUpdateTwin', updateTwin: { etag: '*', tags: { job: 1 } }, queryCondition: '*', ...more });
  const over = (jobId) => until(async () => {
    const job = await ask('get', '/jobs/v2/{jobId}', id(jobId));
    return ['completed', 'failed', 'cancelled'].includes(job.status) ? job : null;
  }, `${jobId} to end`);
  await ask('put', '/jobs/v2/{jobId}', id('twins'), { body: order() });
  await ask('put', '/jobs/v2/{jobId}', id('twins'), { body: order(), status: 409 });
  await ask('put', '/jobs/v2/{jobId}', id('bad'), { body: order({ updateTwin: { tags: {} } }), status: 400 });
  await ask('put', '/jobs/v2/{jobId}', id('fails'), { body: order({ queryCondition: 'SELECT' }) });
  await ask('put', '/jobs/v2/{jobId}', id('methods'), {
    body: { type: 'scheduleDeviceMethod', cloudToDeviceMethod: { methodName: 'reboot' }, deviceIds: ['online', 'gone'], maxExecutionTimeInSeconds: 30 },
    query: preview,
  });
  await ask('put', '/jobs/v2/{jobId}', id('later'), { body: order({ startTime: new Date(Date.now() + 3600_000).toISOString() }) });
  await ask('post', '/jobs/v2/{jobId}/cancel', id('later'));
  await ask('post', '/jobs/v2/{jobId}/cancel', id('later'), { status: 405 });
  await ask('post', '/jobs/v2/{jobId}/cancel', id('none'), { status: 404 });
  assert.equal((await ask('get', '/jobs/v2/{jobId}', id('none'))).status, 'unknown');
  for (const job of ['twins', 'fails', 'methods']) await over(job);
  for (const flavour of [ga2021, preview]) await ask('get', '/jobs/v2/query', {}, { query: flavour });
  await ask('get', '/jobs/v2/query', {}, { query: `${ga2021}&jobType=nonsense`, status: 400 });
  const rows = await ask('post', '/devices/query', {}, { body: { query: 'SELECT * FROM devices.jobs' } });
  assert.ok(rows.some((row) => row.error) && rows.some((row) => row.outcome.deviceMethodResponse));
  for (const row of rows) check('/components/schemas/DeviceJob', row, 'a row of devices.jobs');
  await ask('get', '/carillon/jobs/{jobId}', id('none'), { status: 404 });
  const rollout = { seed: 1, note: 'slowly', waves: [{ size: 1, gate: 'manual' }] };
  await ask('put', '/jobs/v2/{jobId}', id('waves'), { body: order({ rollout }) });
  await ask('put', '/jobs/v2/{jobId}', id('typo'), { body: order({ rollout: { wave: [] } }), status: 400 });
  await until(async () => (await ask('get', '/carillon/jobs/{jobId}', id('waves'))).waves.some((wave) => wave.state === 'gate'), 'the gate');
  assert.deepEqual((await ask('get', '/jobs/v2/{jobId}', id('waves'))).rollout, rollout);
  const { revision, paused } = await ask('post', '/carillon/jobs/{jobId}/pause', id('waves'), { body: { why: 'a look' } });
  assert.equal(paused.why, 'a look');
  const stale = { 'If-Match': `"${revision + 1}"` };
  await ask('post', '/carillon/jobs/{jobId}/resume', id('waves'), { body: {}, headers: stale, status: 412 });
  await ask('post', '/carillon/jobs/{jobId}/resume', id('waves'), { body: {} });
  await ask('patch', '/carillon/jobs/{jobId}', id('waves'), { body: { rollout: { pace: { rate: '100/s' } } } });
  await ask('post', '/carillon/jobs/{jobId}/pause', id('twins'), { body: {}, status: 405 });
  await ask('post', '/carillon/jobs/{jobId}/promote', id('waves'), { body: { wave: 0 } });
  await ask('post', '/carillon/jobs/{jobId}/close', id('waves'), { body: {}, status: 405 });
  await ask('put', '/jobs/v2/{jobId}', id('goes-on'), { body: order({ rollout: { members: { mode: 'continuous', onLeave: 'cancel' } } }) });
  await until(async () => (await ask('get', '/carillon/jobs/{jobId}', id('goes-on'))).members === 'open', 'a continuous job');
  await until(async () => (await ask('get', '/carillon/jobs/{jobId}', id('goes-on'))).status === 'running', 'its start');
  assert.equal((await ask('post', '/carillon/jobs/{jobId}/close', id('goes-on'), { body: { why: 'enough' } })).members, 'closed');
  assert.match(await ask('get', '/carillon/jobs/{jobId}/history', id('waves')), /"event":"promoted"/);
  await ask('get', '/carillon/jobs/{jobId}/history', id('none'), { status: 404 });
  const { verdict, seal } = await ask('get', '/carillon/jobs/{jobId}/verify', id('waves'));
  assert.equal(verdict, 'intact');
  const asked = await ask('post', '/carillon/jobs/{jobId}/what-if', id('waves'), { body: { rollout: { stop: [{ failed: 1 }] } } });
  assert.equal(asked.basis, 'replay');
  await ask('post', '/carillon/jobs/{jobId}/what-if', id('waves'), { body: { rollout: { deadline: '1h' } }, status: 400 });
  await ask('post', '/carillon/jobs/{jobId}/what-if', id('twins'), { body: {}, status: 405 });
  await ask('post', '/carillon/jobs/{jobId}/what-if', id('none'), { body: {}, status: 404 });
  await ask('get', '/carillon/jobs/{jobId}/verify', id('waves'), { query: `seal=${seal}` });
  assert.equal((await ask('get', '/carillon/jobs/{jobId}/verify', id('waves'), { query: `seal=${'0'.repeat(64)}` })).verdict, 'broken');
  await ask('get', '/carillon/jobs/{jobId}/verify', id('waves'), { query: 'seal=short', status: 400 });
  assert.equal((await ask('get', '/carillon/jobs/{jobId}/verify', id('twins'))).verdict, 'notChained');
  await ask('get', '/carillon/jobs/{jobId}/verify', id('none'), { status: 404 });
  assert.equal((await ask('get', '/carillon/about')).rollout, 1);

  const rule = { rule: 'large' };
  await ask('put', '/carillon/approval-rules/{rule}', rule, { body: { when: { devicesAbove: 0, touches: ['tags'] }, by: ['release'] } });
  await ask('put', '/carillon/approval-rules/{rule}', rule, { raw: '{"when":{"above":1}}', status: 400 });
  assert.equal((await ask('get', '/carillon/approval-rules'))[0].name, 'large');
  await ask('get', '/carillon/approval-rules/{rule}', rule);
  await ask('get', '/carillon/approval-rules/{rule}', { rule: 'none' }, { status: 404 });
  const { primaryKey } = await ask('put', '/carillon/policies/{policyName}', { policyName: 'release' }, { body: { rights: 'RegistryRead, JobApprove' } });
  const asRelease = { Authorization: sign(parts(hub.connectionString).HostName, primaryKey, Math.floor(Date.now() / 1000) + 3600, 'release') };
  for (const [job, what] of [['asked', 'approve'], ['refused', 'deny']]) {
    await ask('put', '/jobs/v2/{jobId}', id(job), { body: order({ updateTwin: { etag: '*', tags: { a: 1 } } }) });
    const progress = () => ask('get', '/carillon/jobs/{jobId}', id(job));
    await until(async () => (await progress()).approval?.missing === 1, 'a job that needs an approval');
    const { approval } = await progress();
    const decide = (body, more) => ask('post', `/carillon/jobs/{jobId}/${what}`, id(job), { body, headers: asRelease, ...more });
    await decide({ hash: '0'.repeat(64) }, { status: 412 });
    await ask('post', `/carillon/jobs/{jobId}/${what}`, id(job), { body: { hash: approval.hash }, status: 401 });
    await decide({ hash: approval.hash, why: 'CHG-1' });
    await decide({ hash: approval.hash }, { status: 405 });
    await over(job);
  }
  await ask('delete', '/carillon/policies/{policyName}', { policyName: 'release' }, { status: 204 });
  await ask('delete', '/carillon/approval-rules/{rule}', rule, { status: 204 });
  await ask('delete', '/carillon/approval-rules/{rule}', rule, { status: 404 });

  const budget = { budget: 'freeze' };
  await ask('put', '/carillon/budgets/{budget}', budget, { body: { max: 0, jobs: 'methods' } });
  await ask('put', '/carillon/budgets/{budget}', budget, { raw: '{"max":-1}', status: 400 });
  const site = { max: '2%', devices: "tags.kind = 'lock'", per: 'tags.site', jobs: 'all', soak: '10m' };
  await ask('put', '/carillon/budgets/{budget}', { budget: 'site' }, { body: site });
  assert.deepEqual(await ask('get', '/carillon/budgets'), [
    { name: 'freeze', devices: '*', max: 0, jobs: 'methods', soak: '0s', atRisk: 0 },
    { name: 'site', ...site, atRisk: 0 },
  ]);
  await ask('delete', '/carillon/budgets/{budget}', { budget: 'site' }, { status: 204 });
  await ask('get', '/carillon/budgets/{budget}', budget);
  await ask('delete', '/carillon/budgets/{budget}', budget, { status: 204 });
  await ask('get', '/carillon/budgets/{budget}', budget, { status: 404 });
  await ask('delete', '/carillon/budgets/{budget}', budget, { status: 404 });
  const template = { template: 'nightly' };
  const wanted = { parameters: { a: { type: 'number', default: 1 } }, repeat: { cron: '0 3 1 1 *', within: '1h' }, job: order({ updateTwin: { etag: '*', tags: { a: '${a}' } } }) };
  await ask('put', '/carillon/templates/{template}', template, { body: wanted });
  await ask('put', '/carillon/templates/{template}', template, { raw: '{"job":{},"jobs":[]}', status: 400 });
  assert.equal((await ask('get', '/carillon/templates'))[0].name, 'nightly');
  assert.match((await ask('get', '/carillon/templates/{template}', template)).next, /-01-01T03:00:00/);
  const { jobs: ran } = await ask('post', '/carillon/templates/{template}/jobs', template, { body: { jobId: 'templated', parameters: { a: 2 } } });
  assert.equal(ran[0].jobId, 'templated');
  await ask('post', '/carillon/templates/{template}/jobs', template, { body: { jobId: 'templated-2', parameters: { b: 2 } }, status: 400 });
  await over('templated');
  await ask('delete', '/carillon/templates/{template}', template, { status: 204 });
  await ask('delete', '/carillon/templates/{template}', template, { status: 404 });
  await ask('post', '/carillon/templates/{template}/jobs', template, { body: { jobId: 'templated-3' }, status: 404 });

  const begun = await ask('post', '/carillon/plans', {}, { body: order({ rollout: {} }), status: 202 });
  const plan = () => ask('get', '/carillon/plans/{plan}', { plan: begun.id }, { status: [200, 202] });
  await until(async () => (await plan()).state === 'done', 'the plan');
  const { hash } = await plan();
  assert.match(hash, /^[0-9a-f]{64}$/);
  await ask('post', '/carillon/plans', {}, { body: order({ queryCondition: 'SELECT' }), status: 400 });
  await ask('delete', '/carillon/plans/{plan}', { plan: begun.id }, { status: 204 });
  await ask('get', '/carillon/plans/{plan}', { plan: begun.id }, { status: 404 });
  assert.ok((await ask('get', '/carillon/jobs')).some((brief) => brief.jobId === 'waves'));
  await ask('get', '/carillon/jobs', {}, { query: 'phase=nonsense', status: 400 });
  assert.match(await ask('get', '/carillon/jobs/{jobId}/devices', id('waves')), /"deviceId"/);
  await ask('get', '/carillon/jobs/{jobId}/devices', id('none'), { status: 404 });
  await ask('get', '/carillon/jobs/{jobId}/failures', id('fails'));
  await ask('get', '/carillon/jobs/{jobId}/failures', id('none'), { status: 404 });
  await over('waves');
  for (const job of ['twins', 'fails', 'methods', 'later']) {
    await ask('get', '/carillon/jobs/{jobId}', id(job));
    const events = await ask('get', '/carillon/jobs/{jobId}/events', id(job));
    const data = events.split('\n').filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)));
    assert.ok(data.length >= 2, events);
    for (const state of data) check('/components/schemas/JobProgress', state, 'an event');
    const last = events.match(/id: (\S+)(?![^]*id: )/)[1];
    await ask('get', '/carillon/jobs/{jobId}/events', id(job), { headers: { 'Last-Event-ID': last }, status: 204 });
  }
});

test('a session of the dashboard, and the overview', async () => {
  const { SharedAccessKeyName: policy, SharedAccessKey: key } = parts(hub.connectionString);
  const type = { 'Content-Type': 'application/json' };
  await ask('post', '/carillon/session', {}, { body: { policy, key, access: 'read' }, headers: type });
  await ask('post', '/carillon/session', {}, { body: { policy, key: 'AAAA' }, headers: type, status: 401 });
  await ask('post', '/carillon/session', {}, { body: { connectionString: 'nonsense' }, headers: type, status: 400 });
  await ask('get', '/carillon/session', {}, { status: 401 });
  const { path } = await ask('post', '/carillon/session/links', {}, { body: { access: 'change' } });
  const opened = await fetch(`https://${hub.address}/carillon/session`, { method: 'POST', headers: type, body: JSON.stringify({ code: path.split('#')[1] }) });
  const { csrfToken } = await opened.json();
  const cookie = { Cookie: opened.headers.get('set-cookie').split(';')[0] };
  assert.equal((await ask('get', '/carillon/session', {}, { headers: cookie })).access, 'change');
  await ask('put', '/devices/{deviceId}', d('signed-in'), { body: {}, headers: cookie, status: 401 });
  await ask('put', '/devices/{deviceId}', d('signed-in'), { body: {}, headers: { ...cookie, 'X-Carillon-CSRF': csrfToken } });
  await ask('delete', '/carillon/session', {}, { headers: { ...cookie, 'X-Carillon-CSRF': csrfToken }, status: 204 });
  await ask('get', '/devices/{deviceId}', d('signed-in'), { headers: cookie, status: 401 });
  const overview = await ask('get', '/carillon/overview');
  assert.ok(overview.connectedCount >= 1 && overview.registeredCount >= 1);
  const { SharedAccessKey, SharedAccessKeyName, HostName } = parts(hub.connectionString);
  const Authorization = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName);
  const stream = await fetch(`https://${hub.address}/carillon/overview/events`, { headers: { Authorization } });
  const { value } = await stream.body.getReader().read();
  check('/components/schemas/Overview', JSON.parse(/^data: (.*)$/m.exec(Buffer.from(value).toString())[1]), 'an event');
  called.add('get /carillon/overview/events');
});

test('configurations', async () => {
  const c = (configurationId) => ({ configurationId });
  const path = '/configurations/{configurationId}';
  const order = { content: { deviceContent: { 'properties.desired.by': 'configuration' } }, targetCondition: '*', priority: 3, labels: { a: 'b' }, metrics: { queries: { all: 'SELECT deviceId FROM devices' } } };
  await ask('put', path, c('one'), { body: order });
  await ask('put', path, c('one'), { body: order, status: 409 });
  await ask('put', path, c('bad'), { body: { content: {} }, status: 400 });
  await until(async () => {
    const found = await ask('get', path, c('one'));
    return found.systemMetrics.results.targetedCount > 0;
  }, 'the configuration to be counted');
  const twin = await ask('get', '/twins/{deviceId}', d('online'));
  assert.ok(twin.configurations.one);
  await ask('get', path, c('none'), { status: 404 });
  await ask('put', path, c('one'), { body: { ...order, priority: 4 }, ...any });
  await ask('get', '/configurations');
  const tried = await ask('post', '/configurations/testQueries', {}, { body: { targetCondition: 'deviceId =', customMetricQueries: { m: 'SELECT' } } });
  assert.ok(tried.targetConditionError && tried.customMetricQueryErrors.m);
  const apply = '/devices/{deviceId}/applyConfigurationContent';
  await ask('post', apply, d('edge'), { body: { modulesContent: { agent: { 'properties.desired': { x: 1 } } } }, status: 204 });
  await ask('post', apply, d('online'), { body: { modulesContent: { agent: { 'properties.desired': { x: 1 } } } }, status: 400 });
  await ask('delete', path, c('one'), { status: 204 });
});

test('imports and exports', async () => {
  const inputs = join(hub.directory, 'data', 'import-export', 'in');
  mkdirSync(inputs, { recursive: true });
  writeFileSync(join(inputs, 'devices.txt'), '{"id":"imported"}\nnonsense\n');
  const orders = [
    { type: 'import', inputBlobContainerUri: 'file:in', outputBlobContainerUri: 'file:in' },
    { type: 'export', outputBlobContainerUri: 'file:out', excludeKeysInExport: true },
  ];
  for (const body of orders) {
    const { jobId } = await ask('post', '/jobs/create', {}, { body });
    await until(async () => ['completed', 'failed'].includes((await ask('get', '/jobs/{jobId}', { jobId })).status), 'the job to end');
    await ask('delete', '/jobs/{jobId}', { jobId }, { status: 405 });
  }
  await ask('post', '/jobs/create', {}, { body: { type: 'import', inputBlobContainerUri: 'file:none' }, status: 400 });
  await ask('get', '/jobs');
  await ask('get', '/jobs/{jobId}', { jobId: 'none' }, { status: 404 });
  await ask('get', '/carillon/registry');
  await ask('get', '/carillon/registry', {}, { query: 'excludeKeys=true' });
  called.add('delete /jobs/{jobId}');  // Nothing here is slow enough to be caught at work.
});

test('whoever has no right, or asks in no version, is told in the form described', async () => {
  await ask('get', '/devices', {}, { headers: { Authorization: 'SharedAccessSignature sr=x&sig=x&se=1' }, status: 401 });
  await ask('get', '/devices', {}, { query: '', status: 400 });
  await ask('patch', '/twins/{deviceId}', d('one'), { raw: ' '.repeat(300_000), status: 413 });
});

test('messages of devices and consumer groups', async () => {
  const { Message } = createRequire(new URL('../sdk/ga/package.json', import.meta.url))('azure-iot-device');
  await device.sendEvent(new Message('{"temp":21}'));
  await ask('get', '/carillon/events/partitions');
  const lines = await ask('get', '/carillon/events', {}, { query: 'from=earliest&follow=false' });
  for (const line of lines.trim().split('\n')) check('/components/schemas/Event', JSON.parse(line), 'an event');
  await ask('get', '/carillon/events', {}, { query: 'from=never', status: 400 });
  const groupName = { groupName: 'reports' };
  await ask('put', '/carillon/consumer-groups/{groupName}', groupName);
  await ask('put', '/carillon/consumer-groups/{groupName}', { groupName: '-' }, { status: 400 });
  await ask('get', '/carillon/consumer-groups');
  await ask('get', '/carillon/consumer-groups/{groupName}', groupName);
  await ask('delete', '/carillon/consumer-groups/{groupName}', groupName, { status: 204 });
  await ask('get', '/carillon/consumer-groups/{groupName}', groupName, { status: 404 });
});

test('settings, health, and connections of a device', async () => {
  await ask('get', '/carillon/settings');
  await ask('get', '/carillon/health');
  await ask('get', '/carillon/devices/{deviceId}/connections', d('online'));
  await ask('get', '/carillon/devices/{deviceId}/connections', d('none'), { status: 404 });
  await ask('get', '/carillon/devices/{deviceId}/files', d('online'));
});

test('what is logged', async () => {
  await ask('get', '/carillon/log');
  await ask('put', '/carillon/log', {}, { body: { level: 'warn', modules: { mqtt: 'debug' }, format: 'json' } });
  await ask('put', '/carillon/log', {}, { body: { level: 'info', format: 'text' } });
  await ask('put', '/carillon/log', {}, { body: { modules: { kitchen: 'debug' } }, status: 400 });
});

test('tokens of a device that are refused', async () => {
  const path = '/carillon/devices/{deviceId}/revocation';
  await ask('get', path, d('edge'), { status: 404 });
  await ask('put', path, d('edge'), { body: { tokenLifetimeSeconds: 60 } });
  await ask('put', path, d('edge'), { body: { tokenLifetimeSeconds: -1 }, status: 400 });
  await ask('put', path, d('none'), { body: {}, status: 404 });
  await ask('get', path, d('edge'));
  await ask('delete', path, d('edge'), { status: 204 });
});

test('what one device does', async () => {
  const { traceId } = await ask('post', '/carillon/traces', {}, { body: { deviceId: 'online', seconds: 60 } });
  await ask('post', '/carillon/traces', {}, { body: { deviceId: 'online', seconds: 0 }, status: 400 });
  await ask('get', '/carillon/traces/{traceId}', { traceId });
  await ask('delete', '/carillon/traces/{traceId}', { traceId }, { status: 204 });
  await ask('get', '/carillon/traces/{traceId}', { traceId }, { status: 404 });
});

test('the audit log', async () => {
  const { entries } = await ask('get', '/carillon/audit', {}, { query: 'after=0&top=3' });
  assert.equal(entries.length, 3);
  await ask('get', '/carillon/audit', {}, { query: 'top=0', status: 400 });
});

test('routes and their endpoints', async () => {
  const endpoint = { endpointName: 'files' };
  const route = { routeName: 'all' };
  await ask('put', '/carillon/endpoints/{endpointName}', endpoint, { body: { type: 'file', container: 'file:telemetry' } });
  await ask('put', '/carillon/endpoints/{endpointName}', endpoint, { body: { type: 'webhook' }, status: 400 });
  await ask('put', '/carillon/routes/{routeName}', route, { body: { condition: 'true', endpointNames: ['files'] } });
  await ask('put', '/carillon/routes/{routeName}', route, { body: { condition: '=', endpointNames: ['files'] }, status: 400 });
  await ask('get', '/carillon/routes');
  await ask('get', '/carillon/routes/{routeName}', route);
  await ask('get', '/carillon/endpoints');
  await ask('get', '/carillon/endpoints/{endpointName}', endpoint);
  await ask('post', '/carillon/routes/test', {}, { body: { message: { body: '{}', appProperties: { a: '1' } } } });
  await ask('post', '/carillon/routes/test', {}, { body: { message: {}, twin: { tags: 1 } }, status: 400 });
  await ask('delete', '/carillon/endpoints/{endpointName}', endpoint, { status: 405 });
  await ask('delete', '/carillon/routes/{routeName}', route, { status: 204 });
  await ask('delete', '/carillon/endpoints/{endpointName}', endpoint, { status: 204 });
  await ask('get', '/carillon/endpoints/{endpointName}', endpoint, { status: 404 });
});

test('keys of policies and of the hub are made new', async () => {
  await ask('get', '/carillon/policies', {});
  await ask('get', '/carillon/policies/{policyName}', { policyName: 'service' });
  await ask('post', '/carillon/policies/{policyName}/renewKey', { policyName: 'service' }, { body: { key: 'secondary' } });
  await ask('post', '/carillon/tokenKey/renew', {}, { status: 204 });
});

test('authorities that sign device certificates', async () => {
  const certificate = readFileSync(hub.caFile, 'utf8'); // Any authority's.
  const name = { certificateName: 'fleet' };
  await ask('put', '/certificates/{certificateName}', name, { body: { properties: { certificate } } });
  await ask('put', '/certificates/{certificateName}', name, { body: { properties: { certificate: 'x' } }, status: 400 });
  await ask('get', '/certificates/{certificateName}', name);
  await ask('get', '/certificates/{certificateName}', { certificateName: 'none' }, { status: 404 });
  await ask('get', '/certificates');
  await ask('post', '/certificates/{certificateName}/verify', name, { body: { certificate }, status: 400 });
  const { properties } = await ask('post', '/certificates/{certificateName}/generateVerificationCode', name);
  await ask('post', '/certificates/{certificateName}/verify', name, { body: { certificate }, status: 400 });
  const proof = (suffix) => join(hub.directory, `proof.${suffix}`);
  const quietly = { stdio: ['ignore', 'ignore', 'pipe'] };
  execFileSync('openssl', ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', proof('key'),
    '-subj', `/CN=${properties.verificationCode}`, '-out', proof('csr')], quietly);
  execFileSync('openssl', ['x509', '-req', '-in', proof('csr'), '-CA', hub.caFile, '-CAkey', join(hub.directory, 'data', 'ca-key.pem'),
    '-set_serial', '7', '-days', '2', '-out', proof('pem')], quietly);
  await ask('post', '/certificates/{certificateName}/verify', name, { body: { certificate: readFileSync(proof('pem'), 'utf8') } });
  await ask('delete', '/certificates/{certificateName}', name, { headers: { 'If-Match': '"0"' }, status: 412 });
  await ask('delete', '/certificates/{certificateName}', name, { status: 204 });
});

test('a message of a language model', async () => {
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'describe_hub', arguments: {} } };
  const answer = await ask('post', '/carillon/mcp', {}, { body: message });
  assert.equal(answer.result.isError, false, JSON.stringify(answer));
  await ask('post', '/carillon/mcp', {}, { body: { jsonrpc: '2.0', method: 'notifications/initialized' }, status: 202 });
  await ask('post', '/carillon/mcp', {}, { body: message, headers: { 'MCP-Protocol-Version': '1' }, status: 400 });
});

test('a backup', async () => {
  const archive = await ask('get', '/carillon/backup');
  assert.match(archive, /^backup\.json\0/);
  const list = archive.indexOf('store.files\0');
  const files = archive.slice(list + 512, list + 512 + Number.parseInt(archive.slice(list + 124, list + 135), 8));
  assert.match(await ask('post', '/carillon/backup', {}, { raw: files }), /^backup\.json\0/);
  await ask('post', '/carillon/backup', {}, { raw: 'x', status: 400 });
});

test('messages to devices, and what devices do over HTTPS', async () => {
  const queue = '/devices/{deviceId}/messages/devicebound';
  const send = (raw, headers = {}) => ask('post', queue, d('edge'), { raw, headers, status: 204 });
  await send('one', { 'iothub-messageid': 'm1', 'iothub-ack': 'full', 'iothub-app-a': '1' });
  await ask('post', queue, d('none'), { raw: 'x', status: 404 });
  await ask('put', '/carillon/policies/{policyName}', { policyName: 'mine' }, { body: { rights: 'RegistryRead, ServiceConnect' } });
  await ask('put', '/carillon/policies/{policyName}', { policyName: 'mine' }, { body: { rights: 'Everything' }, status: 400 });
  await ask('delete', '/carillon/policies/{policyName}', { policyName: 'mine' }, { status: 204 });
  await ask('delete', '/carillon/policies/{policyName}', { policyName: 'mine' }, { status: 404 });
  await ask('post', '/devices/{deviceId}/modules/{moduleId}/messages/devicebound', m('online', 'none'), { raw: 'x', status: 404 });
  await ask('put', '/devices/{deviceId}/modules/{moduleId}', m('online', 'valve'), { body: {} });
  await ask('post', '/devices/{deviceId}/modules/{moduleId}/messages/devicebound', m('online', 'valve'), { raw: 'x', status: 204 });
  assert.equal(await ask('get', queue, d('edge'), { query: `${ga2021}&iothub-messagelocktimeout=30` }), 'one');
  await ask('post', `${queue}/{lockToken}/abandon`, { deviceId: 'edge', lockToken }, { status: 204 });
  assert.equal(await ask('get', queue, d('edge')), 'one');
  const settled = { deviceId: 'edge', lockToken };
  await ask('delete', `${queue}/{lockToken}`, settled, { status: 204 });
  await ask('delete', `${queue}/{lockToken}`, settled, { query: `${ga2021}&reject`, status: 412 });
  await ask('get', queue, d('edge'), { status: 204 });
  await ask('post', '/devices/{deviceId}/messages/events', d('edge'), { raw: '21 degrees', status: 204 });
  await ask('post', '/devices/{deviceId}/messages/events', d('edge'),
    { raw: '[{"body":"YQ=="}]', headers: { 'Content-Type': 'application/vnd.microsoft.iothub.json' }, status: 204 });
  await ask('get', '/messages/serviceBound/feedback', {}, { status: 204 });
  await until(async () => {
    const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
    const Authorization = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName);
    const path = '/messages/serviceBound/feedback?iothub-messagelocktimeout=5&';
    const { status, headers } = await fetch(`https://${hub.address}${path}${ga2021}`, { headers: { Authorization } });
    lockToken = headers.get('etag')?.slice(1, -1);
    return status === 200;
  }, 'feedback');
  await ask('post', '/messages/serviceBound/feedback/{lockToken}/abandon', { lockToken }, { status: 204 });
  const records = JSON.parse(await ask('get', '/messages/serviceBound/feedback'));
  for (const record of records) check('/components/schemas/FeedbackRecord', record, 'a feedback record');
  await ask('delete', '/messages/serviceBound/feedback/{lockToken}', { lockToken }, { status: 204 });
});

test('files of devices, and the notifications of them', async () => {
  const upload = async (blobName) => {
    const begun = await ask('post', '/devices/{deviceId}/files', d('edge'), { body: { blobName } });
    const sent = await fetch(`https://${begun.hostName}/${begun.containerName}/${begun.blobName}${begun.sasToken}`,
      { method: 'PUT', headers: { 'x-ms-blob-type': 'BlockBlob' }, body: 'hello' });
    assert.equal(sent.status, 201);
    return begun;
  };
  const { correlationId } = await upload('a.txt');
  await ask('post', '/devices/{deviceId}/files/notifications', d('edge'),
    { body: { correlationId, isSuccess: true, statusCode: 200, statusDescription: '' }, status: 204 });
  const notifications = '/messages/serviceBound/filenotifications';
  await ask('get', notifications);
  await ask('post', `${notifications}/{lockToken}/abandon`, { lockToken }, { status: 204 });
  await ask('get', notifications);
  await ask('delete', `${notifications}/{lockToken}`, { lockToken }, { status: 204 });
  await ask('delete', `${notifications}/{lockToken}`, { lockToken }, { status: 412 });
  await ask('get', notifications, {}, { status: 204 });
  const named = await ask('get', '/devices/{deviceId}/files/{fileName}', { deviceId: 'edge', fileName: 'b.txt' });
  await ask('post', '/devices/{deviceId}/files/notifications/{correlationId}',
    { deviceId: 'edge', correlationId: named.correlationId }, { body: { isSuccess: false, statusCode: 500 }, status: 204 });
});

test('what is not offered says so', async () => {
  const names = { deviceId: 'one', commandName: 'x', componentPath: 'p', lockToken: 't', fileName: 'f', correlationId: 'i' };
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      if (operation.tags[0] !== 'not offered') continue;
      const body = ['post', 'put', 'patch'].includes(method) ? { raw: '{}' } : {};
      await ask(method, path, names, { ...body, status: 501 });
    }
  }
});

test('provisioning', async () => {
  const key = Buffer.alloc(32, 5).toString('base64');
  const keys = { type: 'symmetricKey', symmetricKey: { primaryKey: key, secondaryKey: key } };
  for (const [base, id] of [['/enrollments', 'registrationId'], ['/enrollmentGroups', 'enrollmentGroupId']]) {
    const path = `${base}/{${id}}`;
    const one = { [id]: 'one' };
    await ask('put', path, one, { body: { attestation: keys, initialTwin: { tags: { a: 1 } } } });
    await ask('put', path, one, { body: { attestation: keys }, status: 409 });
    await ask('put', path, one, { body: { attestation: keys }, headers: { 'If-Match': '"nothing"' }, status: 412 });
    await ask('put', path, one, { body: { attestation: {} }, ...any, status: 400 });
    await ask('put', path, one, { body: { attestation: keys, allocationPolicy: 'static', iotHubs: [hub.address], reprovisionPolicy: { migrateDeviceData: false } }, ...any });
    await ask('get', path, one);
    await ask('get', path, { [id]: 'none' }, { status: 404 });
    const { symmetricKey } = await ask('post', `${path}/attestationmechanism`, one);
    assert.equal(symmetricKey.primaryKey, key);
    await ask('post', `${base}/query`, {}, { body: { query: '*' } });
    const entries = { [base.slice(1)]: [{ [id]: 'two', attestation: keys }] };
    assert.equal((await ask('post', base, {}, { body: { mode: 'create', ...entries } })).isSuccessful, true);
    await ask('delete', path, { [id]: 'two' }, { status: 204 });
  }
  const authority = '/carillon/enrollmentAuthorities/{authorityName}';
  const factory = { authorityName: 'factory' };
  await ask('put', authority, factory, { body: { certificate: readFileSync(hub.caFile, 'utf8') } });
  await ask('put', authority, factory, { body: { certificate: 'none' }, status: 400 });
  await ask('get', '/carillon/enrollmentAuthorities', {});
  await ask('get', authority, factory);
  await ask('delete', authority, factory, { status: 204 });
  await ask('delete', authority, factory, { status: 404 });
  const device = { idScope, registrationId: 'one' };
  const token = sign(`${idScope}/registrations/one`, key, Math.floor(Date.now() / 1000) + 600, 'registration');
  const own = { headers: { Authorization: token } };
  const path = '/{idScope}/registrations/{registrationId}';
  await ask('put', `${path}/register`, device, { body: { registrationId: 'one' }, status: 401 });
  await ask('put', `${path}/register`, device, { body: { registrationId: 'two' }, ...own, status: 400 });
  const { operationId } = await ask('put', `${path}/register`, device, { body: { registrationId: 'one' }, ...own, status: 202 });
  const ended = await ask('get', `${path}/operations/{operationId}`, { ...device, operationId }, own);
  assert.equal(ended.registrationState.assignedHub, hub.address);
  await ask('get', `${path}/operations/{operationId}`, { ...device, operationId: 'other' }, { ...own, status: 404 });
  await ask('post', path, device, { body: { registrationId: 'one' }, ...own });
  await ask('get', '/registrations/{registrationId}', { registrationId: 'one' });
  await ask('post', '/registrations/{enrollmentGroupId}/query', { enrollmentGroupId: 'one' });
  await ask('delete', '/registrations/{registrationId}', { registrationId: 'one' }, { status: 204 });
});

test('every operation that is offered was called with success', () => {
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      if (operation.tags[0] !== 'not offered') assert.ok(called.has(`${method} ${path}`), `${method} ${path} was not called`);
    }
  }
});
