// Devices that send as fast as they are taken, many times what the log of events may hold: on disk it takes twice its
// bound at most while they send, and what was removed goes within seconds once they stop. An honest
// device and back end are served meanwhile.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ga } from '../lib/devices.mjs';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { MQTTS, size } from './attack.mjs';
import { Honest } from './honest.mjs';

const MIB = 1024 * 1024;
const partitions = 4;
const bound = 32 * MIB;
const sent_times = size(3, 40);
const devices = 4;
const body = 200_000;
process.env.CARILLON_TELEMETRY__BYTES_MAX = String(bound / partitions);
const hub = Hub.fromEnvironment();
let honest;
before(async () => {
  await hub.start();
  honest = await Honest.begin(hub);
});
after(() => hub.stop());

/** Bytes of the store, of all tables. */
function onDisk() {
  const folder = join(hub.directory, 'data', 'store');
  let bytes = 0;
  for (const name of readdirSync(folder)) {
    try {
      bytes += statSync(join(folder, name)).size;
    } catch { /* it has just gone */ }
  }
  return bytes;
}

async function connect(id) {
  const { HostName, DeviceId, SharedAccessKey } = parts(await hub.device(id));
  const expires = Math.floor(Date.now() / 1000) + 3600;
  const client = ga.mqtt.connect({
    protocol: 'mqtts', host: hub.address, port: MQTTS, clientId: DeviceId, clean: true, reconnectPeriod: 0, keepalive: 60,
    username: `${HostName}/${DeviceId}/?api-version=2021-04-12`,
    password: sign(`${HostName}/devices/${DeviceId}`, SharedAccessKey, expires),
  });
  await new Promise((resolve, reject) => {
    client.on('connect', resolve);
    client.on('error', reject);
  });
  return client;
}

test('the log of events takes twice its bound at most while messages come as fast as they are taken', async () => {
  const beside = onDisk();
  let most = 0;
  const look = setInterval(() => { most = Math.max(most, onDisk() - beside); }, 20);
  let left = Math.ceil((bound * sent_times) / body);
  const begun = performance.now();
  await Promise.all(Array.from({ length: devices }, async (_, number) => {
    const client = await connect(`sender-${number}`);
    // Several on their way at a time, as one waits for each sync.
    await Promise.all(Array.from({ length: 2 }, async () => {
      while (left > 0) {
        left -= 1;
        await new Promise((resolve, reject) => {
          client.publish(`devices/sender-${number}/messages/events/`, randomBytes(body), { qos: 1 },
            (error) => (error ? reject(error) : resolve()));
        });
      }
    }));
    client.end(true);
  }));
  const seconds = (performance.now() - begun) / 1000;
  clearInterval(look);
  await honest.phase(`${(bound * sent_times / MIB / seconds).toFixed(0)} MiB/s`);
  console.log(`bound ${bound / MIB} MiB, sent ${sent_times} times that: at most ${(most / MIB).toFixed(0)} MiB (${(most / bound).toFixed(2)} x)`);
  assert.ok(most <= 2 * bound, `${(most / bound).toFixed(2)} x`);
  // The wait ends a run in which nothing is freed.
  const stopped = performance.now();
  await until(() => onDisk() - beside <= 1.6 * bound, 'the disk to get back what was removed');
  console.log(`${((onDisk() - beside) / bound).toFixed(2)} x after ${((performance.now() - stopped) / 1000).toFixed(1)} s`);
});

test('what commits wait for runs at the priority of the hub', () => {
  // On a busy machine merges at a low priority stopped all writes for ten seconds and more.
  const tasks = `/proc/${hub.process.pid}/task`;
  const nice = (task) => Number(readFileSync(`${tasks}/${task}/stat`, 'utf8').split(') ').pop().split(' ')[16]);
  const merging = readdirSync(tasks).filter((task) => readFileSync(`${tasks}/${task}/comm`, 'utf8').startsWith('rocksdb:low'));
  assert.ok(merging.length > 0);
  for (const task of merging) assert.equal(nice(task), nice(hub.process.pid));
});

test('nothing of it stays in the way', () => honest.end());
