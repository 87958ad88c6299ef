// The machine's clock is set while the hub runs, by an hour, by a day and in steps of 30 s, forwards and back, and by a leap
// second, during jobs and schedules: each job that is due begins once, a call that is under way keeps its time, tokens end by
// the clock, and no figure counts time backwards.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ga } from '../lib/devices.mjs';
import { parts, sign, until } from '../lib/hub.mjs';
import { hubWithAdmin, scrape } from './scrape.mjs';

if (process.env.HUB_SANITIZED === '1') process.exit(77); // Its runtime has to be the first that is loaded.
const hub = hubWithAdmin();
const shim = join(hub.directory, 'shifted_clock.so');
const source = fileURLToPath(new URL('shifted_clock.c', import.meta.url));
if (spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', shim, source, '-ldl']).status !== 0) process.exit(77);
const file = join(hub.directory, 'shift');
writeFileSync(file, Buffer.alloc(8));
const shifted = openSync(file, 'r+');
let shift = 0;
/** Sets the hub's clock so many seconds from where it stands. */
function set(seconds) {
  shift += seconds;
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(shift));
  writeSync(shifted, bytes, 0, 8, 0);
}
const HOUR = 3600;
const DAY = 24 * HOUR;
const hubNow = () => Date.now() / 1000 + shift;
const long = Math.floor(Date.now() / 1000) + 30 * DAY;
// A timer of the wall clock trusts no more than a minute (JobCoordinator::timer_distance_max).
const DUE_S = 180;

async function ask(method, path, body, expires = long) {
  const { SharedAccessKey } = parts(hub.connectionString);
  const response = await fetch(`https://${hub.address}${path}?api-version=2021-04-12`, { method, body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(60_000), headers: { Authorization: sign(hub.address, SharedAccessKey, expires, 'iothubowner') } });
  const text = await response.text();
  return { status: response.status, body: text && JSON.parse(text) };
}

const twin = async () => (await ask('GET', '/twins/one')).body;
const status = async (id) => (await ask('GET', `/jobs/v2/${id}`)).body.status;
const begins = new Map();
async function plan(id, start) {
  const body = { jobId: id, type: 'scheduleDeviceMethod', queryCondition: "deviceId = 'one'", maxExecutionTimeInSeconds: 2 * DAY,
    startTime: new Date(start * 1000).toISOString(), cloudToDeviceMethod: { methodName: id, payload: {}, responseTimeoutInSeconds: 60 } };
  const answer = await ask('PUT', `/jobs/v2/${id}`, body);
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
}

let device;
let hold; // Of the method `slow`: resolves when it may answer.
before(async () => {
  Object.assign(process.env, { LD_PRELOAD: shim, SHIFT_FILE: file });
  await hub.start();
  for (const name of ['LD_PRELOAD', 'SHIFT_FILE']) delete process.env[name];
  const { SharedAccessKey } = parts(await hub.device('one'));
  device = ga.mqtt.connect({ protocol: 'mqtts', host: hub.address, port: 8883, clientId: 'one', clean: true, reconnectPeriod: 100,
    username: `${hub.address}/one/?api-version=2021-04-12`, password: sign(`${hub.address}/devices/one`, SharedAccessKey, long) });
  device.on('message', async (topic) => {
    const call = /^\$iothub\/methods\/POST\/([\w-]+)\/\?\$rid=(\w+)/.exec(topic);
    if (!call) return;
    begins.set(call[1], (begins.get(call[1]) ?? 0) + 1);
    if (call[1] === 'slow') await hold;
    device.publish(`$iothub/methods/res/200/?$rid=${call[2]}`, '{}');
  });
  await new Promise((resolve) => { device.once('connect', resolve); });
  await new Promise((resolve) => { device.subscribe('$iothub/methods/POST/#', { qos: 1 }, resolve); });
});
after(async () => {
  device?.end(true);
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});

test('the clock of the hub is the one that is set', async () => {
  set(HOUR);
  await ask('PUT', '/devices/clock', { deviceId: 'clock' });
  await plan('probe', hubNow() - 10);
  await until(async () => await status('probe') === 'completed', 'the probe');
  const { startTime } = (await ask('GET', '/jobs/v2/probe')).body;
  assert.ok(Date.parse(startTime) > Date.now() + HOUR * 500, startTime);
  set(-HOUR);
});

for (const [name, jump] of [['an hour', HOUR], ['a day', DAY]]) {
  test(`a call keeps its time while the clock is set by ${name}, forwards and back`, async () => {
    for (const by of [jump, -jump]) {
      let release;
      hold = new Promise((resolve) => { release = resolve; });
      const before = begins.get('slow') ?? 0;
      const call = ask('POST', '/twins/one/methods', { methodName: 'slow', payload: {}, responseTimeoutInSeconds: 60 });
      await until(() => (begins.get('slow') ?? 0) > before, 'the call to begin');
      set(by);
      await sleep(300);
      release();
      const { status: code, body } = await call;
      assert.deepEqual([code, body.status], [200, 200], JSON.stringify(body));
    }
  });

  test(`what is due in ${name} begins when the clock says so, once`, async () => {
    const id = `due-${jump}`;
    const other = `now-${jump}`;
    await plan(id, hubNow() + jump - 60);
    await plan(other, hubNow() - 1);
    assert.equal(await status(id), 'scheduled');
    set(jump);
    await until(async () => await status(id) === 'completed', `${id} to begin`, DUE_S);
    set(-jump); // It is not due any more, and has been.
    await until(async () => await status(other) === 'completed', `${other} to end`, DUE_S);
    await sleep(1500);
    assert.deepEqual([await status(id), begins.get(id), begins.get(other)], ['completed', 1, 1]);
    // Ahead of it again.
    set(jump);
    await sleep(1500);
    assert.deepEqual([await status(id), begins.get(id)], ['completed', 1]);
    set(-jump);
  });
}

test('a clock that drifts in steps of 30 s begins what is due once', async () => {
  const steps = async (by) => {
    for (let step = 0; step < 10; step += 1) {
      set(by);
      await sleep(100);
    }
  };
  await plan('drift', hubNow() + 270);
  await steps(30);
  await until(async () => await status('drift') === 'completed', 'the job', DUE_S);
  await steps(-30);
  await sleep(1500);
  assert.deepEqual([await status('drift'), begins.get('drift')], ['completed', 1]);
  await steps(30);
  await sleep(1500);
  assert.equal(begins.get('drift'), 1);
  await steps(-30);
});

test('a job that is due in a leap second begins once', async () => {
  const due = Math.ceil(hubNow()) + 2;
  await plan('leap', due);
  await sleep((due - hubNow()) * 1000 + 20);
  set(-1); // The second comes twice.
  await until(async () => await status('leap') === 'completed', 'the job', DUE_S);
  await sleep(2500);
  assert.deepEqual([await status('leap'), begins.get('leap')], ['completed', 1]);
  set(1);
});

test('a job that is late begins at a clock that was set back', async () => {
  for (const [id, back] of [['back', DAY], ['back-5', 300]]) {
    set(-back);
    await plan(id, hubNow() - 5);
    await until(async () => await status(id) === 'completed', 'the job', DUE_S);
    assert.equal(begins.get(id), 1);
    set(back);
  }
});

test('tokens end by the clock', async () => {
  const soon = Math.floor(Date.now() / 1000) + HOUR;
  assert.equal((await ask('GET', '/twins/one', undefined, soon)).status, 200);
  set(DAY);
  assert.equal((await ask('GET', '/twins/one', undefined, soon)).status, 401);
  set(-DAY);
  assert.equal((await ask('GET', '/twins/one', undefined, soon)).status, 200);
  assert.ok((await twin()).deviceId);
});

test('no figure counts time backwards', async () => {
  const { samples } = await scrape(hub);
  let looked = 0;
  for (const [name, value] of samples) {
    if (!/_seconds(_sum|_bucket|_count)?(\{|$)/.test(name) || /expiry|start_time/.test(name)) continue;
    assert.ok(value >= 0, `${name} is ${value}`);
    looked += 1;
  }
  assert.ok(looked > 10);
  assert.equal(begins.get('probe'), 1);
});
