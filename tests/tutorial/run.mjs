// The tutorial's two apps, taken verbatim out of its text, against a real hub. The text is not part
// of this repository: where it does not lie beside it, this is skipped.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Hub, parts, until } from '../lib/hub.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const shared = process.env.TUTORIAL_SHARED ?? join(here, '..', '..', '..', 'shared');
const extract = join(shared, 'acceptance', 'tutorial', 'extract.mjs');
const texts = existsSync(join(shared, 'seed')) ? readdirSync(join(shared, 'seed')).filter((name) => name.endsWith('.txt')) : [];
const skipped = 77;

if (!existsSync(extract) || texts.length === 0) {
  console.log(`skipped: the tutorial's text is not in ${shared} (TUTORIAL_SHARED names another place)`);
  process.exit(skipped);
}

/** An app whose output is kept. */
function start(file) {
  const child = spawn(process.execPath, [file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_PATH: join(here, '..', 'demo', 'node_modules') },
  });
  const app = { child, output: '', ended: null };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      app.output += text;
      process.stdout.write(text);
    });
  }
  child.on('exit', (code, signal) => { app.ended = signal ?? code; });
  return app;
}

/** The values that an app printed by JSON.stringify(value, null, 2). */
const printed = (output) => (output.match(/^\{\n[^]*?^\}$/gm) ?? []).map((text) => JSON.parse(text));

const hub = await Hub.fromEnvironment().start();
const apps = [];
try {
  const { DeviceId, SharedAccessKey } = parts(await hub.device('myDeviceId'));
  const out = mkdtempSync(join(hub.directory, 'apps-'));
  execFileSync(process.execPath, [
    extract, join(shared, 'seed', texts[0]), out, '--hub-host', hub.address, '--device-id', DeviceId,
    '--device-key', SharedAccessKey, '--service-cs', hub.connectionString,
  ], { stdio: ['ignore', 'ignore', 'inherit'] });

  const device = start(join(out, 'simDevice.js'));
  apps.push(device);
  await until(() => device.output.includes('Client connected to IoT Hub'), 'the device to connect');
  const service = start(join(out, 'scheduleJobService.js'));
  apps.push(service);
  await until(() => service.ended !== null, 'the back end to end', 120);

  assert.equal(service.ended, 0, 'the back end ends by itself');
  assert.equal(service.output.match(/^Job: \S+ - status: completed$/gm)?.length, 2, 'both jobs are completed');
  const jobs = printed(service.output);
  assert.deepEqual(jobs.map((job) => job.type).sort(), ['scheduleDeviceMethod', 'scheduleUpdateTwin']);
  for (const { deviceJobStatistics: s } of jobs) {
    assert.deepEqual([s.deviceCount, s.failedCount, s.succeededCount, s.runningCount, s.pendingCount], [1, 0, 1, 0, 0]);
  }
  assert.match(device.output, /Locking Door!/);
  const twin = JSON.parse(await hub.ok('twin', 'show', '-d', DeviceId));
  assert.equal(twin.properties.desired.building, '43');
  assert.equal(twin.properties.desired.floor, 3);
  console.log('the tutorial ran to its end');
} finally {
  for (const { child, ended } of apps) if (ended === null) child.kill();
  await hub.stop();
}
