// Keys made new while the hub runs: what stands on the old one ends, what does not goes on, and a crash
// leaves the old key or the new one.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ga } from '../lib/devices.mjs';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { rest } from '../transfer/jobs.mjs';
import { RawClient } from './client.mjs';

const hub = Hub.fromEnvironment();
let ownString;
before(async () => {
  await hub.start();
  for (const id of ['by-policy', 'by-other-key']) await hub.device(id);
  ownString = await hub.device('by-own-key');
});
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));

const expires = Math.floor(Date.now() / 1000) + 3600;
const owner = () => parts(hub.connectionString).SharedAccessKey;
const field = (key, policy = 'iothubowner') => `Authorization: ${sign(hub.address, key, expires, policy)}\r\n`;
const get = (path, fields) => `GET ${path} HTTP/1.1\r\nHost: ${hub.address}\r\n${fields}\r\n`;
const devices = '/statistics/devices?api-version=2021-04-12';

async function status(key, policy) {
  const client = await RawClient.open(hub);
  client.send(get(devices, field(key, policy)));
  const answer = await client.answer();
  client.destroy();
  return answer.status;
}
const ended = (client, what) => until(() => client.ended, what);

/** The policy as the program shows it. */
const show = async (policy) => JSON.parse(await hub.ok('policy', 'show', policy, '-o', 'json'));

function device(id, password) {
  const client = ga.mqtt.connect({
    protocol: 'mqtts', host: hub.address, port: 8883, clientId: id, clean: true, reconnectPeriod: 0,
    username: `${hub.address}/${id}/?api-version=2021-04-12`, password, ca: readFileSync(hub.caFile),
  });
  return new Promise((resolve, reject) => {
    client.on('connect', () => resolve(client));
    client.on('error', reject);
    client.on('close', () => { client.isClosed = true; reject(new Error('closed')); });
  });
}
const devicePassword = (id, key, policy) => sign(`${hub.address}/devices/${id}`, key, expires, policy);

function stream(headers) {
  return new Promise((resolve, reject) => {
    request({ host: hub.address, path: '/carillon/overview/events', headers, agent: false, ca: readFileSync(hub.caFile) },
      (response) => {
        response.on('error', () => {});
        response.on('close', () => { response.isOver = true; });
        response.resume();
        resolve(response);
      }).on('error', reject).end();
  });
}

test('a policy is listed without its keys, and shown with them', async () => {
  const list = JSON.parse(await hub.ok('policy', 'list', '-o', 'json'));
  assert.deepEqual(list.map(({ keyName }) => keyName),
    ['iothubowner', 'service', 'device', 'registryRead', 'registryReadWrite', 'provisioningserviceowner']);
  assert.equal(list[4].rights, 'RegistryRead, RegistryWrite');
  assert.equal(list[5].rights, 'EnrollmentRead, EnrollmentWrite, RegistrationStatusRead, RegistrationStatusWrite');
  assert.equal(list[0].primaryKey, undefined);
  assert.equal((await show('iothubowner')).primaryKey, owner());
  assert.equal((await hub.cli('policy', 'show', 'nobody')).code, 3);
});

test('whoever lacks a right sees and renews no key', async () => {
  for (const policy of ['service', 'registryReadWrite', 'device']) {
    const { primaryKey } = await show(policy);
    for (const ask of [get('/carillon/policies', field(primaryKey, policy)), get(`/carillon/policies/${policy}`, field(primaryKey, policy)),
      `POST /carillon/policies/${policy}/renewKey HTTP/1.1\r\nHost: x\r\nContent-Length: 17\r\n${field(primaryKey, policy)}\r\n{"key":"primary"}`,
      `POST /carillon/tokenKey/renew HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n${field(primaryKey, policy)}\r\n`]) {
      const client = await RawClient.open(hub);
      client.send(ask);
      assert.equal((await client.answer()).status, 401);
      client.destroy();
    }
    assert.equal((await show(policy)).primaryKey, primaryKey);
  }
});

test('what stands on the old key of a policy ends, and nothing else', async () => {
  const before = await show('service');
  const owners = await show('iothubowner');
  const onOld = await RawClient.open(hub);
  const onOther = await RawClient.open(hub);
  for (const [client, key] of [[onOld, before.primaryKey], [onOther, before.secondaryKey]]) {
    client.send(get(devices, field(key, 'service')));
    assert.equal((await client.answer()).status, 200);
  }
  const events = await stream({ Authorization: sign(hub.address, before.primaryKey, expires, 'service') });
  const otherEvents = await stream({ Authorization: sign(hub.address, before.secondaryKey, expires, 'service') });

  const signedIn = await RawClient.open(hub);
  const login = JSON.stringify({ policy: 'service', key: before.secondaryKey });
  signedIn.send(`POST /carillon/session HTTP/1.1\r\nHost: ${hub.address}\r\nContent-Type: application/json\r\nContent-Length: ${login.length}\r\n\r\n${login}`);
  const cookie = `Cookie: ${(await signedIn.answer()).headers['set-cookie'].split(';')[0]}`;
  signedIn.send(get('/carillon/session', `${cookie}\r\n`));
  assert.equal((await signedIn.answer()).status, 200);
  const watched = await stream({ Cookie: cookie.slice(8) });

  const renewed = JSON.parse(await hub.ok('policy', 'renew-key', '--policy-name', 'service', '--renew-key', 'primary', '-o', 'json'));
  assert.notEqual(renewed.primaryKey, before.primaryKey);
  assert.equal(renewed.secondaryKey, before.secondaryKey);
  await ended(onOld, 'the connection on the old key to end');
  await until(() => events.isOver && watched.isOver, 'the streams on the old key to end');
  await ended(signedIn, 'the connection of the session to end');

  onOther.send(get(devices, field(before.secondaryKey, 'service')));
  assert.equal((await onOther.answer()).status, 200);
  assert.ok(!otherEvents.isOver);
  otherEvents.destroy();
  onOther.destroy();
  assert.equal(await status(before.primaryKey, 'service'), 401);
  assert.equal(await status(renewed.primaryKey, 'service'), 200);
  const late = await RawClient.open(hub);
  late.send(get('/carillon/session', `${cookie}\r\n`));
  assert.equal((await late.answer()).status, 401);
  late.destroy();
  assert.deepEqual(await show('iothubowner'), owners);
  assert.match(hub.log(), /policy key renewed policy=service key=primary by=iothubowner peer=/);
  assert.ok(!hub.log().includes(renewed.primaryKey));
});

test('devices that the old key let in are cut off, others stay', async () => {
  const { primaryKey, secondaryKey } = await show('device');
  const { SharedAccessKey } = parts(ownString);
  const [cut, other, own] = await Promise.all([
    device('by-policy', devicePassword('by-policy', primaryKey, 'device')),
    device('by-other-key', devicePassword('by-other-key', secondaryKey, 'device')),
    device('by-own-key', devicePassword('by-own-key', SharedAccessKey)),
  ]);
  await hub.ok('policy', 'renew-key', 'device', '--rk', 'primary');
  await until(() => cut.isClosed, 'the device on the old key to be cut off');
  await assert.rejects(device('by-policy', devicePassword('by-policy', primaryKey, 'device')));
  for (const client of [other, own]) {
    await new Promise((resolve, reject) => {
      client.publish(`devices/${client.options.clientId}/messages/events/`, 'x', { qos: 1 }, (error) => (error ? reject(error) : resolve()));
    });
  }
  other.end(true);

  // The same for a device whose own keys a back end replaces.
  const { status: answered } = await rest(hub, 'POST', '/devices/keys/regenerate',
    { policyKey: 'primaryKey', devices: [{ id: 'by-own-key' }] });
  assert.equal(answered, 200);
  await until(() => own.isClosed, 'the device on its old key to be cut off');
});

test('who renews the key by which it asks is answered, and its connection ends', async () => {
  const before = await show('iothubowner');
  const client = await RawClient.open(hub);
  client.send(`POST /carillon/policies/iothubowner/renewKey HTTP/1.1\r\nHost: ${hub.address}\r\nContent-Length: 17\r\n${field(before.primaryKey)}\r\n{"key":"primary"}`);
  const answer = await client.answer();
  assert.equal(answer.status, 200);
  await ended(client, 'the connection to end');
  const { primaryKey } = JSON.parse(answer.body);
  hub.connectionString = (await hub.local('connection-string')).trim();
  assert.equal(owner(), primaryKey, 'commands on the machine have the new key');
  assert.equal(await status(before.primaryKey), 401);
  const bad = await RawClient.open(hub);
  bad.send(`POST /carillon/policies/iothubowner/renewKey HTTP/1.1\r\nHost: ${hub.address}\r\nContent-Length: 14\r\n${field(primaryKey)}\r\n{"key":"third"}`);
  assert.equal((await bad.answer()).status, 400);
  bad.destroy();
});

test('a policy of its own has exactly the rights named, and its end ends what stands on it', async () => {
  await hub.ok('policy', 'create', '--policy-name', 'lookers', '--permissions', 'RegistryRead', 'ServiceConnect');
  assert.equal((await show('lookers')).rights, 'RegistryRead, ServiceConnect');
  const { primaryKey } = await show('lookers');
  const login = `HostName=${hub.address};SharedAccessKeyName=lookers;SharedAccessKey=${primaryKey}`;
  assert.equal((await hub.cli('device', 'show', 'by-policy', '--login', login)).code, 0);
  assert.equal((await hub.cli('device', 'create', 'not-by-it', '--login', login)).code, 4);
  assert.equal((await hub.cli('policy', 'list', '--login', login)).code, 4);

  const client = await RawClient.open(hub);
  client.send(get(devices, field(primaryKey, 'lookers')));
  assert.equal((await client.answer()).status, 200);
  await hub.ok('policy', 'create', 'lookers', '--permissions', 'ServiceConnect');
  await ended(client, 'the connection with the rights of before to end');
  assert.equal((await show('lookers')).primaryKey, primaryKey);
  assert.equal((await hub.cli('device', 'show', 'by-policy', '--login', login)).code, 4);

  await hub.stop();
  await hub.start();
  assert.equal(await status(primaryKey, 'lookers'), 200);
  const again = await RawClient.open(hub);
  again.send(get(devices, field(primaryKey, 'lookers')));
  assert.equal((await again.answer()).status, 200);
  await hub.ok('policy', 'delete', 'lookers', '--yes');
  await ended(again, 'the connection of the removed policy to end');
  assert.equal(await status(primaryKey, 'lookers'), 401);
  assert.equal((await hub.cli('policy', 'show', 'lookers')).code, 3);
  assert.equal((await hub.cli('policy', 'delete', 'iothubowner', '--yes')).code, 2);
  assert.equal((await hub.cli('policy', 'create', 'no spaces', '--permissions', 'RegistryRead')).code, 2);
});

test('a swap ends nothing', async () => {
  const before = await show('service');
  const client = await RawClient.open(hub);
  client.send(get(devices, field(before.primaryKey, 'service')));
  assert.equal((await client.answer()).status, 200);
  await hub.ok('policy', 'renew-key', 'service', '--renew-key', 'swap');
  const now = await show('service');
  assert.deepEqual([now.primaryKey, now.secondaryKey], [before.secondaryKey, before.primaryKey]);
  client.send(get(devices, field(before.primaryKey, 'service')));
  assert.equal((await client.answer()).status, 200);
  client.destroy();
});

test('a new token key voids continuation tokens', async () => {
  const page = async (token) => {
    const client = await RawClient.open(hub);
    const body = '{"query":"SELECT * FROM devices"}';
    client.send(`POST /devices/query?api-version=2021-04-12 HTTP/1.1\r\nHost: ${hub.address}\r\nx-ms-max-item-count: 1\r\n` +
      `${token ? `x-ms-continuation: ${token}\r\n` : ''}Content-Length: ${body.length}\r\n${field(owner())}\r\n${body}`);
    const answer = await client.answer();
    client.destroy();
    return answer;
  };
  const token = (await page()).headers['x-ms-continuation'];
  assert.equal((await page(token)).status, 200);
  await hub.ok('policy', 'renew-token-key');
  assert.equal((await page(token)).status, 400);
  assert.equal((await page((await page()).headers['x-ms-continuation'])).status, 200);
  assert.match(hub.log(), /token key renewed by=iothubowner/);
});

test('killed at any moment of it, the hub has the old key or the new one, and acknowledged ones stay', async () => {
  for (let round = 0; round < 6; round += 1) {
    const before = owner();
    const client = await RawClient.open(hub);
    client.send(`POST /carillon/policies/iothubowner/renewKey HTTP/1.1\r\nHost: ${hub.address}\r\nContent-Length: 17\r\n${field(before)}\r\n{"key":"primary"}`);
    if (round === 5) await client.answer();
    else await sleep(round);
    await hub.stop('SIGKILL');
    const answer = await client.answer();
    client.destroy();
    await hub.start();
    const told = answer === null ? null : JSON.parse(answer.body).primaryKey;
    if (told !== null) assert.equal(owner(), told, 'what was answered is so');
    assert.equal(await status(owner()), 200);
    if (owner() !== before) assert.equal(await status(before), 401);
    assert.equal((await show('iothubowner')).secondaryKey.length, 44);
  }
});
