// Today's Event Hubs client, unmodified, reads what today's device SDK sends.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { EventHubConsumerClient, earliestEventPosition, latestEventPosition } from '@azure/event-hubs';
import { Hub, call, parts, until } from '../../lib/hub.mjs';
import { close, ga } from '../../lib/devices.mjs';

const { Message } = createRequire(new URL('../ga/package.json', import.meta.url))('azure-iot-device');

globalThis.crypto ??= webcrypto; // The client takes it for granted; Debian's Node.js 18 hides it.
const hub = Hub.fromEnvironment();
const ids = ['door-1', 'door-2', 'lamp-1', 'lamp-2', 'lift'];
const devices = {};
let login;
before(async () => {
  await hub.start();
  login = (await hub.local('connection-string', '--event-hub', '--policy', 'service')).trim();
  for (const id of ids) devices[id] = await open(await hub.device(id));
});
after(async () => {
  for (const device of Object.values(devices)) await close(device);
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});

async function open(connectionString) {
  const client = ga.device.Client.fromConnectionString(connectionString, ga.Mqtt);
  client.on('error', () => {});
  await client.open();
  return client;
}

function send(id, body, { properties = {}, ...fields } = {}) {
  const message = new Message(Buffer.isBuffer(body) ? body : JSON.stringify(body));
  Object.assign(message, fields);
  for (const [name, value] of Object.entries(properties)) message.properties.add(name, value);
  return call(devices[id], 'sendEvent', message);
}

/** A client whose network waits are short, as the hub is near. */
const consumer = (group = '$Default', ...more) => new EventHubConsumerClient(group, login, ...more, {
  retryOptions: { maxRetries: 2, retryDelayInMs: 100 },
});

/** Reads until `probe(events)` is true; gives the events. */
async function read(client, probe, options = {}, partition) {
  const events = [];
  const errors = [];
  const handlers = {
    processEvents: async (some, context) => { for (const event of some) events.push(Object.assign(event, { partition: context.partitionId })); },
    processError: async (error) => { errors.push(error); },
  };
  const settings = { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1, ...options };
  const subscription = partition === undefined
    ? client.subscribe(handlers, settings) : client.subscribe(partition, handlers, settings);
  try {
    await until(() => probe(events, errors), () => `events; there are ${events.length} and errors ${errors}`);
  } finally {
    await subscription.close();
  }
  return { events, errors };
}

test('the endpoint tells what it is', async () => {
  const client = consumer();
  const { HostName } = parts(hub.connectionString);
  const properties = await client.getEventHubProperties();
  assert.equal(properties.name, HostName.split('.')[0]);
  assert.deepEqual(properties.partitionIds, ['0', '1', '2', '3']);
  const partition = await client.getPartitionProperties('0');
  assert.deepEqual(
    [partition.isEmpty, partition.lastEnqueuedSequenceNumber, partition.lastEnqueuedOffset], [true, -1, '-1']);
  await assert.rejects(client.getPartitionProperties('9'), { code: 'ArgumentOutOfRangeError' });
  await client.close();
});

test('all of a message arrives, from all partitions', async () => {
  const properties = { alert: 'true', 'a b': 'ü' };
  await send('door-1', { temp: 21.5 }, { messageId: 'm-1', correlationId: 'c-1', contentType: 'application/json', contentEncoding: 'utf-8', properties });
  for (const id of ids.slice(1)) await send(id, { from: id });
  await send('lift', Buffer.from([0, 255, 1]));
  const client = consumer();
  const { events, errors } = await read(client, (some) => some.length === 6);
  assert.deepEqual(errors, []);
  const event = events.find(({ systemProperties: s }) => s['iothub-connection-device-id'] === 'door-1');
  assert.deepEqual(event.body, { temp: 21.5 });
  assert.deepEqual(event.properties, properties);
  assert.equal(event.messageId, 'm-1');
  assert.equal(event.correlationId, 'c-1');
  assert.equal(event.contentType, 'application/json');
  assert.equal(event.systemProperties['iothub-message-source'], 'Telemetry');
  assert.equal(JSON.parse(event.systemProperties['iothub-connection-auth-method']).scope, 'device');
  assert.ok(Math.abs(event.enqueuedTimeUtc - Date.now()) < 3_600_000);
  assert.equal(Math.abs(event.systemProperties['iothub-enqueuedtime'] - event.enqueuedTimeUtc), 0);
  assert.equal(event.offset, String(event.sequenceNumber));
  const binary = events.find(({ body }) => Buffer.isBuffer(body));
  assert.deepEqual([...binary.body], [0, 255, 1]);
  const at = await client.getPartitionProperties(event.partition);
  assert.equal(at.isEmpty, false);
  assert.equal(at.lastEnqueuedOffset, String(at.lastEnqueuedSequenceNumber));
  await client.close();
});

test('every kind of position begins at its event', async () => {
  for (let n = 0; n < 30; n++) await send('lift', { n });
  const client = consumer();
  const { events } = await read(client, (some) => some.some(({ body }) => body.n === 29));
  const mine = events.filter(({ body }) => body.n !== undefined);
  const { partition } = mine[0];
  const from = async (startPosition) => {
    const { events: got } = await read(client, (some) => some.some(({ body }) => body.n === 29), { startPosition }, partition);
    return got.filter(({ body }) => body.n !== undefined).map(({ body }) => body.n);
  };
  const all = Array.from({ length: 30 }, (_, n) => n);
  assert.deepEqual(await from({ offset: mine[9].offset }), all.slice(10));
  assert.deepEqual(await from({ offset: mine[9].offset, isInclusive: true }), all.slice(9));
  assert.deepEqual(await from({ sequenceNumber: mine[9].sequenceNumber }), all.slice(10));
  assert.deepEqual(await from({ sequenceNumber: mine[9].sequenceNumber, isInclusive: true }), all.slice(9));
  const last = await from({ enqueuedOn: mine[29].enqueuedTimeUtc.getTime() - 1 });
  assert.ok(last.length >= 1 && last.length < 30 && last.at(-1) === 29);
  await client.close();
});

test('what comes arrives at once at a reader at the end, in order', async () => {
  const client = consumer();
  const got = [];
  const subscription = client.subscribe({
    processEvents: async (events) => { got.push(...events.map(({ body }) => body.late).filter((n) => n !== undefined)); },
    processError: async (error) => assert.fail(error),
  }, { startPosition: latestEventPosition, maxBatchSize: 7 });
  // A receiver is there when an event sent over and over reaches it.
  let n = 0;
  await until(async () => { await send('lamp-1', { late: n++ }); return got.length > 0; }, 'the receiver');
  for (const end = n + 300; n < end; n++) await send('lamp-1', { late: n });
  await until(() => got.at(-1) === n - 1, () => `message ${n - 1}; the last is ${got.at(-1)}`);
  got.forEach((value, i) => assert.equal(value, got[0] + i));
  await subscription.close();
  await client.close();
});

test('a higher owner level takes a partition over', async () => {
  const client = consumer();
  const errors = [];
  const watch = (ownerLevel, into) => client.subscribe('0', {
    processEvents: async () => {}, processError: async (error) => { into.push(error); },
  }, { startPosition: earliestEventPosition, ownerLevel, maxWaitTimeInSeconds: 1 });
  const other = consumer();
  const low = watch(1, errors);
  await until(async () => {
    const refused = [];
    const lower = other.subscribe('0', { processEvents: async () => {}, processError: async (error) => { refused.push(error); } },
      { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1, ownerLevel: 0 });
    const told = await until(() => refused[0] ?? (refused.waited = (refused.waited ?? 0) + 1) > 40, 'a word');
    await lower.close();
    return told.code === 'ReceiverDisconnectedError';
  }, 'the lower one to be refused');
  const high = other.subscribe('0', { processEvents: async () => {}, processError: async () => {} },
    { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1, ownerLevel: 7 });
  await until(() => errors.some(({ code }) => code === 'ReceiverDisconnectedError'), () => `the theft; ${errors}`);
  await low.close();
  await high.close();
  await client.close();
  await other.close();
});

test('unknown groups, partitions and keys are refused', async () => {
  const failure = async (client, partition = '0') => {
    const { errors } = await read(client, (_, some) => some.length > 0, {}, partition);
    await client.close();
    return errors[0];
  };
  assert.equal((await failure(consumer('none'))).code, 'MessagingEntityNotFoundError');
  assert.equal((await failure(consumer(), '17')).code, 'ArgumentOutOfRangeError');
  const bad = login.replace(/SharedAccessKey=[^;]*/, `SharedAccessKey=${Buffer.alloc(32, 7).toString('base64')}`);
  const client = new EventHubConsumerClient('$Default', bad, { retryOptions: { maxRetries: 0 } });
  await assert.rejects(client.getEventHubProperties(), { code: 'UnauthorizedError' });
  await client.close();
  await hub.ok('consumer-group', 'create', 'reports');
  const { errors } = await read(consumer('Reports'), (events) => events.length > 0);
  assert.deepEqual(errors, []);
});

/** A checkpoint store in memory. */
class Checkpoints {
  constructor() { this.owners = new Map(); this.places = new Map(); }
  async listOwnership() { return [...this.owners.values()]; }
  async claimOwnership(wanted) {
    const claimed = [];
    for (const one of wanted) {
      const held = this.owners.get(one.partitionId);
      if (held && held.etag !== one.etag) continue;
      const made = { ...one, etag: String(Math.random()), lastModifiedTimeInMs: Date.now() };
      this.owners.set(one.partitionId, made);
      claimed.push(made);
    }
    return claimed;
  }
  async updateCheckpoint(checkpoint) { this.places.set(checkpoint.partitionId, checkpoint); }
  async listCheckpoints() { return [...this.places.values()]; }
}

test('processors share the partitions, and go on from their checkpoints over kill -9', async () => {
  const store = new Checkpoints();
  const seen = [];
  const processor = (name) => {
    const client = new EventHubConsumerClient('$Default', login, store, {
      retryOptions: { retryDelayInMs: 100 }, loadBalancingOptions: { strategy: 'greedy', updateIntervalInMs: 500, partitionOwnershipExpirationIntervalInMs: 5000 },
    });
    const subscription = client.subscribe({
      processEvents: async (events, context) => {
        for (const event of events) {
          if (event.body.round !== undefined) seen.push({ ...event.body, by: name, partition: context.partitionId });
        }
        if (events.length > 0) await context.updateCheckpoint(events.at(-1));
      },
      processError: async () => {},
    }, { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1 });
    return { stop: async () => { await subscription.close(); await client.close(); } };
  };
  const count = (round) => new Set(seen.filter((event) => event.round === round).map(({ n }) => n)).size;
  const one = processor('one');
  const two = processor('two');
  const round = async (number) => {
    for (let n = 0; n < 40; n++) await send(ids[n % ids.length], { round: number, n });
    await until(() => count(number) === 40, () => `round ${number}; there are ${count(number)}`);
  };
  await round(1);
  await until(() => new Set([...store.owners.values()].map(({ ownerId }) => ownerId)).size === 2, 'both to own some');
  await hub.stop('SIGKILL');
  await hub.start();
  for (const id of ids) {
    await close(devices[id]);
    devices[id] = await open((await hub.local('connection-string', '--device', id)).trim());
  }
  await round(2);
  await one.stop();
  await two.stop();
  const third = processor('three');
  await round(3);
  await third.stop();
  assert.ok(!seen.some(({ by, round: r }) => by === 'three' && r === 1), 'nothing before its checkpoint');
});

test('a client that is shown the hub is redirected', async () => {
  const require = createRequire(new URL('./package.json', import.meta.url));
  const rhea = require('rhea');
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  const { sign } = await import('../../lib/hub.mjs');
  const token = sign(`${HostName}/messages/events`, SharedAccessKey, Math.floor(Date.now() / 1000) + 600, SharedAccessKeyName);
  const connection = rhea.connect({
    transport: 'tls', host: hub.address, port: 5671, servername: '', rejectUnauthorized: true, reconnect: false,
    username: `${SharedAccessKeyName}@sas.root.${HostName.split('.')[0]}`, password: token,
  });
  connection.open_receiver('messages/events/$management');
  const error = await new Promise((resolve, reject) => {
    connection.on('receiver_error', ({ receiver }) => resolve(receiver.error));
    connection.on('connection_error', ({ connection: c }) => reject(c.error));
    connection.on('disconnected', ({ error: e }) => reject(e));
  });
  assert.equal(error.condition, 'amqp:link:redirect');
  assert.equal(error.info.hostname, HostName);
  assert.match(error.info.address, /5671\/(.*)\/\$management/);
  connection.removeAllListeners('disconnected');
  connection.close();
});

test("an endpoint's own log is read under its name, with groups of its own", async () => {
  await hub.ok('endpoint', 'create', 'alarms', '--kind', 'events', '--retention', '3600');
  await hub.ok('route', 'create', 'alarms', '--condition', "level = 'high'", '--endpoint-name', 'alarms');
  await hub.ok('consumer-group', 'create', 'pagers', '--endpoint', 'alarms');
  const named = (await hub.local('connection-string', '--event-hub', '--policy', 'service', '--endpoint', 'alarms')).trim();
  assert.match(named, /;EntityPath=alarms$/);
  for (const [i, level] of ['high', 'low', 'high', 'low'].entries()) {
    await send('lift', { alarm: i }, { properties: { level } });
  }
  const open = (group) => new EventHubConsumerClient(group, named, { retryOptions: { maxRetries: 2, retryDelayInMs: 100 } });
  const client = open('pagers');
  try {
    const properties = await client.getEventHubProperties();
    assert.equal(properties.name, 'alarms');
    const { events } = await read(client, (some) => some.length === 2);
    assert.deepEqual(events.map(({ body }) => body.alarm), [0, 2]);
    assert.deepEqual(events.map(({ sequenceNumber }) => sequenceNumber), [0, 1]);
    const [{ partition }] = events;
    const reached = await client.getPartitionProperties(partition);
    assert.deepEqual([reached.beginningSequenceNumber, reached.lastEnqueuedSequenceNumber], [0, 1]);
    const { events: later } = await read(client, (some) => some.length === 1, { startPosition: { sequenceNumber: 0 } }, partition);
    assert.equal(later[0].body.alarm, 2);
  } finally {
    await client.close();
  }
  // A group of the hub's own log is none of the endpoint's.
  await hub.ok('consumer-group', 'create', 'web');
  const stranger = open('web');
  try {
    const { errors } = await read(stranger, (some, failed) => failed.length > 0);
    assert.match(String(errors[0]), /could not be found/);
  } finally {
    await stranger.close();
  }
});

test('over a kill of the hub each event is in the log of the endpoint once; it goes with its endpoint', async () => {
  const named = (await hub.local('connection-string', '--event-hub', '--policy', 'service', '--endpoint', 'alarms')).trim();
  for (let i = 10; i < 20; i++) await send('lamp-1', { alarm: i }, { properties: { level: 'high' } });
  await hub.stop('SIGKILL');
  await hub.start();
  const client = new EventHubConsumerClient('pagers', named, { retryOptions: { maxRetries: 2, retryDelayInMs: 100 } });
  const { events } = await read(client, (some) => some.length >= 12);
  assert.deepEqual(events.map(({ body }) => body.alarm).sort((a, b) => a - b), [0, 2, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  await client.close();
  await hub.ok('route', 'delete', 'alarms');
  await hub.ok('endpoint', 'delete', 'alarms', '--yes');
  assert.equal((await hub.cli('events', 'watch', '--endpoint', 'alarms', '--no-follow')).code, 3);
  const gone = new EventHubConsumerClient('$Default', named, { retryOptions: { maxRetries: 0 } });
  await assert.rejects(gone.getEventHubProperties(), /Unauthorized/); // Its token is for nothing that there is.
  await gone.close();
});
