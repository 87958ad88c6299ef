// Spans of the hub at a collector: OTLP over HTTP as JSON, with W3C trace context in and out; and what becomes of them when
// the collector does not take them.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { get, hubWithAdmin } from './scrape.mjs';
import { close, connect, ga } from '../lib/devices.mjs';
import { parts, sign, until } from '../lib/hub.mjs';

const PORT = 4318;
const HOOK = 8099;
let hub;
const requests = [];
const hooked = [];
let status = 200;

function serve(port, take) {
  const server = createServer((request, response) => {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => { response.statusCode = take(request, Buffer.concat(pieces).toString()); response.end('{}'); });
  });
  return new Promise((resolve) => { server.listen(port, hub.address, () => resolve(server)); });
}

const spans = () => requests.flatMap((body) => body.resourceSpans).flatMap((one) => one.scopeSpans).flatMap((one) => one.spans);
const attributes = (span) => Object.fromEntries(span.attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]));
const figure = async (result) => {
  const { body } = await get(hub, '/metrics');
  return Number(new RegExp(`^carillon_trace_spans_total\\{result="${result}"\\} (\\d+)`, 'm').exec(body)[1]);
};

async function ask(method, path, body, headers = {}) {
  const { SharedAccessKey } = parts(hub.connectionString);
  const token = sign(hub.address, SharedAccessKey, Math.floor(Date.now() / 1000) + 600, 'iothubowner');
  const response = await fetch(`https://${hub.address}${path}?api-version=2021-04-12`, { method,
    headers: { Authorization: token, ...headers }, body: body && JSON.stringify(body) });
  await response.arrayBuffer();
  return response;
}

let servers;
before(async () => {
  hub = hubWithAdmin();
  process.env.CARILLON_TRACING__ENDPOINT = `http://${hub.address}:${PORT}/v1/traces`;
  process.env.CARILLON_STORAGE__HOSTS = `http://${hub.address}:${HOOK}`;
  servers = [
    await serve(PORT, (request, body) => {
      assert.equal(request.url, '/v1/traces');
      assert.equal(request.headers['content-type'], 'application/json');
      if (status === 200) requests.push(JSON.parse(body));
      return status;
    }),
    await serve(HOOK, (request) => { hooked.push(request.headers.traceparent); return 200; }),
  ];
  await hub.start();
});
after(async () => {
  await hub.stop();
  for (const server of servers) server.close();
});

test('a request is a part of its caller\'s trace, or begins one', async () => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const answer = await ask('PUT', '/devices/one', { deviceId: 'one' }, { traceparent: `00-${trace}-00f067aa0ba902b7-01` });
  assert.equal(answer.status, 200);
  const found = await until(() => spans().find((span) => span.traceId === trace), 'the span');
  assert.equal(found.parentSpanId, '00f067aa0ba902b7');
  assert.match(found.spanId, /^[0-9a-f]{16}$/);
  assert.equal(found.name, 'PUT /devices/{}');
  assert.equal(found.kind, 2);
  const { 'http.route': route, 'http.response.status_code': code, 'carillon.policy': policy, 'carillon.request_id': id } = attributes(found);
  assert.deepEqual([route, code, policy], ['/devices/{}', 200, 'iothubowner']);
  assert.equal(id, answer.headers.get('x-ms-request-id'));
  const began = Number(BigInt(found.startTimeUnixNano) / 1000000n);
  assert.ok(Math.abs(began - Date.now()) < 600_000 && BigInt(found.endTimeUnixNano) >= BigInt(found.startTimeUnixNano));
  const resource = Object.fromEntries(requests[0].resourceSpans[0].resource.attributes.map(({ key, value }) => [key, value.stringValue]));
  assert.equal(resource['service.name'], 'carillon');
  assert.equal(resource['service.instance.id'], hub.address);

  // A path that no route has, which a stranger may choose, is in no name.
  await ask('GET', '/secret-path-of-a-stranger');
  const nowhere = await until(() => spans().find((span) => attributes(span)['http.response.status_code'] === 404), 'the other span');
  assert.equal(nowhere.parentSpanId, undefined);
  assert.doesNotMatch(JSON.stringify(requests), /secret-path/);
});

test('a caller that keeps no span, and one that sends nonsense', async () => {
  const trace = 'a'.repeat(32);
  await ask('GET', '/devices/one', undefined, { traceparent: `00-${trace}-00f067aa0ba902b7-00` });
  await ask('GET', '/twins/one', undefined, { traceparent: 'nonsense' });
  await until(() => spans().some((span) => span.name === 'GET /twins/{}' && !span.parentSpanId), 'a trace of its own');
  assert.ok(!spans().some((span) => span.traceId === trace));
});

test('what other tracing systems have noted goes with the span', async () => {
  const trace = 'd'.repeat(32);
  const tracestate = 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7';
  await ask('GET', '/devices/one', undefined, { traceparent: `00-${trace}-00f067aa0ba902b7-01`, tracestate });
  assert.equal((await until(() => spans().find((span) => span.traceId === trace), 'the span')).traceState, tracestate);
});

test('a direct method and a job are parts of the trace of the request for them', async () => {
  const device = await connect(ga, await hub.device('worker'));
  device.onDeviceMethod('ping', (request, response) => response.send(201, {}));
  const traced = (trace, name) => until(() => spans().find((span) => span.traceId === trace && span.name === name), `${name} in ${trace}`);
  const [called, planned] = ['e'.repeat(32), 'f'.repeat(32)];
  const traceparent = (trace) => `00-${trace}-00f067aa0ba902b7-01`;
  const answer = await ask('POST', '/twins/worker/methods', { methodName: 'ping', payload: {}, connectTimeoutInSeconds: 30 }, { traceparent: traceparent(called) });
  assert.equal(answer.status, 200);
  const request = await traced(called, 'POST /twins/{}/methods');
  const method = await traced(called, 'direct method');
  assert.deepEqual([method.parentSpanId, method.kind, method.status.code], [request.spanId, 3, undefined]);
  assert.deepEqual(attributes(method), { 'carillon.identity': 'worker', 'carillon.method.status': 201 });
  assert.ok(BigInt(method.startTimeUnixNano) >= BigInt(request.startTimeUnixNano) - 1_000_000n);

  const body = { jobId: 'rollout', type: 'scheduleUpdateTwin', queryCondition: "deviceId = 'worker'", maxExecutionTimeInSeconds: 60,
    updateTwin: { etag: '*', tags: { floor: 1 } } };
  assert.ok((await ask('PUT', '/jobs/v2/rollout', body, { traceparent: traceparent(planned) })).status < 300);
  const creation = await traced(planned, 'PUT /jobs/v2/{}');
  const job = await traced(planned, 'job scheduleUpdateTwin');
  assert.equal(job.parentSpanId, creation.spanId);
  assert.deepEqual(attributes(job), { 'carillon.job': 'rollout', 'carillon.job.status': 'completed', 'carillon.job.succeeded': 1,
    'carillon.job.failed': 0, 'carillon.job.canceled': 0 });
  await close(device);

  // A method that no device answers has failed.
  const missed = '1'.repeat(32);
  assert.equal((await ask('POST', '/twins/worker/methods', { methodName: 'ping', payload: {} }, { traceparent: traceparent(missed) })).status, 404);
  assert.equal((await traced(missed, 'direct method')).status.code, 2);
});

for (const [name, transport] of [['mqtt', undefined], ['amqp', ga.Amqp]]) {
  test(`what a device does over ${name} are spans, a message a part of the trace that it names`, async () => {
    const id = `over-${name}`;
    const device = await connect(ga, await hub.device(id), {}, transport);
    const trace = name.padEnd(32, '0').replace(/[^0-9a-f]/g, '2');
    const message = new ga.device.Message('here');
    message.properties.add('traceparent', `00-${trace}-00f067aa0ba902b7-01`);
    message.properties.add('tracestate', 'rojo=1');
    await device.sendEvent(message);
    const twin = await device.getTwin();
    await new Promise((resolve, reject) => { twin.properties.reported.update({ a: 1 }, (error) => (error ? reject(error) : resolve())); });
    await close(device);
    const of = (what) => until(() => spans().find((span) => span.name === what && attributes(span)['carillon.identity'] === id), `${what} of ${id}`);
    const telemetry = await of('device telemetry');
    assert.deepEqual([telemetry.traceId, telemetry.parentSpanId, telemetry.traceState, telemetry.kind], [trace, '00f067aa0ba902b7', 'rojo=1', 2]);
    for (const what of ['device connect', 'device telemetry', 'device twin read', 'device twin update']) {
      const span = await of(what);
      assert.equal(attributes(span)['network.protocol.name'], name);
      assert.equal(span.status.code, undefined, what);
      assert.equal(span.parentSpanId, what === 'device telemetry' ? '00f067aa0ba902b7' : undefined, what);
    }
  });
}

test('a webhook is sent the trace of the request to it', async () => {
  const endpoint = await ask('PUT', '/carillon/endpoints/hook', { type: 'webhook', url: `http://${hub.address}:${HOOK}/in` });
  assert.ok(endpoint.status < 300, `${endpoint.status}`);
  assert.ok((await ask('PUT', '/carillon/routes/all', { source: 'DeviceLifecycleEvents', condition: 'true', endpointNames: ['hook'] })).status < 300);
  await ask('PUT', '/devices/two', { deviceId: 'two' });
  await until(() => hooked.length > 0, 'the webhook');
  const [, trace, span] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/.exec(hooked[0]);
  const sent = await until(() => spans().find((one) => one.traceId === trace), 'the span of it');
  assert.deepEqual([sent.spanId, sent.kind, sent.name], [span, 3, 'POST webhook']);
});

test('what the collector does not take is sent again, then lost and counted, and nobody waits', async () => {
  assert.ok(await figure('sent') > 0);
  assert.equal(await figure('lost'), 0);
  status = 400; // Not to be sent again.
  await ask('GET', '/devices/one');
  await until(async () => await figure('lost') > 0, 'lost spans');
  status = 503;
  const trace = 'b'.repeat(32);
  await ask('GET', '/devices/one', undefined, { traceparent: `00-${trace}-00f067aa0ba902b7-01` });
  await new Promise((resolve) => { setTimeout(resolve, 1200); });
  status = 200;
  await until(() => spans().some((span) => span.traceId === trace), 'the span that was refused first');

  // More than may wait while nothing is taken.
  status = 503;
  const before = await figure('lost');
  for (let round = 0; round < 60; ++round) {
    await Promise.all(Array.from({ length: 100 }, () => ask('GET', '/devices/one')));
  }
  await until(async () => await figure('lost') > before, 'spans beyond what may wait');
  assert.match(hub.log(), /collector of traces takes no spans/);
  status = 200;
  const last = 'c'.repeat(32);
  await ask('GET', '/devices/one', undefined, { traceparent: `00-${last}-00f067aa0ba902b7-01` });
  await hub.stop(); // What waits goes out at the end.
  assert.ok(spans().length > 0);
});
