// Devices that prove themselves by a client certificate: by its thumbprint, and by the authority
// that signed it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, call, parts, sign } from '../../lib/hub.mjs';
import { answer, close, ga, refused, untilOnline } from '../../lib/devices.mjs';
import { value } from '../../lib/jobs.mjs';

const directory = process.env.HUB_TEST_DIRECTORY;
const file = (name) => join(directory, name);
const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });

/** A P-256 key and a certificate for `name`: signed by itself, or by `authority`. */
function certificate(name, fileName, authority) {
  const [key, cert] = [file(`${fileName}.key`), file(`${fileName}.pem`)];
  const subject = ['-subj', `/CN=${name}`, '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key];
  if (authority === undefined) {
    openssl('req', '-x509', '-days', '2', ...subject, '-out', cert);
  } else {
    openssl('req', ...subject, '-out', file(`${fileName}.csr`));
    openssl('x509', '-req', '-days', '2', '-in', file(`${fileName}.csr`), '-CA', file(`${authority}.pem`),
      '-CAkey', file(`${authority}.key`), '-CAcreateserial', '-out', cert);
  }
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

const thumbprint = ({ cert }, digest) =>
  createHash(digest).update(new X509Certificate(cert).raw).digest('hex').toUpperCase();

certificate('Devices of the test', 'authority');
certificate('Somebody else', 'stranger');
const own = certificate('any name at all', 'own');
const other = certificate('any name at all', 'other');

const hub = Hub.fromEnvironment(['--config', file('hub.toml')]);
let service;
before(async () => {
  writeFileSync(file('hub.toml'), `[tls]\nclient_ca = "${file('authority.pem')}"\n`);
  await hub.start();
  service = ga.service.Client.fromConnectionString(hub.connectionString);
});
after(() => hub.stop());

function clientFor(id, credentials, transport = ga.Mqtt) {
  const client = ga.device.Client.fromConnectionString(`HostName=${hub.address};DeviceId=${id};x509=true`, transport);
  client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
  client.on('error', () => {});
  client.setOptions(credentials);
  client.calls = [];
  return client;
}

async function worksAs(id, credentials, transport) {
  const client = clientFor(id, credentials, transport);
  await client.open();
  await answer(client, { ping: (payload) => [200, payload] }, ga);
  const got = await untilOnline(() => call(service, 'invokeDeviceMethod', id, { methodName: 'ping', payload: id }));
  assert.deepEqual(value(got), { status: 200, payload: id });
  await close(client);
}

const byThumbprint = (id, primary, secondary) => hub.ok('device', 'create', '--device-id', id,
  '--auth-method', 'x509_thumbprint', '--primary-thumbprint', primary, '--secondary-thumbprint', secondary);
const byAuthority = (id) => hub.ok('device', 'create', '--device-id', id, '--auth-method', 'x509_ca');

test('a certificate with either thumbprint of the device is let in', async () => {
  await byThumbprint('x-thumb', thumbprint(other, 'sha1'), thumbprint(own, 'sha1'));
  await worksAs('x-thumb', own);
  await worksAs('x-thumb', other);
  await byThumbprint('x-thumb-256', thumbprint(own, 'sha256'), thumbprint(own, 'sha256').toLowerCase());
  await worksAs('x-thumb-256', own);
});

test('a certificate counts within a WebSocket too', async () => {
  await byThumbprint('x-ws', thumbprint(own, 'sha256'), thumbprint(own, 'sha256'));
  await worksAs('x-ws', own, ga.MqttWs);
});

test('a certificate counts over AMQP, and within a WebSocket', async () => {
  await byThumbprint('x-amqp', thumbprint(own, 'sha256'), thumbprint(own, 'sha256'));
  await worksAs('x-amqp', own, ga.Amqp);
  await byAuthority('x-amqp-signed');
  await worksAs('x-amqp-signed', certificate('x-amqp-signed', 'amqp-signed', 'authority'), ga.AmqpWs);
});

test('a certificate of another thumbprint is refused', async () => {
  await byThumbprint('x-wrong', thumbprint(own, 'sha1'), thumbprint(own, 'sha1'));
  await refused(clientFor('x-wrong', other), { name: 'UnauthorizedError' });
});

test('a certificate that a trusted authority made out to the device is let in', async () => {
  await byAuthority('x-signed');
  await worksAs('x-signed', certificate('x-signed', 'signed', 'authority'));
});

test('a certificate of another device, or of an authority that is not trusted, is refused', async () => {
  await byAuthority('x-mine');
  await refused(clientFor('x-mine', certificate('x-yours', 'yours', 'authority')), { name: 'UnauthorizedError' });
  await refused(clientFor('x-mine', certificate('x-mine', 'forged', 'stranger')), { name: 'UnauthorizedError' });
  await refused(clientFor('x-mine', certificate('x-mine', 'selfmade')), { name: 'UnauthorizedError' });
});

test('a certificate does not open a device that uses tokens, nor a token one that uses certificates', async () => {
  const connectionString = await hub.device('x-token');
  await refused(clientFor('x-token', own), { name: 'UnauthorizedError' });
  await byThumbprint('x-cert', thumbprint(own, 'sha1'), thumbprint(own, 'sha1'));
  const withToken = ga.device.Client.fromConnectionString(connectionString.replace('x-token', 'x-cert'), ga.Mqtt);
  withToken.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
  withToken.on('error', () => {});
  await refused(withToken, { name: 'UnauthorizedError' });
});

test('a device that uses tokens may show a certificate of an unknown authority beside its token', async () => {
  const { SharedAccessKey } = parts(await hub.device('x-both'));
  const client = ga.mqtt.connect(`mqtts://${hub.address}:8883`, {
    clientId: 'x-both', reconnectPeriod: 0, protocolVersion: 4, ...other,
    username: `${hub.address}/x-both/?api-version=2021-04-12`,
    password: sign(`${hub.address}/devices/x-both`, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600),
  });
  await new Promise((resolve, reject) => {
    client.once('connect', resolve);
    client.once('error', reject);
    client.once('close', () => reject(new Error('refused')));
  });
  await new Promise((resolve) => client.end(false, {}, resolve));
});
