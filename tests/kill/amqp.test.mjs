// A hub that is killed by SIGKILL, again and again, while devices on today's SDK send telemetry and receive messages
// over AMQP, in sockets and in WebSockets, from a back end on AMQP. KILL_COUNT=60 is the long form.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { close, ga } from '../lib/devices.mjs';

const fromGa = createRequire(new URL('../sdk/ga/package.json', import.meta.url));
const { Message } = fromGa('azure-iot-device');
const rhea = fromGa('rhea');
const kills = Number(process.env.KILL_COUNT ?? 5);
const hub = Hub.fromEnvironment();
let hasEnded = false;
before(() => hub.start());
after(() => {
  hasEnded = true; // Else a test that failed would not end.
  return hub.stop();
});

/** One attempt that a kill may leave without an answer. */
const attempt = (promise) => Promise.race([promise.then(() => 'done', () => 'lost'), sleep(5000, 'lost', { ref: false })]);

/** A device, what it sent and what it got, by their numbers. */
class Device {
  constructor(id, login, transport) {
    Object.assign(this, { id, login, transport, sent: 0, acknowledged: [], got: [], seen: new Set(), faults: [], isOver: false });
  }

  /** Connects, and again when the connection is lost, until it is told to end. */
  async live() {
    while (!this.isOver && !hasEnded) {
      const client = ga.device.Client.fromConnectionString(this.login, this.transport);
      client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
      const lost = new Promise((resolve) => {
        client.on('error', resolve);
        client.on('disconnect', resolve);
      });
      client.on('message', (one) => {
        this.came(Number(one.getData().toString()));
        client.complete(one, () => {});
      });
      if (await attempt(client.open()) === 'done') await Promise.race([lost, this.send(client)]);
      await Promise.race([close(client), sleep(1000, null, { ref: false })]);
    }
  }

  async send(client) {
    while (!this.isOver && !hasEnded) {
      if (this.isQuiet) {
        await sleep(20);
        continue;
      }
      this.sent += 1;
      const number = this.sent;
      if (await attempt(client.sendEvent(new Message(JSON.stringify({ number })))) !== 'done') return;
      this.acknowledged.push(number);
    }
  }

  came(number) {
    if (this.seen.has(number)) return;
    const last = this.got.at(-1) ?? 0;
    if (number < last) this.faults.push(`${this.id}: message ${number} came first after ${last}`);
    this.seen.add(number);
    this.got.push(number);
  }
}

/** A back end that sends numbered messages to all devices; gives what the hub acknowledged. On rhea, as today's
 *  service SDK does not survive the end of its connection (azure-iothub 1.16: amqp_common_errors, getErrorName). */
async function sendToAll(devices, isSending) {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  const password = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName);
  const acknowledged = new Map(devices.map(({ id }) => [id, []]));
  let number = 0;
  while (isSending()) {
    await new Promise((resolve) => {
      const outcomes = new Map(); // By delivery: the device and the number.
      const container = rhea.create_container();
      const connection = container.connect({
        transport: 'tls', host: hub.address, port: 5671, servername: '', ca: readFileSync(hub.caFile), reconnect: false,
        username: `${SharedAccessKeyName}@sas.root.${HostName.split('.')[0]}`, password,
      });
      const sender = connection.open_sender('/messages/devicebound');
      const timer = setInterval(() => {
        if (!isSending()) {
          if (outcomes.size === 0) connection.close();
          return;
        }
        if (!sender.sendable() || outcomes.size > 50) return;
        number += 1;
        for (const { id } of devices) {
          const body = rhea.message.data_section(Buffer.from(String(number)));
          outcomes.set(sender.send({ to: `/devices/${id}/messages/devicebound`, body }).id, [id, number]);
        }
      }, 20);
      const settled = (isAccepted) => ({ delivery }) => {
        const [id, sent] = outcomes.get(delivery.id);
        outcomes.delete(delivery.id);
        if (isAccepted) acknowledged.get(id).push(sent);
      };
      container.on('accepted', settled(true));
      container.on('rejected', settled(false)); // A queue is full.
      container.on('connection_error', () => {});
      container.on('sender_error', () => {});
      for (const end of ['disconnected', 'connection_close']) {
        container.on(end, () => {
          clearInterval(timer);
          setTimeout(resolve, 50);
        });
      }
    });
  }
  return acknowledged;
}

test(`nothing that was acknowledged over AMQP is lost or out of order over ${kills} kills`, async () => {
  const devices = [];
  for (const [id, transport] of [['a-0', ga.Amqp], ['a-1', ga.Amqp], ['a-2', ga.AmqpWs], ['a-3', ga.Amqp]]) {
    devices.push(new Device(id, await hub.device(id), transport));
  }
  const lives = devices.map((device) => device.live());
  let isSending = true;
  const sending = sendToAll(devices, () => isSending && !hasEnded);
  await until(() => devices.every(({ acknowledged, got }) => acknowledged.length > 0 && got.length > 0), 'messages both ways');
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(200 + Math.random() * 800);
    assert.equal(await hub.stop('SIGKILL'), 'SIGKILL');
    const before = devices.map(({ acknowledged }) => acknowledged.length);
    await hub.start();
    await until(() => devices.every(({ acknowledged }, i) => acknowledged.length > before[i]), 'each device to go on');
  }
  isSending = false;
  for (const device of devices) device.isQuiet = true;
  const acknowledged = await sending;
  const missing = () => devices.flatMap(({ id, seen }) => acknowledged.get(id).filter((number) => !seen.has(number)).map((number) => `${id}/${number}`));
  await until(() => missing().length === 0, () => `messages that were acknowledged and never came: ${missing().slice(0, 10)}`);
  for (const device of devices) device.isOver = true;
  await Promise.all(lives);
  assert.deepEqual(devices.flatMap(({ faults }) => faults), []);

  const lines = (await hub.ok('events', 'watch', '--from', 'earliest', '--no-follow', '-o', 'json')).trim().split('\n');
  const events = lines.map((line) => JSON.parse(line));
  let count = 0;
  for (const { id, acknowledged: numbers } of devices) {
    const kept = events.filter(({ deviceId }) => deviceId === id).map(({ body }) => body.number);
    assert.deepEqual(kept, [...kept].sort((a, b) => a - b), `the order of ${id}`);
    const there = new Set(kept);
    assert.deepEqual(numbers.filter((number) => !there.has(number)), [], `telemetry of ${id} that was acknowledged and is not there`);
    count += numbers.length;
  }
  const messages = [...acknowledged.values()].reduce((sum, { length }) => sum + length, 0);
  console.log(`# ${kills} kills, ${count} events and ${messages} messages acknowledged`);
});
