// Conditions and statements made to be slow, over a few twins that hold strings as long as they may
// be: in queries, which are refused; as the target condition of a configuration, and as that of a job,
// which select nothing. An honest device and back end are served meanwhile, also after a kill and a
// restart the configuration can be removed and the job cancelled, and SIGTERM ends the hub.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { Hub, until } from '../lib/hub.mjs';
import { rest } from '../transfer/jobs.mjs';
import { size } from './attack.mjs';
import { Honest } from './honest.mjs';

const twins = size(20, 200);
const memory_max_mib = 400; // the program itself, with room; the attack once took 1.3 GB
const hub = Hub.fromEnvironment();
let honest;
before(async () => {
  await hub.start();
  honest = await Honest.begin(hub);
  for (let i = 0; i < twins; i += 1) {
    const id = `long-${i}`;
    assert.equal((await rest(hub, 'PUT', `/devices/${id}`, { deviceId: id })).status, 200);
    const tags = { s: 'a'.repeat(4000), t: 'a'.repeat(1000) };
    const { status, body } = await rest(hub, 'PATCH', `/twins/${id}`, { tags });
    assert.equal(status, 200, JSON.stringify(body));
  }
});
after(() => hub.stop());

/** Searches in ever longer texts for what is not there: some 6 KB. */
const search = () => {
  let text = 'tags.s';
  for (let i = 0; i < 50; i += 1) text = `CONCAT(${text},tags.s,tags.s)`;
  const all = [];
  for (let i = 0; i < 8; i += 1) all.push(`INDEX_OF(${text},CONCAT(tags.t,'b${i}')) = -1`);
  return all.join(' AND ');
};
/** 42 KB that put 4 KB together again and again. */
const concatenation = () => {
  let text = 'tags.s';
  for (let i = 0; i < 50; i += 1) text = `CONCAT(${text}${',tags.s'.repeat(110)})`;
  return `LENGTH(${text}) > 0`;
};
const query = (text) => rest(hub, 'POST', '/devices/query', { query: text });
const served = async () => assert.equal((await rest(hub, 'GET', '/twins/honest')).status, 200);
const peakMiB = () =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${hub.process.pid}/status`, 'utf8'))[1]) / 1024;

/** Does `work`; the honest pair is served all the while, once more when it is over. */
const whileHonest = async (name, work) => {
  await work();
  await honest.phase(name);
  console.log(`${name}: peak ${peakMiB().toFixed(0)} MiB`);
};

test('a statement of slow functions is refused, and says why', async () => {
  await whileHonest('queries', async () => {
    for (const condition of [search(), concatenation()]) {
      for (const list of ['*', 'deviceId', 'COUNT() AS n']) {
        const { status, body } = await query(`SELECT ${list} FROM devices WHERE ${condition}`);
        assert.equal(status, 400, JSON.stringify(body));
        assert.match(JSON.stringify(body), /65536 steps/);
      }
    }
  });
  assert.ok(peakMiB() < memory_max_mib, `${peakMiB()} MiB`);
});

test('as is a SELECT list that repeats large sections', async () => {
  const list = Array.from({ length: 4000 }, (_, i) => `tags AS t${i}`).join(', ');
  const { status, body } = await query(`SELECT ${list} FROM devices`);
  assert.equal(status, 400, JSON.stringify(body));
  assert.ok(peakMiB() < memory_max_mib, `${peakMiB()} MiB`);
});

test('as a target condition it selects no twin, and the configuration can be removed after a kill', async () => {
  const content = { deviceContent: { 'properties.desired.policy': 1 } };
  await whileHonest('configuration', async () => {
    for (const [id, targetCondition] of [['search', search()], ['concatenation', concatenation()]]) {
      const put = await rest(hub, 'PUT', `/configurations/${id}`, { content, targetCondition, priority: 1 });
      assert.equal(put.status, 200, JSON.stringify(put.body));
    }
    await until(() => /target condition takes too much.*configuration=search/.test(hub.log()), 'the log to say so');
  });
  for (const [id, inSeconds] of [['at-work', 0], ['later', 3600]]) {
    const put = await rest(hub, 'PUT', `/jobs/v2/${id}`, {
      jobId: id, type: 'scheduleUpdateTwin', queryCondition: search(), updateTwin: { etag: '*', tags: { x: 1 } },
      startTime: new Date(Date.now() + inSeconds * 1000).toISOString(), maxExecutionTimeInSeconds: 60,
    });
    assert.equal(put.status, 200, JSON.stringify(put.body));
  }
  await honest.end('before the kill');
  assert.equal(await hub.stop('SIGKILL'), 'SIGKILL');
  await hub.start();
  await served();
  assert.equal((await rest(hub, 'POST', '/jobs/v2/later/cancel')).status, 200);
  // It may have ended by itself.
  assert.ok([200, 405].includes((await rest(hub, 'POST', '/jobs/v2/at-work/cancel')).status));
  const gone = ['honest', 'honest-arriving'].map((id) => ({ id, importMode: 'delete' }));
  assert.equal((await rest(hub, 'POST', '/devices', gone)).status, 200);
  honest = await Honest.begin(hub);
  const { body } = await rest(hub, 'GET', '/configurations/search');
  assert.equal(body.systemMetrics.results.targetedCount, 0);
  for (const id of ['search', 'concatenation']) {
    assert.equal((await rest(hub, 'DELETE', `/configurations/${id}`)).status, 204);
  }
  assert.ok(peakMiB() < memory_max_mib, `${peakMiB()} MiB`);
});

test('as the condition of a job it selects no device', async () => {
  const job = {
    jobId: 'slow', type: 'scheduleUpdateTwin', queryCondition: search(), updateTwin: { etag: '*', tags: { x: 1 } },
    startTime: new Date().toISOString(), maxExecutionTimeInSeconds: 60,
  };
  const put = await rest(hub, 'PUT', '/jobs/v2/slow', job);
  assert.equal(put.status, 200, JSON.stringify(put.body));
  const done = await until(async () => {
    const { body } = await rest(hub, 'GET', '/jobs/v2/slow');
    return ['completed', 'failed'].includes(body.status) ? body : null;
  }, 'the job to end');
  assert.equal(done.deviceJobStatistics?.deviceCount ?? 0, 0, JSON.stringify(done));
  assert.match(hub.log(), /condition takes too much.*job=slow/);
  await honest.phase('job');
});

test('SIGTERM ends the hub while a slow condition is at work', async () => {
  const content = { deviceContent: { 'properties.desired.policy': 1 } };
  const put = await rest(hub, 'PUT', '/configurations/last', { content, targetCondition: search(), priority: 1 });
  assert.equal(put.status, 200, JSON.stringify(put.body));
  await honest.end();
  assert.equal(await hub.stop(), 0);
  await hub.start();
  await served();
});
