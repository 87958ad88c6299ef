// Routes to NATS JetStream, with Debian's nats-server: what a stock SDK sends is in the stream, whatever happens to
// the hub and the server on the way. Kafka: kafka.test.mjs, src/endpoint/brokers/kafka_sender_test.cpp.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';
import { close, ga } from '../lib/devices.mjs';
import { certify } from './certificates.mjs';
import { NatsServer, makeJwt, makeNkey } from './nats.mjs';

const { Message } = createRequire(new URL('../sdk/ga/package.json', import.meta.url))('azure-iot-device');
const folder = mkdtempSync(join(tmpdir(), 'carillon-nats-'));
const login = 'hub:a secret';
const server = new NatsServer('127.43.45.3', 4222, folder, login);
process.env.CARILLON_STORAGE__HOSTS = 'nats://127.43.45.3:4222,kafka://127.43.45.3:9092,tls://localhost:42253,tls://localhost:42254,tls://localhost:42255,' +
  [6, 7, 8].map((n) => `nats://127.43.45.3:4225${n}`).join();
process.env.CARILLON_STORAGE__CA_FILE = join(folder, 'ca.crt');
const hub = Hub.fromEnvironment();
const devices = {};

before(async () => {
  certify(folder, 'localhost', 'other.example', 'hub-client');
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

/** All that is shown of the endpoint that was in trouble last. */
let shown = '';
/** What an endpoint says of its trouble; it is gone then. There is no stream, so what can log in says that. */
async function trouble(name, url, ...words) {
  await hub.ok('endpoint', 'create', name, '--url', url, '--subject', 'plant.a', ...words);
  await hub.ok('route', 'create', name, '--endpoint-name', name);
  await send(11, 12);
  let text;
  await until(async () => { text = (await status(name)).lastError; return text; }, 'the trouble to be told');
  shown = await hub.ok('endpoint', 'show', name, '-o', 'json') + await hub.ok('endpoint', 'list', '-o', 'json');
  await hub.ok('route', 'delete', name);
  await hub.ok('endpoint', 'delete', name, '--yes');
  return text;
}

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
    const withLogin = ['--secret-file', join(hub.directory, 'login')];
    assert.match(await trouble('good', 'tls://localhost:42253', ...withLogin), /stream|responders/i, 'only the stream is missing');
    assert.doesNotMatch(await trouble('bad', 'tls://localhost:42254', ...withLogin), /stream|responders/i);
    assert.match(await trouble('bad2', 'tls://localhost:42254', ...withLogin), /SSL|TLS|certificate|hostname/i);
  } finally {
    for (const one of servers) await one.stop();
  }
});

test('a server that asks for a certificate is shown it, and takes no other', async () => {
  const own = (name) => join(folder, name);
  certify(join(folder, 'foreign'), 'hub-client');
  const server = new NatsServer('127.0.0.1', 42255, folder, undefined,
    ['--tls', '--tlscert', own('localhost.crt'), '--tlskey', own('localhost.key'), '--tlsverify', '--tlscacert', own('ca.crt')]);
  await server.start();
  try {
    assert.doesNotMatch(await trouble('nobody', 'tls://localhost:42255'), /stream|responders/i);
    const foreign = ['--client-certificate', own('foreign/hub-client.crt'), '--client-key', own('foreign/hub-client.key')];
    assert.doesNotMatch(await trouble('stranger', 'tls://localhost:42255', ...foreign), /stream|responders/i);
    const good = ['--client-certificate', own('hub-client.crt'), '--client-key', own('hub-client.key')];
    assert.match(await trouble('known', 'tls://localhost:42255', ...good), /stream|responders/i);
  } finally {
    await server.stop();
  }
  for (const [words, reason] of [
    [['--url', 'nats://127.43.45.3:42256', '--client-certificate', own('hub-client.crt'), '--client-key', own('hub-client.key')], /tls:/],
    [['--url', 'tls://localhost:42255', '--client-certificate', own('hub-client.crt')], /private key/],
    [['--url', 'tls://localhost:42255', '--client-certificate', own('hub-client.crt'), '--client-key', own('foreign/hub-client.key')], /another certificate/],
    [['--url', 'tls://localhost:42255', '--client-key', own('hub-client.key')], /--client-certificate/],
  ]) {
    const refused = await hub.cli('endpoint', 'create', 'half', '--subject', 'a', ...words);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, reason);
  }
});

test('tokens, nkeys and credentials log in, wrong ones do not, and none is ever shown', async () => {
  const [operator, account, user, other] = [makeNkey('O'), makeNkey('A'), makeNkey('U'), makeNkey('U')];
  const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const creds = (of) => '-----BEGIN NATS USER JWT-----\n' +
    `${makeJwt(account, of, { pub: {}, sub: {}, subs: -1, data: -1, payload: -1, type: 'user' })}\n------END NATS USER JWT------\n\n` +
    `-----BEGIN USER NKEY SEED-----\n${user.seed}\n------END USER NKEY SEED------\n`;
  writeFileSync(join(folder, 'nkey.conf'), `authorization { users: [ { nkey: ${user.name} } ] }\n`);
  writeFileSync(join(folder, 'jwt.conf'), `operator: ${makeJwt(operator, operator, { type: 'operator' })}\nresolver: MEMORY\n` +
    `resolver_preload: { ${account.name}: ${makeJwt(operator, account, { limits, type: 'account' })} }\n`);
  const logins = [
    [42256, ['--auth', 'a-long-token'], 'a-long-token', 'another-token'],
    [42257, ['-c', join(folder, 'nkey.conf')], user.seed, other.seed],
    [42258, ['-c', join(folder, 'jwt.conf')], creds(user), creds(other)],
  ];
  for (const [port, more, good, bad] of logins) {
    const server = await new NatsServer('127.43.45.3', port, folder, undefined, more).start();
    try {
      for (const [name, secret] of [[`good-${port}`, good], [`bad-${port}`, bad]]) {
        writeFileSync(join(hub.directory, name), secret);
        const said = await trouble(name, `nats://127.43.45.3:${port}`, '--secret-file', join(hub.directory, name));
        const hasCome = /stream|responders/i.test(said);
        assert.equal(hasCome, name.startsWith('good'), `${name}: ${said}`);
        assert.match(shown, new RegExp(`"${name}"`));
        for (const part of secret.split('\n').filter((line) => line && !line.startsWith('-'))) assert.ok(!(said + shown).includes(part), name);
      }
    } finally {
      await server.stop();
    }
  }
  const mistyped = user.seed.slice(0, 30) + (user.seed[30] === 'A' ? 'B' : 'A') + user.seed.slice(31);
  writeFileSync(join(hub.directory, 'mistyped'), mistyped);
  const refused = await hub.cli('endpoint', 'create', 'half', '--url', 'nats://127.43.45.3:42256', '--subject', 'a', '--secret-file', join(hub.directory, 'mistyped'));
  assert.match(refused.stderr, /mistyped/);
});
