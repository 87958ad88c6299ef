// What a fleet and its back ends do with a hub of several nodes, all at once: devices that send messages, answer methods
// and receive cloud-to-device messages; back ends that patch twins, send messages, start jobs and import devices, each by
// any node. It keeps a journal of what was acknowledged, and compares the hub with it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { parts, sign, until } from '../lib/hub.mjs';
import { BlobServer } from '../transfer/blob_server.mjs';
import { fleet as importLines } from '../transfer/jobs.mjs';

const { connect: mqttConnect } = createRequire(new URL('../sdk/ga/package.json', import.meta.url))('mqtt');

const pick = (all) => all[Math.floor(Math.random() * all.length)];
const hour = 3600;
/** No wait of these decides a test; they end one that hangs. */
const endS = 180;

export const nameOf = (node) => `${node.id}/${node.incarnation}`;

/** A device of the journal, connected to one node, to which it comes back. */
class Device {
  constructor(traffic, id, key, node) {
    Object.assign(this, { traffic, id, node });
    this.calls = new Map(); // By job: how often its method came.
    this.sent = 0;
    this.acknowledged = new Set(); // Messages to the hub, by their numbers.
    this.received = new Set(); // Messages from the hub.
    this.closes = 0;
    const { hostName } = traffic;
    // Without `resubscribe` it sends its SUBSCRIBE on each connection; with it, never again one that was lost.
    this.client = mqttConnect(`mqtts://${node.address}:8883`, {
      ca: traffic.ca, clientId: id, clean: false, resubscribe: false, reconnectPeriod: 200, connectTimeout: 20_000, keepalive: 30, protocolVersion: 4,
      username: `${hostName}/${id}/?api-version=2021-04-12`,
      password: sign(`${hostName}/devices/${id}`, key, Math.floor(Date.now() / 1000) + 4 * hour),
    });
    this.client.on('error', () => {});
    this.client.on('close', () => { this.closes += 1; });
    this.client.on('connect', () => this.client.subscribe(['$iothub/methods/POST/#', `devices/${id}/messages/devicebound/#`], { qos: 1 }));
    this.client.on('message', (topic, payload) => this.came(topic, payload));
    this.sending = this.send();
  }

  came(topic, payload) {
    if (!topic.startsWith('$iothub/methods/')) {
      this.received.add(Number(payload.toString()));
      return;
    }
    const [, rid] = topic.match(/\$rid=(.*)$/);
    const { job } = JSON.parse(payload.toString());
    this.calls.set(job, (this.calls.get(job) ?? 0) + 1);
    setTimeout(() => this.client.publish(`$iothub/methods/res/200/?$rid=${rid}`, '{}'), 300);
  }

  async send() {
    while (!this.traffic.isOver) {
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

export class Traffic {
  /** `cluster` is a started Cluster; `nodes` are those that clients use. */
  constructor(cluster, { devices = 12, plain = 400, imported = 12_000, hasImports = true, hasWriters = true } = {}) {
    Object.assign(this, { cluster, imported, hasImports, hasWriters, deviceCount: devices, plainCount: plain });
    this.hostName = cluster.address;
    this.agent = new Agent({ keepAlive: true, maxSockets: 48 });
    this.isOver = false;
    this.round = 0;
    this.faults = [];
    this.devices = [];
    this.blobs = hasImports ? new BlobServer() : null;
  }

  /** One request by a node; status 0 where no answer came. */
  ask(method, path, { body = '', headers = {}, node = pick(this.cluster.nodes), timeout = 20_000 } = {}) {
    return new Promise((resolve) => {
      const lost = () => resolve({ status: 0, headers: {}, body: '' });
      const sent = request({
        agent: this.agent, host: node.address, ca: this.ca, method, timeout,
        path: `${path}${path.includes('?') ? '&' : '?'}api-version=2021-04-12`,
        headers: { Authorization: this.cluster.token, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...headers },
      }, (answer) => {
        const pieces = [];
        answer.on('data', (piece) => pieces.push(piece));
        answer.on('error', lost).on('aborted', lost);
        answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces).toString() }));
      });
      sent.on('timeout', () => sent.destroy()).on('error', lost);
      sent.end(body);
    });
  }

  /** Asks until a node answers with success. */
  insist(method, path, options) {
    let last;
    return until(async () => {
      last = await this.ask(method, path, options);
      return last.status >= 200 && last.status < 300 ? last : null;
    }, () => `${method} ${path}, last answered with ${last.status} ${last.body.slice(0, 200)}`, endS);
  }

  /** Call before the cluster's nodes start. */
  async prepare() {
    await this.blobs?.start();
  }

  async start() {
    this.ca = readFileSync(this.cluster.caFile);
    const ids = Array.from({ length: this.plainCount }, (_, i) => `fix-${i}`);
    for (let i = 0; i < ids.length; i += 100) {
      const body = JSON.stringify(ids.slice(i, i + 100).map((id) => ({ id, importMode: 'create', status: 'enabled', authentication: { type: 'sas' } })));
      await this.insist('POST', '/devices', { body });
    }
    for (let i = 0; i < this.deviceCount; i += 1) {
      const id = `fix-live-${i}`;
      const made = await this.insist('PUT', `/devices/${id}`, { body: JSON.stringify({ deviceId: id }) });
      this.devices.push(new Device(this, id, JSON.parse(made.body).authentication.symmetricKey.primaryKey, this.cluster.nodes[i % this.cluster.nodes.length]));
    }
    await until(() => this.devices.every((device) => device.acknowledged.size > 0), 'messages of all devices');
    this.patches = (this.hasWriters ? ['fix-0', 'fix-1', 'fix-live-0'] : []).map((id) => ({ id, acknowledged: 0, tried: 0 }));
    this.letters = (this.hasWriters ? this.devices.slice(0, 4) : []).map((device) => ({ device, sent: 0, acknowledged: new Set() }));
    this.working = [...this.patches.map((patch) => this.patch(patch)), ...this.letters.map((letter) => this.write(letter))];
    return this;
  }

  /** Patches a twin again and again: what it holds is never less than what was acknowledged. */
  async patch(journal) {
    while (!this.isOver) {
      journal.tried += 1;
      const { status, body } = await this.ask('PATCH', `/twins/${journal.id}`, { body: JSON.stringify({ tags: { count: journal.tried } }) });
      if (status === 200) journal.acknowledged = journal.tried;
      else if (status !== 0 && status !== 503) this.faults.push(`${journal.id}: PATCH was answered with ${status}: ${body}`);
      await sleep(10);
    }
  }

  /** Sends messages to a device; one whose answer was lost may be queued all the same. */
  async write(journal) {
    const { device } = journal;
    while (!this.isOver) {
      journal.sent += 1;
      const { status, body } = await this.ask('POST', `/devices/${device.id}/messages/devicebound`, { body: String(journal.sent) });
      if (status === 204) journal.acknowledged.add(journal.sent);
      else if (![0, 403, 503].includes(status)) this.faults.push(`${device.id}: a message was answered with ${status}: ${body}`);
      await sleep(status === 204 ? 20 : 100);
    }
  }

  /** All rows of a query, by a node that answers. */
  async rows(statement) {
    return JSON.parse(await this.printed('query', statement, '-o', 'json'));
  }

  /** What our program prints, run against one node after another until one answers. */
  printed(...args) {
    let last;
    return until(async () => {
      last = await this.cluster.run(...args, '--address', pick(this.cluster.nodes).address);
      return last.code === 0 ? last.stdout : null;
    }, () => `carillon ${args.join(' ')}: ${last.stderr}`, endS);
  }

  async jobOf(id) {
    return JSON.parse((await this.insist('GET', `/jobs/v2/${id}`)).body);
  }

  createJob(id, members) {
    const job = { jobId: id, startTime: new Date(Date.now() - 1000).toISOString(), maxExecutionTimeInSeconds: 600, ...members };
    // Whoever asks again because an answer was lost finds the job.
    return until(async () => {
      const { status } = await this.ask('PUT', `/jobs/v2/${id}`, { body: JSON.stringify(job) });
      return status === 200 || status === 409 ? true : null;
    }, `${id} to be taken`, endS);
  }

  async beginImport() {
    const container = `round-${this.round}`;
    this.blobs.put(container, 'devices.txt', importLines(this.imported, `imp${this.round}`));
    const body = JSON.stringify({ type: 'import', inputBlobContainerUri: this.blobs.container(container), outputBlobContainerUri: this.blobs.container(container) });
    return JSON.parse((await this.insist('POST', '/jobs/create', { body })).body).jobId;
  }

  /**
   * Starts a twin job, a method job with a rollout and an import, does `harm` in the middle of all, follows them to their ends
   * and compares. With `failsNothing` no device of a job may fail. Gives what was counted.
   */
  async survive(harm, { failsNothing = false } = {}) {
    this.round += 1;
    const { round } = this;
    const twinJob = `twins-${round}`;
    const methodJob = `methods-${round}`;
    await this.createJob(twinJob, {
      type: 'scheduleUpdateTwin', queryCondition: "STARTSWITH(deviceId, 'fix-')",
      updateTwin: { etag: '*', properties: { desired: { [`job${round}`]: round } } }, rollout: { pace: { rate: '80/s' } },
    });
    await this.createJob(methodJob, {
      type: 'scheduleDeviceMethod', queryCondition: `deviceId IN [${this.devices.map(({ id }) => `'${id}'`)}]`,
      cloudToDeviceMethod: { methodName: 'act', payload: { job: methodJob }, responseTimeoutInSeconds: 20 }, rollout: { pace: { rate: '3/s' } },
    });
    const acknowledged = () => this.devices.reduce((sum, { acknowledged: known }) => sum + known.size, 0);
    const before = { messages: acknowledged(), patched: this.patches.map(({ acknowledged: known }) => known), written: this.letters.map(({ acknowledged: known }) => known.size) };
    await until(async () => (await this.jobOf(twinJob)).deviceJobStatistics?.succeededCount > 0
      && (await this.jobOf(methodJob)).deviceJobStatistics?.succeededCount > 0, 'both jobs to be on their way');
    const importJob = this.hasImports ? await this.beginImport() : null;
    const [twinsNow, methodsNow] = [await this.jobOf(twinJob), await this.jobOf(methodJob)];
    assert.deepEqual([twinsNow.status, methodsNow.status], ['running', 'running'], 'the harm came too late');
    if (importJob) {
      const { status } = JSON.parse((await this.insist('GET', `/jobs/${importJob}`)).body);
      assert.ok(['enqueued', 'running'].includes(status), `the harm came too late: the import is ${status}`);
    }
    const silentMs = await this.longestSilence(harm);
    const counted = { ...await this.checkJobs(twinJob, methodJob, failsNothing), silentMs };
    if (importJob) await this.checkImport(importJob);
    await until(() => this.devices.every((device) => device.client.connected), 'all devices to be back', endS);
    // All goes on.
    await until(() => acknowledged() > before.messages && this.patches.every(({ acknowledged: known }, i) => known > before.patched[i])
      && this.letters.every(({ acknowledged: known }, i) => known.size > before.written[i]), 'messages and patches to go on', endS);
    for (const patch of this.patches) await this.checkPatch(patch);
    assert.deepEqual(this.faults, []);
    return counted;
  }

  /** For how long no node answered at all while `harm` was done, and until one answered again; only to be shown. */
  async longestSilence(harm) {
    let last = Date.now();
    let longest = 0;
    let isDone = false;
    const asking = async (node) => {
      while (!isDone) {
        const { status } = await this.ask('GET', '/statistics/devices', { node, timeout: 15_000 });
        if (status === 200) {
          longest = Math.max(longest, Date.now() - last);
          last = Date.now();
        }
        await sleep(20);
      }
    };
    const all = this.cluster.nodes.map(asking);
    await harm();
    isDone = true;
    await Promise.all(all);
    return longest;
  }

  async checkJobs(twinJob, methodJob, failsNothing) {
    const over = async (id) => { const job = await this.jobOf(id); return ['completed', 'failed'].includes(job.status) ? job : null; };
    const twins = await until(() => over(twinJob), `${twinJob} to end`, endS);
    const methods = await until(() => over(methodJob), `${methodJob} to end`, endS);
    const all = this.plainCount + this.deviceCount;
    assert.deepEqual([twins.status, twins.deviceJobStatistics.deviceCount, twins.deviceJobStatistics.succeededCount], ['completed', all, all]);
    const rows = await this.rows("SELECT deviceId, properties.desired FROM devices WHERE STARTSWITH(deviceId, 'fix-')");
    assert.equal(rows.length, all);
    for (const row of rows) {
      const desired = row.desired ?? row.properties.desired;
      assert.equal(desired[`job${this.round}`], this.round, `${row.deviceId} was not patched`);
      assert.equal(desired.$version, this.round + 1, `${row.deviceId} was not patched once by each job`);
    }
    const { deviceCount, succeededCount, failedCount } = methods.deviceJobStatistics;
    assert.equal(deviceCount, this.deviceCount);
    assert.equal(succeededCount + failedCount, this.deviceCount);
    if (failsNothing) assert.equal(failedCount, 0, `${methodJob} has failed devices`);
    for (const device of this.devices) {
      const times = device.calls.get(methodJob) ?? 0;
      assert.ok(times <= 1, `${device.id} was called ${times} times by ${methodJob}`);
    }
    assert.ok(this.devices.filter((device) => device.calls.get(methodJob) === 1).length >= succeededCount, 'more successes than calls');
    return { succeededCount, failedCount };
  }

  async checkImport(id) {
    const job = await until(async () => {
      const now = JSON.parse((await this.insist('GET', `/jobs/${id}`)).body);
      return ['completed', 'failed', 'cancelled'].includes(now.status) ? now : null;
    }, 'the import to end', endS);
    assert.equal(job.status, 'completed', JSON.stringify(job));
    const errors = this.blobs.text(`round-${this.round}`, 'importErrors.log') ?? '';
    assert.equal(errors, '', 'a line was imported twice, or refused');
    const [{ n }] = await this.rows(`SELECT COUNT() AS n FROM devices WHERE STARTSWITH(deviceId, 'imp${this.round}-')`);
    assert.equal(n, this.imported);
  }

  async checkPatch(patch) {
    const known = patch.acknowledged;
    const { body } = await this.insist('GET', `/twins/${patch.id}`);
    const count = JSON.parse(body).tags.count ?? 0;
    assert.ok(count >= known && count <= patch.tried, `${patch.id} holds ${count}; acknowledged ${known}, tried ${patch.tried}`);
  }

  /** Ends all, and compares messages of both ways with the journal. */
  async finish() {
    this.isOver = true;
    await Promise.all([...this.working, ...this.devices.map(({ sending }) => sending)]);
    const missing = () => this.letters.flatMap(({ device, acknowledged }) => [...acknowledged].filter((number) => !device.received.has(number)).map((number) => `${device.id}/${number}`));
    await until(() => missing().length === 0, () => `cloud-to-device messages that were acknowledged and never came: ${missing().slice(0, 10)}`, endS);
    const text = await this.printed('events', 'watch', '--from', 'earliest', '--no-follow', '-o', 'json');
    const seen = new Map(this.devices.map(({ id }) => [id, new Set()]));
    for (const line of text.split('\n').filter(Boolean)) {
      const event = JSON.parse(line);
      seen.get(event.deviceId)?.add(Number(event.body));
    }
    for (const device of this.devices) {
      for (const number of device.acknowledged) assert.ok(seen.get(device.id).has(number), `${device.id}: message ${number} is lost`);
    }
    const sum = (sets) => sets.reduce((total, set) => total + set.size, 0);
    return { messages: sum(this.devices.map(({ acknowledged }) => acknowledged)), letters: sum(this.letters.map(({ acknowledged }) => acknowledged)), patches: this.patches.reduce((total, { acknowledged }) => total + acknowledged, 0) };
  }

  async stop() {
    this.isOver = true;
    for (const device of this.devices) device.client.end(true);
    this.agent.destroy();
    await this.blobs?.stop();
  }
}
