// A hub that is killed by SIGKILL, again and again, while twin jobs go over its devices in waves, are paused, and are
// taken back. KILL_COUNT=60 is the long form.
//
// Of each job: counters never fall and add up, and while a pause stands no further device is written. When all is
// quiet, each device that a job wrote has its old value again where the undo says so, and no job is lost or made twice.

import assert from 'node:assert/strict';
import { Agent, request } from 'node:https';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { Hub, parts, sign } from '../lib/hub.mjs';

const kills = Number(process.env.KILL_COUNT ?? 6);
const deviceCount = 200;
const laneCount = 3;
const hub = Hub.fromEnvironment();
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
let owner;
let ca;

before(async () => {
  await hub.start();
  ca = readFileSync(hub.caFile);
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  owner = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 7200, SharedAccessKeyName);
  const devices = [...Array(deviceCount).keys()].map((n) => ({ id: `d${n}`, importMode: 'create' }));
  for (let from = 0; from < deviceCount; from += 100)
    assert.equal((await ask('POST', '/devices', devices.slice(from, from + 100))).status, 200);
  // Half of them have a value of their own in each lane, the others have none.
  for (let n = 0; n < deviceCount; n += 2) {
    const desired = Object.fromEntries([...Array(laneCount).keys()].map((lane) => [`lane${lane}`, `old${n}`]));
    assert.equal((await ask('PATCH', `/twins/d${n}`, { properties: { desired } })).status, 200);
  }
});
after(() => { agent.destroy(); return hub.stop(); });

/** One request; status 0 where no answer came. */
function ask(method, path, body) {
  return new Promise((resolve) => {
    const lost = () => resolve({ status: 0 });
    const text = body === undefined ? '' : JSON.stringify(body);
    const sent = request({
      agent, host: hub.address, ca, method, timeout: 20_000, path: `${path}?api-version=2021-04-12`,
      headers: { Authorization: owner, 'Content-Length': Buffer.byteLength(text) },
    }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('error', lost);
      answer.on('aborted', lost);
      answer.on('end', () => {
        const whole = Buffer.concat(pieces).toString();
        resolve({ status: answer.statusCode, text: whole, body: whole.startsWith('{') ? JSON.parse(whole) : undefined });
      });
    });
    sent.on('timeout', () => sent.destroy());
    sent.on('error', lost);
    sent.end(text);
  });
}

/** Asks until there is an answer. */
async function insist(...args) {
  for (;;) {
    const answer = await ask(...args);
    if (answer.status !== 0 && answer.status !== 503) return answer;
    await sleep(20);
  }
}

const faults = [];
const isOver = (status) => ['completed', 'failed', 'cancelled'].includes(status);

class Job {
  constructor(id) {
    this.id = id;
    this.last = { deviceCount: 0, succeededCount: 0, failedCount: 0 };
  }

  fault(what) {
    faults.push(`${this.id}: ${what}`);
  }

  /** A second PUT of what was accepted unheard is 409. */
  async put(updateTwin, rollout, target = {}) {
    let isUnheard = false;
    for (;;) {
      const answer = await ask('PUT', `/jobs/v2/${this.id}`, { type: 'scheduleUpdateTwin', updateTwin, rollout, ...target });
      if (answer.status === 200 || (answer.status === 409 && isUnheard)) return;
      if (answer.status !== 0 && answer.status !== 503) return this.fault(`PUT: ${answer.status} ${answer.text}`);
      isUnheard = true;
      await sleep(20);
    }
  }

  /** What holds at every look, also right after a restart. */
  async look() {
    const { status, body } = await insist('GET', `/carillon/jobs/${this.id}`);
    if (status !== 200) { this.fault(`acknowledged, and ${status} now`); return { status: 'lost' }; }
    const counts = body.deviceJobStatistics;
    if (counts) {
      const sum = counts.pendingCount + counts.runningCount + counts.succeededCount + counts.failedCount + counts.canceledCount;
      if (sum !== counts.deviceCount) this.fault(`counters do not add up: ${JSON.stringify(counts)}`);
      for (const name of ['deviceCount', 'succeededCount', 'failedCount'])
        if (counts[name] < this.last[name]) this.fault(`${name} fell to ${counts[name]} from ${this.last[name]}`);
      this.last = counts;
    }
    return body;
  }

  async end() {
    for (;;) {
      const { status } = await this.look();
      if (isOver(status) || status === 'lost') return status;
      await sleep(30);
    }
  }
}

let killed = 0;
let paused = 0;

/** Writes all devices in waves, paused on the way, and takes that back; over and over. */
async function live(lane, goesOn) {
  for (let round = 0; round === 0 || goesOn(); ++round) {
    const job = new Job(`cfg-${lane}-${round}`);
    await job.put({ etag: '*', properties: { desired: { [`lane${lane}`]: `new${round}` } } },
      { pace: { rate: '300/s' }, waves: [{ size: '20%' }, { size: 'rest' }] }, { queryCondition: '*' });
    await sleep(Math.random() * 400);
    const pause = await insist('POST', `/carillon/jobs/${job.id}/pause`, { why: 'the test' });
    if (pause.status === 200) {
      ++paused;
      const { succeededCount } = (await job.look()).deviceJobStatistics ?? { succeededCount: 0 };
      const killsBefore = killed;
      await sleep(200 + Math.random() * 200);
      const now = await job.look();
      if (!isOver(now.status)) {
        if (!now.paused) job.fault('the pause is gone');
        // Right after a start a part has not said yet how far it was; its log has.
        if ((now.deviceJobStatistics?.succeededCount ?? 0) !== succeededCount)
          job.fault(`${now.deviceJobStatistics?.succeededCount} written, ${succeededCount} at the pause, ${killed - killsBefore} kills between`);
      }
      await insist('POST', `/carillon/jobs/${job.id}/resume`, {});
    } else if (pause.status !== 405) {
      job.fault(`pause: ${pause.status} ${pause.text}`);
    }
    if (await job.end() !== 'completed') job.fault('did not complete');
    if (job.last.succeededCount !== deviceCount) job.fault(`wrote ${job.last.succeededCount}`);
    const undo = new Job(`${job.id}-back`);
    await undo.put({ etag: '*' }, { undoOf: job.id, pace: { rate: '500/s' } });
    if (await undo.end() !== 'completed') undo.fault('did not complete');
    if (undo.last.succeededCount !== deviceCount) undo.fault(`restored ${undo.last.succeededCount}`);
  }
}

test(`twin jobs in waves, and their undos, hold over ${kills} kills`, async () => {
  const lanes = [...Array(laneCount).keys()].map((lane) => live(lane, () => killed < kills));
  while (killed < kills) {
    await sleep(100 + Math.random() * 900);
    await hub.stop('SIGKILL');
    await hub.start();
    ++killed;
  }
  await Promise.all(lanes);
  await hub.stop('SIGKILL');
  await hub.start();
  assert.deepEqual(faults, []);
  for (let n = 0; n < deviceCount; ++n) {
    const { body } = await insist('GET', `/twins/d${n}`);
    for (let lane = 0; lane < laneCount; ++lane)
      assert.equal(body.properties.desired[`lane${lane}`], n % 2 === 0 ? `old${n}` : undefined, `d${n}`);
  }
  console.log(`# ${kills} kills, ${paused} pauses that stood`);
});
