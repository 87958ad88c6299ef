// Strict mode: what a back end gets to see of the service's limits, by today's package and as bytes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Hub, call, until } from '../lib/hub.mjs';
import { ga } from '../lib/devices.mjs';
import { counts, end, newJob, value } from '../lib/jobs.mjs';
import { rest } from '../transfer/jobs.mjs';
import { RawClient, ownerField } from './client.mjs';

const hub = Hub.fromEnvironment(['--config', join(process.env.HUB_TEST_DIRECTORY, 'strict.toml')]);
let registry;
let jobs;
async function start(toml) {
  writeFileSync(join(hub.directory, 'strict.toml'), toml);
  await hub.start();
  registry = ga.service.Registry.fromConnectionString(hub.connectionString);
  jobs = ga.service.JobClient.fromConnectionString(hub.connectionString);
}
before(async () => {
  await start('');
  const devices = [...Array(30).keys()].map((i) => ({ deviceId: `d-${i}` }));
  assert.equal(value(await call(registry, 'addDevices', devices)).isSuccessful, true);
  await hub.stop();
  await start('compatibility = "strict"\n');
});
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));

test('queries beyond the burst wait, and are refused when they would wait for long', async () => {
  const text = (n) => `SELECT deviceId FROM devices WHERE deviceId = 'd-${n}'`;
  const asked = [...Array(100).keys()].map(async (n) => {
    try {
      return await call(registry.createQuery(text(n)), 'next') && 'answered';
    } catch (error) {
      assert.equal(error.name, 'ThrottlingError');
      const { Message } = JSON.parse(error.responseBody);
      assert.equal(Message, 'ErrorCode:ThrottlingException;The request has been throttled. Wait 10 seconds and try again. Operation type: Query');
      return 'refused';
    }
  });
  const answers = await Promise.all(asked);
  const answered = answers.filter((answer) => answer === 'answered').length;
  assert.ok(answered >= 20, `${answered} were answered, and a minute brings 20`);
  assert.ok(answered < 100, 'none was refused');
});

test('the refusal as bytes says what the service says, and no more', async () => {
  const client = await RawClient.open(hub);
  const body = '{"query":"SELECT * FROM devices"}';
  const refused = await until(async () => {
    client.send(`POST /devices/query?api-version=2021-04-12 HTTP/1.1\r\nHost: h\r\n${ownerField(hub)}Content-Length: ${body.length}\r\n\r\n${body}`);
    const answer = await client.answer();
    if (answer.status === 429) return answer;
    assert.equal(answer.status, 200);
    // It has waited its turn; others are in front of the next.
    for (let i = 0; i < 20; i++) registry.createQuery('SELECT * FROM devices').next(() => {});
    return null;
  }, 'a refusal');
  assert.equal(refused.headers['iothub-errorcode'], 'ThrottlingException');
  assert.equal('retry-after' in refused.headers, false);
  client.destroy();
});

test('a job works on ten devices a second, fails none of them, and has no second one beside it', async () => {
  const id = newJob('paced');
  const schedule = (name) => call(jobs, 'scheduleTwinUpdate', name, '*', { etag: '*', tags: { [id]: true } }, new Date(), 300);
  await schedule(id);
  await assert.rejects(schedule(newJob('second')), (error) => error.name === 'ThrottlingError' && error.responseBody.includes('ErrorCode:ThrottlingMaxActiveJobCountExceeded;'));
  await until(async () => (value(await call(jobs, 'getJob', id)).status === 'running'), 'the job to run');
  const cancelled = await call(jobs, 'cancelJob', id).then(() => null, (error) => error);
  const job = await end(jobs, id);
  // Whoever asks when it has ended is told so; the job goes on in any case.
  assert.match(cancelled.responseBody, /ErrorCode:OperationNotAllowedInCurrentState;Job cannot be cancelled in '(Running|Completed)' status\./);
  assert.equal(job.status, 'completed');
  assert.deepEqual(counts(job), [30, 0, 30, 0, 0]);
});

test('messages to devices beyond the minute are refused, over AMQP too', async () => {
  const client = ga.service.Client.fromConnectionString(hub.connectionString);
  client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
  await call(client, 'open');
  const send = async (n) => {
    try {
      await call(client, 'send', `d-${n % 30}`, `message ${n}`);
      return 'queued';
    } catch (error) {
      assert.equal(error.name, 'ThrottlingError', String(error));
      return 'refused';
    }
  };
  const outcomes = await Promise.all([...Array(300).keys()].map(send));
  const queued = outcomes.filter((outcome) => outcome === 'queued').length;
  assert.ok(queued >= 100, `${queued} were queued, and a minute brings 100`);
  assert.ok(queued < 300, 'none was refused');
  await call(client, 'close');
});

test('long conditions and functions of our own are refused', async () => {
  const long = `deviceId IN [${[...Array(1000).keys()].map((i) => `'device-${i}'`).join(',')}]`;
  const schedule = (id, condition) => call(jobs, 'scheduleTwinUpdate', id, condition, { etag: '*', tags: { a: 1 } }, new Date(), 60);
  assert.ok(long.length > 8192);
  await assert.rejects(schedule(newJob('long'), long), { name: 'ArgumentError' });
  const id = newJob('function');
  await schedule(id, "ENDSWITH(deviceId, '1')");
  const job = await end(jobs, id);
  assert.equal(job.status, 'failed');
  assert.match(job.failureReason, /^SQL query parse failed due to following errors: /);
});

test('configurations are held to the same functions', async () => {
  const configuration = (id, targetCondition, queries) => ({ id, content: { deviceContent: { 'properties.desired.a': 1 } }, targetCondition, priority: 1, metrics: { queries } });
  const ofOurOwn = "ENDSWITH(deviceId, '1')";
  await assert.rejects(call(registry, 'addConfiguration', configuration('condition', ofOurOwn, {})), { name: 'ArgumentError' });
  const metric = `SELECT deviceId FROM devices WHERE ${ofOurOwn}`;
  await assert.rejects(call(registry, 'addConfiguration', configuration('metric', "tags.x = '1'", { ends: metric })), { name: 'ArgumentError' });
  const tried = await rest(hub, 'POST', '/configurations/testQueries', {
    targetCondition: ofOurOwn, customMetricQueries: { ends: metric, fine: 'SELECT deviceId FROM devices' },
  });
  assert.ok(tried.body.targetConditionError);
  assert.deepEqual(Object.keys(tried.body.customMetricQueryErrors), ['ends']);
});

test('a larger edition lets more through', async () => {
  await hub.stop();
  await start('compatibility = "strict"\n[strict]\ntier = "S3"\nunits = 2\n[query]\nfunctions = "extended"\n');
  const answers = await Promise.all([...Array(100).keys()].map((n) =>
    call(registry.createQuery(`SELECT deviceId FROM devices WHERE ENDSWITH(deviceId, '-${n}')`), 'next')));
  assert.equal(answers.flat().length >= 30, true);
  const ids = [1, 2, 3, 4, 5].map(() => newJob('many'));
  const later = new Date(Date.now() + 3600_000);
  for (const id of ids) await call(jobs, 'scheduleTwinUpdate', id, '*', { etag: '*', tags: { a: 1 } }, later, 60);
  for (const id of ids) await call(jobs, 'cancelJob', id);
});
