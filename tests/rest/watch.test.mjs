// `carillon job watch` where the way to the hub is not what it should be: a gateway of this test stands
// between them, cuts streams, or knows no route but the service's own.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub } from '../lib/hub.mjs';
import { newJob } from '../lib/jobs.mjs';

const hub = Hub.fromEnvironment();

/** Passes requests on to the hub, but for what `intercept` answers itself. */
class Gateway {
  constructor() {
    this.seen = [];
    this.intercept = () => false;
    const file = (name) => readFileSync(join(hub.directory, 'data', name));
    this.server = createServer({ cert: file('server-ecdsa.pem'), key: file('server-ecdsa-key.pem') }, (incoming, answer) => {
      this.seen.push({ path: incoming.url.split('?')[0], after: incoming.headers['last-event-id'] });
      if (this.intercept(incoming, answer)) return;
      const outgoing = request({
        host: hub.address, path: incoming.url, method: incoming.method, headers: incoming.headers, agent: false,
        ca: readFileSync(hub.caFile),
      }, (response) => {
        answer.writeHead(response.statusCode, response.headers);
        response.on('data', (data) => answer.write(data, () => this.passed?.(String(data), answer)));
        response.on('end', () => answer.end());
        response.on('error', () => answer.destroy());
      });
      outgoing.on('error', () => answer.destroy());
      incoming.pipe(outgoing);
      answer.on('close', () => outgoing.destroy());
    });
  }

  listen() {
    return new Promise((resolve) => { this.server.listen(0, hub.address, () => resolve(this.server.address().port)); });
  }
}

let gateway;
let flags;
before(async () => {
  await hub.start();
  for (let i = 0; i < 3; i++) await hub.device(`w-${i}`);
  gateway = new Gateway();
  flags = ['--address', hub.address, '--port', String(await gateway.listen())];
});
after(async () => {
  gateway.server.close();
  gateway.server.closeAllConnections();
  assert.equal(await hub.stop(), 0);
});

const order = (job, ttl) => hub.ok('job', 'create', '--job-id', job, '--mn', 'work', '-q', '*', '--ttl', String(ttl));
const watch = (job, ...more) => hub.cli('job', 'watch', job, '--interval', '0.05', ...flags, ...more);
const asked = (ending) => gateway.seen.filter(({ path }) => path.endsWith(ending));
const reset = () => { gateway.seen = []; gateway.intercept = () => false; gateway.passed = undefined; };

test('a job is watched over one stream, without a question in between', async () => {
  reset();
  const job = newJob('w-one');
  await order(job, 2);
  const { code, stdout, stderr } = await watch(job);
  assert.equal(code, 8, stderr);
  assert.match(stdout, /running: 0 done, 0 failed, 0 in flight, 3 pending(, until [0-9:]+)? of 3/);
  assert.match(stdout, /completed: 0 done, 3 failed, 0 in flight, 0 pending of 3/);
  assert.match(stdout, /^ {2}3 × JobRunPreconditionFailed: /m);
  // What kind of job it is, once; then everything by the stream.
  assert.deepEqual(gateway.seen.map(({ path }) => path), [`/jobs/v2/${job}`, `/carillon/jobs/${job}/events`]);
});

test('a cut stream is resumed with the token of its last event', async () => {
  reset();
  const job = newJob('w-cut');
  let token;
  gateway.passed = (text, answer) => {
    const id = /^id: (.*)$/m.exec(text)?.[1];
    if (!id || token) return;
    token = id;
    answer.socket.end();  // what was written arrives, the end of the body does not
  };
  await order(job, 3);
  const { code, stdout, stderr } = await watch(job);
  assert.equal(code, 8, stderr);
  assert.match(stdout, /completed: 0 done, 3 failed/);
  assert.deepEqual(asked('/events').map(({ after: last }) => last), [undefined, token]);
});

test('a hub without this route is asked as any hub', async () => {
  reset();
  const job = newJob('w-poll');
  gateway.intercept = ({ url }, answer) => {
    if (!url.startsWith('/carillon/')) return false;
    answer.writeHead(404, { 'Content-Type': 'application/json' }).end('{"Message":"ErrorCode:GenericNotFound;No such resource."}');
    return true;
  };
  await order(job, 2);
  const { code, stdout, stderr } = await watch(job);
  assert.equal(code, 8, stderr);
  assert.match(stdout, /completed: 0 done, 3 failed/);
  assert.match(stdout, /^ {2}3 × JobRunPreconditionFailed: /m);
  assert.equal(asked('/events').length, 1);
  assert.ok(asked(`/jobs/v2/${job}`).length > 1, 'it looks again and again');
});

test('a watch outlives a hub that starts anew', async () => {
  reset();
  const job = newJob('w-restart');
  await order(job, 3600);
  const began = new Promise((resolve) => { gateway.passed = (text) => { if (/^id: /m.test(text)) resolve(); }; });
  const watching = watch(job);
  await began;
  await hub.stop('SIGKILL');
  await hub.start();
  await hub.ok('job', 'cancel', job);
  const { code, stdout } = await watching;
  assert.equal(code, 1, 'a cancelled job is not a success');
  assert.match(stdout, /cancelled: 0 done, 0 failed, 3 canceled/);
});

test('on ndjson each line is a document', async () => {
  reset();
  const job = newJob('w-json');
  await hub.ok('job', 'create', '--job-id', job, '--patch', '{"tags":{"a":1}}', '-q', '*');
  const { code, stdout } = await watch(job, '-o', 'ndjson');
  assert.equal(code, 0);
  const last = JSON.parse(stdout.trim().split('\n').at(-1));
  assert.equal(last.status, 'completed');
  assert.equal(last.deviceJobStatistics.succeededCount, 3);
});

test('what stands in the way of a watch has its exit code', async () => {
  reset();
  assert.equal((await watch('w-none')).code, 3);
  const job = newJob('w-time');
  await hub.ok('job', 'create', '--job-id', job, '--mn', 'work', '-q', '*', '--start', '+1h');
  assert.equal((await watch(job, '--duration', '1')).code, 7);
  await hub.ok('job', 'cancel', job);
});
