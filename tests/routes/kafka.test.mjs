// Routes to Kafka that log in: by SASL and by client certificate, right and wrong, against a stand-in for a broker
// (kafka.mjs) that checks both. What a producer does with a cluster: src/endpoint/brokers/kafka_sender_test.cpp.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';
import { close, ga } from '../lib/devices.mjs';
import { certify } from './certificates.mjs';
import { KafkaBroker } from './kafka.mjs';

const { Message } = createRequire(new URL('../sdk/ga/package.json', import.meta.url))('azure-iot-device');
const folder = mkdtempSync(join(tmpdir(), 'carillon-kafka-'));
const password = 'a, s=cret: word';
const at = (port) => `127.43.45.9:${port}`;
process.env.CARILLON_STORAGE__HOSTS = `kafka://${at(9092)},kafka://${at(9093)},kafkas://localhost:42259`;
process.env.CARILLON_STORAGE__CA_FILE = join(folder, 'ca.crt');
const hub = Hub.fromEnvironment();
const own = (name) => join(folder, name);
let device;
let sent = 0;

before(async () => {
  certify(folder, 'localhost', 'hub-client');
  certify(own('foreign'), 'hub-client');
  for (const [file, text] of [['good', password], ['wrong', 'another word']]) writeFileSync(own(file), `hub:${text}\n`);
  await hub.start();
  device = ga.device.Client.fromConnectionString(await hub.device('pump-1'), ga.Mqtt);
  device.on('error', () => {});
  await device.open();
});
after(async () => {
  await close(device);
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
  rmSync(folder, { recursive: true });
});

const send = async () => { await device.sendEvent(new Message(JSON.stringify({ n: sent += 1 }))); };
const show = (name) => hub.ok('endpoint', 'show', name, '-o', 'json');
const lastError = async (name) => JSON.parse(await show(name)).status.lastError;
const create = (name, url, ...words) => hub.ok('endpoint', 'create', name, '--url', url, '--topic', 'telemetry', '-o', 'json', ...words);
/** Runs `body` with a route to an endpoint that is made so. */
async function routed(name, made, body) {
  await made();
  await hub.ok('route', 'create', name, '--endpoint-name', name);
  try {
    await body();
  } finally {
    await hub.ok('route', 'delete', name);
  }
}
const numbers = (broker) => broker.records.map(({ event }) => event.body.n);

for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) {
  test(`${mechanism} logs in; a wrong password is reported and loses no event`, async () => {
    const broker = await new KafkaBroker('127.43.45.9', 9092, 'telemetry', { users: { hub: password }, mechanisms: [mechanism] }).start();
    const name = mechanism.toLowerCase();
    const make = (file) => create(name, `kafka://${at(9092)}`, '--secret-file', own(file), ...(mechanism === 'PLAIN' ? [] : ['--mechanism', mechanism]));
    try {
      await routed(name, () => make('wrong'), async () => {
        const first = sent + 1;
        await send();
        await until(async () => /authentication failed/i.test(await lastError(name) ?? ''), 'the refusal to be told');
        await send();
        assert.equal(broker.records.length, 0);
        assert.ok(broker.refused > 0);
        const made = await make('good');
        await until(() => broker.records.length === 2, 'the events');
        await send();
        await until(() => broker.records.length === 3, 'the event behind them');
        assert.deepEqual(numbers(broker), [first, first + 1, first + 2]);
        for (const { user, mechanism: by, key } of broker.records) assert.deepEqual([user, by, key], ['hub', mechanism, 'pump-1']);
        assert.deepEqual([JSON.parse(made).hasCredentials, JSON.parse(made).mechanism], [true, mechanism]);
      });
    } finally {
      await broker.stop();
    }
  });
}

test('a mechanism that the broker does not support is reported; impossible settings are refused', async () => {
  const broker = await new KafkaBroker('127.43.45.9', 9093, 'telemetry', { users: { hub: password }, mechanisms: ['SCRAM-SHA-512'] }).start();
  try {
    await routed('unknown', () => create('unknown', `kafka://${at(9093)}`, '--secret-file', own('good'), '--mechanism', 'SCRAM-SHA-256'), async () => {
      await send();
      await until(async () => /mechanism/i.test(await lastError('unknown') ?? ''), 'the mechanism to be told of');
    });
    assert.equal(broker.records.length, 0);
  } finally {
    await broker.stop();
  }
  for (const [words, reason] of [[['--mechanism', 'GSSAPI'], /mechanism/], [['--client-certificate', own('hub-client.crt'), '--client-key', own('hub-client.key')], /kafkas:/]]) {
    const refused = await hub.cli('endpoint', 'create', 'half', '--url', `kafka://${at(9093)}`, '--topic', 't', ...words);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, reason);
  }
});

test('over TLS a client certificate is shown, alone and with a password, and no other is taken', async () => {
  const tls = { key: readFileSync(own('localhost.key')), cert: readFileSync(own('localhost.crt')), ca: readFileSync(own('ca.crt')), requestCert: true, rejectUnauthorized: true };
  const url = 'kafkas://localhost:42259';
  const good = ['--client-certificate', own('hub-client.crt'), '--client-key', own('hub-client.key')];
  const options = { tls, name: 'localhost' };
  let broker = await new KafkaBroker('127.0.0.1', 42259, 'telemetry', options).start();
  try {
    const foreign = ['--client-certificate', own('foreign/hub-client.crt'), '--client-key', own('foreign/hub-client.key')];
    for (const [name, words] of [['no-certificate', []], ['foreign', foreign]]) {
      await routed(name, () => create(name, url, ...words), async () => {
        await send();
        let said;
        await until(async () => { said = await lastError(name); return /SSL|TLS|certificate|alert/i.test(said ?? ''); }, () => `the refusal to be told; it is ${said}`);
      });
      assert.equal(broker.records.length, 0);
    }
    await routed('certified', () => create('certified', url, ...good), async () => {
      await send();
      await until(() => broker.records.length === 1, 'the event');
      assert.equal(broker.records[0].certificate, 'hub-client');
    });
    await broker.stop();
    broker = await new KafkaBroker('127.0.0.1', 42259, 'telemetry', { ...options, users: { hub: password } }).start();
    await routed('both', () => create('both', url, ...good, '--secret-file', own('good'), '--mechanism', 'SCRAM-SHA-512'), async () => {
      await send();
      await until(() => broker.records.length === 1, 'the event');
      const { user, certificate, mechanism } = broker.records[0];
      assert.deepEqual([user, certificate, mechanism], ['hub', 'hub-client', 'SCRAM-SHA-512']);
    });
  } finally {
    await broker.stop();
  }
});

test('no secret is shown, logged or traced, and those at rest are for the hub alone', async () => {
  const key = readFileSync(own('hub-client.key'), 'utf8').split('\n')[1];
  const traced = await hub.cli('endpoint', 'create', 'both', '--url', 'kafkas://localhost:42259', '--topic', 'telemetry',
    '--secret-file', own('good'), '--mechanism', 'SCRAM-SHA-512', '--client-certificate', own('hub-client.crt'), '--client-key', own('hub-client.key'), '--trace');
  assert.equal(traced.code, 0, traced.stderr);
  const { hasCredentials, hasClientCertificate } = JSON.parse(await show('both'));
  assert.deepEqual([hasCredentials, hasClientCertificate], [true, true]);
  const seen = [traced.stdout, traced.stderr, await show('both'), await hub.ok('endpoint', 'list', '-o', 'json'), await hub.ok('audit', 'list', '-o', 'json'), hub.log()];
  for (const text of seen) {
    assert.ok(!text.includes(password));
    assert.ok(!text.includes(key));
  }
  assert.equal(statSync(join(hub.directory, 'data', 'store')).mode & 0o077, 0, 'nobody else enters the store');
});
