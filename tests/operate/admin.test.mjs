// The admin listener's doors: who may scrape, what health says and to whom, and where it may listen.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { until } from '../lib/hub.mjs';
import { RawClient } from '../rest/client.mjs';
import { get, hubWithAdmin, listens, ADMIN_PORT } from './scrape.mjs';

const token = 'a-token-of-24-characters';
const tokenFile = join(process.env.HUB_TEST_DIRECTORY, 'admin-token');
writeFileSync(tokenFile, `${token}\n`);
const hub = hubWithAdmin({ 'admin.tls': 'on', 'admin.token_file': tokenFile, 'connections.open_max': '3' });
before(() => hub.start());
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));

const ask = (path, headers = {}) => get(hub, path, { headers, tls: true });

test('metrics are for who shows the token', async () => {
  assert.equal((await ask('/metrics')).status, 401);
  assert.equal((await ask('/metrics', { Authorization: `Bearer ${token}x` })).status, 401);
  assert.equal((await ask('/metrics', { Authorization: token })).status, 401);
  const { status, body } = await ask('/metrics', { Authorization: `Bearer ${token}` });
  assert.equal(status, 200);
  assert.match(body, /^carillon_build_info\{version="[^"]+"\} 1$/m);
});

test('health is told without a token, and nothing else is', async () => {
  for (const path of ['/healthz', '/readyz']) {
    const { status, body } = await ask(path);
    assert.equal(status, 200, body);
    assert.deepEqual(JSON.parse(body).reasons, []);
  }
  assert.equal((await ask('/')).status, 404);
  assert.equal((await ask('/devices')).status, 404);
});

test('without TLS nothing is told', async () => {
  await assert.rejects(get(hub, '/healthz'));
});

test('a hub whose connections are used up is healthy, not ready, and says why', async () => {
  const clients = [];
  for (let i = 0; i < 3; i += 1) clients.push(await RawClient.open(hub));
  await until(async () => (await ask('/readyz')).status === 503, 'the hub to be full');
  const { status, reasons } = JSON.parse((await ask('/readyz')).body);
  assert.equal(status, 'not_ready');
  assert.equal(reasons[0].check, 'connections');
  assert.match(reasons[0].reason, /All 3 connections are in use/);
  assert.equal((await ask('/healthz')).status, 200);
  for (const client of clients) client.destroy();
  await until(async () => (await ask('/readyz')).status === 200, 'the hub to be ready again');
});

test('connections beyond its bound wait until one ends', async () => {
  const held = [];
  for (let i = 0; i < 64; i += 1) {
    held.push(await new Promise((resolve, reject) => {
      const socket = connect({ host: hub.address, port: ADMIN_PORT }, () => resolve(socket));
      socket.on('error', reject);
    }));
  }
  let isAnswered = false;
  const answer = ask('/healthz').then((given) => { isAnswered = true; return given; });
  await hub.device('meanwhile');
  assert.ok(!isAnswered);
  for (const socket of held) socket.destroy();
  assert.equal((await answer).status, 200);
});

test('an address that others reach needs TLS and a token', async () => {
  const { code, stderr } = await hub.run(['serve', '--data-dir', join(hub.directory, 'other'), '--bind', hub.address,
    '--admin-port', '9465'], { CARILLON_ADMIN__BIND: '0.0.0.0', CARILLON_ADMIN__TLS: 'off', CARILLON_MQTTS_PORT: '8884', CARILLON_AMQPS_PORT: '0', CARILLON_HTTPS_PORT: '8444' });
  assert.equal(code, 2, stderr);
  assert.match(stderr, /set admin\.tls to on and name an admin\.token_file/);
});

test('a hub that was not told to has no admin listener', async () => {
  assert.ok(await listens(hub.address, ADMIN_PORT));
  assert.equal(await hub.stop(), 0);
  assert.ok(!await listens(hub.address, ADMIN_PORT));
  hub.extra = [];
  await hub.start();
  assert.ok(!await listens(hub.address, ADMIN_PORT));
});
