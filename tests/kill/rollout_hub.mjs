// What kill.rollouts knows of the hub: requests whose answer may be lost, and jobs of which every look is checked.

import assert from 'node:assert/strict';
import { Agent, request } from 'node:https';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parts, sign } from '../lib/hub.mjs';

export const isOver = (status) => ['completed', 'failed', 'cancelled'].includes(status);

/** A hub that is killed now and then: who asks it, and what was found wrong. */
export class World {
  constructor(hub) {
    this.hub = hub;
    this.agent = new Agent({ keepAlive: true, maxSockets: 24 });
    this.faults = [];
    this.jobs = []; // every one that was acknowledged
    this.killed = 0;
    this.isStopped = false;
    this.ca = readFileSync(hub.caFile);
    const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
    this.host = HostName;
    this.owner = this.token(SharedAccessKeyName, SharedAccessKey);
  }

  token(policy, key) {
    return sign(this.host, key, Math.floor(Date.now() / 1000) + 7200, policy);
  }

  /** Waits; ends whoever waits when the test is over. */
  async rest(ms) {
    await sleep(ms);
    if (this.isStopped) throw new Error('the test is over');
  }

  stop() {
    this.isStopped = true;
    this.agent.destroy();
  }

  /** One request; status 0 where no answer came. */
  ask(method, path, body, Authorization = this.owner) {
    return new Promise((resolve) => {
      const lost = () => resolve({ status: 0 });
      const text = body === undefined ? '' : JSON.stringify(body);
      const sent = request({
        agent: this.agent, host: this.hub.address, ca: this.ca, method, timeout: 20_000,
        path: `${path}${path.includes('?') ? '&' : '?'}api-version=2021-04-12`,
        headers: { Authorization, 'Content-Length': Buffer.byteLength(text) },
      }, (answer) => {
        const pieces = [];
        answer.on('data', (piece) => pieces.push(piece));
        answer.on('error', lost);
        answer.on('aborted', lost);
        answer.on('end', () => {
          const whole = Buffer.concat(pieces).toString();
          let found;
          try { found = JSON.parse(whole); } catch { /* lines, or no JSON */ }
          resolve({ status: answer.statusCode, text: whole, body: found });
        });
      });
      sent.on('timeout', () => sent.destroy());
      sent.on('error', lost);
      sent.end(text);
    });
  }

  /** Asks until there is an answer. Of what was done unheard a repetition says so: 404, 405, 409, 412. */
  async insist(...args) {
    for (;;) {
      const answer = await this.ask(...args);
      if (![0, 429, 503].includes(answer.status)) return answer;
      await this.rest(20);
    }
  }

  async rows(path) {
    for (;;) {
      const { status, text } = await this.insist('GET', path);
      // An answer that was cut ends in the midst of a line.
      if (status === 200 && (text === '' || text.endsWith('\n'))) return text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
      if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
      await this.rest(20);
    }
  }
}

export class Job {
  constructor(world, id) {
    this.world = world;
    this.id = id;
    this.last = { deviceCount: 0, succeededCount: 0, failedCount: 0, canceledCount: 0 };
    this.inFlightMax = Infinity;
  }

  fault(what) {
    this.world.faults.push(`${this.id}: ${what}`);
  }

  /** A second PUT of what was accepted unheard is 409. Gives false, and a fault, if it is refused. */
  async put(body) {
    this.inFlightMax = body.rollout?.pace?.maxInFlight ?? Infinity;
    let isUnheard = false;
    for (;;) {
      const { status, text } = await this.world.ask('PUT', `/jobs/v2/${this.id}`, body);
      if (status === 200 || (status === 409 && isUnheard)) break;
      if (![0, 429, 503].includes(status)) {
        this.fault(`PUT: ${status} ${text}`);
        return false;
      }
      isUnheard ||= status !== 429;
      await this.world.rest(20);
    }
    this.world.jobs.push(this);
    return true;
  }

  putMethod(methodName, rollout, more = {}) {
    const cloudToDeviceMethod = { methodName, payload: { job: this.id }, responseTimeoutInSeconds: 5 };
    return this.put({ type: 'scheduleDeviceMethod', cloudToDeviceMethod, rollout, ...more });
  }

  putTwin(desired, rollout, more = {}) {
    return this.put({ type: 'scheduleUpdateTwin', updateTwin: desired ? { etag: '*', properties: { desired } } : { etag: '*' }, rollout, ...more });
  }

  /** What holds at every look, also right after a restart. */
  async look() {
    const { status, body } = await this.world.insist('GET', `/carillon/jobs/${this.id}`);
    if (status !== 200) {
      this.fault(`acknowledged, and ${status} now`);
      return { status: 'lost' };
    }
    const counts = body.deviceJobStatistics;
    if (counts) {
      const sum = counts.pendingCount + counts.runningCount + counts.succeededCount + counts.failedCount + counts.canceledCount;
      if (sum !== counts.deviceCount) this.fault(`counters do not add up: ${JSON.stringify(counts)}`);
      for (const name of ['deviceCount', 'succeededCount', 'failedCount', 'canceledCount'])
        if (counts[name] < this.last[name]) this.fault(`${name} fell to ${counts[name]} from ${this.last[name]}`);
      if (counts.runningCount > this.inFlightMax) this.fault(`${counts.runningCount} in flight, ${this.inFlightMax} allowed`);
      this.last = counts;
    }
    const states = (body.waves ?? []).map((wave) => wave.state);
    for (let n = 1; n < states.length; ++n)
      if (states[n] !== 'waiting' && !['passed', 'failed'].includes(states[n - 1])) this.fault(`waves ${states}`);
    return body;
  }

  async until(holds) {
    for (;;) {
      const now = await this.look();
      if (now.status === 'lost' || isOver(now.status) || holds(now)) return now;
      await this.world.rest(30);
    }
  }

  async end() {
    return (await this.until(() => false)).status;
  }

  direct(what, body = {}) {
    return this.world.insist('POST', `/carillon/jobs/${this.id}/${what}`, body);
  }

  devices() {
    return this.world.rows(`/carillon/jobs/${this.id}/devices`);
  }

  history() {
    return this.world.rows(`/carillon/jobs/${this.id}/history`);
  }

  /** Pauses, and looks for a while that nothing begins: `begun(document)` must not rise. False if it was over. */
  async pauseFor(ms, begun) {
    const { status, text, body } = await this.direct('pause', { why: 'the test' });
    if (status === 405) return false;
    if (status !== 200) {
      this.fault(`pause: ${status} ${text}`);
      return false;
    }
    const killsBefore = this.world.killed;
    const atPause = begun(body);
    await this.world.rest(ms);
    const now = await this.look();
    if (!isOver(now.status)) {
      if (!now.paused) this.fault('the pause is gone');
      if (begun(now) > atPause) this.fault(`${begun(now)} begun, ${atPause} at the pause, ${this.world.killed - killsBefore} kills between`);
    }
    return atPause;
  }

  /** When all is over: records and counters say the same, and what the log says of the waves. */
  async settle() {
    const now = await this.look();
    if (!isOver(now.status)) return this.fault(`is ${now.status} in the end`);
    const rows = await this.devices();
    const counted = { succeeded: 0, failed: 0, canceled: 0 };
    for (const { deviceId, state } of rows) {
      if (counted[state] === undefined) this.fault(`${deviceId} is ${state} though the job is over`);
      ++counted[state];
    }
    const { deviceCount = 0, succeededCount = 0, failedCount = 0, canceledCount = 0 } = now.deviceJobStatistics ?? {};
    if (rows.length !== deviceCount || new Set(rows.map((row) => row.deviceId)).size !== deviceCount || counted.succeeded !== succeededCount
      || counted.failed !== failedCount || counted.canceled !== canceledCount)
      this.fault(`counters ${JSON.stringify(now.deviceJobStatistics)}, records ${JSON.stringify(counted)}`);
    this.#judgeWaves(await this.history(), now.rollout?.waves ?? []);
    return rows;
  }

  /** A wave opens once, after the one before has passed, failed or was promoted, and not before its soak is over. */
  #judgeWaves(history, waves) {
    const seen = new Map();
    const soaking = new Map();
    for (const { event, wave, time, forced } of history) {
      if (event === 'waveSoaking') soaking.set(wave, Date.parse(time));
      if (event === 'waveOpened' && seen.has(`waveOpened ${wave}`)) this.fault(`wave ${wave} opened twice`);
      if (event === 'waveOpened' && wave > 0 && !seen.has(`wavePassed ${wave - 1}`) && !seen.has(`waveFailed ${wave - 1}`))
        this.fault(`wave ${wave} opened before ${wave - 1} was judged`);
      const soak = Number(waves[wave]?.soak?.match(/^(\d+)ms$/)?.[1] ?? 0);
      if (event === 'wavePassed' && !forced && soak > 0 && !(Date.parse(time) - soaking.get(wave) >= soak))
        this.fault(`wave ${wave} passed ${Date.parse(time) - soaking.get(wave)} ms after it began to soak`);
      if (event === 'wavePassed' && !forced && waves[wave]?.gate === 'manual' && !seen.has(`promoted ${wave}`))
        this.fault(`wave ${wave} passed its gate and nobody promoted it`);
      seen.set(`${event} ${wave}`, time);
    }
  }
}

/** `carillon job verify` of each; the chains are as they were written. */
export async function verifyAll(world) {
  for (const { id } of world.jobs) {
    const { code, stdout, stderr } = await world.hub.cli('job', 'verify', id);
    assert.equal(code, 0, `${id}: ${stdout} ${stderr}`);
    assert.equal(JSON.parse(stdout).verdict, 'intact', id);
  }
}
