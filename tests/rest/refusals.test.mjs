// What the service refuses, and in which form; and what it takes where one would not expect it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { ga } from '../lib/devices.mjs';
import { RawClient, ownerField } from './client.mjs';

const hub = Hub.fromEnvironment();
let auth;
let client;
let deviceString;
before(async () => {
  await hub.start();
  auth = ownerField(hub);
  client = await RawClient.open(hub);
  deviceString = await hub.device('d1');
  await ask('PUT', '/devices/d1/modules/m', {});
});
after(async () => {
  client.destroy();
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});

async function ask(method, path, body, text = JSON.stringify(body)) {
  client.send(`${method} ${path}?api-version=2021-04-12 HTTP/1.1\r\nHost: ${hub.address}\r\n${auth}`
    + `Content-Length: ${Buffer.byteLength(text ?? '')}\r\n\r\n${text ?? ''}`);
  const answer = await client.answer();
  assert.ok(answer, `${method} ${path} ends the connection`);
  return { status: answer.status, error: answer.headers['iothub-errorcode'], body: answer.body && JSON.parse(answer.body) };
}

for (const path of ['/twins/d1', '/twins/d1/modules/m']) {
  test(`a null in a replacement of ${path} is refused and changes nothing`, async () => {
    const kept = { tags: { a: 1, b: { c: 2 } }, properties: { desired: { x: 1, y: { z: 2 } } } };
    const before = (await ask('PUT', path, kept)).body;
    for (const body of [
      { tags: { a: null } }, { tags: { a: 5, b: { c: null } } }, { tags: { b: { c: { d: { e: null } } } } },
      { properties: { desired: { x: null } } }, { tags: { a: 5 }, properties: { desired: { y: { z: null } } } },
    ]) {
      const refused = await ask('PUT', path, body);
      assert.equal(refused.status, 400, JSON.stringify(refused.body));
      assert.equal(refused.error, 'ArgumentInvalid');
      assert.match(refused.body.Message, /^ErrorCode:ArgumentInvalid;Value of Property or Tag cannot be null\. Error in Property\/Tag \w$/);
      assert.deepEqual((await ask('GET', path)).body, before, JSON.stringify(body));
    }
    const merged = (await ask('PATCH', path, { tags: { b: { c: null } }, properties: { desired: { x: null } } })).body;
    assert.deepEqual(merged.tags, { a: 1, b: {} }, 'a PATCH deletes by it');
    assert.equal('x' in merged.properties.desired, false);
  });
}

test('a continuation token that the hub did not make is refused, a plain number too, in either flavour', async () => {
  for (const version of ['2021-04-12', '2016-09-30-preview']) {
    for (const [method, path, text] of [['POST', '/devices/query', '{"query":"SELECT * FROM devices"}'], ['GET', '/jobs/v2/query', '']]) {
      for (const token of ['0', '1', '2', '100', '-1', 'Mg==', 'MTAw', '%7B%7D', 'null']) {
        for (const place of ['header', 'parameter', ...(text && version !== '2021-04-12' ? ['body'] : [])]) {
          const body = place === 'body' ? JSON.stringify({ sql: 'SELECT * FROM devices', continuationToken: token })
            : version === '2021-04-12' ? text : text.replace('query', 'sql');
          client.send(`${method} ${path}?api-version=${version}${place === 'parameter' ? `&continuationToken=${token}` : ''} HTTP/1.1\r\n`
            + `Host: ${hub.address}\r\n${auth}${place === 'header' ? `x-ms-continuation: ${token}\r\n` : ''}`
            + `${method === 'POST' ? `Content-Length: ${body.length}\r\n\r\n${body}` : '\r\n'}`);
          const answer = await client.answer();
          const what = `${version} ${path}, ${token} as ${place}: ${answer.body}`;
          assert.equal(answer.status, 400, what);
          assert.equal(answer.headers['iothub-errorcode'], 'ArgumentInvalid', what);
          assert.match(answer.body, /Continuation token is not valid/, what);
        }
      }
    }
  }
});

test('carillon twin replace refuses a null too', async () => {
  await ask('PUT', '/twins/d1', { tags: { kept: true } });
  const { code, stderr } = await hub.cli('twin', 'replace', '--device-id', 'd1', '--json', '{"tags":{"a":null}}');
  assert.notEqual(code, 0);
  assert.match(stderr, /cannot be null/);
  assert.deepEqual((await ask('GET', '/twins/d1')).body.tags, { kept: true });
});

const nested = (answer) => JSON.parse(answer.body.Message);

test('every fault of a direct method\'s request has the one nested form', async () => {
  const call = { methodName: 'x' };
  for (const [text, code] of [
    ['{}', 400004], ['[]', 400004], ['{"methodName":5}', 400004], ['{"methodName":""}', 400004],
    [JSON.stringify({ methodName: 'a/b' }), 400004], [JSON.stringify({ methodName: 'x'.repeat(101) }), 400004],
    [JSON.stringify({ ...call, responseTimeoutInSeconds: 3000 }), 400004],
    [JSON.stringify({ ...call, responseTimeoutInSeconds: 'soon' }), 400004],
    [JSON.stringify({ ...call, connectTimeoutInSeconds: 301 }), 400004],
    [JSON.stringify({ ...call, connectTimeoutInSeconds: 31, responseTimeoutInSeconds: 30 }), 400004],
    [JSON.stringify({ ...call, MethodName: 'y' }), 400004],
    [JSON.stringify({ ...call, payload: 'x'.repeat(128 * 1024) }), 400004],
    ['null', 400005], ['{', 400006], ['', 400006],
  ]) {
    for (const path of ['/twins/d1/methods', '/twins/d1/modules/m/methods']) {
      const refused = await ask('POST', path, null, text);
      assert.equal(refused.status, 400, `${text.slice(0, 80)}: ${JSON.stringify(refused.body)}`);
      const inner = nested(refused);
      assert.equal(inner.errorCode, code, text.slice(0, 80));
      assert.ok(inner.message && inner.trackingId && inner.timestampUtc);
      assert.equal(refused.body.ExceptionMessage, '');
    }
  }
  const far = nested(await ask('POST', '/twins/d1/methods', { ...call, responseTimeoutInSeconds: 3000 }));
  assert.match(far.message, /responseTimeoutInSeconds must be within \[5, 300\]/);
  assert.equal(nested(await ask('POST', '/twins/d1/methods', call)).errorCode, 404103);
  const unknown = await ask('POST', '/twins/none/methods', call);
  assert.match(unknown.body.Message, /^ErrorCode:DeviceNotFound;none/, 'Node clients look for this form');
});

test('an answer of a device that is not JSON is a bad gateway, not a text with 200', async () => {
  const { SharedAccessKey } = parts(deviceString);
  const password = sign(`${hub.address}/devices/d1`, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600);
  const device = ga.mqtt.connect(`mqtts://${hub.address}:8883`, {
    clientId: 'd1', username: `${hub.address}/d1/?api-version=2021-04-12`, password, protocolVersion: 4, reconnectPeriod: 0,
  });
  device.on('message', (topic) => {
    const [, , , name, query] = topic.split('/');
    const rid = /\$rid=([^&]*)/.exec(query)[1];
    const payload = { text: 'done', bytes: Buffer.from([0xff, 0xfe]), half: '{"a":', empty: '', json: '[1]' }[name];
    device.publish(`$iothub/methods/res/200/?$rid=${rid}`, payload);
  });
  await new Promise((resolve, reject) => { device.once('connect', resolve).once('error', reject); });
  await new Promise((resolve) => { device.subscribe('$iothub/methods/POST/#', { qos: 0 }, resolve); });
  const invoke = (methodName) => ask('POST', '/twins/d1/methods', { methodName, connectTimeoutInSeconds: 10 });
  assert.deepEqual((await invoke('json')).body, { status: 200, payload: [1] });
  assert.deepEqual((await invoke('empty')).body, { status: 200, payload: null });
  for (const name of ['text', 'bytes', 'half']) {
    const refused = await invoke(name);
    assert.equal(refused.status, 502, JSON.stringify(refused.body));
    assert.match(nested(refused).message, /InvalidResponseWhileProxying/);
  }
  // A job tells it of the one device.
  await ask('PUT', '/jobs/v2/not-json', { type: 'scheduleDeviceMethod', cloudToDeviceMethod: { methodName: 'text' }, queryCondition: "deviceId = 'd1'" });
  const job = await until(async () => {
    const { body } = await ask('GET', '/jobs/v2/not-json');
    return body.status === 'completed' && body;
  }, 'the job');
  assert.equal(job.deviceJobStatistics.failedCount, 1);
  await new Promise((resolve) => { device.end(true, {}, resolve); });
});

test('a metric query without FROM counts what the content is for', async () => {
  const put = (id, content, queries) => ask('PUT', `/configurations/${id}`, { id, content, targetCondition: '*', priority: 1, metrics: { queries } });
  const settings = { 'properties.desired.set': 1 };
  assert.equal((await put('of-devices', { deviceContent: settings }, { all: 'select *', some: "select deviceId where deviceId = 'from'" })).status, 200);
  assert.equal((await put('of-modules', { moduleContent: settings }, { all: 'select *' })).status, 200);
  const results = (id) => until(async () => {
    const { body } = await ask('GET', `/configurations/${id}`);
    return 'all' in body.metrics.results && body.metrics.results;
  }, `the metrics of ${id}`);
  assert.deepEqual(await results('of-devices'), { all: 1, some: 0 });
  assert.deepEqual(await results('of-modules'), { all: 1 });
  const tested = await ask('POST', '/configurations/testQueries', { targetCondition: '*', customMetricQueries: { m: 'select *', bad: 'select' } });
  assert.deepEqual(Object.keys(tested.body.customMetricQueryErrors), ['bad']);
  assert.equal((await put('bad', { deviceContent: settings }, { m: 'select' })).error, 'InvalidConfigurationCustomMetricsQuery');
});
