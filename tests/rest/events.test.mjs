// Live progress of jobs as a client sees it: whole states, a pace, tokens that outlive a connection
// and a hub, and an end.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { after, before, test } from 'node:test';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { close, connect, ga } from '../lib/devices.mjs';
import { newJob } from '../lib/jobs.mjs';

const hub = Hub.fromEnvironment();
before(async () => {
  await hub.start();
  for (let i = 0; i < 5; i++) await hub.device(`e-${i}`);
});
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));

const authorization = () => {
  const { HostName, SharedAccessKey, SharedAccessKeyName } = parts(hub.connectionString);
  return sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName);
};

/** One stream of events, taken apart as it comes. */
class Events {
  constructor(job, token, { reads = true } = {}) {
    this.events = [];
    this.comments = 0;
    this.over = false;
    const headers = { Authorization: authorization() };
    if (token) headers['Last-Event-ID'] = token;
    let text = '';
    this.opened = new Promise((resolve, reject) => {
      this.request = request({
        host: hub.address, path: `/carillon/jobs/${job}/events`, headers, agent: false, ca: readFileSync(hub.caFile),
      }, (response) => {
        this.response = response;
        this.status = response.statusCode;
        response.on('error', () => { this.cut = true; });
        response.on('close', () => { this.over = true; });
        if (reads) {
          response.setEncoding('utf8').on('data', (piece) => {
            text += piece;
            const blocks = text.split('\n\n');
            text = blocks.pop();
            for (const block of blocks) this.take(block);
          });
        }
        resolve(this);
      });
      this.request.on('error', reject).end();
    });
  }

  take(block) {
    if (block.startsWith(':')) this.comments++;
    const event = Object.fromEntries(block.split('\n').map((line) => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)];
    }));
    if (!event.event) return;
    event.job = JSON.parse(event.data);
    const s = event.job.deviceJobStatistics;
    if (s) {
      assert.equal(s.deviceCount, s.pendingCount + s.runningCount + s.succeededCount + s.failedCount + s.canceledCount);
      const named = event.job.failures.reduce((sum, group) => sum + group.count, event.job.otherFailures);
      assert.equal(named, s.failedCount, 'every failure has its reason');
    }
    this.events.push(event);
  }

  get last() { return this.events.at(-1); }
  has(probe, what) { return until(() => this.events.find(probe), () => `${what}; there is ${JSON.stringify(this.events)}`); }
  ended() { return until(() => this.over, 'the stream to end').then(() => this); }
  leave() { this.request.destroy(); }
}
const open = (job, token, options) => new Events(job, token, options).opened;

const order = (...args) => hub.ok('job', 'create', ...args);
const onDevices = (condition = "STARTSWITH(deviceId, 'e-')") => ['-q', condition];

/** `7-2-31` as numbers. */
const place = (id) => id.split('-').map(Number);
const isNewer = (a, b) => {
  const [x, y] = [place(a), place(b)];
  return x[1] > y[1] || (x[1] === y[1] && x[2] > y[2]);
};

test('a job that is over gives its state, its end, and nothing more', async () => {
  const job = newJob('over');
  await order('--job-id', job, '--patch', '{"tags":{"a":1}}', ...onDevices(), '--wait');
  const stream = await (await open(job)).ended();
  assert.equal(stream.response.headers['content-type'], 'text/event-stream');
  assert.deepEqual(stream.events.map(({ event }) => event), ['progress', 'end']);
  assert.equal(stream.last.job.status, 'completed');
  assert.equal(stream.last.job.deviceJobStatistics.succeededCount, 5);
  assert.ok(!stream.cut, 'the body is whole');
  assert.equal((await open(job, stream.last.id)).status, 204, 'an EventSource is told not to come again');
});

test('a running job is followed to its end, and its reasons are counted', async () => {
  const job = newJob('live');
  const device = await connect(ga, await hub.device('e-live'), { work: () => [500, { reason: 'jammed' }] });
  await order('--job-id', job, '--mn', 'work', ...onDevices(), '--ttl', '4');
  const stream = await open(job);
  await stream.has(({ job: { deviceJobStatistics: s } }) => s?.succeededCount === 1, 'one answer');
  await stream.ended();
  const { status, failures, answers, deviceJobStatistics: s } = stream.last.job;
  assert.equal(stream.last.event, 'end');
  assert.equal(status, 'completed');
  assert.deepEqual([s.deviceCount, s.succeededCount, s.failedCount], [6, 1, 5]);
  assert.deepEqual(failures.map(({ code, count }) => [code, count]), [['JobRunPreconditionFailed', 5]]);
  assert.deepEqual(answers, [{ status: 500, count: 1 }]);
  for (let i = 1; i < stream.events.length; i++) {
    const [before, now] = [stream.events[i - 1], stream.events[i]];
    assert.ok(isNewer(now.id, before.id), `${now.id} follows ${before.id}`);
  }
  await close(device);
  await hub.ok('device', 'delete', '-d', 'e-live');
});

test('a cancelled job ends its streams', async () => {
  const job = newJob('cancelled');
  await order('--job-id', job, '--mn', 'work', ...onDevices());
  const stream = await open(job);
  await stream.has(({ job: { status } }) => status === 'running', 'the start');
  await hub.ok('job', 'cancel', job);
  await stream.ended();
  assert.equal(stream.last.job.status, 'cancelled');
  assert.equal(stream.last.job.deviceJobStatistics.canceledCount, 5);
});

test('a token resumes the stream behind what was seen, after a cut and after kill -9', async () => {
  const job = newJob('resume');
  const device = await connect(ga, await hub.device('e-resume'), { work: () => [200, null] });
  await order('--job-id', job, '--mn', 'work', ...onDevices());
  const first = await open(job);
  const seen = await first.has(({ job: { deviceJobStatistics: s } }) => s?.succeededCount === 1, 'one answer');
  first.leave();
  await close(device);

  const second = await open(job, seen.id);
  assert.equal(second.status, 200);
  await hub.stop('SIGKILL');
  await until(() => second.over, 'the cut');
  assert.deepEqual(second.events, [], 'nothing had changed');

  await hub.start();
  const third = await open(job, seen.id);
  await hub.ok('job', 'cancel', job);
  await third.ended();
  assert.equal(third.last.event, 'end');
  assert.ok(isNewer(third.events[0].id, seen.id), 'the first event is news');
  const { succeededCount, canceledCount } = third.last.job.deviceJobStatistics;
  assert.deepEqual([succeededCount, canceledCount], [1, 5]);

  await hub.stop('SIGKILL');
  await hub.start();
  const again = await (await open(job)).ended();
  assert.deepEqual(again.last.job, third.last.job, 'a restart tells the same');
  await hub.ok('device', 'delete', '-d', 'e-resume');
});

test('a hub that stops ends its streams whole but without an end', async () => {
  const job = newJob('stop');
  await order('--job-id', job, '--mn', 'work', ...onDevices(), '--start', '+1h');
  const stream = await open(job);
  await stream.has(({ job: { status } }) => status === 'scheduled', 'the state');
  assert.equal(await hub.stop(), 0);
  await stream.ended();
  assert.ok(!stream.cut && stream.response.complete, 'the body is whole');
  assert.ok(stream.events.every(({ event }) => event === 'progress'));
  await hub.start();
  await hub.ok('job', 'cancel', job);
});

test('clients that do not read cost no memory', async () => {
  const rss = () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${hub.process.pid}/status`, 'utf8'))[1]);
  const job = newJob('slow');
  const device = await connect(ga, await hub.device('e-slow'), { work: () => [200, null] });
  await order('--job-id', job, '--mn', 'work', ...onDevices(), '--ttl', '600');
  const readers = [];
  for (let i = 0; i < 100; i++) readers.push(await open(job, null, { reads: false }));
  const before = rss();
  // Each of these is a change of which every stream hears.
  for (let i = 0; i < 5; i++) await hub.ok('device', 'delete', '-d', `e-${i}`);
  assert.equal((await hub.cli('job', 'watch', job)).code, 8, 'devices that were removed have failed');
  const grown = rss() - before;
  for (const reader of readers) reader.leave();
  // A sanitizer keeps shadows of all memory that was ever touched, beside it.
  if (!process.env.HUB_SANITIZED) assert.ok(grown < 100 * 64, `100 clients cost ${grown} kB more`);
  await close(device);
  for (let i = 0; i < 5; i++) await hub.device(`e-${i}`);
});

test('what is not there is said as the service says it', async () => {
  assert.equal((await open('e-none')).status, 404);
  const answer = await open('e-none');
  assert.equal(answer.response.headers['iothub-errorcode'], 'JobNotFound');
});
