// Jobs that take over what older ones have not done, jobs that are made again, by hand and by the clock, a
// budget that holds all jobs, and a canary with a test; over kills of the hub.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { close, connect, ga } from '../lib/devices.mjs';

const hub = Hub.fromEnvironment();
const connected = [];
before(() => hub.start());
after(async () => {
  for (const device of connected) await close(device);
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});

const job = async (id) => JSON.parse(await hub.ok('job', 'show', id, '-o', 'json'));
async function ask(method, path, body) {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  const Authorization = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName);
  const answer = await fetch(`https://${hub.address}${path}?api-version=2021-04-12`, { method, headers: { Authorization }, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return text;
}
/** The rows of a job's devices, of all states. */
const devices = async (id) => (await ask('GET', `/carillon/jobs/${id}/devices`)).trim().split('\n').map((line) => JSON.parse(line));
const over = (id) => until(async () => {
  const now = await job(id);
  return ['completed', 'failed', 'cancelled'].includes(now.status) ? now : null;
}, `the end of ${id}`, 60);
const killed = async () => {
  await hub.stop('SIGKILL');
  await hub.start();
};

test('a newer job takes the devices that the older one waits for, also over a kill', async () => {
  const called = [];
  await hub.device('near');
  const away = await hub.device('away');
  await hub.ok('job', 'create', '--job-id', 'old', '--query-condition', '*', '--method-name', 'fw', '--method-payload', '1', '--supersede');
  await until(async () => (await job('old')).deviceJobStatistics?.pendingCount === 2, 'two that wait');
  await hub.ok('job', 'create', '--job-id', 'other', '--query-condition', '*', '--method-name', 'door', '--supersede');
  await hub.ok('job', 'create', '--job-id', 'new', '--query-condition', "deviceId = 'away'", '--method-name', 'fw', '--method-payload', '2', '--supersede');
  await until(async () => (await job('old')).deviceJobStatistics.canceledCount === 1, 'one that was taken');
  await killed();
  assert.equal((await job('old')).deviceJobStatistics.canceledCount, 1);
  assert.equal((await job('other')).deviceJobStatistics.pendingCount, 2, 'it acts upon something else');
  const rows = (await devices('old')).filter(({ state }) => state === 'canceled');
  assert.deepEqual(rows.map(({ deviceId, reason, by }) => [deviceId, reason, by]), [['away', 'superseded', 'new']]);
  const methods = { fw: (payload) => { called.push(payload); return [200, {}]; }, door: () => [200, {}] };
  connected.push(await connect(ga, away, methods));
  assert.equal((await over('new')).deviceJobStatistics.succeededCount, 1);
  assert.deepEqual(called, [2], 'the newer one alone');
});

test('a template makes jobs by hand, with values that stay values', async () => {
  await hub.device("it's");
  const file = join(hub.directory, 'paint.json');
  writeFileSync(file, JSON.stringify({
    parameters: { which: { type: 'text' }, colour: { type: 'text', default: 'red' }, coats: { type: 'number', default: 1 } },
    job: { type: 'scheduleUpdateTwin', queryCondition: 'deviceId = ${which}', updateTwin: { etag: '*', tags: { colour: '${colour}', coats: '${coats}' } } },
  }));
  await hub.ok('template', 'put', 'paint', '--template', `@${file}`);
  await killed();
  const made = JSON.parse(await hub.ok('template', 'run', 'paint', '--job-id', 'paint-1', '-p', "which=it's", '-p', 'coats=2', '-o', 'json'));
  assert.equal(made.jobs[0].jobId, 'paint-1');
  assert.equal((await over('paint-1')).deviceJobStatistics.deviceCount, 1);
  const { tags } = JSON.parse(await hub.ok('twin', 'show', "it's", '-o', 'json'));
  assert.deepEqual(tags, { colour: 'red', coats: 2 });
  await hub.ok('template', 'run', 'paint', '--job-id', 'paint-2', '-p', "which=x' OR '1'='1");
  assert.equal((await over('paint-2')).deviceJobStatistics?.deviceCount ?? 0, 0);
  const refused = await hub.cli('template', 'run', 'paint', '--job-id', 'paint-3', '-p', 'which=a', '-p', 'coats=many');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /parameters\.coats: must be a number/);
});

test('a budget of 0 stops a stock job in its midst, also over a kill', async () => {
  await hub.ok('budget', 'put', 'freeze', '--max', '0');
  await hub.ok('job', 'create', '--job-id', 'stock', '--query-condition', '*', '--twin-patch', '{"tags":{"frozen":1}}');
  await until(async () => (await job('stock')).status === 'running', 'the job to run');
  await killed();
  assert.equal((await job('stock')).deviceJobStatistics.pendingCount, 3, 'near, away and it\'s');
  await hub.ok('budget', 'delete', 'freeze');
  assert.equal((await over('stock')).deviceJobStatistics.succeededCount, 3);
});

test('what counts against a budget is the same after a kill', async () => {
  await hub.ok('budget', 'put', 'one', '--max', '1', '--soak', '1h', '--per', 'tags.nowhere');
  await hub.ok('job', 'create', '--job-id', 'slow', '--query-condition', '*', '--twin-patch', '{"tags":{"slow":1}}');
  await until(async () => (await job('slow')).deviceJobStatistics?.succeededCount === 1, 'the first device to be written');
  const stands = async () => JSON.parse(await hub.ok('budget', 'show', 'one', '-o', 'json'));
  assert.equal((await stands()).atRisk, 1);
  await killed();
  assert.deepEqual(await stands(), { name: 'one', devices: '*', per: 'tags.nowhere', max: 1, jobs: 'all', soak: '1h', atRisk: 1 });
  assert.equal((await job('slow')).deviceJobStatistics.succeededCount, 1);
  const refused = await hub.cli('budget', 'put', 'one', '--max', 'many');
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /budget\.max: must be a number/);
  await hub.ok('budget', 'delete', 'one');
  assert.equal((await over('slow')).deviceJobStatistics.succeededCount, 3);
});

test('a canary passes when its test says that it is good', async () => {
  const many = Array.from({ length: 80 }, (_, i) => ({ id: `canary-${i}`, importMode: 'create', tags: { canary: 1 } }));
  await ask('POST', '/devices', many);
  await hub.ok('job', 'create', '--job-id', 'tried', '--query-condition', 'tags.canary = 1', '--twin-patch', '{"tags":{"tried":1}}', '--canary', '75 tolerate 1% refuse 6%');
  assert.equal((await over('tried')).deviceJobStatistics.succeededCount, 80);
  const { tests, waves } = JSON.parse(await ask('GET', '/carillon/jobs/tried'));
  assert.deepEqual(waves.map((wave) => wave.state), ['passed', 'passed']);
  assert.equal(tests.length, 1);
  assert.deepEqual([tests[0].wave, tests[0].state, tests[0].failed], [0, 'good', 0]);
  assert.ok(tests[0].good.evidence >= tests[0].good.needed && tests[0].ended < 75, JSON.stringify(tests));
  assert.match(await hub.ok('job', 'history', 'tried'), /tested/);
  const refused = await hub.cli('job', 'create', '--job-id', 'small', '--query-condition', '*', '--twin-patch', '{"tags":{"a":1}}', '--canary', '20');
  assert.match(refused.stderr, /needs a wave of at least 70 devices/);
});

test('a template makes a job each minute, and none twice over a kill', async () => {
  const file = join(hub.directory, 'tick.json');
  writeFileSync(file, JSON.stringify({ job: { type: 'scheduleUpdateTwin', queryCondition: '*', updateTwin: { etag: '*', tags: { tick: 1 } } } }));
  await hub.ok('template', 'put', 'tick', '--template', `@${file}`, '--cron', '* * * * *', '--within', '5m');
  const runs = async () => JSON.parse(await hub.ok('template', 'show', 'tick', '-o', 'json')).runs;
  // Asked by REST, as to begin a program for each look costs more than all else here.
  await until(async () => JSON.parse(await ask('GET', '/carillon/templates/tick')).runs.length >= 1, 'the first run', 90);
  await killed();
  const [first] = (await runs()).slice(-1);
  assert.match(first.jobId, /^tick-\d{8}T\d{4}Z$/);
  assert.equal((await over(first.jobId)).status, 'completed');
  await hub.ok('template', 'delete', 'tick');
  assert.ok(!(await hub.ok('template', 'list')).includes('tick'));
  assert.equal((await job(first.jobId)).status, 'completed', 'its jobs stay');
});
