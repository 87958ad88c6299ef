// Routes to NATS JetStream, with Debian's nats-server: what a stock SDK sends is in the stream, whatever happens to
// the hub and the server on the way. Kafka: src/endpoint/brokers/kafka_sender_test.cpp.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';
import { close, ga } from '../lib/devices.mjs';
import { NatsServer } from './nats.mjs';

const { Message } = createRequire(new URL('../sdk/ga/package.json', import.meta.url))('azure-iot-device');
const folder = mkdtempSync(join(tmpdir(), 'carillon-nats-'));
const login = 'hub:a secret';
const server = new NatsServer('127.43.45.3', 4222, folder, login);
process.env.CARILLON_STORAGE__HOSTS = 'nats://127.43.45.3:4222,kafka://127.43.45.3:9092,tls://localhost:42253,tls://localhost:42254';
process.env.CARILLON_STORAGE__CA_FILE = join(folder, 'ca.crt');
const hub = Hub.fromEnvironment();
const devices = {};

/** Keys and certificates of an authority, and of servers of these names. */
function certify(...names) {
  const openssl = (...words) => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=authority', '-days', '2');
  for (const name of names) {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(join(folder, `${name}.ext`), `subjectAltName=DNS:${name}\n`);
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.crt`);
  }
}

before(async () => {
  certify('localhost', 'other.example');
  await server.start();
  await hub.start();
  for (const id of ['pump-1', 'pump.2']) {
    devices[id] = ga.device.Client.fromConnectionString(await hub.device(id), ga.Mqtt);
    devices[id].on('error', () => {});
    await devices[id].open();
  }
});
after(async () => {
  for (const device of Object.values(devices)) await close(device);
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
  await server.stop();
  rmSync(folder, { recursive: true });
});

const send = async (from, to) => {
  for (let n = from; n < to; n += 1) {
    for (const device of Object.values(devices)) await device.sendEvent(new Message(JSON.stringify({ n })));
  }
};
const status = async (name) => JSON.parse(await hub.ok('endpoint', 'show', name, '-o', 'json')).status;
const numbers = (messages, id) => messages.filter(({ event }) => event.deviceId === id).map(({ event }) => event.body.n);

test('a broker that the settings do not name is refused, and a secret is never shown', async () => {
  for (const url of ['nats://127.43.45.3:4223', 'tls://127.43.45.3:4222', 'kafka://127.43.45.4:9092', 'kafka://127.43.45.3:9092,b:9092']) {
    const refused = await hub.cli('endpoint', 'create', 'wrong', '--url', url, '--topic', 't');
    assert.notEqual(refused.code, 0, url);
    assert.match(refused.stderr, /storage\.hosts|subject|topic/, url);
  }
  for (const subject of ['$JS.API.STREAM.DELETE.PLANT', 'a b', 'a..b', 'a.*', 'a.>']) {
    const refused = await hub.cli('endpoint', 'create', 'wrong', '--url', 'nats://127.43.45.3:4222', '--subject', subject);
    assert.match(refused.stderr, /subject takes/, subject);
  }
  writeFileSync(join(hub.directory, 'login'), `${login}\n`);
  const made = await hub.ok('endpoint', 'create', 'stream', '--url', 'nats://127.43.45.3:4222', '--subject', 'plant.{endpoint}.{deviceId}', '--secret-file', join(hub.directory, 'login'), '-o', 'json');
  assert.doesNotMatch(made, /a secret/);
  const { type, subject, hasCredentials } = JSON.parse(made);
  assert.deepEqual([type, subject, hasCredentials], ['nats', 'plant.{endpoint}.{deviceId}', true]);
  await hub.ok('route', 'create', 'all', '--endpoint-name', 'stream');
});

test('without a stream of that subject the endpoint says so, and sends when there is one', async () => {
  await send(0, 5);
  await until(async () => /stream|responders/i.test((await status('stream')).lastError ?? ''), 'the trouble to be told');
  await server.create('PLANT', ['plant.>']);
  await until(async () => (await server.messages('PLANT')).length === 10, 'the messages');
  const messages = await server.messages('PLANT');
  assert.deepEqual([...new Set(messages.map(({ subject }) => subject))].sort(), ['plant.stream.pump%2E2', 'plant.stream.pump-1']);
  for (const { id, event } of messages) assert.match(id, new RegExp(`-${event.partition}-${event.sequenceNumber}$`));
  for (const id of Object.keys(devices)) assert.deepEqual(numbers(messages, id), [0, 1, 2, 3, 4]);
});

test('nothing is lost, twice or out of order over kills of the hub and of the server', async () => {
  await send(5, 8);
  await server.stop();
  await send(8, 11);
  await until(async () => (await status('stream')).state === 'retrying', 'the endpoint to notice');
  await hub.stop('SIGKILL');
  await hub.start();
  await server.start();
  await until(async () => (await server.messages('PLANT')).length >= 22, 'the messages of the outage');
  const messages = await server.messages('PLANT');
  for (const id of Object.keys(devices)) assert.deepEqual(numbers(messages, id), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  await until(async () => (await status('stream')).eventsBehind === 0, 'the endpoint to have caught up');
});

test('over TLS the certificate must be of an authority that is trusted, and of that server', async () => {
  const servers = [];
  try {
    for (const [port, name] of [[42253, 'localhost'], [42254, 'other.example']]) {
      const files = ['--tls', '--tlscert', join(folder, `${name}.crt`), '--tlskey', join(folder, `${name}.key`)];
      servers.push(await new NatsServer('127.0.0.1', port, join(folder, name), login, files).start());
    }
    const trouble = async (name, port) => {
      await hub.ok('endpoint', 'create', name, '--url', `tls://localhost:${port}`, '--subject', 'plant.a', '--secret-file', join(hub.directory, 'login'));
      await hub.ok('route', 'create', name, '--endpoint-name', name);
      await send(11, 12);
      let text;
      await until(async () => { text = (await status(name)).lastError; return text; }, 'the trouble to be told');
      await hub.ok('route', 'delete', name);
      return text;
    };
    assert.match(await trouble('good', 42253), /stream|responders/i, 'only the stream is missing');
    assert.doesNotMatch(await trouble('bad', 42254), /stream|responders/i);
    assert.match(await trouble('bad2', 42254), /SSL|TLS|certificate|hostname/i);
  } finally {
    for (const one of servers) await one.stop();
  }
});
