// Who changed what: every change through REST, the command line and the dashboard is in the audit log before it
// is answered, without secrets; and whatever is done to the log is found.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, parts } from '../lib/hub.mjs';
import { RawClient, ownerField } from '../rest/client.mjs';

const hub = Hub.fromEnvironment();
before(() => hub.start());
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));

const file = (name) => join(hub.directory, name);
const entries = async () => (await hub.ok('audit', 'export')).trim().split('\n').map((line) => JSON.parse(line));
const last = async () => (await entries()).at(-1);

async function send(text) {
  const client = await RawClient.open(hub);
  client.send(text);
  const answer = await client.answer();
  client.destroy();
  return answer;
}

test('a change says who, from where, what, and what it made of it', async () => {
  const made = await hub.device('pump-1');
  const created = await last();
  assert.equal(created.policy, 'iothubowner');
  assert.equal(created.key, 'primary');
  assert.equal(created.via, 'rest');
  assert.match(created.peer, /^127\.\d+\.\d+\.\d+:\d+$/);
  assert.match(created.agent, /^carillon\//);
  assert.equal(created.operation, 'PUT /devices/{}');
  assert.equal(created.target, 'pump-1');
  assert.equal(created.status, 200);
  assert.equal(created.before, undefined, 'there was none');
  assert.match(created.after, /^[0-9a-f]{64}$/);
  assert.ok(!JSON.stringify(created).includes(parts(made).SharedAccessKey));

  await hub.ok('twin', 'update', 'pump-1', '--desired', '{"speed":3}');
  const updated = await last();
  assert.equal(updated.operation, 'PATCH /twins/{}');
  assert.equal(updated.before, created.after, 'what was there is what the change before made');
  assert.notEqual(updated.after, updated.before);

  await hub.ok('device', 'delete', 'pump-1', '--yes');
  const removed = await last();
  assert.equal(removed.before, updated.after);
  assert.equal(removed.after, undefined);
});

test('jobs, configurations and keys are in it, and reads and refusals are not', async () => {
  await hub.device('pump-2');
  await hub.ok('job', 'create', '--job-id', 'paint', '--query-condition', '*', '--twin-patch', '{"tags":{"a":1}}', '--wait');
  assert.deepEqual([(await last()).operation, (await last()).target], ['PUT /jobs/v2/{}', 'paint']);
  await hub.ok('policy', 'renew-key', 'service', '--renew-key', 'secondary');
  assert.equal((await last()).operation, 'POST /carillon/policies/{}/renewKey');
  const before = await entries();
  await hub.ok('device', 'list');
  await hub.ok('query', 'SELECT * FROM devices');
  assert.equal((await hub.cli('device', 'delete', 'nobody', '--yes')).code, 3);
  assert.equal((await hub.cli('job', 'create', '--job-id', 'paint', '--query-condition', '*', '--twin-patch', '{"tags":{"a":1}}')).code, 5);
  assert.deepEqual(await entries(), before);
});

test('whoever plans, changes, pauses, approves or refuses a job is in it', async () => {
  const noted = async (operation, target, policy = 'iothubowner') => {
    const entry = await last();
    assert.deepEqual([entry.operation, entry.target ?? '', entry.policy], [operation, target, policy]);
  };
  const everyone = ['--query-condition', "deviceId = 'pump-2'", '--twin-patch', '{"tags":{"b":1}}'];
  const plan = JSON.parse(await hub.ok('job', 'plan', ...everyone, '--wave', 'rest', '-o', 'json'));
  await noted('POST /carillon/plans', '');
  await hub.ok('job', 'apply', plan.id, '--job-id', 'planned');
  await noted('PUT /jobs/v2/{}', 'planned');

  await hub.ok('job', 'create', '--job-id', 'slow', '--query-condition', "deviceId = 'pump-2'", '--method-name', 'wait', '--rate', '1/s');
  await hub.ok('job', 'set', 'slow', '--rate', '2/s');
  await noted('PATCH /carillon/jobs/{}', 'slow');
  for (const what of ['pause', 'resume']) {
    await hub.ok('job', what, 'slow');
    await noted(`POST /carillon/jobs/{}/${what}`, 'slow');
  }

  await hub.ok('approval-rule', 'put', 'all', '--rule', '{"when":{}}');
  await noted('PUT /carillon/approval-rules/{}', 'all');
  const { primaryKey } = JSON.parse(await hub.ok('policy', 'create', 'release', '--permissions', 'RegistryRead', 'JobApprove', '-o', 'json'));
  const release = { CARILLON_LOGIN: `HostName=${parts(hub.connectionString).HostName};SharedAccessKeyName=release;SharedAccessKey=${primaryKey}`, CARILLON_CA: hub.caFile };
  for (const what of ['approve', 'deny']) {
    const job = `to-${what}`;
    await hub.ok('job', 'create', '--job-id', job, ...everyone, '--rollout', '{}');
    const before = await entries();
    assert.notEqual((await hub.cli('job', what, job)).code, 0, 'nobody decides on a job of their own');
    assert.deepEqual(await entries(), before);
    const answer = await hub.run(['job', what, job], release);
    assert.equal(answer.code, 0, answer.stderr);
    await noted(`POST /carillon/jobs/{}/${what}`, job, 'release');
  }
  await hub.ok('approval-rule', 'delete', 'all');
});

test('the request is found by the id that its caller was given', async () => {
  const body = '{"deviceId":"by-hand"}';
  const { headers, status } = await send(`PUT /devices/by-hand?api-version=2021-04-12 HTTP/1.1\r\nHost: x\r\nUser-Agent: by hand\r\n${ownerField(hub)}Content-Length: ${body.length}\r\n\r\n${body}`);
  assert.equal(status, 200);
  const entry = await last();
  assert.equal(entry.requestId, headers['x-ms-request-id']);
  assert.equal(entry.agent, 'by hand');
  assert.equal(entry.request, createHash('sha256').update(body).digest('hex'));
});

test('a session of the dashboard is told from a token', async () => {
  const { primaryKey } = JSON.parse(await hub.ok('policy', 'show', 'iothubowner', '-o', 'json'));
  const login = JSON.stringify({ policy: 'iothubowner', key: primaryKey, access: 'change' });
  const client = await RawClient.open(hub);
  client.send(`POST /carillon/session HTTP/1.1\r\nHost: ${hub.address}\r\nContent-Type: application/json\r\nContent-Length: ${login.length}\r\n\r\n${login}`);
  const session = await client.answer();
  assert.equal(session.status, 200, session.body);
  const cookie = session.headers['set-cookie'].split(';')[0];
  const { csrfToken } = JSON.parse(session.body);
  const body = '{"deviceId":"by-page"}';
  client.send(`PUT /devices/by-page?api-version=2021-04-12 HTTP/1.1\r\nHost: ${hub.address}\r\nCookie: ${cookie}\r\nx-carillon-csrf: ${csrfToken}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const answer = await client.answer();
  client.destroy();
  assert.equal(answer.status, 200, answer.body);
  const entry = await last();
  assert.deepEqual([entry.via, entry.key, entry.policy, entry.target], ['dashboard', 'session', 'iothubowner', 'by-page']);
});

test('who may not own the hub may not read it', async () => {
  const { primaryKey } = JSON.parse(await hub.ok('policy', 'show', 'registryReadWrite', '-o', 'json'));
  const login = `HostName=${hub.address};SharedAccessKeyName=registryReadWrite;SharedAccessKey=${primaryKey}`;
  assert.equal((await hub.cli('audit', 'list', '--login', login)).code, 4);
});

test('a list shows the newest, and a chain that nobody touched is sound', async () => {
  const all = await entries();
  const shown = JSON.parse(await hub.ok('audit', 'list', '--top', '2', '-o', 'json'));
  assert.deepEqual(shown, all.slice(-2));
  const head = (await hub.ok('audit', 'verify')).trim();
  assert.equal((await hub.ok('audit', 'verify', '--head', head)).trim(), head);
  assert.equal((await hub.cli('audit', 'verify', '--head', '0'.repeat(64))).code, 10);
  assert.deepEqual(all.map(({ sequence }) => sequence), all.map((_, i) => i + 1));
});

test('an export that was altered, cut or filled in is found', async () => {
  await hub.ok('audit', 'export', '--file', file('audit.ndjson'));
  const lines = readFileSync(file('audit.ndjson'), 'utf8').trimEnd().split('\n');
  const check = async (changed, head) => {
    writeFileSync(file('changed.ndjson'), `${changed.join('\n')}\n`);
    return (await hub.cli('audit', 'verify', '--file', file('changed.ndjson'), ...(head ? ['--head', head] : []))).code;
  };
  const head = (await hub.ok('audit', 'verify', '--file', file('audit.ndjson'))).trim();
  assert.equal(await check(lines, head), 0);
  const changed = lines.findIndex((line) => line.includes('"iothubowner"'));
  assert.equal(await check(lines.map((line, at) => (at === changed ? line.replace('iothubowner', 'iothubowneR') : line))), 10);
  assert.equal(await check([...lines.slice(0, 2), ...lines.slice(3)]), 10);
  assert.equal(await check([...lines.slice(0, 3), ...lines.slice(2)]), 10);
  assert.equal(await check(lines.slice(0, -1), head), 10, 'what was cut off the end is missed by who kept its hash');
});

test('what was acknowledged before a kill is in it afterwards, and the chain goes on', async () => {
  for (let round = 0; round < 3; round += 1) {
    await hub.device(`killed-${round}`);
    await hub.stop('SIGKILL');
    await hub.start();
    const all = await entries();
    const start = all.at(-1);
    assert.deepEqual([start.operation, start.via], ['start', 'hub']);
    assert.equal(all.at(-2).target, `killed-${round}`);
    await hub.ok('audit', 'verify');
  }
});
