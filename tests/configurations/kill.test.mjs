// A hub that is killed by SIGKILL while configurations spread over its fleet, again and again: the fleet
// converges, and no twin is written more often than once for each configuration that concerns it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hub, until } from '../lib/hub.mjs';
import { fleet, rest } from '../transfer/jobs.mjs';

const size = 2_000;
const hub = Hub.fromEnvironment();
before(async () => {
  await hub.start();
  const directory = join(hub.directory, 'data', 'import-export');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'devices.txt'), fleet(size));
  await hub.ok('device', 'import', 'file:.');
});
after(() => hub.stop());

const count = async (condition) => {
  const rows = JSON.parse(await hub.ok('query', `SELECT COUNT() AS n FROM devices WHERE ${condition}`, '-o', 'json'));
  return rows[0].n;
};
const results = async (id) => (await rest(hub, 'GET', `/configurations/${id}`)).body.systemMetrics.results;
const put = async (id, settings, targetCondition, priority) => {
  const { status, body } = await rest(hub, 'PUT', `/configurations/${id}`, { content: { deviceContent: settings }, targetCondition, priority });
  assert.equal(status, 200, JSON.stringify(body));
};
const killed = async () => {
  assert.equal(await hub.stop('SIGKILL'), 'SIGKILL');
  await hub.start();
};

test('a fleet converges although the hub is killed while a configuration spreads', async () => {
  await put('all', { 'properties.desired.policy': { level: 1 } }, '*', 1);
  for (const wait of [0, 3, 10]) {
    await sleep(wait);
    await killed();
  }
  await until(async () => (await results('all')).appliedCount === size, 'the configuration to be everywhere');
  assert.equal(await count('properties.desired.policy.level = 1'), size);
  assert.equal(await count("configurations.[[all]].status = 'Applied'"), size);
  // Twins of the import are at version 3, and are written once more.
  assert.equal(await count('version = 4'), size, 'each twin is written once');
});

test('and while one with a higher priority replaces it for some, and goes again', async () => {
  await put('some', { 'properties.desired.policy.level': 2 }, 'tags.floor < 10', 5);
  await killed();
  const some = await count('tags.floor < 10');
  await until(async () => (await results('some')).appliedCount === some, 'the second one to be in force');
  assert.equal(await count('properties.desired.policy.level = 2'), some);
  assert.equal((await rest(hub, 'DELETE', '/configurations/some')).status, 204);
  await killed();
  assert.equal((await rest(hub, 'GET', '/configurations/some')).status, 404);
  await until(async () => (await count('properties.desired.policy.level = 1')) === size, 'the first one to be back');
  assert.equal(await count('IS_DEFINED(configurations.[[some]].status)'), 0);
  assert.equal((await rest(hub, 'DELETE', '/configurations/all')).status, 204);
  await killed();
  await until(async () => (await count('IS_DEFINED(properties.desired.policy)')) === 0, 'nothing to be left');
  assert.equal(await count('IS_DEFINED(configurations)'), 0);
});
