// Automatic device management with today's package: configurations, their metrics, single deployments.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, call, until } from '../../lib/hub.mjs';
import { close, connect, ga } from '../../lib/devices.mjs';
import { pages, value } from '../../lib/jobs.mjs';
import { rest } from '../../transfer/jobs.mjs';

const hub = Hub.fromEnvironment();
let registry;
const get = async (method, ...args) => value(await call(registry, method, ...args));
before(async () => {
  await hub.start();
  registry = ga.service.Registry.fromConnectionString(hub.connectionString);
  for (const [id, site] of [['c-1', 'north'], ['c-2', 'north'], ['c-3', 'south']]) {
    await hub.device(id);
    await get('updateTwin', id, { tags: { site } }, '*');
  }
});
after(() => hub.stop());

const desired = async (id) => {
  const { $metadata, $version, ...properties } = (await get('getTwin', id)).properties.desired;
  return properties;
};
const configuration = (id, rest = {}) => ({
  id,
  content: { deviceContent: { 'properties.desired.chiller': { temperature: 66, pressure: 28 } } },
  targetCondition: "tags.site = 'north'",
  priority: 10,
  ...rest,
});
const counted = (id, targeted, applied) => until(async () => {
  const { systemMetrics } = await get('getConfiguration', id);
  return systemMetrics.results.targetedCount === targeted && systemMetrics.results.appliedCount === applied;
}, `${id} to be counted ${targeted} and ${applied}`);

test('a configuration is created, read, listed, updated, forced and removed', async () => {
  const made = await get('addConfiguration', configuration('life', { labels: { by: 'me' } }));
  assert.equal(made.id, 'life');
  assert.equal(made.schemaVersion, '1.0');
  assert.deepEqual(made.systemMetrics.results, {});
  assert.match(made.createdTimeUtc, /^20.*Z$/);
  await assert.rejects(get('addConfiguration', configuration('life')), (error) => error.responseBody.includes('ConfigurationAlreadyExists'));
  await counted('life', 2, 2);
  const read = await get('getConfiguration', 'life');
  assert.deepEqual(read.content, made.content);
  assert.deepEqual(read.labels, { by: 'me' });
  assert.deepEqual((await get('getConfigurations')).map((one) => one.id), ['life']);

  const changed = await get('updateConfiguration', { ...read, priority: 11 });
  assert.equal(changed.priority, 11);
  assert.notEqual(changed.etag, read.etag);
  await assert.rejects(get('updateConfiguration', { ...read, priority: 12 }), { name: 'InvalidEtagError' });
  const forced = await get('updateConfiguration', { ...read, targetCondition: "tags.site = 'south'" }, true);
  assert.equal(forced.createdTimeUtc, made.createdTimeUtc);
  await counted('life', 1, 1);
  assert.deepEqual(await desired('c-3'), { chiller: { temperature: 66, pressure: 28 } });
  assert.deepEqual(await desired('c-1'), {});

  await get('removeConfiguration', 'life');
  await assert.rejects(get('getConfiguration', 'life'), (error) => error.responseBody.includes('ConfigurationNotFound'));
  await until(async () => Object.keys(await desired('c-3')).length === 0, 'the settings to be taken back');
  assert.deepEqual(await get('getConfigurations'), []);
});

test('a connected device is told, also when it comes to match later', async () => {
  const client = await connect(ga, await hub.device('c-4'));
  const twin = await client.getTwin();
  const told = [];
  twin.on('properties.desired', (delta) => told.push(delta));
  await get('addConfiguration', configuration('late', { targetCondition: 'properties.reported.fw = 1' }));
  twin.properties.reported.update({ fw: 1 }, () => {});
  await until(() => told.some((delta) => delta.chiller?.temperature === 66), 'the device to be told');
  twin.properties.reported.update({ fw: 2 }, () => {});
  await until(() => told.some((delta) => delta.chiller === null), 'the device to be told that it is gone');
  await close(client);
  await get('removeConfiguration', 'late');
});

test('the highest priority wins, and gives way when it goes', async () => {
  const content = (temperature) => ({ deviceContent: { 'properties.desired.chiller.temperature': temperature } });
  await get('addConfiguration', configuration('base', { priority: 1 }));
  await get('addConfiguration', configuration('hot', { priority: 5, content: content(90) }));
  await counted('hot', 2, 2);
  assert.deepEqual(await desired('c-1'), { chiller: { temperature: 90, pressure: 28 } });
  await get('removeConfiguration', 'hot');
  await until(async () => (await desired('c-1')).chiller.temperature === 66, 'the weaker one to be back');
  await get('removeConfiguration', 'base');
  // A metric is counted when a configuration is in force, and then every five minutes: not while this goes away.
  await until(async () => !(await desired('c-1')).chiller && !(await desired('c-2')).chiller, 'its properties to go');
});

test('states are queried, and metrics count', async () => {
  await get('addConfiguration', configuration('q-1', {
    metrics: { queries: { warm: 'SELECT deviceId FROM devices WHERE properties.desired.chiller.temperature > 60' } },
  }));
  await counted('q-1', 2, 2);
  const { rows } = await pages(registry.createQuery("SELECT * FROM devices WHERE configurations.[[q-1]].status = 'Applied'"));
  assert.deepEqual(rows.map((row) => row.deviceId), ['c-1', 'c-2']);
  assert.deepEqual((await get('getTwin', 'c-1')).configurations, { 'q-1': { status: 'Applied' } });
  const { systemMetrics } = await get('getConfiguration', 'q-1');
  const applied = await pages(registry.createQuery(systemMetrics.queries.appliedCount));
  assert.deepEqual(applied.rows, [{ deviceId: 'c-1' }, { deviceId: 'c-2' }]);
  await until(async () => (await get('getConfiguration', 'q-1')).metrics.results.warm === 2, 'the metric to be counted');
  await get('removeConfiguration', 'q-1');
});

test('modules have configurations of their own', async () => {
  await get('addModule', { deviceId: 'c-1', moduleId: 'm' });
  await get('addConfiguration', {
    id: 'modules', content: { moduleContent: { 'properties.desired.x': 1 } }, targetCondition: "FROM devices.modules WHERE moduleId = 'm'",
  });
  await counted('modules', 1, 1);
  assert.equal((await get('getModuleTwin', 'c-1', 'm')).properties.desired.x, 1);
  await get('removeConfiguration', 'modules');
});

test('what cannot be is refused by name', async () => {
  const refused = (name) => (error) => error.responseBody.includes(`ErrorCode:${name};`);
  await assert.rejects(get('addConfiguration', configuration('bad', { targetCondition: 'tags.x =' })), refused('InvalidConfigurationTargetCondition'));
  await assert.rejects(get('addConfiguration', configuration('bad', { content: {} })), refused('InvalidConfigurationContent'));
  await assert.rejects(get('addConfiguration', configuration('bad', { metrics: { queries: { m: 'SELECT' } } })), refused('InvalidConfigurationCustomMetricsQuery'));
  await assert.rejects(get('addConfiguration', configuration('Bad')), refused('ArgumentInvalid'));
  await assert.rejects(get('removeConfiguration', 'nobody'), refused('ConfigurationNotFound'));
  await assert.rejects(get('updateConfiguration', configuration('nobody'), true), refused('ConfigurationNotFound'));
});

test('conditions and queries are tried out', async () => {
  const { status, body } = await rest(hub, 'POST', '/configurations/testQueries', {
    targetCondition: "tags.site = 'north'", customMetricQueries: { good: 'SELECT deviceId FROM devices', bad: 'SELECT' },
  });
  assert.equal(status, 200);
  assert.equal(body.targetConditionError, null);
  assert.deepEqual(Object.keys(body.customMetricQueryErrors), ['bad']);
  const wrong = await rest(hub, 'POST', '/configurations/testQueries', { targetCondition: 'tags.site =' });
  assert.match(wrong.body.targetConditionError, /Line 1:/);
});

test('a content is applied to one edge device', async () => {
  await get('create', { deviceId: 'c-edge', capabilities: { iotEdge: true } });
  const content = {
    modulesContent: {
      $edgeAgent: { 'properties.desired': { schemaVersion: '1.1', modules: { one: { type: 'docker' }, two: {} } } },
      one: { 'properties.desired': { interval: 5 } },
    },
  };
  await get('applyConfigurationContentOnDevice', 'c-edge', content);
  assert.equal((await get('getModuleTwin', 'c-edge', 'one')).properties.desired.interval, 5);
  delete content.modulesContent.$edgeAgent['properties.desired'].modules.two;
  await get('applyConfigurationContentOnDevice', 'c-edge', content);
  const agent = await get('getModuleTwin', 'c-edge', '$edgeAgent');
  assert.deepEqual(Object.keys(agent.properties.desired.modules), ['one'], 'desired properties given whole are replaced');
  await assert.rejects(get('applyConfigurationContentOnDevice', 'c-1', content), { name: 'ArgumentError' });
  await assert.rejects(get('applyConfigurationContentOnDevice', 'c-nobody', content), { name: 'DeviceNotFoundError' });
});
