// The hub as a server of the Model Context Protocol over HTTPS, with the protocol's own TypeScript client: the rights are
// those of the token, and every call is in the audit log.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Hub, parts, sign, until } from '../lib/hub.mjs';

process.env.CARILLON_MCP__TOOLS = 'change';
const hub = Hub.fromEnvironment();
const clients = [];
const endpoint = () => new URL(`https://${hub.address}/carillon/mcp`);

async function tokenOf(policy) {
  const login = (await hub.local('connection-string', '--policy', policy)).trim();
  return sign(hub.address, parts(login).SharedAccessKey, Math.floor(Date.now() / 1000) + 600, policy);
}

async function connect(policy) {
  const client = new Client({ name: 'carillon-tests', version: '1.0.0' });
  const headers = { Authorization: await tokenOf(policy) };
  await client.connect(new StreamableHTTPClientTransport(endpoint(), { requestInit: { headers } }));
  clients.push(client);
  return client;
}

async function called(client, name, args = {}) {
  const result = await client.callTool({ name, arguments: args });
  return { text: result.content[0].text, isError: result.isError };
}

async function given(client, name, args) {
  const { text, isError } = await called(client, name, args);
  assert.equal(isError, false, text);
  return JSON.parse(text);
}

async function post(body, headers = {}) {
  const Authorization = await tokenOf('iothubowner');
  const response = await fetch(endpoint(), { method: 'POST', body: JSON.stringify(body),
    headers: { Authorization, 'Content-Type': 'application/json', ...headers } });
  return { status: response.status, text: await response.text() };
}

const audited = async () => JSON.parse(await hub.ok('audit', 'list', '-o', 'json'));
const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };

before(async () => {
  await hub.start();
  for (const id of ['door-1', 'door-2']) await hub.ok('device', 'create', '-d', id);
});
after(async () => {
  for (const client of clients) await client.close();
  await hub.stop();
});

test('the client learns the tools, reads devices without keys, and queries page by page', async () => {
  const owner = await connect('iothubowner');
  assert.equal(owner.getServerVersion().name, 'carillon');
  const names = (await owner.listTools()).tools.map((tool) => tool.name);
  assert.ok(names.includes('create_job') && names.includes('get_twin'));
  const device = await called(owner, 'get_device', { device_id: 'door-1' });
  const { primaryKey } = JSON.parse(await hub.ok('device', 'show', 'door-1')).authentication.symmetricKey;
  assert.ok(!device.text.includes(primaryKey));
  assert.equal(JSON.parse(device.text).deviceId, 'door-1');
  assert.equal((await given(owner, 'describe_hub')).devices, 2);
  const order = { statement: 'SELECT deviceId FROM devices', page_size: 1 };
  const first = await given(owner, 'query', order);
  const second = await given(owner, 'query', { ...order, continuation: first.continuation });
  assert.deepEqual([...first.rows, ...second.rows].map((row) => row.deviceId).sort(), ['door-1', 'door-2']);
  assert.ok((await called(owner, 'get_twin', { device_id: 'nobody' })).isError);
});

test('the token decides what a tool may do, and each call is in the audit log', async () => {
  const reader = await connect('registryRead');
  const order = { job_id: 'painted', condition: '*', twin_patch: { tags: { a: 1 } } };
  const refused = await called(reader, 'create_job', order);
  assert.ok(refused.isError);
  assert.match(refused.text, /not authori[sz]ed|does not allow/i);
  const owner = await connect('iothubowner');
  assert.equal((await given(owner, 'create_job', order)).jobId, 'painted');
  await until(async () => (await given(owner, 'get_job', { job_id: 'painted' })).job.status === 'completed', 'the job');
  const entries = await audited();
  const calls = entries.filter((entry) => entry.operation === 'POST /carillon/mcp');
  assert.ok(calls.some((entry) => entry.policy === 'registryRead' && entry.target === 'create_job'));
  assert.ok(calls.some((entry) => entry.policy === 'iothubowner' && entry.target === 'get_job'));
  const made = entries.find((entry) => entry.operation === 'PUT /jobs/v2/{}' && entry.target === 'painted');
  assert.equal(made.policy, 'iothubowner');
});

test('who shows no good token is refused, as are pages of other sites and unknown versions', async () => {
  const client = new Client({ name: 'stranger', version: '1' });
  await assert.rejects(client.connect(new StreamableHTTPClientTransport(endpoint())), /401|Unauthorized/i);
  assert.equal((await post(ping)).status, 200);
  assert.equal((await post(ping, { Origin: 'https://elsewhere.example' })).status, 403);
  assert.equal((await post(ping, { Origin: `https://${hub.address}` })).status, 200);
  assert.equal((await post(ping, { 'MCP-Protocol-Version': '1999-01-01' })).status, 400);
  assert.equal((await post({ jsonrpc: '2.0', method: 'notifications/initialized' })).status, 202);
  assert.match((await post([ping])).text, /-32600/);
  assert.equal((await fetch(endpoint())).status, 405);
});

test('many callers at once are all answered or told to come again', async () => {
  const answers = await Promise.all(Array.from({ length: 60 }, () => post({
    jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'describe_hub', arguments: {} },
  })));
  assert.ok(answers.every(({ status }) => status === 200 || status === 503), JSON.stringify(answers.map((one) => one.status)));
  assert.ok(answers.some(({ status }) => status === 200));
  assert.equal((await post(ping)).status, 200);
});

test('a hub that reads has no tool that changes, and one where it is off has no endpoint', async () => {
  await hub.stop();
  process.env.CARILLON_MCP__TOOLS = 'read';
  await hub.start();
  const reader = await connect('iothubowner');
  assert.ok((await reader.listTools()).tools.every((tool) => tool.annotations.readOnlyHint));
  await assert.rejects(reader.callTool({ name: 'create_job', arguments: {} }), /create_job/);
  await hub.stop();
  delete process.env.CARILLON_MCP__TOOLS;
  await hub.start();
  assert.equal((await post(ping)).status, 404);
});
