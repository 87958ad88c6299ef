// What a hub logs can be changed while it runs, and an answer leads to its line.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';
import { RawClient, ownerField } from '../rest/client.mjs';

const hub = Hub.fromEnvironment();
before(() => hub.start());
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));
const show = async () => JSON.parse(await hub.ok('log', 'show', '-o', 'json'));

/** The id of a request that the hub refuses. */
async function refused() {
  const client = await RawClient.open(hub);
  client.send(`GET /devices/nobody?api-version=2021-04-12 HTTP/1.1\r\nHost: x\r\n${ownerField(hub)}\r\n`);
  const { headers } = await client.answer();
  client.destroy();
  return headers['x-ms-request-id'];
}

test('it logs more while it is told to, and an answer leads to its line', async () => {
  const quiet = await refused();
  await hub.ok('log', 'set', '--level', 'debug');
  assert.deepEqual(await show(), { format: 'text', level: 'debug', modules: {} });
  const id = await refused();
  await until(() => hub.log().includes(`id=${id}`), 'the line of the request');
  assert.match(hub.log(), new RegExp(`debug request refused id=${id} peer=\\S+ operation="GET /devices/{}" status=404 code=DeviceNotFound`));
  assert.ok(!hub.log().includes(quiet));
  await hub.ok('log', 'set', '--level', 'info');
});

test('lines are JSON while they are told to be', async () => {
  await hub.ok('log', 'set', '--format', 'json', '--level', 'debug');
  const id = await refused();
  await until(() => hub.log().includes(`"${id}"`), 'the line of the request');
  const line = JSON.parse(hub.log().split('\n').find((text) => text.includes(id)));
  assert.deepEqual([line.level, line.module, line.message, line.status, line.operation],
    ['debug', 'rest', 'request refused', '404', 'GET /devices/{}']);
  assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  await hub.ok('log', 'set', '--level', 'info', '--format', 'text');
});

test('one module logs more while the others stay as they are', async () => {
  await hub.ok('log', 'set', '--module', 'net=debug');
  const quiet = await refused();
  await hub.ok('log', 'set', '--module', 'rest=debug');
  assert.deepEqual(await show(), { format: 'text', level: 'info', modules: { net: 'debug', rest: 'debug' } });
  const id = await refused();
  await until(() => hub.log().includes(`id=${id}`), 'the line of the request');
  assert.ok(!hub.log().includes(quiet), 'net is another module');
  await hub.ok('log', 'set', '--level', 'info');
  assert.deepEqual((await show()).modules, {});
});

test('what is no level or format changes nothing', async () => {
  const before = await show();
  for (const args of [['--level', 'loud'], ['--format', 'xml', '--level', 'warn'], ['--module', 'kitchen=debug', '--level', 'warn'], ['--module', 'net=loud', '--format', 'json'], ['--module', 'net'], []]) {
    assert.equal((await hub.cli('log', 'set', ...args)).code, 2, args.join(' '));
  }
  const client = await RawClient.open(hub);
  const body = '{"level":"warn","format":"xml"}';
  client.send(`PUT /carillon/log?api-version=2021-04-12 HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n${ownerField(hub)}\r\n${body}`);
  assert.equal((await client.answer()).status, 400);
  client.destroy();
  assert.deepEqual(await show(), before);
});
