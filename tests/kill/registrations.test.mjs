// A hub that is killed by SIGKILL, again and again, while devices register. KILL_COUNT=60 is the long form.
//
// Each device of a group registers until it is told its hub, looks after itself, and registers again. What it was
// told is held to what the hub knows after each kill and at the end: one identity, made once; a record that never
// goes back; the key by which it registered.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { Agent, request } from 'node:https';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { Hub, parts, sign } from '../lib/hub.mjs';

const kills = Number(process.env.KILL_COUNT ?? 8);
const deviceCount = 40;
const scope = '0ne00KILL';
process.env.CARILLON_PROVISIONING__ID_SCOPES = scope;
const hub = Hub.fromEnvironment();
const agent = new Agent({ keepAlive: true, maxSockets: 48 });
const until = Math.floor(Date.now() / 1000) + 7200;
const groupKey = Buffer.alloc(48, 7).toString('base64');
let owner;
let ca;
let hasEnded = false;

before(async () => {
  await hub.start();
  ca = readFileSync(hub.caFile);
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  owner = sign(HostName, SharedAccessKey, until, SharedAccessKeyName);
  const group = {
    attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: groupKey, secondaryKey: groupKey } },
    initialTwin: { tags: { batch: 3 }, properties: { desired: { interval: 30 } } },
  };
  assert.equal((await ask('PUT', '/enrollmentGroups/fleet', owner, group)).status, 200);
});
after(() => {
  hasEnded = true; // Else a test that failed would not end.
  agent.destroy();
  return hub.stop();
});

/** One request; status 0 where no answer came. */
function ask(method, path, Authorization, body) {
  return new Promise((resolve) => {
    const lost = () => resolve({ status: 0 });
    const text = body === undefined ? '' : JSON.stringify(body);
    const sent = request({
      agent, host: hub.address, ca, method, timeout: 20_000, path: `${path}?api-version=2021-10-01`,
      headers: { Authorization, 'Content-Length': Buffer.byteLength(text) },
    }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('error', lost);
      answer.on('aborted', lost);
      answer.on('end', () => {
        const whole = Buffer.concat(pieces).toString();
        resolve({ status: answer.statusCode, body: whole ? JSON.parse(whole) : undefined });
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
    if (hasEnded || (answer.status !== 0 && answer.status !== 503)) return answer;
    await sleep(20);
  }
}

class Device {
  constructor(id) {
    this.id = id;
    this.key = createHmac('sha256', Buffer.from(groupKey, 'base64')).update(id).digest('base64');
    this.token = sign(`${scope}/registrations/${id}`, this.key, until, 'registration');
    this.hubToken = sign(`${hub.address}/devices/${id}`, this.key, until);
    this.registrations = 0;
    this.faults = [];
  }

  fault(what) {
    this.faults.push(`${this.id} after ${this.registrations} registrations: ${what}`);
  }

  /** Registers once; what it is told is true from then on. */
  async register() {
    const path = `/${scope}/registrations/${this.id}`;
    const begun = await insist('PUT', `${path}/register`, this.token, { registrationId: this.id });
    if (begun.status !== 202) return this.fault(`answered ${begun.status} ${JSON.stringify(begun.body)}`);
    const ended = await insist('GET', `${path}/operations/${begun.body.operationId}`, this.token);
    if (ended.status !== 200) return this.fault(`its operation is gone: ${ended.status} ${JSON.stringify(ended.body)}`);
    const state = ended.body.registrationState;
    if (state.status !== 'assigned' || state.deviceId !== this.id || state.assignedHub !== hub.address)
      this.fault(`told ${JSON.stringify(state)}`);
    this.created ??= state.createdDateTimeUtc;
    if (state.createdDateTimeUtc !== this.created) this.fault('its record was made anew');
    const moment = Date.parse(state.lastUpdatedDateTimeUtc);
    if (this.updated > moment) this.fault('its record went back');
    this.updated = moment;
    this.registrations += 1;
  }

  /** What the hub knows of it, once it has been told that it registered. */
  async look() {
    if (this.registrations === 0) return;
    const identity = await insist('GET', `/devices/${this.id}`, owner);
    if (identity.status !== 200) return this.fault(`no identity: ${identity.status}`);
    this.generation ??= identity.body.generationId;
    if (identity.body.generationId !== this.generation) this.fault('a second identity');
    if (identity.body.authentication.symmetricKey.primaryKey !== this.key) this.fault('another key');
    const record = await insist('GET', `/registrations/${this.id}`, owner);
    if (record.status !== 200 || Date.parse(record.body.lastUpdatedDateTimeUtc) < this.updated)
      this.fault(`its record: ${record.status} ${JSON.stringify(record.body)}`);
    const twin = await insist('GET', `/twins/${this.id}`, owner);
    if (twin.body?.tags.batch !== 3 || twin.body.properties.desired.interval !== 30) this.fault('without its initial twin');
    // The device's own token opens its own messages.
    const own = await insist('GET', `/devices/${this.id}/messages/deviceBound`, this.hubToken);
    if (own.status !== 204) this.fault(`its key opens nothing: ${own.status}`);
  }
}

test(`what devices are told at their registration holds over ${kills} kills`, async () => {
  const devices = [...Array(deviceCount).keys()].map((n) => new Device(`kill-${n}`));
  let isOver = false;
  const lives = devices.map(async (device) => {
    while (!hasEnded && (!isOver || device.registrations < 2)) {
      await device.register();
      await device.look();
    }
  });
  for (let kill = 0; kill < kills; ++kill) {
    await sleep(50 + Math.random() * 700);
    await hub.stop('SIGKILL');
    await hub.start();
  }
  isOver = true;
  await Promise.all(lives);
  await hub.stop('SIGKILL');
  await hub.start();
  await Promise.all(devices.map((device) => device.look()));
  assert.deepEqual(devices.flatMap((device) => device.faults), []);
  const counted = await insist('POST', '/registrations/fleet/query', owner, {});
  assert.equal(counted.body.length, deviceCount, 'one record each');
  console.log(`# ${devices.reduce((sum, { registrations }) => sum + registrations, 0)} registrations told, ${kills} kills`);
});
