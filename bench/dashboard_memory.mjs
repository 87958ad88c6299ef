// What a page that follows a running job takes of memory as time goes by: a twin job that writes ten devices a second is
// watched in Debian's Chromium, and every minute the page's heap, nodes and listeners are counted behind a collection of
// garbage. The last line tells how fast they grow over the second half. By hand, as it needs a browser and an hour:
//
//   HUB_BINARY=build/release/carillon node tests/lib/with_hub.mjs 127.43.17.5 bench/dashboard_memory.mjs [MINUTES]

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser } from '../tests/dashboard/browser.mjs';
import { ask } from '../tests/dashboard/support.mjs';
import { Hub } from '../tests/lib/hub.mjs';

const minutes = Number(process.argv[2] ?? 60);
const perSecond = 10;
const devices = (minutes + 5) * 60 * perSecond;

const hub = Hub.fromEnvironment();
await hub.start();
const file = join(hub.directory, 'devices.ndjson');
writeFileSync(file, Array.from({ length: devices }, (_, n) => JSON.stringify({ id: `dev-${String(n).padStart(7, '0')}`, importMode: 'create' })).join('\n'));
await hub.ok('device', 'import', file);
await ask(hub, 'PUT', '/jobs/v2/watched', {
  type: 'scheduleUpdateTwin', updateTwin: { etag: '*', tags: { watched: 1 } }, queryCondition: '*', rollout: { pace: { rate: `${perSecond}/s` } },
});

const browser = await Browser.open(hub, join(hub.directory, 'pictures'));
const { page } = browser;
browser.expect(/401/);
await browser.signIn();
await browser.go('/job?id=watched');
await page.getByRole('status').getByText('live').waitFor();
const tab = await browser.context.newCDPSession(page);
await tab.send('Performance.enable');
await tab.send('HeapProfiler.enable');

const samples = [];
for (let minute = 0; minute <= minutes; minute += 1) {
  if (minute > 0) await sleep(60_000);
  await tab.send('HeapProfiler.collectGarbage');
  const { metrics } = await tab.send('Performance.getMetrics');
  const [heap, nodes, listeners] = ['JSHeapUsedSize', 'Nodes', 'JSEventListeners'].map((name) => metrics.find((one) => one.name === name).value);
  samples.push({ minute, heap, nodes, listeners });
  const ended = await page.locator('.figure strong').textContent();
  console.log(`minute ${minute}: ${(heap / 1e6).toFixed(2)} MB of heap, ${nodes} nodes, ${listeners} listeners; the job is at ${ended}`);
}

/** The slope of the line closest to the points, for each minute. */
function slope(name) {
  const half = samples.slice(Math.floor(samples.length / 2));
  const mean = (of) => half.reduce((sum, sample) => sum + of(sample), 0) / half.length;
  const [x, y] = [mean((sample) => sample.minute), mean((sample) => sample[name])];
  return mean((sample) => (sample.minute - x) * (sample[name] - y)) / mean((sample) => (sample.minute - x) ** 2);
}
console.log(`over the second half: ${(slope('heap') / 1000).toFixed(2)} kB of heap, ${slope('nodes').toFixed(2)} nodes, ${slope('listeners').toFixed(2)} listeners a minute`);
await browser.close();
await hub.stop();
