// A hub that is killed by SIGKILL, again and again, while messages are sent to devices that receive them over
// MQTT and HTTPS. KILL_COUNT=60 is the long form.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Agent, request } from 'node:https';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { ga } from '../lib/devices.mjs';

const kills = Number(process.env.KILL_COUNT ?? 8);
const hub = Hub.fromEnvironment();
const agent = new Agent({ keepAlive: true, maxSockets: 32 });
let isOver = false;
let owner;
before(async () => {
  await hub.start();
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  owner = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 7200, SharedAccessKeyName);
});
const clients = [];
after(() => {
  isOver = true;
  for (const client of clients) client.end(true); // Else a test that failed would not end.
  agent.destroy();
  return hub.stop();
});

/** One request; status 0 where no answer came. */
function ask(method, path, { Authorization = owner, headers = {}, body = '' } = {}) {
  return new Promise((resolve) => {
    const lost = () => resolve({ status: 0, headers: {}, body: '' });
    const sent = request({
      agent, host: hub.address, ca: readFileSync(hub.caFile), method, timeout: 20_000,
      path: `${path}${path.includes('?') ? '&' : '?'}api-version=2021-04-12`,
      headers: { Authorization, 'Content-Length': Buffer.byteLength(body), ...headers },
    }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('error', lost);
      answer.on('aborted', lost);
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces).toString() }));
    });
    sent.on('timeout', () => sent.destroy());
    sent.on('error', lost);
    sent.end(body);
  });
}

/** What is known of one device's messages, by their numbers. */
class Story {
  constructor(id, connectionString) {
    this.id = id;
    const { SharedAccessKey } = parts(connectionString);
    this.token = sign(`${hub.address}/devices/${id}`, SharedAccessKey, Math.floor(Date.now() / 1000) + 7200);
    this.sent = 0;
    this.acknowledged = new Set(); // by the hub, to the sender
    this.delivered = [];           // in their order, each when it came first
    this.seen = new Set();
    this.completed = new Set();    // acknowledged by the hub, to the device
    this.faults = [];
  }

  came(number) {
    if (this.completed.has(number)) this.faults.push(`${this.id}: ${number} came again after its completion was acknowledged`);
    if (this.seen.has(number)) return;
    const last = this.delivered.at(-1) ?? 0;
    if (number < last) this.faults.push(`${this.id}: ${number} came first after ${last}`);
    this.seen.add(number);
    this.delivered.push(number);
  }
}

/** Sends numbered messages, one after another; one whose answer was lost may be queued all the same. */
async function send(story, isSending) {
  while (isSending()) {
    story.sent += 1;
    const number = story.sent;
    const headers = { 'iothub-messageid': `${story.id}/${number}`, 'iothub-ack': 'full' };
    const { status, body } = await ask('POST', `/devices/${story.id}/messages/devicebound`, { headers, body: String(number) });
    if (status === 204) story.acknowledged.add(number);
    else if (status === 403) await sleep(50);
    else if (status === 0 || status === 503) await sleep(20);
    else story.faults.push(`${story.id}: a message was answered with ${status}: ${body}`);
  }
}

async function poll(story) {
  const queue = `/devices/${story.id}/messages/devicebound`;
  while (!isOver) {
    const { status, headers, body } = await ask('GET', `${queue}?iothub-messagelocktimeout=5`, { Authorization: story.token });
    if (status !== 200) {
      if (status !== 204 && status !== 0) story.faults.push(`${story.id}: a poll was answered with ${status}: ${body}`);
      await sleep(20);
      continue;
    }
    story.came(Number(body));
    const settled = await ask('DELETE', `${queue}/${headers.etag.slice(1, -1)}`, { Authorization: story.token });
    if (settled.status === 204) story.completed.add(Number(body));
    else if (settled.status !== 0 && settled.status !== 412) story.faults.push(`${story.id}: a completion was answered with ${settled.status}`);
  }
}

function listen(story) {
  const client = ga.mqtt.connect(`mqtts://${hub.address}:8883`, {
    clientId: story.id, clean: false, reconnectPeriod: 50, protocolVersion: 4, resubscribe: true,
    username: `${hub.address}/${story.id}/?api-version=2021-04-12`, password: story.token,
  });
  client.on('error', () => {});
  client.on('connect', () => client.subscribe(`devices/${story.id}/messages/devicebound/#`, { qos: 1 }));
  client.on('message', (topic, payload) => story.came(Number(payload.toString())));
  return client;
}

test(`no message is lost, out of order or told twice as complete over ${kills} kills`, async () => {
  const stories = [];
  for (let i = 0; i < 8; i += 1) {
    const id = `k-${i}`;
    stories.push(new Story(id, await hub.device(id)));
  }
  clients.push(...stories.slice(0, 4).map(listen));
  const polls = stories.slice(4).map(poll);
  let isSending = true;
  const senders = stories.map((story) => send(story, () => isSending));
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(100 + Math.random() * 400);
    assert.equal(await hub.stop('SIGKILL'), 'SIGKILL');
    await hub.start();
  }
  await sleep(300);
  isSending = false;
  await Promise.all(senders);

  const missing = () => stories.flatMap((story) => [...story.acknowledged].filter((number) => !story.seen.has(number))
    .map((number) => `${story.id}/${number}`));
  await until(() => missing().length === 0, () => `messages that were acknowledged and never came: ${missing().slice(0, 10)}`);
  const counts = async () => Promise.all(stories.map(async ({ id }) => JSON.parse((await ask('GET', `/devices/${id}`)).body).cloudToDeviceMessageCount));
  await until(async () => (await counts()).every((count) => count === 0), 'all queues to be empty');

  // Every acknowledged message was completed in the end, and its sender asked to be told.
  const told = new Set();
  const untold = () => stories.flatMap(({ id, acknowledged }) => [...acknowledged].map((number) => `${id}/${number}`))
    .filter((name) => !told.has(name));
  await until(async () => {
    const { status, headers, body } = await ask('GET', '/messages/serviceBound/feedback');
    if (status === 200) {
      for (const { originalMessageId, statusCode } of JSON.parse(body)) {
        assert.equal(statusCode, 'Success', originalMessageId);
        told.add(originalMessageId);
      }
      await ask('DELETE', `/messages/serviceBound/feedback/${headers.etag.slice(1, -1)}`);
    }
    return untold().length === 0;
  }, () => `feedback on ${untold().slice(0, 10)}`, 120);

  isOver = true;
  await Promise.all(polls);
  for (const client of clients) client.end(true);
  assert.deepEqual(stories.flatMap(({ faults }) => faults), []);
  const total = stories.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0);
  assert.ok(total > kills * 20, `only ${total} messages were acknowledged`);
  console.log(`# ${total} messages over ${kills} kills`);
});
