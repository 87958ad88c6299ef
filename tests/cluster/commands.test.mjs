// carillon cluster: making a cluster, bringing a hub into it, and what is refused.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Hub, until } from '../lib/hub.mjs';
import { Cluster } from './cluster.mjs';

const address = '127.43.59.10';
const cluster = new Cluster({ binary: process.env.HUB_BINARY, address, nodes: { n1: '127.43.59.10' } });
const { store } = cluster.postgres;
const [node] = cluster.nodes;
const adminPort = 17_812;
node.extra = ['--admin-port', String(adminPort)];
const alone = new Hub({ binary: process.env.HUB_BINARY, directory: join(cluster.folder, 'alone'), address });
const oldData = join(alone.directory, 'data');

before(() => cluster.postgres.start());
after(async () => {
  node.isSupervised = false;
  node.process?.kill('SIGKILL');
  await alone.stop();
  await cluster.postgres.stop();
  rmSync(cluster.folder, { recursive: true, force: true });
});

async function refused(code, pattern, ...args) {
  const outcome = await cluster.run(...args);
  assert.equal(outcome.code, code, outcome.stderr);
  assert.match(outcome.stderr, pattern);
}

test('a database without a cluster is said to be one, and has one at most', async () => {
  await refused(2, /has no cluster; `carillon cluster init`/, 'cluster', 'status', '--store', store);
  await refused(2, /has no cluster/, 'serve', '--cluster', '--store', store, '--node', 'n1', '--data-dir', node.dataDir);
  assert.ok(!existsSync(node.dataDir), 'a start that was refused leaves no directory');
  assert.equal((await cluster.run('cluster', 'init', '--store', store)).code, 0);
  await refused(2, /has a cluster already/, 'cluster', 'init', '--store', store);
  await refused(1, /PostgreSQL/, 'cluster', 'status', '--store', 'host=/nowhere dbname=x');
});

test('no node serves yet, and status says so', async () => {
  const { code, stdout } = await cluster.run('cluster', 'status', '--store', store, '-o', 'json');
  assert.equal(code, 9);
  const status = JSON.parse(stdout);
  assert.deepEqual(status.nodes, []);
  assert.equal(status.fences.length, 32);
  assert.deepEqual(status.shards, [], 'no hub is made yet');
  assert.equal(status.postgres.fsync, 'on');
});

test('a hub that ran alone comes into the cluster with its devices, keys and authority', async () => {
  mkdirSync(alone.directory);
  await alone.start();
  const login = alone.connectionString;
  const device = await alone.device('pump-1');
  await alone.ok('twin', 'update', 'pump-1', '--tags', '{"floor":3}');
  await refused(1, /another hub .* runs on/, 'cluster', 'import', '--store', store, '--data-dir', oldData);
  await alone.stop();
  const imported = await cluster.run('cluster', 'import', '--store', store, '--data-dir', oldData);
  assert.equal(imported.code, 0, imported.stderr);
  assert.match(imported.stderr, /Imported \d+ rows/);
  await refused(2, /has a hub already/, 'cluster', 'import', '--store', store, '--data-dir', oldData);

  assert.equal((await cluster.run('cluster', 'join', '--store', store, '--node', 'n1', '--data-dir', node.dataDir)).code, 0);
  assert.equal(readFileSync(join(node.dataDir, 'ca.pem'), 'utf8'), readFileSync(join(oldData, 'ca.pem'), 'utf8'));
  assert.equal(statSync(join(node.dataDir, 'ca-key.pem')).mode & 0o777, 0o600);
  // As a program of format 2 has left the tables: until the upgrade is finished below, commits go by lanes.
  assert.notEqual(cluster.postgres.sql(`DROP TABLE carillon.shard;
    INSERT INTO carillon.lane SELECT n, '-', 0, 0, 0 FROM generate_series(0, 7) n;
    UPDATE carillon.setting SET value = '2' WHERE name = 'format'`), null);
  node.start();
  await cluster.active();
  await until(() => existsSync(join(node.dataDir, 'hub.json')), 'the hub');
  cluster.caFile = join(node.dataDir, 'ca.pem');
  cluster.connectionString = login; // As before.
  const { tags } = JSON.parse(await until(async () => {
    const { code, stdout } = await cluster.run('twin', 'show', 'pump-1', '-o', 'json');
    return code === 0 ? stdout : null;
  }, () => node.log()));
  assert.equal(tags.floor, 3);
  assert.equal((await cluster.ok('device', 'show', 'pump-1', '--connection-string')).trim(), device);
  await refused(2, /a node of this cluster runs/, 'cluster', 'import', '--store', store, '--data-dir', oldData);
});

test('status says who owns each shard', async () => {
  const status = JSON.parse(await cluster.ok('cluster', 'status', '--store', store, '-o', 'json'));
  assert.ok(status.shards.length > 0);
  const { incarnation } = status.nodes.find((each) => each.node === 'n1');
  status.shards.forEach((shard, number) => {
    const { epoch } = shard;
    assert.ok(epoch > 0);
    assert.deepEqual(shard, { shard: number, owner: 'n1', incarnation, epoch, isServed: true });
  });
  const serving = status.nodes.find((each) => each.node === 'n1');
  assert.equal(serving.shards, status.shards.length);
  // The node learns of it by its next beat, and says it by the one after.
  const says = await until(async () => {
    const { nodes } = JSON.parse(await cluster.ok('cluster', 'status', '--store', store, '-o', 'json'));
    const told = nodes.find((each) => each.node === 'n1').says;
    return told?.shards === status.shards.length ? told : null;
  }, () => node.log());
  assert.equal(says.mapRevision, status.mapRevision);
});

test('a hub of a cluster makes no backups of its own', async () => {
  const { code, stderr } = await cluster.run('backup', 'create', join(cluster.folder, 'backup'));
  assert.notEqual(code, 0);
  assert.match(stderr, /makes no backups/);
});

test('the metrics of a node that serves have the names that docs/monitoring.md tells', async () => {
  const page = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const names = [...page.matchAll(/^# TYPE (carillon_cluster_\S+)/gm)].map((match) => match[1]).sort();
  const told = readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8');
  assert.deepEqual([...told.matchAll(/^\| `(carillon_cluster_[a-z_]+)/gm)].map((match) => match[1]).sort(), names);
  const value = (name) => Number(page.match(new RegExp(`^${name} (.*)$`, 'm'))[1]);
  assert.ok(value('carillon_cluster_epoch') > 0 && value('carillon_cluster_commits_total') > 0 && value('carillon_cluster_load_seconds') > 0);
  assert.ok(value('carillon_cluster_lease_left_seconds') > 1 && value('carillon_cluster_lost') === 0);
});

test('what operators order a cluster to do that it cannot do is refused, with the reason', async () => {
  await refused(2, /no node n9 runs/, 'cluster', 'drain', 'n9', '--store', store);
  await refused(2, /no node n9 runs/, 'cluster', 'move', 'n9', '--store', store);
  await refused(2, /no other node can take the hub/, 'cluster', 'drain', 'n1', '--store', store);
  assert.match((await cluster.run('cluster', 'move', 'n1', '--store', store)).stderr, /n1 serves the hub already/);
  assert.equal((await cluster.active()).id, 'n1');
});

/** Of what the rows that guard commits are, with how many there are. */
function kinds(status) {
  return Object.fromEntries(['shard', 'lane'].map((kind) => [kind, status.fences.filter((fence) => fence.of === kind).length]));
}

test('an upgrade is finished under a node that serves', async () => {
  assert.deepEqual(kinds(await cluster.status()), { shard: 0, lane: 8 });
  const finished = await cluster.run('cluster', 'finish-upgrade', '--store', store);
  assert.equal(finished.code, 0, finished.stderr);
  const status = await cluster.status();
  assert.deepEqual(kinds(status), { shard: 32, lane: 8 });
  assert.ok(status.shards.every((shard) => shard.owner === 'n1' && shard.isServed));
  await cluster.ok('twin', 'update', 'pump-1', '--tags', '{"floor":4}');
  const commits = (seen) => seen.fences.filter((fence) => fence.of === 'lane').reduce((sum, lane) => sum + lane.commits, 0);
  assert.ok(commits(await cluster.status()) > commits(status), 'it goes on as it has begun');
});

test('an older program refuses a cluster whose upgrade was finished', async () => {
  const format = cluster.postgres.sql("SELECT value FROM carillon.setting WHERE name = 'format'");
  cluster.postgres.sql(`UPDATE carillon.setting SET value = '${Number(format) + 1}' WHERE name = 'format'`);
  await refused(2, /older than the cluster/, 'serve', '--cluster', '--store', store, '--node', 'n7', '--data-dir', join(cluster.folder, 'n7'));
  cluster.postgres.sql(`UPDATE carillon.setting SET value = '${format}' WHERE name = 'format'`);
});

test('a node that is killed and started again takes the hub back without waiting for a lease', async () => {
  const { incarnation } = await cluster.active();
  node.process.kill('SIGKILL');
  await node.ended;
  const killed = Date.now();
  const again = await cluster.active(`n1/${incarnation}`);
  assert.equal(again.incarnation, incarnation + 1);
  // The order in the log is what counts; the time is only said.
  console.log(`back after ${Date.now() - killed} ms`);
  assert.match(node.log(), new RegExp(`the owner of the hub is dead node=n1 incarnation=${incarnation}`));
  // It has taken shards, and nobody can commit by lanes any more.
  assert.deepEqual(kinds(await cluster.status()), { shard: 32, lane: 0 });
  const { tags } = JSON.parse(await until(async () => {
    const { code, stdout } = await cluster.run('twin', 'update', 'pump-1', '--tags', '{"room":5}', '-o', 'json');
    return code === 0 ? stdout : null;
  }, () => node.log()));
  assert.deepEqual([tags.floor, tags.room], [4, 5]);
});

test('directories are not taken for each other', async () => {
  node.isSupervised = false;
  node.process.kill('SIGTERM');
  assert.equal(await node.ended, 0);
  await refused(2, /is a node's of a cluster/, 'serve', '--data-dir', node.dataDir, '--bind', address, '--hostname', address);
  await refused(2, /belongs to node n1/, 'serve', '--cluster', '--store', store, '--node', 'n2', '--data-dir', node.dataDir);
  await refused(2, /runs alone/, 'serve', '--cluster', '--store', store, '--node', 'n2', '--data-dir', oldData);
  await refused(2, /--store/, 'serve', '--cluster', '--node', 'n2');
  await refused(2, /letters, digits/, 'cluster', 'join', '--store', store, '--node', 'a b', '--data-dir', join(cluster.folder, 'x'));
});
