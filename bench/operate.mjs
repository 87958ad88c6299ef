// What metrics and the audit log cost: the processor time of the hub for method jobs and its rate of twin jobs, with
// both at work (a scrape a second) and without, in turn; and how long a scrape takes with many devices registered.
//
//   HUB_BINARY=build/release/carillon node tests/lib/with_hub.mjs 127.43.17.4 bench/operate.mjs [DEVICES] [ROUNDS]

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { Hub, until } from '../tests/lib/hub.mjs';

const devices = Number(process.argv[2] ?? 100_000);
const rounds = Number(process.argv[3] ?? 5);
const connected = Math.min(devices, 2_000);
const callsOfRound = 10; // Method jobs over those connected.
const ticks = 100; // of a second in /proc/PID/stat
const port = 9464;
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

process.env.CARILLON_ADMIN__BIND = process.env.HUB_TEST_ADDRESS;
const hub = Hub.fromEnvironment();

function scrape() {
  return new Promise((resolve, reject) => {
    const from = performance.now();
    get({ host: hub.address, port, path: '/metrics', agent: false }, (answer) => {
      let bytes = 0;
      answer.on('data', (piece) => { bytes += piece.length; });
      answer.on('end', () => resolve({ ms: performance.now() - from, bytes }));
    }).on('error', reject);
  });
}

function cpu() {
  const fields = readFileSync(`/proc/${hub.process.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}

const id = (n) => `dev-${String(n).padStart(6, '0')}`;
await hub.start();
const file = join(hub.directory, 'devices.ndjson');
writeFileSync(file, Array.from({ length: devices }, (_, n) => JSON.stringify({ id: id(n), importMode: 'create', tags: { on: n < connected } })).join('\n'));
await hub.ok('device', 'import', file);
await hub.stop();

let job = 0;
const run = (...args) => hub.ok('job', 'create', '--job-id', `bench-${++job}`, ...args, '--wait', '--quiet');

/** Seconds of processor time for method jobs, and of time for a twin job over all devices. */
async function measure(withAll) {
  process.env.CARILLON_ADMIN__PORT = withAll ? String(port) : '0';
  process.env.CARILLON_AUDIT__ENTRIES_MAX = withAll ? '200000' : '0';
  await hub.start();
  const fleet = spawn(hub.binary, ['simulate', '--devices', String(connected), '--prefix', 'dev-', '--login', hub.connectionString,
    '--ca', hub.caFile], { stdio: 'ignore' });
  const scraping = withAll ? setInterval(() => scrape().catch(() => {}), 1000) : undefined;
  await until(async () => JSON.parse(await hub.ok('query', "SELECT COUNT() AS n FROM devices WHERE connectionState = 'Connected'", '-o', 'json'))[0].n >= connected,
    'the devices to connect', 300);
  const before = cpu();
  for (let i = 0; i < callsOfRound; i += 1) {
    await run('--job-type', 'scheduleDeviceMethod', '--query-condition', 'tags.on = true', '--method-name', 'ping');
  }
  const methods = cpu() - before;
  const from = performance.now();
  await run('--job-type', 'scheduleUpdateTwin', '--query-condition', '*', '--twin-patch', JSON.stringify({ tags: { round: job } }));
  const twins = (performance.now() - from) / 1000;
  clearInterval(scraping);
  fleet.kill();
  await new Promise((resolve) => { fleet.on('exit', resolve); });
  await hub.stop();
  return { methods, twins };
}

const ratios = { methods: [], twins: [] };
for (let round = 0; round < rounds; round += 1) {
  // The order changes, so that what drifts does not favour one of the two.
  const first = await measure(round % 2 === 0);
  const second = await measure(round % 2 !== 0);
  const [on, off] = round % 2 === 0 ? [first, second] : [second, first];
  for (const what of ['methods', 'twins']) ratios[what].push(on[what] / off[what]);
  console.log(`round ${round + 1}: method jobs ${on.methods.toFixed(2)} against ${off.methods.toFixed(2)} s of processor time, twin job ${on.twins.toFixed(2)} against ${off.twins.toFixed(2)} s`);
}
console.log(`metrics and audit, median of ${rounds}: ${median(ratios.methods).toFixed(3)} of the processor time of method jobs (1.02 wanted), ${median(ratios.twins).toFixed(3)} of the time of a twin job (1.03 wanted)`);

process.env.CARILLON_ADMIN__PORT = String(port);
await hub.start();
const scrapes = [];
for (let i = 0; i < 50; i += 1) scrapes.push(await scrape());
console.log(`a scrape with ${devices} devices: median ${median(scrapes.map(({ ms }) => ms)).toFixed(1)} ms, ${scrapes[0].bytes} bytes (5 wanted)`);
await hub.stop();
