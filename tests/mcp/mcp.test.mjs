// `carillon mcp` with the protocol's own TypeScript client, against a real hub.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { Hub, until } from '../lib/hub.mjs';

const hub = Hub.fromEnvironment();
const clients = [];

/** A client of a server of its own, with the hub's rights and these flags. */
async function connect(...flags) {
  const client = new Client({ name: 'carillon-tests', version: '1.0.0' });
  await client.connect(new StdioClientTransport({
    command: hub.binary, args: ['mcp', ...flags],
    env: { ...process.env, CARILLON_LOGIN: hub.connectionString, CARILLON_CA: hub.caFile },
  }));
  clients.push(client);
  return client;
}

let reader;
let operator;

async function called(client, name, args = {}) {
  const result = await client.callTool({ name, arguments: args });
  return { text: result.content[0].text, isError: result.isError };
}

/** What a tool gave, which must not be an error. */
async function given(client, name, args) {
  const { text, isError } = await called(client, name, args);
  assert.equal(isError, false, text);
  return JSON.parse(text);
}

before(async () => {
  await hub.start();
  for (const id of ['door-1', 'door-2', 'pump-1']) {
    await hub.ok('device', 'create', '-d', id);
    await hub.ok('twin', 'update', '-d', id, '--tags', JSON.stringify({ kind: id.slice(0, 4) }));
  }
  reader = await connect();
  operator = await connect('--allow-changes');
});
after(async () => {
  for (const client of clients) await client.close();
  await hub.stop();
});

test('the client learns name, version and tools', async () => {
  assert.equal(reader.getServerVersion().name, 'carillon');
  assert.match(reader.getInstructions(), /IoT hub/);
  const { tools } = await reader.listTools();
  assert.ok(tools.length >= 10);
  assert.ok(tools.every((tool) => tool.annotations.readOnlyHint), 'a reader has only tools that read');
  assert.ok((await operator.listTools()).tools.some((tool) => tool.name === 'create_job' && tool.annotations.destructiveHint));
  await reader.ping();
});

test('devices are looked up, and no key is shown', async () => {
  const device = await called(reader, 'get_device', { device_id: 'door-1' });
  assert.equal(JSON.parse(device.text).deviceId, 'door-1');
  const { primaryKey } = JSON.parse(await hub.ok('device', 'show', 'door-1')).authentication.symmetricKey;
  assert.ok(!device.text.includes(primaryKey));
  assert.equal((await given(reader, 'get_twin', { device_id: 'pump-1' })).tags.kind, 'pump');
  const missing = await called(reader, 'get_twin', { device_id: 'nobody' });
  assert.ok(missing.isError);
  assert.match(missing.text, /nobody/);
  assert.equal((await given(reader, 'describe_hub')).devices, 3);
});

test('queries give pages', async () => {
  const order = { statement: "SELECT deviceId FROM devices WHERE tags.kind = 'door'", page_size: 1 };
  const first = await given(reader, 'query', order);
  const second = await given(reader, 'query', { ...order, continuation: first.continuation });
  assert.deepEqual([...first.rows, ...second.rows].map((row) => row.deviceId).sort(), ['door-1', 'door-2']);
  const wrong = await called(reader, 'query', { statement: 'SELECT FROM' });
  assert.ok(wrong.isError);
});

test('a job is planned without being made, and made only by a server that may', async () => {
  const order = { condition: "tags.kind = 'door'", twin_patch: { tags: { checked: true } } };
  const plan = await given(reader, 'plan_job', order);
  assert.deepEqual([plan.devices, plan.connected, plan.examples.length], [2, 0, 2]);
  assert.deepEqual((await given(reader, 'list_jobs')).rows, []);
  await assert.rejects(reader.callTool({ name: 'create_job', arguments: { job_id: 'check', ...order } }), /create_job/);

  assert.equal((await given(operator, 'create_job', { job_id: 'check', ...order })).jobId, 'check');
  const done = await until(async () => {
    const { job } = await given(reader, 'get_job', { job_id: 'check' });
    return job.status === 'completed' && job;
  }, 'the job');
  assert.equal(done.deviceJobStatistics.succeededCount, 2);
  const devices = await given(reader, 'list_job_devices', { job_id: 'check' });
  assert.deepEqual(devices.rows.map((row) => row.deviceId).sort(), ['door-1', 'door-2']);
});

test('a job is paused, approved wave by wave, cancelled, and its history tells so', async () => {
  const order = {
    job_id: 'waves', condition: '*', twin_patch: { tags: { wave: 1 } },
    rollout: { waves: [{ size: 1, gate: 'manual' }, { size: 'rest' }] },
  };
  await given(operator, 'create_job', order);
  await until(async () => (await given(reader, 'get_job', { job_id: 'waves' })).progress?.waves?.[0]?.state === 'gate', 'the gate');
  assert.equal((await given(operator, 'pause_job', { job_id: 'waves', why: 'wait' })).paused.why, 'wait');
  await given(operator, 'resume_job', { job_id: 'waves' });
  await given(operator, 'promote_job', { job_id: 'waves', wave: 0, why: 'looks good' });
  await until(async () => (await given(reader, 'get_job', { job_id: 'waves' })).job.status === 'completed', 'the end');
  assert.match(JSON.stringify(await given(reader, 'get_job_history', { job_id: 'waves' })), /looks good/);
  const over = await called(operator, 'cancel_job', { job_id: 'waves' });
  assert.ok(over.isError, 'a job that is over cannot be cancelled');
});

test('failures are grouped by reason', async () => {
  await given(operator, 'create_job', {
    job_id: 'calls', condition: "tags.kind = 'door'", method_name: 'open', execution_time_max_s: 1,
  });
  await until(async () => (await given(reader, 'get_job', { job_id: 'calls' })).job.status !== 'running', 'the deadline');
  const { reasons } = await until(async () => {
    const explained = await given(reader, 'explain_job_failures', { job_id: 'calls' });
    return explained.failedDevicesRead === 2 && explained;
  }, 'two failed devices');
  assert.equal(reasons.length, 1);
  assert.deepEqual([reasons[0].devices, reasons[0].examples.length], [2, 2]);
});

test('the rollout that create_job shows as an example is one', async () => {
  const { tools } = await operator.listTools();
  const described = tools.find((tool) => tool.name === 'create_job').inputSchema.properties.rollout.description;
  const rollout = JSON.parse(described.match(/Such as (.*)$/)[1]);
  await given(operator, 'create_job', { job_id: 'example', condition: '*', twin_patch: { tags: { a: 1 } }, rollout });
});
