// A disk that fills up while the hub runs: reads go on, writes are refused in words and by `/readyz`, and with room the hub
// goes on by itself. Nothing acknowledged is lost, also not by a kill behind it. The disk is a tmpfs in a mount namespace of
// its own, larger than the 64 MiB below which a hub is not ready; skipped where that may not be.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ga } from '../lib/devices.mjs';
import { parts, sign, until } from '../lib/hub.mjs';
import { get, hubWithAdmin } from '../operate/scrape.mjs';

if (!process.env.ON_SMALL_DISK) {
  const env = { ...process.env, ON_SMALL_DISK: '1' };
  if (spawnSync('unshare', ['-m', 'true']).status !== 0) process.exit(77);
  process.exit(spawnSync('unshare', ['-m', process.execPath, ...process.argv.slice(1)], { stdio: 'inherit', env }).status ?? 1);
}
const disk = join(process.env.HUB_TEST_DIRECTORY, 'disk');
mkdirSync(disk);
if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', disk]).status !== 0) process.exit(77);
cpSync(join(process.env.HUB_TEST_DIRECTORY, 'data'), join(disk, 'data'), { recursive: true }); // Whose certificates are trusted.

const hub = hubWithAdmin();
hub.directory = disk; // `hub.logFile` stays where there is room.
hub.caFile = join(disk, 'data', 'ca.pem');
const ids = ['one', 'two', 'three', 'four'];
const begun = Object.fromEntries(ids.map((id) => [id, 0]));
const acknowledged = { ...begun };
const expires = Math.floor(Date.now() / 1000) + 3600;

async function ask(method, path, body) {
  const { SharedAccessKey } = parts(hub.connectionString);
  const response = await fetch(`https://${hub.address}${path}?api-version=2021-04-12`, { method, body: body && JSON.stringify(body), signal: AbortSignal.timeout(30_000),
    headers: { Authorization: sign(hub.address, SharedAccessKey, expires, 'iothubowner') } });
  const text = await response.text();
  return { status: response.status, body: text && JSON.parse(text) };
}

/** Writes the next number, with text that fills a disk, into the device's tags. */
async function write(id) {
  const number = (begun[id] += 1);
  const answer = await ask('PATCH', `/twins/${id}`, { tags: { number, filler: `${number}`.repeat(600).slice(0, 3000) } });
  if (answer.status === 200) acknowledged[id] = number;
  return answer;
}

async function check() {
  for (const id of ids) {
    const { status, body } = await ask('GET', `/twins/${id}`);
    assert.equal(status, 200);
    assert.ok(body.tags.number >= acknowledged[id] && body.tags.number <= begun[id],
      `${id} has ${body.tags.number}, acknowledged was ${acknowledged[id]}, begun ${begun[id]}`);
  }
}

const readiness = async () => get(hub, '/readyz');
let device;
before(async () => {
  await hub.start();
  const { SharedAccessKey } = parts(await hub.device('sender'));
  for (const id of ids) await hub.device(id);
  device = ga.mqtt.connect({ protocol: 'mqtts', host: hub.address, port: 8883, clientId: 'sender', clean: true, reconnectPeriod: 0,
    username: `${hub.address}/sender/?api-version=2021-04-12`, password: sign(`${hub.address}/devices/sender`, SharedAccessKey, expires) });
  await new Promise((resolve, reject) => { device.on('connect', resolve).on('error', reject); });
});
after(async () => {
  device.end(true);
  await hub.stop('SIGKILL');
  execFileSync('umount', ['-l', disk]);
});

test('a disk that fills up refuses writes, and nothing else', async () => {
  for (const id of ids) assert.equal((await write(id)).status, 200);
  assert.equal((await readiness()).status, 200);

  const ballast = openSync(join(disk, 'ballast'), 'w');
  const block = Buffer.alloc(1 << 16);
  const fill = () => { try { for (;;) writeSync(ballast, block); } catch (error) { assert.equal(error.code, 'ENOSPC'); } };
  fill();
  const red = await until(async () => { const one = await readiness(); return one.status === 503 && one; }, 'the hub not to be ready');
  assert.match(red.body, /free|disk/);
  let refused;
  const bulk = Buffer.alloc(250_000, 'x');
  await until(async () => {
    fill();
    // The log of the store has room that it took before.
    for (let n = 0; n < 8; ++n) device.publish('devices/sender/messages/events/', bulk, { qos: 1 });
    refused = await write(ids[begun.one % ids.length]);
    return refused.status !== 200;
  }, 'a write that is refused');
  assert.equal(refused.status, 503, JSON.stringify(refused.body));
  // What a refused write leaves free, the store takes as room for the next.
  await until(async () => { fill(); return /disk/i.test((await readiness()).body); }, 'the hub to say why');

  // While it lasts: reads are answered, writes are taken or refused as room comes and goes, and nobody ends.
  const lasts = Date.now() + 3000;
  while (Date.now() < lasts) {
    fill();
    await check();
    const { status } = await write('two');
    assert.ok(status === 503 || status === 200, `${status}`);
    await sleep(100);
  }
  assert.equal(hub.process.exitCode, null);

  closeSync(ballast);
  rmSync(join(disk, 'ballast'));
  await until(async () => (await write('one')).status === 200, 'a write that is taken');
  await until(async () => (await readiness()).status === 200, 'the hub to be ready');
  for (const id of ids) assert.equal((await write(id)).status, 200);
  await check();
});

test('a kill behind it loses nothing that was acknowledged', async () => {
  await hub.stop('SIGKILL');
  await hub.start();
  await check();
});
