// What becomes of jobs, at a webhook: signed as the reference library of Standard Webhooks wants it, sent again with the
// same id until it is taken, in order, also over kill -9 of the hub.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';
import { Webhook } from './webhook.mjs';

const { Webhook: Reference } = createRequire(import.meta.url)('standardwebhooks');

const secret = `whsec_${randomBytes(24).toString('base64')}`;
const hook = new Webhook('127.43.45.7', secret);
await hook.start();
const dead = new Webhook('127.43.45.7');
await dead.start();
process.env.CARILLON_STORAGE__HOSTS = `${hook.origin},${dead.origin}`;
const hub = Hub.fromEnvironment();

before(async () => {
  await hub.start();
  await hub.ok('device', 'create', '-d', 'pump-1');
  const file = join(hub.directory, 'secret');
  writeFileSync(file, secret);
  await hub.ok('endpoint', 'create', 'ops', '--url', `${hook.origin}/jobs`, '--secret-file', file);
  await hub.ok('route', 'create', 'ends', '--source', 'DeviceJobLifecycleEvents', '--endpoint-name', 'ops',
    '--condition', "opType IN ['jobCompleted', 'jobFailed', 'jobCancelled']");
});
after(async () => {
  await hub.stop();
  await hook.stop();
  await dead.stop();
});

const write = (id) => hub.ok('job', 'create', '--job-id', id, '--query-condition', '*', '--twin-patch', '{"tags":{"a":1}}', '--note', 'CHG-1');
const subjects = () => hook.taken.map((event) => event.subject);

test('G16.1 a receiver that fails four times gets the same event five times, and the next one waits', async () => {
  let failures = 4;
  hook.fields = { 'Retry-After': '1' };
  hook.answer = () => (failures-- > 0 ? 500 : 200);
  await write('first');
  await until(() => hook.requests.length > 0, 'the first attempt');
  await write('second');
  await until(() => subjects().includes('jobs/second'), () => JSON.stringify(subjects()));
  assert.deepEqual(subjects(), ['jobs/first', 'jobs/second']);
  const attempts = hook.requests.filter(({ events }) => events[0].subject === 'jobs/first');
  assert.equal(attempts.length, 5);
  const all = (what) => [...new Set(attempts.map(what))];
  assert.equal(all(({ events }) => events[0].id).length, 1);
  assert.equal(all(({ headers }) => headers['webhook-id']).length, 1);
  const times = attempts.map(({ headers }) => Number(headers['webhook-timestamp']));
  assert.ok(times[4] > times[0], `${times}`);
  assert.deepEqual([...times].sort((a, b) => a - b), times);
});

test('G16.1 the reference library takes each request, and none of which a byte was changed', () => {
  const reference = new Reference(secret);
  for (const { headers, body } of hook.requests) {
    assert.deepEqual(reference.verify(body, headers), JSON.parse(body));
    assert.throws(() => reference.verify(body.replace('completed', 'completeD'), headers), /signature/i);
    assert.throws(() => reference.verify(body, { ...headers, 'webhook-id': `${headers['webhook-id']}0` }), /signature/i);
  }
  const [{ headers, events: [event] }] = hook.requests;
  assert.match(headers['content-type'], /^application\/cloudevents-batch\+json/);
  assert.equal(event.specversion, '1.0');
  assert.equal(event.type, 'Carillon.JobCompleted');
  assert.equal(event.data.body.deviceJobStatistics.succeededCount, 1);
});

test('G16.2 what was taken when the hub was killed may come again with the same id, and nothing is missed', async () => {
  hook.taken.length = 0;
  hook.fields = {};
  const jobs = ['a', 'b', 'c', 'd', 'e'].map((name) => `killed-${name}`);
  for (const job of jobs) {
    let killed;
    hook.answer = () => {
      // With the answer on its way: the hub may have noted that it was taken, or not.
      if (!killed) killed = new Promise((resolve) => { setImmediate(() => resolve(hub.stop('SIGKILL'))); });
      return 200;
    };
    await write(job);
    await until(() => killed, `the event of ${job}`);
    await killed;
    hook.answer = () => 200;
    await hub.start();
    await until(() => subjects().includes(`jobs/${job}`), () => JSON.stringify(subjects()));
  }
  await write('last');
  await until(() => subjects().includes('jobs/last'), () => JSON.stringify(subjects()));
  const first = [...new Set(subjects())];
  assert.deepEqual(first, [...jobs, 'last'].map((job) => `jobs/${job}`));
  const ids = new Set(hook.taken.map((event) => event.id));
  assert.equal(ids.size, first.length, JSON.stringify(hook.taken.map(({ id, subject }) => [id, subject])));
});

test('G16.1 while a secret is changed over, the reference library takes each request by the old one and by the new one', async () => {
  hook.requests.length = 0;
  const next = `whsec_${randomBytes(24).toString('base64')}`;
  const file = join(hub.directory, 'next-secret');
  writeFileSync(file, next);
  const sent = async (job) => {
    await write(job);
    await until(() => subjects().includes(`jobs/${job}`), () => JSON.stringify(subjects()));
    return hook.requests.find(({ events }) => events.some(({ subject }) => subject === `jobs/${job}`));
  };
  const byBoth = ({ headers, body }) => [secret, next].map((each) => {
    try {
      return new Reference(each).verify(body, headers) && true;
    } catch {
      return false;
    }
  });
  const create = (...more) => hub.ok('endpoint', 'create', 'ops', '--url', `${hook.origin}/jobs`, '--secret-file', file, ...more);
  await create('--rotate');
  assert.deepEqual(byBoth(await sent('rotating')), [true, true]);
  await hub.stop('SIGKILL');
  await hub.start();
  assert.deepEqual(byBoth(await sent('rotating-still')), [true, true]);
  assert.ok(JSON.parse(await hub.ok('endpoint', 'show', 'ops', '-o', 'json')).previousSecretUntil);
  await create(); // Ends it.
  assert.deepEqual(byBoth(await sent('rotated')), [false, true]);
});

test('an endpoint that hears only of jobs that name it hears of no other, and one that is not there is refused', async () => {
  hook.taken.length = 0;
  await hub.ok('endpoint', 'create', 'ops', '--url', `${hook.origin}/jobs`, '--jobs', 'named');
  assert.equal(JSON.parse(await hub.ok('endpoint', 'show', 'ops', '-o', 'json')).jobs, 'named');
  const order = ['--query-condition', '*', '--twin-patch', '{"tags":{"a":2}}'];
  const { code, stderr } = await hub.cli('job', 'create', '--job-id', 'nobody', ...order, '--notify', 'ops,nobody');
  assert.notEqual(code, 0);
  assert.match(stderr, /rollout\.notify\[1\]: there is no endpoint 'nobody'/);
  await hub.ok('job', 'create', '--job-id', 'unnamed', ...order);
  await hub.ok('job', 'create', '--job-id', 'named', ...order, '--notify', 'OPS');
  await until(() => subjects().includes('jobs/named'), () => JSON.stringify(subjects()));
  assert.deepEqual(hook.taken.at(-1).data.body.notify, ['OPS']);
  await hub.ok('endpoint', 'create', 'ops', '--url', `${hook.origin}/jobs`, '--jobs', 'all');
  await write('after');
  await until(() => subjects().includes('jobs/after'), () => JSON.stringify(subjects()));
  assert.deepEqual(subjects(), ['jobs/named', 'jobs/after']);
});

test('G16.2 webhooks that never answer hold up neither jobs nor another webhook', async () => {
  dead.answer = () => null;
  const names = Array.from({ length: 9 }, (_, n) => `dead-${n}`); // With the good one, all that a hub may have.
  for (const name of names) await hub.ok('endpoint', 'create', name, '--url', `${dead.origin}/${name}`);
  await hub.ok('route', 'create', 'dead', '--source', 'DeviceJobLifecycleEvents', ...names.flatMap((name) => ['--endpoint-name', name]));
  await write('first-of-many');
  await until(() => new Set(dead.requests.map(({ url }) => url)).size === names.length, () => `${dead.requests.length} requests`);
  // Each of them waits for an answer now, and none will come.
  const jobs = Array.from({ length: 30 }, (_, n) => `many-${n}`);
  for (const job of jobs) await write(job);
  await until(() => jobs.every((job) => subjects().includes(`jobs/${job}`)), () => JSON.stringify(subjects()));
  for (const job of jobs) assert.equal(JSON.parse(await hub.ok('job', 'show', '--job-id', job, '-o', 'json')).status, 'completed');
  for (const name of names) {
    const { delivered, eventsBehind } = JSON.parse(await hub.ok('endpoint', 'show', name, '-o', 'json')).status;
    assert.equal(delivered, 0, name);
    assert.ok(eventsBehind >= jobs.length, `${name}: ${eventsBehind}`);
  }
});
