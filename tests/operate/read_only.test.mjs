// A hub that is started to look into a data directory: it shows what is there, refuses every change, leaves every file
// as it was, and is in nobody's way.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, parts, sign, until } from '../lib/hub.mjs';

const hub = Hub.fromEnvironment();
const data = join(hub.directory, 'data');
/** The same directory, for reading only, on an address of its own: so its certificates must be made anew. */
const elsewhere = hub.address.replace(/\d+$/, '109');
const reader = new Hub({ binary: hub.binary, directory: hub.directory, address: elsewhere, extra: ['--read-only'] });
reader.logFile = join(hub.directory, 'reader.log');

/** Each file of a folder: what is in it, when it was changed, and its mode. */
function filesBelow(folder) {
  return Object.fromEntries(readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile()).map((entry) => {
      const path = join(entry.parentPath ?? entry.path, entry.name);
      const { mtimeMs, mode } = statSync(path);
      return [path, [createHash('sha256').update(readFileSync(path)).digest('hex'), mtimeMs, mode].join(' ')];
    }));
}

function call(target, method, path, body) {
  const { SharedAccessKey: key } = parts(target.connectionString);
  const text = body === undefined ? '' : JSON.stringify(body);
  const version = path.includes('?') ? '&' : '?';
  return new Promise((resolve, reject) => {
    const sent = request({ host: target.address, path: `${path}${version}api-version=2021-04-12`, method, agent: false,
      headers: { Authorization: sign(hub.address, key, Math.floor(Date.now() / 1000) + 600, 'iothubowner'),
        'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) } }, (answer) => {
      const got = [];
      answer.on('data', (piece) => got.push(piece)).on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode, body: Buffer.concat(got).toString() }));
    });
    sent.on('error', reject).end(text);
  });
}

/** The reader under the name that the hub has in tokens. */
async function startReader() {
  await reader.stop('SIGKILL'); // One that a failed test has left.
  reader.extra = ['--read-only', '--hostname', hub.address];
  await reader.start();
}

const cli = (...args) => reader.run(args, { CARILLON_LOGIN: hub.connectionString, CARILLON_CA: hub.caFile, CARILLON_ADDRESS: elsewhere });
const look = async (...args) => {
  const { code, stdout, stderr } = await cli(...args, '--address', elsewhere);
  assert.equal(code, 0, stderr);
  return stdout;
};

let rows;
/** When a hub that runs would have begun a job and ended a message. */
let due;

before(async () => {
  await hub.start();
  for (let i = 0; i < 5; ++i) await hub.ok('device', 'create', '-d', `d-${i}`);
  await hub.stop(); // So that there are tables beside a log.
  await hub.start();
  await hub.ok('twin', 'update', '-d', 'd-1', '--tags', '{"place":"cellar"}');
  await hub.ok('job', 'create', '--job-id', 'painted', '-q', '*', '--patch', '{"tags":{"a":1}}', '--wait');
  // Expires while the reader runs; its end would be written.
  due = Date.now() + 8000;
  await hub.ok('c2d', 'send', '-d', 'd-2', '--data', 'x', '--ack', 'full', '--expiry', new Date(due).toISOString());
  await hub.ok('job', 'create', '--job-id', 'later', '-q', '*', '--patch', '{"tags":{"b":1}}', '--start', new Date(due).toISOString());
  rows = (await hub.ok('query', 'SELECT * FROM devices', '-o', 'ndjson')).split('\n').sort();
  await hub.stop('SIGKILL');
});

after(async () => {
  await reader.stop();
  await hub.stop();
});

test('shows all that the hub acknowledged, and changes no file', async () => {
  const before = filesBelow(data);
  await startReader();
  assert.deepEqual((await look('query', 'SELECT * FROM devices', '-o', 'ndjson')).split('\n').sort(), rows);
  assert.match(await look('job', 'show', 'painted'), /completed/);
  assert.match(await look('job', 'show', 'later'), /scheduled/);
  assert.match(await look('audit', 'list', '-o', 'json'), /PUT \/devices/);
  assert.equal(JSON.parse(await look('device', 'show', '-d', 'd-3', '-o', 'json')).deviceId, 'd-3');
  await until(() => Date.now() > due + 1500, 'the times that are set to be over');
  assert.match(await look('job', 'show', 'later'), /scheduled/);
  assert.equal(await reader.stop(), 0);
  assert.deepEqual(filesBelow(data), before);
  assert.doesNotMatch(reader.log(), /error|commit failed/);
});

test('refuses every operation that changes something, and devices altogether', async () => {
  const before = filesBelow(data);
  await startReader();
  const description = JSON.parse((await call(reader, 'GET', '/carillon/openapi.json')).body);
  // What asks although it is a POST, what opens a session of the dashboard, which is not stored, and what a model asks.
  const reads = /\/query$|testQueries|routes\/test|attestationmechanism|\/carillon\/session|\/carillon\/mcp/;
  let refused = 0;
  for (const [pattern, methods] of Object.entries(description.paths)) {
    for (const method of Object.keys(methods)) {
      if (!['put', 'post', 'patch', 'delete'].includes(method) || reads.test(pattern)) continue;
      const path = pattern.replaceAll(/\{[^}]+\}/g, 'x');
      const answer = await call(reader, method.toUpperCase(), path, {});
      if (/(approve|deny)$/.test(pattern)) continue; // A right that this policy does not have.
      assert.equal(answer.status, 405, `${method} ${path}: ${answer.status} ${answer.body}`);
      assert.match(answer.body, /for reading only|OperationNotAllowed/, `${method} ${path}`);
      ++refused;
    }
  }
  assert.ok(refused > 60, `${refused} operations were asked for`);
  for (const path of ['/messages/serviceBound/feedback', '/carillon/backup']) {
    assert.equal((await call(reader, 'GET', path)).status, 405, path);
  }
  const create = await cli('device', 'create', '-d', 'new', '--address', elsewhere);
  assert.notEqual(create.code, 0);
  assert.match(create.stderr, /for reading only/);
  for (const port of [8883, 5671]) {
    await assert.rejects(new Promise((resolve, reject) => {
      connect(port, elsewhere, resolve).on('error', reject);
    }), /ECONNREFUSED/);
  }
  assert.equal(await reader.stop(), 0);
  assert.deepEqual(filesBelow(data), before);
});

test('holds no lock: the hub starts beside it, and it goes on showing what it was started on', async () => {
  await startReader();
  await hub.start();
  await hub.ok('device', 'create', '-d', 'new');
  await hub.stop();
  await hub.start();
  await hub.ok('job', 'watch', 'later');
  assert.deepEqual((await look('query', 'SELECT * FROM devices', '-o', 'ndjson')).split('\n').sort(), rows);
  assert.equal(await reader.stop(), 0);
});

test('does not start beside a hub that runs, nor on what is damaged, nor on nothing', async () => {
  await assert.rejects(startReader(), /another hub \(process \d+\) runs on/);
  await hub.stop();
  const empty = join(hub.directory, 'empty');
  mkdirSync(empty);
  const nothing = await hub.run(['serve', '--read-only', '--data-dir', empty], {});
  assert.equal(nothing.code, 2, nothing.stderr);
  assert.match(nothing.stderr, /no hub has run/);
  assert.deepEqual(readdirSync(empty), []);
  const damaged = join(hub.directory, 'damaged');
  cpSync(data, damaged, { recursive: true });
  const [table] = readdirSync(join(damaged, 'store')).filter((name) => name.endsWith('.sst'));
  truncateSync(join(damaged, 'store', table), 10);
  const refused = await hub.run(['serve', '--read-only', '--data-dir', damaged], {});
  assert.equal(refused.code, 10, refused.stderr);
  assert.match(refused.stderr, /Nothing was changed/);
  const cluster = await hub.run(['serve', '--read-only', '--cluster', '--store', 'x'], {});
  assert.equal(cluster.code, 2, cluster.stderr);
});
