// A hub that is killed by SIGKILL, again and again, while messages are sent to devices that receive them over
// MQTT, HTTPS and AMQP, these devices send telemetry, and routes lead that to a webhook, to files and to a log of
// its own. KILL_COUNT=60 is the long form.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { Webhook } from '../routes/webhook.mjs';
import { Line, Story, listen, poll, receive } from './stories.mjs';

const kills = Number(process.env.KILL_COUNT ?? 8);
const hook = new Webhook('127.43.31.9');
await hook.start();
process.env.CARILLON_STORAGE__HOSTS = hook.origin;
const hub = Hub.fromEnvironment();
const line = new Line(hub);
let isOver = false;
const endings = [];
before(async () => {
  await hub.start();
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  line.owner = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 7200, SharedAccessKeyName);
  const put = async (path, body) => {
    const { status, body: text } = await line.ask('PUT', path, { body: JSON.stringify(body) });
    assert.equal(status, 200, text);
  };
  await put('/carillon/endpoints/hook', { type: 'webhook', url: `${hook.origin}/in` });
  await put('/carillon/endpoints/files', { type: 'file', container: 'file:kept', maxWaitSeconds: 1 });
  await put('/carillon/endpoints/copy', { type: 'events' });
  await put('/carillon/routes/all', { endpointNames: ['hook', 'files', 'copy'] });
});
after(async () => {
  isOver = true;
  for (const end of endings) end(); // Else a test that failed would not end.
  line.close();
  await hub.stop();
  await hook.stop();
});

/** Sends numbered messages, one after another; one whose answer was lost may be queued all the same. */
async function send(story, isSending) {
  while (isSending()) {
    story.sent += 1;
    const number = story.sent;
    const headers = { 'iothub-messageid': `${story.id}/${number}`, 'iothub-ack': 'full' };
    const { status, body } = await line.ask('POST', `/devices/${story.id}/messages/devicebound`, { headers, body: String(number) });
    if (status === 204) story.acknowledged.add(number);
    else if (status === 403) await sleep(50);
    else if (status === 0 || status === 503) await sleep(20);
    else story.faults.push(`${story.id}: a message was answered with ${status}: ${body}`);
  }
}

/** Reads the log of all partitions from its beginning, over whatever happens to the hub: which numbers came. */
async function readAll(endpoint, isReading) {
  const seen = [];
  const faults = [];
  let after = '';
  while (isReading()) {
    const { status, body } = await line.ask('GET', `/carillon/events?from=earliest&follow=false${endpoint}${after && `&after=${after}`}`);
    if (status !== 200) {
      await sleep(20);
      continue;
    }
    const next = new Map(after.split(',').filter(Boolean).map((place) => place.split(':').map(Number)));
    // What was cut off in the middle of a line is read again.
    for (const text of body.slice(0, body.lastIndexOf('\n') + 1).split('\n').filter((one) => one !== '')) {
      const event = JSON.parse(text);
      const expected = next.get(event.partition) ?? 0;
      if (event.sequenceNumber !== expected) faults.push(`the reader of ${endpoint || 'the own log'} got ${event.sequenceNumber} at ${expected} of partition ${event.partition}`);
      next.set(event.partition, event.sequenceNumber + 1);
      seen.push(event);
    }
    after = [...next].map(([partition, number]) => `${partition}:${number}`).join(',');
    await sleep(100);
  }
  return { seen, faults };
}

const nameOf = ({ deviceId, body }) => `${deviceId} ${body.number}`;

/** Each device's numbers rise, when only the first time that each came is looked at. */
function assertOrder(events, what) {
  const last = new Map();
  const seen = new Set();
  for (const event of events) {
    if (seen.has(nameOf(event))) continue;
    seen.add(nameOf(event));
    assert.ok(event.body.number > (last.get(event.deviceId) ?? 0), `${what}: ${nameOf(event)} after ${last.get(event.deviceId)}`);
    last.set(event.deviceId, event.body.number);
  }
  return seen;
}

/** Events of all whole files. A file may come twice where the hub was killed right behind it, under one name. */
function filed() {
  const root = join(hub.directory, 'data', 'import-export', 'kept');
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ndjson'));
  const events = files.flatMap((file) => readFileSync(join(file.parentPath ?? file.path, file.name), 'utf8')
    .split('\n').filter((one) => one !== '').map((one) => JSON.parse(one)));
  return events.sort((a, b) => a.partition - b.partition || a.sequenceNumber - b.sequenceNumber);
}

test(`no message is lost, out of order or told twice as complete over ${kills} kills`, async () => {
  const stories = [];
  for (let i = 0; i < 9; i += 1) {
    const id = `k-${i}`;
    stories.push(new Story(hub, id, await hub.device(id)));
  }
  const isLiving = () => !isOver;
  const [mqtt, https, amqp] = [stories.slice(0, 3), stories.slice(3, 6), stories.slice(6)];
  for (const story of mqtt) endings.push(listen(line, story, isLiving, { losesSubscribe: story === mqtt[0] }));
  const lives = [...https.map((story) => poll(line, story, isLiving)), ...amqp.map((story) => receive(line, story, isLiving))];
  let isSending = true;
  let isReading = true;
  const senders = stories.map((story) => send(story, () => isSending && !isOver));
  const readers = ['', '&endpoint=copy'].map((endpoint) => readAll(endpoint, () => isReading && !isOver));
  const count = (what) => stories.reduce((sum, story) => sum + story[what].size, 0);
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(100 + Math.random() * 400);
    // A kill that nothing was acknowledged before proves nothing, however busy the machine is.
    await until(() => count('acknowledged') > (kill + 1) * 20 && count('reported') > (kill + 1) * 20,
      () => `messages before kill ${kill + 1}: ${count('acknowledged')} to devices, ${count('reported')} from them`);
    assert.equal(await hub.stop('SIGKILL'), 'SIGKILL');
    for (const story of stories) story.note(`kill ${kill + 1}`);
    await hub.start();
    for (const story of stories) story.note('the hub is ready');
  }
  await sleep(300);
  isSending = false;
  for (const story of stories) story.isQuiet = true;
  await Promise.all(senders);

  const missing = () => stories.flatMap((story) => [...story.acknowledged].filter((number) => !story.seen.has(number))
    .map((number) => `${story.id}/${number}`));
  const isShort = ({ acknowledged, seen }) => [...acknowledged].some((number) => !seen.has(number));
  const account = async (story) => `${story.history()}\n  the hub: ${(await line.ask('GET', `/devices/${story.id}`)).body}`;
  await until(() => missing().length === 0, async () => `messages that were acknowledged and never came: ${missing().slice(0, 10)}\n`
    + (await Promise.all(stories.filter(isShort).map(account))).join('\n'));
  const counts = async () => Promise.all(stories.map(async ({ id }) => JSON.parse((await line.ask('GET', `/devices/${id}`)).body).cloudToDeviceMessageCount));
  await until(async () => (await counts()).every((count) => count === 0), 'all queues to be empty');

  // Every acknowledged message was completed in the end, and its sender asked to be told.
  const told = new Set();
  const untold = () => stories.flatMap(({ id, acknowledged }) => [...acknowledged].map((number) => `${id}/${number}`))
    .filter((name) => !told.has(name));
  await until(async () => {
    const { status, headers, body } = await line.ask('GET', '/messages/serviceBound/feedback');
    if (status === 200) {
      for (const { originalMessageId, statusCode } of JSON.parse(body)) {
        assert.equal(statusCode, 'Success', originalMessageId);
        told.add(originalMessageId);
      }
      await line.ask('DELETE', `/messages/serviceBound/feedback/${headers.etag.slice(1, -1)}`);
    }
    return untold().length === 0;
  }, () => `feedback on ${untold().slice(0, 10)}`, 120);

  // Telemetry that was acknowledged is in the log, at the webhook, in files and in the endpoint's log.
  const idle = async (name) => {
    const { status } = JSON.parse((await line.ask('GET', `/carillon/endpoints/${name}`)).body);
    return status.state === 'idle' && status.eventsBehind === 0;
  };
  for (const name of ['hook', 'files', 'copy']) await until(() => idle(name), `${name} to have all`, 60);
  await sleep(500); // For a last look of the readers.
  isReading = false;
  const read = await Promise.all(readers);
  assert.deepEqual(read.flatMap(({ faults }) => faults), []);
  const [own, copy] = read.map(({ seen }) => seen);
  const reported = stories.flatMap(({ id, reported: numbers }) => [...numbers].map((number) => `${id} ${number}`));
  const all = { own, copy, webhook: hook.taken.map(({ data }) => data), files: filed() };
  for (const [what, events] of Object.entries(all)) {
    const seen = assertOrder(events, what);
    assert.deepEqual(reported.filter((name) => !seen.has(name)).slice(0, 10), [], `acknowledged telemetry that ${what} has not`);
  }
  // The copy holds what the log holds, each event as often.
  assert.deepEqual(copy.map(nameOf).sort(), own.map(nameOf).sort());

  isOver = true;
  await Promise.all(lives);
  assert.deepEqual(stories.flatMap(({ faults }) => faults), []);
  const twice = all.webhook.length - new Set(all.webhook.map(nameOf)).size;
  console.log(`# ${kills} kills, ${count('acknowledged')} messages to devices, ${reported.length} from them; ${twice} came twice to the webhook`);
});
