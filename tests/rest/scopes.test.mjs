// Each form of a token's `sr`, signed by each key, for a device and its module over MQTT and for the routes by which
// a device manages its modules over HTTPS: a scope is a prefix by whole segments, the key confines the identity.

import assert from 'node:assert/strict';
import { connect } from 'node:tls';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { Hub, sign } from '../lib/hub.mjs';
import { RawClient } from './client.mjs';

const hub = Hub.fromEnvironment();
const expires = Math.floor(Date.now() / 1000) + 3600;
let keys;
let client;
before(async () => {
  await hub.start();
  keys = {};
  for (const id of ['d', 'd2']) {
    await hub.device(id);
    keys[id] = JSON.parse(await hub.ok('device', 'show', id)).authentication.symmetricKey.primaryKey;
    for (const module of ['m', 'n']) {
      const created = JSON.parse(await hub.ok('module', 'create', '-d', id, '-m', module));
      keys[`${id}/${module}`] = created.authentication.symmetricKey.primaryKey;
    }
  }
  client = await RawClient.open(hub);
});
after(async () => {
  client.destroy();
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});

const ask = async (method, path, token, fields = '', body = '') => {
  const length = method === 'PUT' ? `Content-Length: ${body.length}\r\n` : '';
  const request = `${method} ${path}?api-version=2021-04-12 HTTP/1.1\r\nHost: ${hub.address}\r\n`
    + `Authorization: ${token}\r\n${length}${fields}\r\n${body}`;
  client.send(request);
  let answer = await client.answer();
  if (!answer) { // So many wrong tokens are answered late, and the connection closed behind the answer.
    client.destroy();
    client = await RawClient.open(hub);
    client.send(request);
    answer = await client.answer();
  }
  assert.ok(answer, `${method} ${path} ends the connection`);
  return answer;
};

/** The code of the CONNACK that `identity`, a device or `device/module`, is given for `token`. */
function connack(identity, token) {
  const text = (value) => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
  };
  const rest = Buffer.concat([text('MQTT'), Buffer.from([4, 0xc2, 0, 60]), text(identity),
    text(`${hub.address}/${identity}/?api-version=2021-04-12`), text(token)]);
  const length = rest.length < 128 ? [rest.length] : [(rest.length % 128) | 128, Math.floor(rest.length / 128)];
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hub.address, port: 8883, ca: readFileSync(hub.caFile) });
    socket.once('secureConnect', () => socket.write(Buffer.concat([Buffer.from([0x10, ...length]), rest])));
    socket.once('data', (data) => { socket.destroy(); resolve(data[3]); });
    socket.once('error', reject);
    socket.once('close', () => resolve('closed'));
  });
}

// What stands behind the host, and whom it covers.
const scopes = [
  { path: '', device: true, module: true },
  { path: '/', device: true, module: true },
  { path: '/devices', device: true, module: true },
  { path: '/devices/', device: true, module: true },
  { path: '/devices/d', device: true, module: true },
  { path: '/devices/d/', device: true, module: true },
  { path: '/devices/d/api-version=2016-11-14', device: true, module: true },
  { path: '/devices/d/modules', device: false, module: true },
  { path: '/devices/d/modules/m', device: false, module: true },
  { path: '/devices/d/modules/n', device: false, module: false },
  { path: '/devices/d/modules/m/messages', device: false, module: false },
  { path: '/devices/d/messages', device: false, module: false },
  { path: '/devices/d/module/m', device: false, module: false },
  { path: '/devices/d2', device: false, module: false },
  { path: '/devices/D', device: false, module: false },
  { path: '/device', device: false, module: false },
  { path: '/devicesd', device: false, module: false },
  { path: '//devices/d', device: false, module: false },
  { path: '/twins/d', device: false, module: false },
  { path: '.evil/devices/d', device: false, module: false },
];

const accepted = 0;
const refused = 5;

test('a device connects by its own key under each prefix of its path, its module by either key', async () => {
  for (const { path, device, module } of scopes) {
    const by = (key) => sign(`${hub.address}${path}`, keys[key], expires);
    const code = (covered) => (covered ? accepted : refused);
    assert.equal(await connack('d', by('d')), code(device), `d by its key under ${path}`);
    assert.equal(await connack('d/m', by('d/m')), code(module), `d/m by its key under ${path}`);
    assert.equal(await connack('d/m', by('d')), code(module), `d/m by its device's key under ${path}`);
    for (const [identity, key] of [['d', 'd/m'], ['d', 'd2'], ['d/m', 'd/n'], ['d/m', 'd2'], ['d/m', 'd2/m']]) {
      assert.equal(await connack(identity, by(key)), refused, `${identity} by the key of ${key} under ${path}`);
    }
  }
});

test('expiries beyond the year 9999 are refused', async () => {
  const code = (se) => connack('d', sign(`${hub.address}/devices/d`, keys.d, se));
  for (const se of [expires, '253402300799']) assert.equal(await code(se), accepted, `se=${se}`);
  for (const se of ['253402300800', `${expires}000`, '99999999999999999999']) assert.equal(await code(se), refused, `se=${se}`);
});

test('a device manages its modules by its own key under each scope that covers them, and nothing else', async () => {
  for (const { path } of scopes) {
    // For the list, which is not below a module, `/devices/d/modules` is the whole path.
    const covers = (whole) => {
      const scope = path.replace(/\/api-version=.*/, '').replace(/\/$/, '');
      return whole === scope || whole.startsWith(`${scope}/`);
    };
    const by = (key) => sign(`${hub.address}${path}`, keys[key], expires);
    const status = (whole) => (covers(whole) ? 200 : 401);
    for (const whole of ['/devices/d/modules', '/devices/d/modules/m']) {
      assert.equal((await ask('GET', whole, by('d'))).status, status(whole), `${whole} under ${path}`);
      for (const key of ['d/m', 'd2']) assert.equal((await ask('GET', whole, by(key))).status, 401, `${whole} by ${key}`);
    }
  }
  const own = sign(`${hub.address}/devices/d`, keys.d, expires);
  for (const [method, path, body] of [['GET', '/devices/d'], ['GET', '/devices'], ['DELETE', '/devices/d'], ['GET', '/twins/d'],
    ['PUT', '/devices/d', '{}'], ['GET', '/twins/d/modules/m'], ['GET', '/devices/d2/modules'], ['DELETE', '/devices/d2/modules/m'],
    ['PUT', '/devices/d2/modules/x', '{}'], ['GET', '/devices/nobody/modules'], ['GET', '/jobs/v2/query'], ['GET', '/statistics/devices']]) {
    const answer = await ask(method, path, own, 'If-Match: *\r\n', body);
    assert.equal(answer.status, 401, `${method} ${path} by the key of d`);
    assert.equal(answer.headers['iothub-errorcode'], 'IotHubUnauthorizedAccess', `${method} ${path}`);
  }
});

test('it creates, lists, reads, replaces and deletes them (azure-iot-sdk-c: iothub_account.c)', async () => {
  const own = sign(`${hub.address}/devices/d`, keys.d, expires);
  const path = '/devices/d/modules/made';
  const created = await ask('PUT', path, own, '', JSON.stringify({ deviceId: 'd', moduleId: 'made' }));
  assert.equal(created.status, 200, created.body);
  const names = JSON.parse((await ask('GET', '/devices/d/modules', own)).body).map((module) => module.moduleId);
  assert.deepEqual(names, ['m', 'made', 'n']);
  assert.equal((await ask('GET', path, own)).body, created.body);
  assert.equal((await ask('PUT', path, own, 'If-Match: "*"\r\n', '{"managedBy":"me"}')).status, 200);
  assert.equal((await ask('DELETE', path, own, 'If-Match: *\r\n')).status, 204);
  assert.equal((await ask('GET', path, own)).status, 404);
  // The C client's HTTP stack names the device where a policy would stand.
  assert.equal((await ask('GET', '/devices/d/modules', sign(`${hub.address}/devices/d`, keys.d, expires, 'd'))).status, 200);
  assert.equal((await ask('GET', '/devices/d/modules', sign(`${hub.address}/devices/d`, keys.d, expires, 'e'))).status, 401);
});

test('a token that has expired, and a device that is disabled, manage nothing', async () => {
  const old = sign(`${hub.address}/devices/d2`, keys.d2, Math.floor(Date.now() / 1000) - 301);
  assert.equal((await ask('GET', '/devices/d2/modules', old)).status, 401);
  await hub.ok('device', 'update', 'd2', '--status', 'disabled');
  const own = sign(`${hub.address}/devices/d2`, keys.d2, expires);
  assert.equal((await ask('GET', '/devices/d2/modules', own)).headers['iothub-errorcode'], 'IotHubUnauthorized');
});
