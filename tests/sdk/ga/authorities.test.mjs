// Authorities that back ends bring: until somebody has proved to hold the key, no device is believed by them.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, call, parts, sign } from '../../lib/hub.mjs';
import { answer, close, ga, refused, untilOnline } from '../../lib/devices.mjs';
import { value } from '../../lib/jobs.mjs';

const directory = process.env.HUB_TEST_DIRECTORY;
const file = (name) => join(directory, name);
const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });

/** A key and a certificate for `name`: signed by itself, or by `authority`, and perhaps an authority's own. */
function certificate(name, fileName, authority, isAuthority = false) {
  const subject = ['-subj', `/CN=${name}`, '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file(`${fileName}.key`)];
  if (authority === undefined) {
    openssl('req', '-x509', '-days', '2', ...subject, '-out', file(`${fileName}.pem`));
  } else {
    openssl('req', ...subject, '-out', file(`${fileName}.csr`));
    const extensions = file(`${fileName}.ext`);
    execFileSync('sh', ['-c', `echo 'basicConstraints=CA:${isAuthority ? 'TRUE' : 'FALSE'}' > '${extensions}'`]);
    openssl('x509', '-req', '-days', '2', '-in', file(`${fileName}.csr`), '-CA', file(`${authority}.pem`),
      '-CAkey', file(`${authority}.key`), '-CAcreateserial', '-extfile', extensions, '-out', file(`${fileName}.pem`));
  }
  return { cert: readFileSync(file(`${fileName}.pem`), 'utf8'), key: readFileSync(file(`${fileName}.key`), 'utf8') };
}

const root = certificate('Root', 'root');
certificate('Between', 'between', 'root', true);
const byRoot = certificate('a-root', 'a-root', 'root');
const byBetween = certificate('a-between', 'a-between', 'between');

const hub = Hub.fromEnvironment();
let service;

async function ask(method, path, body, headers = {}) {
  const { SharedAccessKey: key } = parts(hub.connectionString);
  const text = body === undefined ? '' : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request({ host: hub.address, path: `${path}?api-version=2021-04-12`, method, agent: false,
      headers: { Authorization: sign(hub.address, key, Math.floor(Date.now() / 1000) + 600, 'iothubowner'),
        'Content-Length': Buffer.byteLength(text), ...headers } }, (got) => {
      const pieces = [];
      got.on('data', (piece) => pieces.push(piece)).on('error', reject);
      got.on('end', () => {
        const content = Buffer.concat(pieces).toString();
        resolve({ status: got.statusCode, body: content && JSON.parse(content) });
      });
    });
    sent.on('error', reject).end(text);
  });
}

function clientFor(id, credentials) {
  const client = ga.device.Client.fromConnectionString(`HostName=${hub.address};DeviceId=${id};x509=true`, ga.Mqtt);
  client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
  client.on('error', () => {});
  client.setOptions(credentials);
  client.calls = [];
  return client;
}

async function worksAs(id, credentials) {
  const client = clientFor(id, credentials);
  await client.open();
  await answer(client, { ping: (payload) => [200, payload] }, ga);
  const got = await untilOnline(() => call(service, 'invokeDeviceMethod', id, { methodName: 'ping', payload: id }));
  assert.deepEqual(value(got), { status: 200, payload: id });
  await close(client);
}

const isRefused = (id, credentials) => refused(clientFor(id, credentials), { name: 'UnauthorizedError' });

before(async () => {
  await hub.start();
  service = ga.service.Client.fromConnectionString(hub.connectionString);
  for (const id of ['a-root', 'a-between']) await hub.ok('device', 'create', '-d', id, '--auth-method', 'x509_ca');
});
after(() => hub.stop());

test('an authority is believed when possession of its key is proved, also after a restart, until it is deleted', async () => {
  const made = JSON.parse(await hub.ok('certificate', 'create', 'fleet', '--path', file('root.pem')));
  assert.equal(made.name, 'fleet');
  assert.equal(made.properties.isVerified, false);
  assert.match(made.properties.thumbprint, /^[0-9A-F]{40}$/);
  await isRefused('a-root', byRoot);

  const { properties } = JSON.parse(await hub.ok('certificate', 'generate-verification-code', 'fleet'));
  assert.match(properties.verificationCode, /^[0-9A-F]{48}$/);
  // A proof with another name, and one by another key.
  certificate('another name', 'wrong-name', 'root');
  const wrongName = await hub.cli('certificate', 'verify', 'fleet', '--path', file('wrong-name.pem'));
  assert.notEqual(wrongName.code, 0);
  assert.match(wrongName.stderr, /common name/);
  certificate(properties.verificationCode, 'wrong-key', 'between');
  assert.match((await hub.cli('certificate', 'verify', 'fleet', '--path', file('wrong-key.pem'))).stderr, /not signed/);
  await isRefused('a-root', byRoot);

  certificate(properties.verificationCode, 'proof', 'root');
  const verified = JSON.parse(await hub.ok('certificate', 'verify', 'fleet', '--path', file('proof.pem')));
  assert.equal(verified.properties.isVerified, true);
  await worksAs('a-root', byRoot);
  // The code is used up.
  assert.match((await hub.cli('certificate', 'verify', 'fleet', '--path', file('proof.pem'))).stderr, /No verification code/);
  await hub.stop('SIGKILL');
  await hub.start();
  await worksAs('a-root', byRoot);
  process.kill(hub.process.pid, 'SIGHUP');
  await worksAs('a-root', byRoot);
  assert.match(await hub.ok('audit', 'list', '-o', 'json'), /POST \/certificates\/\{\}\/verify/);

  await hub.ok('certificate', 'delete', 'fleet', '--yes');
  await isRefused('a-root', byRoot);
});

test('one between the root and the devices is enough, and one that is vouched for needs no proof', async () => {
  await isRefused('a-between', byBetween);
  await hub.ok('certificate', 'create', 'between', '--path', file('between.pem'), '--verified');
  await worksAs('a-between', byBetween);
  await isRefused('a-root', byRoot);
});

test('REST answers in the forms of the resource provider', async () => {
  const base64 = Buffer.from(root.cert).toString('base64'); // The bytes of the file, as the service takes them.
  const made = await ask('PUT', '/certificates/Fleet', { properties: { certificate: base64 } });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  assert.equal(made.body.type, 'Microsoft.Devices/IotHubs/Certificates');
  assert.equal(made.body.properties.subject, 'CN=Root');
  assert.match(made.body.properties.expiry, / GMT$/);
  assert.equal(made.body.properties.verificationCode, undefined);
  const listed = await ask('GET', '/certificates');
  assert.deepEqual(listed.body.value.map((one) => one.name), ['between', 'Fleet']);
  assert.equal((await ask('GET', '/certificates/fleet')).body.name, 'Fleet');
  assert.equal((await ask('GET', '/certificates/none')).status, 404);
  const stale = await ask('POST', '/certificates/fleet/generateVerificationCode', undefined, { 'If-Match': '"0"' });
  assert.equal(stale.status, 412);
  const first = await ask('POST', '/certificates/fleet/generateVerificationCode', undefined, { 'If-Match': made.body.etag });
  const second = await ask('POST', '/certificates/fleet/generateVerificationCode', undefined, { 'If-Match': first.body.etag });
  assert.notEqual(first.body.properties.verificationCode, second.body.properties.verificationCode);
  // What proves the first code proves nothing any more.
  certificate(first.body.properties.verificationCode, 'late', 'root');
  const late = await ask('POST', '/certificates/fleet/verify', { certificate: readFileSync(file('late.pem'), 'utf8') });
  assert.equal(late.status, 400, JSON.stringify(late.body));
  for (const [name, properties, status] of [
    ['x', {}, 400], ['x', { certificate: 'nonsense' }, 400], ['x', { certificate: byRoot.cert }, 400],
    ['a b', { certificate: base64 }, 400], ['n'.repeat(65), { certificate: base64 }, 400],
  ]) {
    const answer = await ask('PUT', `/certificates/${encodeURIComponent(name)}`, { properties });
    assert.equal(answer.status, status, `${name}: ${JSON.stringify(answer.body)}`);
  }
  for (let i = 2; i < 25; ++i) {
    assert.equal((await ask('PUT', `/certificates/c${i}`, { properties: { certificate: base64 } })).status, 200);
  }
  const beyond = await ask('PUT', '/certificates/c25', { properties: { certificate: base64 } });
  assert.equal(beyond.status, 400);
  assert.match(JSON.stringify(beyond.body), /at most 25/);
  assert.equal((await ask('DELETE', '/certificates/fleet', undefined, { 'If-Match': '*' })).status, 204);
  assert.equal((await ask('DELETE', '/certificates/fleet')).status, 404);
});
