// Figures of the dashboard over many devices, in Debian's Chromium: how soon the list of devices is there, how long
// frames take while it is scrolled, how soon a search is answered; and what fifty open pages cost the hub during a job
// over 15,000 devices. By hand, as it needs a browser (`tests/lib/npm.sh dashboard` installs what drives it):
//
//   HUB_BINARY=build/release/carillon node tests/lib/with_hub.mjs 127.43.17.3 bench/dashboard.mjs [DEVICES]

import { readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser } from '../tests/dashboard/browser.mjs';
import { ask } from '../tests/dashboard/support.mjs';
import { Hub, parts, sign, until } from '../tests/lib/hub.mjs';

const devices = Number(process.argv[2] ?? 1_000_000);
const inJob = Math.min(devices, 15_000);
const frames = 900;
const pages = 50;
const rounds = 3;
const ticks = 100; // of a second in /proc/PID/stat

const hub = Hub.fromEnvironment();
await hub.start();
const id = (n) => `dev-${String(n).padStart(7, '0')}`;
const file = join(hub.directory, 'devices.ndjson');
writeFileSync(file, Array.from({ length: devices }, (_, n) => JSON.stringify({ id: id(n), importMode: 'create', tags: { site: n % 100 } })).join('\n'));
await hub.ok('device', 'import', file);

const browser = await Browser.open(hub, join(hub.directory, 'pictures'));
const { page } = browser;
browser.expect(/401/);
await browser.signIn();
const counted = () => page.getByTestId('count').getByText(/^[\d,]+ devices?$/).waitFor();

for (let i = 0; i < rounds; i += 1) {
  await page.goto('about:blank');
  await browser.go('/devices');
  await page.locator('.virtual tbody tr').first().waitFor();
  const { paint, rows } = await page.evaluate(() => ({
    paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0, rows: performance.now(),
  }));
  console.log(`${devices} devices: first paint after ${paint.toFixed(0)} ms, rows after ${rows.toFixed(0)} ms`);
}
await counted();
const times = await page.evaluate(async (count) => {
  const box = document.querySelector('.virtual');
  const taken = [];
  let last = performance.now();
  for (let i = 0; i < count; i += 1) {
    await new Promise((resolve) => { requestAnimationFrame(resolve); });
    const now = performance.now();
    taken.push(now - last);
    last = now;
    box.scrollTop += 400;
  }
  return taken.sort((a, b) => a - b);
}, frames);
console.log(`scrolled: median frame ${times[frames / 2].toFixed(0)} ms, p99 ${times[Math.floor(frames * 0.99)].toFixed(0)} ms`);
for (const [what, path] of [['ids by their beginning', '?q=dev-00'], ['a tag', `?w=${encodeURIComponent('tags.site = 7')}`]]) {
  const from = performance.now();
  await browser.go(`/devices${path}`);
  await counted();
  console.log(`${what}: page loaded and counted after ${(performance.now() - from).toFixed(0)} ms, ${await page.getByTestId('count').textContent()}`);
}
await browser.close();

/** Processor seconds of the hub so far. */
function cpu() {
  const fields = readFileSync(`/proc/${hub.process.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}

/** The stream that a page has open while it shows a job; the overview's, which others have, says less. */
function open(job) {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  const Authorization = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName);
  const request = get({ host: hub.address, path: `/carillon/jobs/${job}/events`, headers: { Authorization }, agent: false }, (answer) => answer.resume());
  request.on('error', () => {}); // it is cut off in the end
  return request;
}

const spent = { 0: 0, [pages]: 0 };
for (let i = 0; i < 2 * rounds; i += 1) {
  const watching = i % 2 ? pages : 0;
  const job = `job-${i}`;
  await ask(hub, 'PUT', `/jobs/v2/${job}`, {
    type: 'scheduleUpdateTwin', updateTwin: { etag: '*', tags: { round: i } }, queryCondition: `deviceId < '${id(inJob)}'`,
    startTime: new Date(Date.now() + 3000).toISOString(), rollout: { pace: { rate: '1000/s' } },
  });
  const streams = Array.from({ length: watching }, () => open(job));
  await sleep(2500); // the handshakes are over
  const from = cpu();
  await until(async () => {
    await sleep(500);
    return (await ask(hub, 'GET', `/jobs/v2/${job}`)).status === 'completed';
  }, 'the job to end', 300);
  spent[watching] += cpu() - from;
  for (const stream of streams) stream.destroy();
}
console.log(`a job over ${inJob} devices: ${(spent[0] / rounds).toFixed(2)} s of CPU, with ${pages} pages open ${(spent[pages] / rounds).toFixed(2)} s, ratio ${(spent[pages] / spent[0]).toFixed(2)}`);
await hub.stop();
