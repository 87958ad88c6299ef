// Two nodes over one PostgreSQL: the one that serves is killed, frozen, stopped in order, and the database is cut
// off, while a twin job and a method job run, devices send messages and a back end patches twins. Nothing that
// was acknowledged may be gone; a twin is patched once, and a method sent at most once.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { request as plainRequest } from 'node:http';
import { Agent, request } from 'node:https';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { parts, sign, until } from '../lib/hub.mjs';
import { Cluster } from './cluster.mjs';

const { connect: mqttConnect } = createRequire(new URL('../sdk/ga/package.json', import.meta.url))('mqtt');

const address = '127.43.51.10';
const cluster = new Cluster({
  binary: process.env.HUB_BINARY, address, nodes: { n1: '127.43.51.1', n2: '127.43.51.2' }, extra: ['--lease', '3'], healthPort: 7811,
});
const deviceCount = 12;
const plainCount = 400; // registered, and never connected
const agent = new Agent({ keepAlive: true, maxSockets: 32 });
const faults = [];
let devices = [];
let isOver = false;
let round = 0;

/** One request; status 0 where no answer came. */
function ask(method, path, body = '', headers = {}) {
  return new Promise((resolve) => {
    const lost = () => resolve({ status: 0, body: '' });
    const sent = request({
      agent, host: address, ca: readFileSync(cluster.caFile), method, timeout: 5_000,
      path: `${path}${path.includes('?') ? '&' : '?'}api-version=2021-04-12`,
      headers: { Authorization: cluster.token, 'Content-Length': Buffer.byteLength(body), ...headers },
    }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('error', lost);
      answer.on('aborted', lost);
      answer.on('end', () => resolve({ status: answer.statusCode, body: Buffer.concat(pieces).toString() }));
    });
    sent.on('timeout', () => sent.destroy());
    sent.on('error', lost);
    sent.end(body);
  });
}

/** Asks until the answer is that of a hub that is there. */
function insist(method, path, body, headers) {
  return until(async () => {
    const answer = await ask(method, path, body, headers);
    return answer.status >= 200 && answer.status < 300 ? answer : null;
  }, `${method} ${path}`);
}

/** What a load balancer is told; null where no answer comes. */
function health(node) {
  return new Promise((resolve) => {
    const asked = plainRequest({ host: node.address, port: 7811, timeout: 1_000 }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => resolve({ status: answer.statusCode, ...JSON.parse(Buffer.concat(pieces).toString()) }));
    });
    asked.on('timeout', () => asked.destroy()).on('error', () => resolve(null)).end();
  });
}

/** A device that counts how often each method call came, and sends numbered messages. */
class Device {
  constructor(id, key) {
    this.id = id;
    this.calls = new Map();
    this.acknowledged = new Set();
    this.sent = 0;
    this.closes = 0;
    this.client = mqttConnect(`mqtts://${address}:8883`, {
      ca: readFileSync(cluster.caFile), clientId: id, clean: true, reconnectPeriod: 200, connectTimeout: 3_000, keepalive: 30,
      protocolVersion: 4, username: `${address}/${id}/?api-version=2021-04-12`,
      password: sign(`${address}/devices/${id}`, key, Math.floor(Date.now() / 1000) + 7200),
    });
    this.client.on('error', () => {});
    this.client.on('close', () => { this.closes += 1; });
    this.client.on('connect', () => this.client.subscribe('$iothub/methods/POST/#'));
    this.client.on('message', (topic, payload) => {
      const [, rid] = topic.match(/\$rid=(.*)$/);
      const call = JSON.parse(payload.toString()).job;
      this.calls.set(call, (this.calls.get(call) ?? 0) + 1);
      setTimeout(() => this.client.publish(`$iothub/methods/res/200/?$rid=${rid}`, '{}'), 300);
    });
    this.sending = this.send();
  }

  async send() {
    while (!isOver) {
      if (this.client.connected) {
        this.sent += 1;
        const number = this.sent;
        await new Promise((resolve) => {
          this.client.publish(`devices/${this.id}/messages/events/`, String(number), { qos: 1 }, (error) => {
            if (!error) this.acknowledged.add(number);
            resolve();
          });
        });
      }
      await sleep(20);
    }
  }
}

/** Patches a twin again and again: what it holds is never less than what was acknowledged. */
class Patcher {
  constructor(id) {
    this.id = id;
    this.acknowledged = 0;
    this.tried = 0;
    this.working = this.work();
  }

  async work() {
    while (!isOver) {
      this.tried += 1;
      const { status, body } = await ask('PATCH', `/twins/${this.id}`, JSON.stringify({ tags: { count: this.tried } }), { 'Content-Type': 'application/json' });
      if (status === 200) this.acknowledged = this.tried;
      else if (status !== 0 && status !== 503) faults.push(`${this.id}: PATCH was answered with ${status}: ${body}`);
      await sleep(10);
    }
  }

  async check() {
    const known = this.acknowledged;
    const { body } = await insist('GET', `/twins/${this.id}`);
    const { count } = JSON.parse(body).tags;
    assert.ok(count >= known && count <= this.tried, `${this.id} holds ${count}; acknowledged ${known}, tried ${this.tried}`);
  }
}

let patchers = [];

before(async () => {
  await cluster.start();
  const ids = Array.from({ length: plainCount }, (_, i) => `plain-${i}`);
  for (let i = 0; i < ids.length; i += 100) {
    const body = ids.slice(i, i + 100).map((id) => ({ id, importMode: 'create', status: 'enabled', authentication: { type: 'sas' } }));
    await insist('POST', '/devices', JSON.stringify(body), { 'Content-Type': 'application/json' });
  }
  for (let i = 0; i < deviceCount; i += 1) {
    const made = (await cluster.ok('device', 'create', '--device-id', `dev-${i}`, '--connection-string', '--address', address)).trim();
    devices.push(new Device(`dev-${i}`, parts(made).SharedAccessKey));
  }
  patchers = ['plain-0', 'plain-1', 'dev-0'].map((id) => new Patcher(id));
  await until(() => devices.every((device) => device.acknowledged.size > 0), 'messages of all devices');
});

after(async () => {
  isOver = true;
  for (const device of devices) device.client.end(true);
  agent.destroy();
  await cluster.stop();
});

const jobOf = async (id) => JSON.parse((await insist('GET', `/jobs/v2/${id}`)).body);

/** Starts both jobs, does `harm` in their middle, and follows them to their ends. */
async function survive(harm) {
  round += 1;
  const twinJob = `twins-${round}`;
  const methodJob = `methods-${round}`;
  const start = new Date(Date.now() - 1000).toISOString();
  await insist('PUT', `/jobs/v2/${twinJob}`, JSON.stringify({
    jobId: twinJob, type: 'scheduleUpdateTwin', startTime: start, maxExecutionTimeInSeconds: 600, queryCondition: '*',
    updateTwin: { etag: '*', properties: { desired: { [`job${round}`]: round } } }, rollout: { pace: { rate: '100/s' } },
  }), { 'Content-Type': 'application/json' });
  await insist('PUT', `/jobs/v2/${methodJob}`, JSON.stringify({
    jobId: methodJob, type: 'scheduleDeviceMethod', startTime: start, maxExecutionTimeInSeconds: 600,
    queryCondition: `deviceId IN [${devices.map(({ id }) => `'${id}'`)}]`,
    cloudToDeviceMethod: { methodName: 'act', payload: { job: methodJob }, responseTimeoutInSeconds: 20 }, rollout: { pace: { rate: '2/s' } },
  }), { 'Content-Type': 'application/json' });
  await until(async () => (await jobOf(twinJob)).deviceJobStatistics?.succeededCount > 0 && (await jobOf(methodJob)).deviceJobStatistics?.succeededCount > 0, 'both jobs to be on their way');
  await harm();
  const twins = await until(async () => { const job = await jobOf(twinJob); return job.status === 'completed' ? job : null; }, `${twinJob} to complete`);
  const methods = await until(async () => { const job = await jobOf(methodJob); return ['completed', 'failed'].includes(job.status) ? job : null; }, `${methodJob} to end`);

  const all = plainCount + deviceCount;
  assert.deepEqual([twins.deviceJobStatistics.deviceCount, twins.deviceJobStatistics.succeededCount], [all, all]);
  const rows = JSON.parse(await cluster.ok('query', 'SELECT deviceId, properties.desired FROM devices', '-o', 'json', '--address', address));
  assert.equal(rows.length, all);
  for (const row of rows) {
    const desired = row.desired ?? row.properties.desired;
    assert.equal(desired[`job${round}`], round, `${row.deviceId} was not patched`);
    assert.equal(desired.$version, round + 1, `${row.deviceId} was not patched once by each job`);
  }
  const { deviceCount: called, succeededCount, failedCount } = methods.deviceJobStatistics;
  assert.equal(called, deviceCount);
  assert.equal(succeededCount + failedCount, deviceCount);
  for (const device of devices) {
    const times = device.calls.get(methodJob) ?? 0;
    assert.ok(times <= 1, `${device.id} was called ${times} times by ${methodJob}`);
  }
  assert.ok(devices.filter((device) => device.calls.get(methodJob) === 1).length >= succeededCount, 'more successes than calls');
  for (const patcher of patchers) await patcher.check();
  await until(() => devices.every((device) => device.client.connected), 'all devices to be back');
  assert.deepEqual(faults, []);
}

const nameOf = (node) => `${node.id}/${node.incarnation}`;

test('each node says whether it serves', async () => {
  const active = await cluster.active();
  for (const node of cluster.nodes) {
    const told = await health(node);
    assert.equal(told.node, node.id);
    assert.deepEqual([told.status, told.role], node.id === active.id ? [200, 'active'] : [503, 'standby']);
  }
});

test('PostgreSQL restarts without warning: no device is disconnected, and work goes on', async () => {
  const closes = () => devices.reduce((sum, device) => sum + device.closes, 0);
  await until(() => devices.every((device) => device.client.connected), 'all devices');
  const name = nameOf(await cluster.active());
  const before = closes();
  await survive(async () => {
    await cluster.postgres.stop('SIGQUIT');
    await cluster.postgres.start();
  });
  assert.equal(nameOf(await cluster.active()), name);
  assert.equal(closes(), before);
});

test('while PostgreSQL does not answer, a hub whose lease is over says nothing, and then goes on', async () => {
  await until(() => devices.every((device) => device.client.connected), 'all devices');
  const closes = () => devices.reduce((sum, device) => sum + device.closes, 0);
  const node = await cluster.active();
  const name = nameOf(node);
  const before = closes();
  cluster.postgres.signal('SIGSTOP');
  try {
    // An answer to a beat may be under way when PostgreSQL freezes; it renews the lease once more.
    const isPaused = async () => (await health(node))?.role === 'paused';
    await until(async () => await isPaused() && (await sleep(1_000), isPaused()), 'the lease to be over');
    const asked = ask('GET', '/twins/plain-5');
    assert.equal(await Promise.race([asked, sleep(2_000, 'nothing')]), 'nothing');
    cluster.postgres.signal('SIGCONT');
    assert.equal((await asked).status, 200);
  } finally {
    cluster.postgres.signal('SIGCONT');
  }
  await until(async () => (await health(node))?.role === 'active', 'the hub to go on');
  assert.equal(nameOf(await cluster.active()), name);
  assert.equal(closes(), before);
  for (const patcher of patchers) await patcher.check();
});

test('a node that is stopped in order hands over without a lease', async () => {
  await survive(async () => {
    const node = await cluster.active();
    node.isSupervised = false;
    node.process.kill('SIGTERM');
    assert.equal(await node.ended, 0);
    const next = await cluster.active(nameOf(node));
    assert.notEqual(next.id, node.id);
    assert.match(next.log(), /took over the hub/);
    assert.doesNotMatch(next.log().split('took over').at(-2) ?? '', new RegExp(`dead node=${node.id} incarnation=${node.incarnation}\\b`));
    node.isSupervised = true;
    node.start();
  });
});

test('every message that was acknowledged is in the event log', async () => {
  isOver = true;
  for (const device of devices) await device.sending;
  const text = await cluster.ok('events', 'watch', '--from', 'earliest', '--no-follow', '-o', 'json', '--address', address);
  const seen = new Map(devices.map(({ id }) => [id, new Set()]));
  for (const line of text.split('\n').filter(Boolean)) {
    const event = JSON.parse(line);
    seen.get(event.deviceId)?.add(Number(event.body));
  }
  for (const device of devices) {
    assert.ok(device.acknowledged.size > 10);
    for (const number of device.acknowledged) assert.ok(seen.get(device.id).has(number), `${device.id}: message ${number} is lost`);
  }
});
