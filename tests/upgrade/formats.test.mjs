// Data directories of each format there was, made by the programs of their time (make_fixture.mjs): restored and served by
// the program of today, they hold what they held, and get its format.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { Hub, until } from '../lib/hub.mjs';
import { describe } from './describe.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const home = process.env.HUB_TEST_DIRECTORY;
const fixtures = readdirSync(here).filter((name) => /^format-\d+\.tar\.gz$/.test(name));
assert.ok(fixtures.length > 0);

/** Whether all of `expected` is in `actual`, which may have members that later programs added. */
function assertHolds(actual, expected, where) {
  if (expected === null || typeof expected !== 'object') return assert.deepEqual(actual, expected, where);
  if (Array.isArray(expected)) assert.equal(actual?.length, expected.length, `${where}: how many`);
  for (const [name, value] of Object.entries(expected)) assertHolds(actual?.[name], value, `${where}.${name}`);
}

for (const name of fixtures) {
  test(`${name} is served as it was`, async () => {
    const directory = join(home, name);
    const data = join(directory, 'data');
    mkdirSync(directory);
    const hub = new Hub({ binary: process.env.HUB_BINARY, directory, address: process.env.HUB_TEST_ADDRESS });
    const restore = spawn(hub.binary, ['backup', 'restore', '-', '--data-dir', data], { stdio: ['pipe', 'ignore', 'inherit'] });
    restore.stdin.end(gunzipSync(readFileSync(join(here, name))));
    assert.equal(await new Promise((resolve) => restore.on('exit', resolve)), 0);
    await hub.start();
    const expected = JSON.parse(readFileSync(join(here, name.replace('.tar.gz', '.json')), 'utf8'));
    // The hub forgets jobs 30 days after their end.
    const isKept = (job) => Date.now() - Date.parse(job.endTime) < 29 * 24 * 3600 * 1000;
    const jobs = expected.jobs.filter(isKept);
    if (jobs.length < expected.jobs.length) Object.assign(expected, { jobs, deviceJobs: jobs.length === 0 ? [] : expected.deviceJobs });
    let served;
    await until(async () => {
      served = await describe(hub);
      return JSON.stringify(served.configurations) === JSON.stringify(expected.configurations);
    }, 'the configuration to be counted', 20).catch(() => {});
    assertHolds(served, expected, 'served');
    const today = readFileSync(join(data, 'format'), 'utf8');
    assert.match(today, /^\d+ carillon /);
    // And written to.
    await hub.ok('device', 'create', '-d', 'of-today');
    await hub.ok('job', 'create', '--job-id', 'today', '-q', '*', '--patch', '{"tags":{"today":1}}', '--wait');
    assert.equal(await hub.stop(), 0);
    await hub.start();
    assert.match(await hub.ok('twin', 'show', '-d', 'plain'), /"today"/);
    await hub.stop();
  });
}
