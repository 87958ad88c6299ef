// A hub that is killed by SIGKILL, again and again, while twins are written, devices are made and removed, and a
// job runs. KILL_COUNT=60 is the long form.
//
// The events of the hub are in its log exactly as often as what they tell of is on disk: of each twin, one event
// for each version, without a gap; of each identity, its beginning and its end in turn; of each device of a job, its
// end once, and of the job at least once.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { Hub, parts, sign, until } from '../lib/hub.mjs';

const kills = Number(process.env.KILL_COUNT ?? 6);
const fixed = Array.from({ length: 40 }, (_, i) => `fixed-${i}`);
const hub = Hub.fromEnvironment();
let authorization;
let runs = true;

before(async () => {
  await hub.start();
  const { HostName, SharedAccessKey, SharedAccessKeyName } = parts(hub.connectionString);
  authorization = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 7200, SharedAccessKeyName);
  for (const [name, source] of [['twins', 'TwinChangeEvents'], ['lives', 'DeviceLifecycleEvents'], ['jobs', 'DeviceJobLifecycleEvents']]) {
    assert.equal((await ask('PUT', `/carillon/routes/${name}`, { source, endpointNames: ['events'] })).status, 200);
  }
});
after(() => {
  runs = false; // Else a test that failed would not end.
  return hub.stop();
});

/** One request; status 0 where no answer came. */
async function ask(method, path, body, headers = {}) {
  try {
    const answer = await fetch(`https://${hub.address}${path}${path.includes('?') ? '&' : '?'}api-version=2021-04-12`, {
      method, headers: { authorization, 'content-type': 'application/json', ...headers }, body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, body: text };
  } catch {
    return { status: 0 };
  }
}

/** All events in the log, those of a device in their order, and the ends told of each job. */
async function log() {
  const text = await hub.ok('events', 'watch', '--from', 'earliest', '--no-follow', '-o', 'ndjson');
  const byDevice = new Map();
  const byJob = new Map();
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const event = JSON.parse(line);
    const { jobId } = event.properties;
    if (jobId !== undefined) {
      if (!byJob.has(jobId)) byJob.set(jobId, []);
      byJob.get(jobId).push(`${event.properties.opType} ${event.deviceId ?? ''}`);
      continue;
    }
    if (!byDevice.has(event.deviceId)) byDevice.set(event.deviceId, []);
    byDevice.get(event.deviceId).push({ operation: event.properties.opType, version: event.body.version });
  }
  return { byDevice, byJob };
}

/** Holds the events of one device to each other: what begins ends, and versions have no gap. */
function check(id, events) {
  let version = null;
  for (const { operation, version: told } of events) {
    const all = () => `${id}: ${JSON.stringify(events)}`;
    if (operation === 'createDeviceIdentity') {
      assert.equal(version, null, all());
      version = told;
    } else if (operation === 'deleteDeviceIdentity') {
      assert.equal(told, version, all());
      version = null;
    } else {
      assert.equal(told, version + 1, all());
      version = told;
    }
  }
  return version;
}

test('events are in the log as often as what they tell of is on disk', async () => {
  for (const id of fixed) assert.equal((await ask('PUT', `/devices/${id}`, { deviceId: id })).status, 200);
  let number = 0;
  const acknowledged = { writes: 0, creations: 0, removals: 0, jobs: [] };
  const writer = async (id) => {
    while (runs) {
      const answer = await ask('PATCH', `/twins/${id}`, { tags: { n: (number += 1) } });
      if (answer.status === 200) acknowledged.writes += 1; else await sleep(20);
    }
  };
  const maker = async (id) => {
    while (runs) {
      if ((await ask('PUT', `/devices/${id}`, { deviceId: id })).status === 200) acknowledged.creations += 1;
      if ((await ask('DELETE', `/devices/${id}`, undefined, { 'if-match': '*' })).status === 204) acknowledged.removals += 1;
      else await sleep(20);
    }
  };
  const planner = async () => {
    for (let job = 0; runs; job += 1) {
      const order = { jobId: `j${job}`, type: 'scheduleUpdateTwin', queryCondition: "tags.n > 0", updateTwin: { etag: '*', properties: { desired: { job } } }, maxExecutionTimeInSeconds: 60 };
      if ((await ask('PUT', `/jobs/v2/j${job}`, order)).status === 200) acknowledged.jobs.push(`j${job}`);
      await sleep(100);
    }
  };
  const working = [...fixed.slice(0, 12).map(writer), ...['a', 'b', 'c', 'd'].map(maker), planner()];
  for (let i = 0; i < kills; i += 1) {
    await sleep(200 + Math.random() * 700);
    await hub.stop('SIGKILL');
    await hub.start();
  }
  runs = false;
  await Promise.all(working);
  const isOpen = ({ phase }) => !['completed', 'failed', 'cancelled'].includes(phase);
  await until(async () => {
    const { status, body } = await ask('GET', '/carillon/jobs');
    return status === 200 && !JSON.parse(body).some(isOpen);
  }, 'all jobs to end');
  // Ends of devices are told behind the end of their job.
  const counts = new Map();
  for (const id of acknowledged.jobs) counts.set(id, JSON.parse((await ask('GET', `/jobs/v2/${id}`)).body).deviceJobStatistics.deviceCount);
  const untold = ({ byJob }) => acknowledged.jobs.filter((id) => (byJob.get(id) ?? []).length <= counts.get(id));
  await until(async () => untold(await log()).length === 0, 'the ends of all jobs and their devices');
  const { byDevice: events, byJob } = await log();
  let count = 0;
  for (const [id, told] of events) {
    count += told.length;
    const version = check(id, told);
    const { status, body } = await ask('GET', `/twins/${id}`);
    assert.equal(status === 200 ? JSON.parse(body).version : null, version, `${id} and its events`);
  }
  let ends = 0;
  for (const id of acknowledged.jobs) {
    const told = byJob.get(id);
    ends += told.length;
    assert.ok(told.includes('jobCompleted '), `${id}: ${told}`);
    const ofDevices = told.filter((one) => one.startsWith('deviceJob'));
    assert.deepEqual([new Set(ofDevices).size, ofDevices.length], [counts.get(id), counts.get(id)], `${id}: ${told}`);
  }
  assert.ok(ends > kills, `only ${ends} ends of jobs and devices`);
  const told = (operation) => [...events.values()].flat().filter((event) => event.operation === operation).length;
  assert.ok(told('updateTwin') >= acknowledged.writes);
  assert.ok(told('createDeviceIdentity') >= acknowledged.creations + fixed.length);
  assert.ok(told('deleteDeviceIdentity') >= acknowledged.removals);
  console.log(`${kills} kills, ${count + ends} events, acknowledged ${JSON.stringify({ ...acknowledged, jobs: acknowledged.jobs.length })}`);
});
