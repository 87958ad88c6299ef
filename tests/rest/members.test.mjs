// Every member of every request as what it should be, as text, in another case, null, absent, in two spellings
// and as what it must not be. What users name themselves, in tags, properties and payloads, is nobody's to change.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub } from '../lib/hub.mjs';
import { RawClient, ownerField } from './client.mjs';

const hub = Hub.fromEnvironment();
let auth;
let client;
before(async () => {
  await hub.start();
  auth = ownerField(hub);
  client = await RawClient.open(hub);
  for (const id of ['sweep', 'twin', 'edge', 'changing']) {
    await ask('PUT', `/devices/${id}`, { capabilities: { iotEdge: id === 'edge' } });
  }
  await ask('PUT', '/devices/twin/modules/m', {});
});
after(async () => {
  client.destroy();
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});

async function send(method, path, text, { version = '2021-04-12', ifMatch } = {}) {
  client.send(`${method} ${path}?api-version=${version} HTTP/1.1\r\nHost: ${hub.address}\r\n${auth}`
    + `${ifMatch ? `If-Match: ${ifMatch}\r\n` : ''}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  const answer = await client.answer();
  assert.ok(answer, `${method} ${path} ends the connection`);
  return { status: answer.status, error: answer.headers['iothub-errorcode'], text: answer.body,
    body: answer.body === '' ? null : JSON.parse(answer.body) };
}
const ask = (method, path, body, options) => send(method, path, JSON.stringify(body), options);

const key = Buffer.alloc(32, 3).toString('base64');
const print = 'ab'.repeat(20);
let jobs = 0;
const newJob = () => `sweep-${++jobs}`;
const preview = { version: '2016-09-30-preview' };
const later = new Date(Date.now() + 24 * 3600_000).toISOString();
const isOk = (answer) => answer.status === 200;
const shown = (answer) => answer.body;

const putDevice = (body) => ask('PUT', '/devices/sweep', body, { ifMatch: '*' });
const putModule = (body) => ask('PUT', '/devices/twin/modules/m', body, { ifMatch: '*' });
async function putJob(body, options) {
  const id = newJob();
  const put = await ask('PUT', `/jobs/v2/${id}`, { ...body, startTime: later, ...(body.jobId ? { jobId: id } : {}) }, options);
  if (put.status !== 200) return put;
  return ask('GET', `/jobs/v2/${id}`, '');
}
let configurations = 0;
async function putConfiguration(body) {
  const id = `sweep-${++configurations}`;
  const put = await ask('PUT', `/configurations/${id}`, { ...body, ...(body.id ? { id } : {}) });
  await ask('DELETE', `/configurations/${id}`, '');
  return put;
}
async function bulk(entry) {
  const answer = await ask('POST', '/devices', [entry]);
  const read = await ask('GET', '/devices/sweep', '');
  const twin = await ask('GET', '/twins/sweep', '');
  return { ...answer, body: { ...read.body, tags: twin.body.tags }, error: answer.body.errors?.[0]?.errorCode ?? answer.error };
}

const method = { methodName: 'go', payload: { A: 1, a: '2' }, responseTimeoutInSeconds: 30, connectTimeoutInSeconds: 0 };
const methodMembers = (within, at) => ({
  [`${within}methodName`]: { kind: 'text', required: true, at },
  [`${within}responseTimeoutInSeconds`]: { kind: 'integer', bad: [4, 301, '4'], at },
  [`${within}connectTimeoutInSeconds`]: { kind: 'integer', bad: [-1, 301], at },
});

/** `members`: what each is; `at` finds it in the answer, which then is as for the plain request. */
const requests = [
  { name: 'a device', send: putDevice, ok: isOk,
    body: { deviceId: 'sweep', status: 'disabled', statusReason: 'worn', capabilities: { iotEdge: false },
      authentication: { type: 'sas', symmetricKey: { primaryKey: key, secondaryKey: key } } },
    members: {
      deviceId: { kind: 'text' },
      status: { kind: 'text', at: (body) => body.status },
      statusReason: { kind: 'text', at: (body) => body.statusReason },
      capabilities: { kind: 'object' },
      'capabilities.iotEdge': { kind: 'boolean', at: (body) => body.capabilities.iotEdge },
      authentication: { kind: 'object', at: (body) => body.authentication },
      'authentication.type': { kind: 'text', at: (body) => body.authentication.type },
      'authentication.symmetricKey': { kind: 'object', at: (body) => body.authentication },
      'authentication.symmetricKey.primaryKey': { kind: 'text', required: true, at: (body) => body.authentication },
      'authentication.symmetricKey.secondaryKey': { kind: 'text', required: true, at: (body) => body.authentication },
    } },
  { name: 'a device with a thumbprint', send: putDevice, ok: isOk,
    body: { authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: print, secondaryThumbprint: print } } },
    members: {
      'authentication.x509Thumbprint': { kind: 'object', at: (body) => body.authentication.x509Thumbprint },
      'authentication.x509Thumbprint.primaryThumbprint': { kind: 'text', at: (body) => body.authentication.x509Thumbprint },
      'authentication.x509Thumbprint.secondaryThumbprint': { kind: 'text', at: (body) => body.authentication.x509Thumbprint },
    } },
  { name: 'an edge device', send: (body) => ask('PUT', '/devices/changing', body, { ifMatch: '*' }), ok: isOk,
    body: { capabilities: { iotEdge: true } },
    members: { 'capabilities.iotEdge': { kind: 'boolean', at: (body) => body.capabilities.iotEdge } } },
  { name: 'a module', send: putModule, ok: isOk,
    body: { moduleId: 'm', managedBy: 'me', authentication: { symmetricKey: { primaryKey: key, secondaryKey: key } } },
    members: {
      moduleId: { kind: 'text' },
      managedBy: { kind: 'text', at: (body) => body.managedBy },
      'authentication.symmetricKey': { kind: 'object', at: (body) => body.authentication },
    } },
  { name: 'a bulk entry', send: bulk, ok: isOk,
    body: { id: 'sweep', importMode: 'createOrUpdate', status: 'disabled', capabilities: { iotEdge: false },
      authentication: { type: 'sas', symmetricKey: { primaryKey: key, secondaryKey: key } } },
    members: {
      id: { kind: 'text', required: true },
      importMode: { kind: 'text' },
      status: { kind: 'text', at: (body) => body.status },
      'capabilities.iotEdge': { kind: 'boolean', at: (body) => body.capabilities.iotEdge },
      'authentication.symmetricKey': { kind: 'object', at: (body) => body.authentication },
      'authentication.symmetricKey.primaryKey': { kind: 'text', required: true, at: (body) => body.authentication },
    } },
  { name: 'a bulk entry of a twin', send: bulk, ok: isOk,
    body: { id: 'sweep', importMode: 'updateTwin', tags: { Case: 'kept', case: 1 }, properties: { desired: { a: 1 } } },
    members: {
      tags: { kind: 'object', at: (body) => body.tags },
      properties: { kind: 'object' },
      'properties.desired': { kind: 'object' },
    } },
  ...['PATCH', 'PUT'].flatMap((verb) => ['/twins/twin', '/twins/twin/modules/m'].map((path) => ({
    name: `${verb} of ${path}`, send: (body) => ask(verb, path, body), ok: isOk,
    body: { deviceId: 'twin', tags: { Tag: '1', tag: 'true' }, properties: { desired: { Desired: '7', desired: 8 } } },
    members: {
      deviceId: { kind: 'text' },
      tags: { kind: 'object', at: (body) => body.tags },
      properties: { kind: 'object', at: ({ properties: { desired } }) => [desired.Desired, desired.desired] },
      'properties.desired': { kind: 'object', at: ({ properties: { desired } }) => [desired.Desired, desired.desired] },
    } }))),
  { name: 'a direct method', send: (body) => ask('POST', '/twins/twin/methods', body), ok: (answer) => answer.error === 'DeviceNotOnline',
    body: method, members: methodMembers('') },
  { name: 'a direct method of the preview', send: (body) => ask('POST', '/twins/twin/methods', body, preview), ok: (answer) => answer.error === 'DeviceNotOnline',
    body: { methodName: 'go', timeoutInSeconds: 45 },
    members: { methodName: { kind: 'text', required: true }, timeoutInSeconds: { kind: 'integer', bad: [0, 3601] } } },
  { name: 'a method job', send: putJob, ok: isOk,
    body: { jobId: 'j', type: 'scheduleDeviceMethod', cloudToDeviceMethod: method, updateTwin: null, queryCondition: "deviceId = 'none'", maxExecutionTimeInSeconds: 60 },
    members: {
      type: { kind: 'text', required: true, at: (body) => body.type },
      queryCondition: { kind: 'text', required: true, at: (body) => body.queryCondition },
      maxExecutionTimeInSeconds: { kind: 'integer', bad: [-1, 604801], at: (body) => body.maxExecutionTimeInSeconds },
      cloudToDeviceMethod: { kind: 'object', required: true, at: (body) => body.cloudToDeviceMethod },
      'cloudToDeviceMethod.payload': { kind: 'any', at: (body) => body.cloudToDeviceMethod.payload },
      ...methodMembers('cloudToDeviceMethod.', (body) => body.cloudToDeviceMethod),
    } },
  { name: 'a twin job', send: putJob, ok: isOk,
    body: { type: 'scheduleUpdateTwin', updateTwin: { etag: '*', tags: { T: '1', t: 2 }, properties: { desired: { D: '1', d: 2 } } }, queryCondition: "deviceId = 'none'" },
    members: {
      updateTwin: { kind: 'object', required: true, at: (body) => body.updateTwin },
      'updateTwin.etag': { kind: 'text', required: true, at: (body) => body.updateTwin },
      'updateTwin.tags': { kind: 'object', at: (body) => body.updateTwin.tags },
      'updateTwin.properties': { kind: 'object', at: (body) => body.updateTwin.properties.desired },
      'updateTwin.properties.desired': { kind: 'object', at: (body) => body.updateTwin.properties.desired },
    } },
  { name: 'a job of the preview', send: (body) => putJob(body, preview), ok: isOk,
    body: { type: 'scheduleUpdateTwin', updateTwin: { etag: '*', desired: { D: 1 } }, deviceIds: ['twin'], maxExecutionTimeInSeconds: 60 },
    members: {
      'updateTwin.desired': { kind: 'object', required: true },
      deviceIds: { kind: 'array', required: true, at: (body) => body.deviceIds },
      maxExecutionTimeInSeconds: { kind: 'integer', bad: [-1], at: (body) => body.maxExecutionTimeInSeconds },
    } },
  { name: 'a configuration', send: putConfiguration, ok: isOk,
    body: { id: 'c', schemaVersion: '1.0', labels: { Who: '1', who: 2 }, priority: 7, targetCondition: "tags.none = '1'",
      content: { deviceContent: { 'properties.desired.X': { Y: '1', y: 2 } } }, metrics: { queries: { M: 'select deviceId from devices' } } },
    members: {
      schemaVersion: { kind: 'text', at: (body) => body.schemaVersion },
      labels: { kind: 'object', at: (body) => body.labels },
      priority: { kind: 'integer', bad: [1.5, 2 ** 31], at: (body) => body.priority },
      targetCondition: { kind: 'text', at: (body) => body.targetCondition },
      content: { kind: 'object', required: true, error: 'InvalidConfigurationContent', at: (body) => body.content },
      'content.deviceContent': { kind: 'object', required: true, error: 'InvalidConfigurationContent', at: (body) => body.content },
      metrics: { kind: 'object', at: (body) => body.metrics.queries },
      'metrics.queries': { kind: 'object', at: (body) => body.metrics.queries },
    } },
  { name: 'a test of queries', send: (body) => ask('POST', '/configurations/testQueries', body), ok: isOk,
    body: { targetCondition: '*', customMetricQueries: { M: 'select deviceId from devices' } },
    members: { targetCondition: { kind: 'text' }, customMetricQueries: { kind: 'object' } } },
  { name: 'a content for one device', send: (body) => ask('POST', '/devices/edge/applyConfigurationContent', body), ok: (answer) => answer.status === 204,
    body: { deviceContent: { 'properties.desired.a': 1 } },
    members: { deviceContent: { kind: 'object', required: true, error: 'InvalidConfigurationContent' } } },
  { name: 'a query', send: (body) => ask('POST', '/devices/query', body), ok: isOk,
    body: { query: "SELECT deviceId FROM devices WHERE deviceId = 'twin'" },
    members: { query: { kind: 'text', required: true, at: shown } } },
  { name: 'a query of the preview', send: (body) => ask('POST', '/devices/query', body, preview), ok: isOk,
    body: { sql: 'SELECT * FROM devices', pageSize: 1, continuationToken: null },
    members: {
      sql: { kind: 'text', required: true, at: (body) => body.items.length },
      pageSize: { kind: 'integer', bad: [1.5], at: (body) => body.items.length },
    } },
  { name: 'new keys', send: (body) => ask('POST', '/devices/keys/regenerate', body), ok: isOk,
    body: { policyKey: 'primaryKey', devices: [{ id: 'twin', moduleId: 'm' }] },
    members: {
      policyKey: { kind: 'text', required: true, at: (body) => body.policyKey },
      devices: { kind: 'array', required: true, at: (body) => body.rotatedKeys.map(({ id, moduleId }) => [id, moduleId]) },
    } },
  // Without a container there is no job; that is said when all members have been read.
  { name: 'a transfer', send: (body) => ask('POST', '/jobs/create', body), ok: (answer) => answer.error === 'ArgumentNull',
    body: { type: 'export', outputBlobName: 'x', excludeKeysInExport: true, includeConfigurations: false, storageAuthenticationType: 'keyBased' },
    members: {
      type: { kind: 'text', required: true },
      outputBlobName: { kind: 'text' },
      excludeKeysInExport: { kind: 'boolean' },
      includeConfigurations: { kind: 'boolean' },
      storageAuthenticationType: { kind: 'text' },
    } },
];

const clone = (value) => JSON.parse(JSON.stringify(value));
/** The object that holds the member at `path` of `body`, and the member's name. */
function place(body, path) {
  const names = path.split('.');
  const name = names.pop();
  return [names.reduce((value, each) => value[each], body), name];
}
function changed(body, path, change) {
  const copy = clone(body);
  const [holder, name] = place(copy, path);
  change(holder, name);
  return copy;
}
const renamed = (body, path, rename) => changed(body, path, (holder, name) => {
  const value = holder[name];
  delete holder[name];
  holder[rename(name)] = value;
});
const upper = (name) => name.toUpperCase();
const pascal = (name) => name[0].toUpperCase() + name.slice(1);
const swapped = (name) => [...name].map((c) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase())).join('');
/** What a member of each kind must not be. */
const wrong = {
  integer: ['soon', '', ' 30', '030', true, [], {}],
  boolean: [1, 0, 'yes', '', '1', [], {}],
  text: [5, true, [], {}],
  object: [5, 'text', true, []],
  array: [5, 'text', {}],
  any: [],
};

for (const { name, send: post, ok, body, members } of requests) {
  test(`${name}: as it is, and with members that nobody knows`, async () => {
    for (const variant of [body, { ...body, zzUnknown: { a: [1] } }]) {
      const answer = await post(variant);
      assert.ok(ok(answer), answer.text);
    }
  });
  for (const [path, { kind, required, bad = [], error = 'ArgumentInvalid', at = () => null }] of Object.entries(members)) {
    test(`${name}: ${path}, ${kind}`, async () => {
      const plain = await post(body);
      assert.ok(ok(plain), plain.text);
      const same = async (variant) => {
        const answer = await post(variant);
        assert.ok(ok(answer), `${JSON.stringify(variant)}: ${answer.text}`);
        assert.deepEqual(at(answer.body), at(plain.body), JSON.stringify(variant));
      };
      const refused = async (variant) => {
        const answer = await post(variant);
        assert.equal(answer.status, 400, `${JSON.stringify(variant)}: ${answer.text}`);
        return answer;
      };
      for (const rename of [upper, pascal, swapped]) await same(renamed(body, path, rename));
      const twice = await refused(changed(body, path, (holder, member) => { holder[upper(member)] = holder[member]; }));
      assert.match(twice.text, /two spellings/);
      const [holder, last] = place(body, path);
      if (kind === 'integer' || kind === 'boolean') {
        await same(changed(body, path, (o, m) => { o[m] = String(holder[last]); }));
      }
      if (kind === 'integer') await same(changed(body, path, (o, m) => { o[m] = `${holder[last]}.0`; }));
      if (kind === 'boolean') await same(changed(body, path, (o, m) => { o[m] = String(holder[last]).toUpperCase(); }));
      for (const value of [...wrong[kind], ...bad]) {
        const answer = await refused(changed(body, path, (o, m) => { o[m] = value; }));
        if (kind === 'integer' || kind === 'boolean') {
          assert.equal(answer.error, error, answer.text);
          assert.ok(answer.text.includes(last), `${answer.text} names ${last}`);
          if (typeof value !== 'object') {
            const found = JSON.stringify(JSON.stringify(value)).slice(1, -1);
            assert.ok(answer.text.replaceAll('\\\\\\"', '\\"').includes(`It is ${found}.`), `${answer.text} says what was found: ${found}`);
          }
        }
      }
      for (const variant of [changed(body, path, (o, m) => { o[m] = null; }), changed(body, path, (o, m) => { delete o[m]; })]) {
        if (required) await refused(variant);
        else {
          const answer = await post(variant);
          assert.ok(ok(answer), `${JSON.stringify(variant)}: ${answer.text}`);
        }
      }
    });
  }
}

test('what users name keeps its case, its kinds and its doubles', async () => {
  const tags = { Status: 'x', status: '5', STATUS: 'true', nested: { Tags: 1, tags: '1', Properties: {}, properties: {} } };
  const twin = (await ask('PUT', '/twins/twin', { tags, properties: { desired: { Desired: { Desired: '30' }, desired: 'false' } } })).body;
  assert.deepEqual(twin.tags, tags);
  assert.deepEqual(twin.properties.desired.Desired, { Desired: '30' });
  assert.equal(twin.properties.desired.desired, 'false');
});

test('keys stay where an authentication is not understood', async () => {
  await putDevice({ authentication: { symmetricKey: { primaryKey: key, secondaryKey: key } } });
  for (const authentication of [
    'sas', 5, [], true,
    { key }, { primaryKey: key, secondaryKey: key }, { type: 'sas', symmetricKeys: { primaryKey: key } },
    { symmetricKey: key }, { symmetricKey: [key] }, { symmetricKey: { primary: key, secondary: key } },
    { SymmetricKey: { PrimaryKey: key } }, { type: 'token' }, { type: 5 },
    { type: 'selfSigned', x509Thumbprint: { primary: print } }, { type: 'selfSigned', thumbprint: print },
    { x509Thumbprint: print },
  ]) {
    const refused = await putDevice({ authentication });
    assert.equal(refused.status, 400, `${JSON.stringify(authentication)}: ${refused.text}`);
    assert.equal(refused.error, 'ArgumentInvalid');
    const found = (await ask('GET', '/devices/sweep', '')).body.authentication;
    assert.deepEqual([found.type, found.symmetricKey], ['sas', { primaryKey: key, secondaryKey: key }], JSON.stringify(authentication));
    assert.equal((await bulk({ id: 'sweep', importMode: 'update', authentication })).status, 400, JSON.stringify(authentication));
  }
  const unknown = await putDevice({ authentication: { type: 'sas', symmetricKeys: {} } });
  assert.match(unknown.text, /symmetricKeys/, 'the member is named');
  // Absent, null and empty mean new keys, as on the service.
  for (const body of [{}, { authentication: null }, { authentication: {} }, { authentication: { type: 'sas' } },
    { authentication: { symmetricKey: { primaryKey: '', secondaryKey: null } } }]) {
    const { body: made } = await putDevice(body);
    assert.notEqual(made.authentication.symmetricKey.primaryKey, key, JSON.stringify(body));
  }
});

test('a job shows its call and its patch in the names that clients look for', async () => {
  const method = await putJob({ TYPE: 'scheduleDeviceMethod', QueryCondition: '*',
    CloudToDeviceMethod: { MethodName: 'go', Payload: { MethodName: 'inner' }, ResponseTimeoutInSeconds: '30', connecttimeoutinseconds: '5' } });
  assert.deepEqual(method.body.cloudToDeviceMethod,
    { methodName: 'go', payload: { MethodName: 'inner' }, responseTimeoutInSeconds: 30, connectTimeoutInSeconds: 5 });
  const twin = await putJob({ Type: 'scheduleUpdateTwin', querycondition: '*', UpdateTwin: { ETag: '*', Tags: { Tags: null }, Properties: { Desired: { D: 1 } } } });
  assert.deepEqual(twin.body.updateTwin, { deviceId: null, etag: '*', tags: { Tags: null }, properties: { desired: { D: 1 } } });
});

test('only the key that was asked for is in the answer', async () => {
  for (const [policyKey, names] of [['primaryKey', ['primaryKey']], ['SecondaryKey', ['secondaryKey']], ['both', ['primaryKey', 'secondaryKey']]]) {
    const before = (await ask('GET', '/devices/twin', '')).body.authentication.symmetricKey;
    const { body } = await ask('POST', '/devices/keys/regenerate', { policyKey, devices: [{ id: 'twin' }] });
    const after = (await ask('GET', '/devices/twin', '')).body.authentication.symmetricKey;
    assert.deepEqual(Object.keys(body.rotatedKeys[0]), ['id', ...names]);
    for (const name of ['primaryKey', 'secondaryKey']) {
      assert.equal(after[name] !== before[name], names.includes(name));
      if (names.includes(name)) assert.equal(body.rotatedKeys[0][name], after[name]);
    }
  }
});
