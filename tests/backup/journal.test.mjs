// Backups taken while four twin jobs run and devices and twins are written: each, restored, is a prefix of what was
// acknowledged. A journal holds when each write began and when it was answered; if a backup has a write, it has
// every write that was answered before that one began, and all that were answered before the backup began.
// Jobs that the backup caught halfway go on in the restored hub and patch each twin exactly once.
// Each third backup is whole, the others build on the one before. BACKUP_ROUNDS=20 is the long form.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hub, parts, sign } from '../lib/hub.mjs';

const rounds = Number(process.env.BACKUP_ROUNDS ?? 4);
const fleet = 20_000;
const writers = 4;
const jobs = 4;
const home = process.env.HUB_TEST_DIRECTORY;
const hub = Hub.fromEnvironment(['--log-level', 'warn']);
const agent = new Agent({ keepAlive: true });
let token;

function call(method, path, body, headers = {}) {
  const text = body === undefined ? '' : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request({ host: hub.address, path: `${path}?api-version=2021-04-12`, method, agent,
      headers: { Authorization: token, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text), ...headers } },
    (answer) => {
      const got = [];
      answer.on('data', (piece) => got.push(piece)).on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode, body: Buffer.concat(got).toString() }));
    });
    sent.on('error', reject).end(text);
  });
}

const ok = async (...args) => {
  const { status, body } = await call(...args);
  assert.ok(status < 300, `${args[0]} ${args[1]}: ${status} ${body}`);
  return body && JSON.parse(body);
};

/** Everything written so far, in the order in which it began. */
const journal = [];
let stops = false;

/** One back end: makes a device, then counts in the twin of it. */
async function write(number) {
  for (let i = 0; !stops; ++i) {
    const id = `w${number}-${Math.floor(i / 10)}`;
    const entry = { id, count: i % 10, began: performance.now(), answered: Infinity };
    journal.push(entry);
    if (entry.count === 0) await ok('PUT', `/devices/${id}`, { deviceId: id });
    else await ok('PATCH', `/twins/${id}`, { tags: { count: entry.count } }, { 'If-Match': '*' });
    entry.answered = performance.now();
  }
}

async function rowsOf(some) {
  const text = await some.ok('query', 'SELECT deviceId, tags, properties.desired FROM devices', '-o', 'ndjson');
  return text.trim().split('\n').map((line) => JSON.parse(line));
}

before(async () => {
  await hub.start();
  token = sign(hub.address, parts(hub.connectionString).SharedAccessKey, Math.floor(Date.now() / 1000) + 7200, 'iothubowner');
  for (let from = 0; from < fleet; from += 100) {
    await ok('POST', '/devices', Array.from({ length: 100 }, (_, i) => ({ id: `d${from + i}`, importMode: 'create' })));
  }
});

after(async () => {
  stops = true;
  agent.destroy();
  await hub.stop();
});

test(`${rounds} backups during ${jobs} jobs hold a prefix of what was acknowledged`, async (t) => {
  const taken = [];
  const writing = Array.from({ length: writers }, (_, i) => write(i));
  for (let round = 0; round < rounds; ++round) {
    const running = Array.from({ length: jobs }, (_, job) => `r${round}-${job}`);
    const order = (id, job) => ok('PUT', `/jobs/v2/${id}`, {
      jobId: id, type: 'scheduleUpdateTwin', queryCondition: "STARTSWITH(deviceId, 'd')",
      updateTwin: { etag: '*', properties: { desired: { [`j${job}`]: round } } }, startTime: new Date().toISOString(),
      maxExecutionTimeInSeconds: 600,
    });
    const began = performance.now();
    const file = join(home, `${round}.tar`);
    const since = round % 3 === 0 ? [] : ['--since', join(home, `${round - 1}.tar`)];
    const made = hub.ok('backup', 'create', file, ...since).then(() => performance.now());
    await sleep((round * 17) % 70); // The command begins within this time, or has begun.
    await Promise.all(running.map(order));
    taken.push({ round, file, began, made: await made });
    for (const job of running) await hub.ok('job', 'watch', job);
  }
  stops = true;
  await Promise.all(writing);
  await hub.stop();

  let halfway = 0;
  for (const { round, file, began, made } of taken) {
    const copy = new Hub({ binary: hub.binary, directory: join(home, `restored-${round}`), address: hub.address });
    mkdirSync(copy.directory);
    const data = join(copy.directory, 'data');
    assert.equal((await copy.run(['backup', 'restore', file, '--data-dir', data], {})).code, 0);
    const started = Date.now();
    await copy.start();
    const listed = JSON.parse(await copy.ok('job', 'list', '-o', 'json'));
    assert.ok(listed.length >= round * jobs, `round ${round}: a job is missing`);
    for (const job of listed) await copy.ok('job', 'watch', job.jobId);
    const ended = JSON.parse(await copy.ok('job', 'list', '-o', 'json')).map((job) => Date.parse(job.endTime));
    halfway += ended.filter((time) => time >= started).length;
    const rows = await rowsOf(copy);

    const counts = new Map(rows.filter((row) => row.deviceId.startsWith('w')).map((row) => [row.deviceId, row.tags?.count ?? 0]));
    const isIn = (entry) => (counts.get(entry.id) ?? -1) >= entry.count;
    const known = new Set(journal.map((entry) => entry.id));
    for (const id of counts.keys()) assert.ok(known.has(id), `round ${round}: ${id} was never asked for`);
    const lastBegun = Math.max(0, ...journal.filter(isIn).map((entry) => entry.began));
    assert.ok(lastBegun <= made, `round ${round}: a write of after the backup is in it`);
    for (const entry of journal) {
      const what = `round ${round}: ${entry.id} ${entry.count}`;
      if (entry.answered < began) assert.ok(isIn(entry), `${what} was acknowledged before the backup, and is not in it`);
      if (entry.answered < lastBegun) assert.ok(isIn(entry), `${what} is not in it, but a write that began later is`);
    }

    const patched = rows.filter((row) => row.deviceId.startsWith('d'));
    assert.equal(patched.length, fleet);
    const newest = Object.fromEntries(listed.map((job) => /r(\d+)-(\d+)/.exec(job.jobId).slice(1).map(Number))
      .sort((one, other) => one[0] - other[0]).map(([from, job]) => [`j${job}`, from]));
    for (const { deviceId, desired } of patched) {
      const { $version, $metadata, ...values } = desired;
      assert.deepEqual(values, newest, `round ${round}: ${deviceId}`);
      assert.equal($version, 1 + listed.length, `round ${round}: ${deviceId} was patched twice, or not by each job`);
    }
    await copy.stop();
    rmSync(copy.directory, { recursive: true });
  }
  t.diagnostic(`${journal.length} writes, ${taken.length} backups, ${halfway} jobs halfway in them: 0 differences`);
});
