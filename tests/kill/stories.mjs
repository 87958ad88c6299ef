// Devices that live through kills of their hub, over MQTT, HTTPS or AMQP: what they were sent and what they have
// sent, by numbers.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { parts, sign } from '../lib/hub.mjs';
import { ga } from '../lib/devices.mjs';

const rhea = createRequire(new URL('../sdk/ga/package.json', import.meta.url))('rhea');

/** HTTPS to a hub that may be gone. */
export class Line {
  constructor(hub) {
    this.hub = hub;
    this.owner = '';
    this.agent = new Agent({ keepAlive: true, maxSockets: 32 });
  }

  /** One request; status 0 where no answer came. */
  ask(method, path, { Authorization = this.owner, headers = {}, body = '' } = {}) {
    return new Promise((resolve) => {
      const lost = () => resolve({ status: 0, headers: {}, body: '' });
      const sent = request({
        agent: this.agent, host: this.hub.address, ca: readFileSync(this.hub.caFile), method, timeout: 20_000,
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

  close() { this.agent.destroy(); }
}

/** What is known of one device's messages, by their numbers. */
export class Story {
  constructor(hub, id, connectionString) {
    this.id = id;
    const { SharedAccessKey } = parts(connectionString);
    this.token = sign(`${hub.address}/devices/${id}`, SharedAccessKey, Math.floor(Date.now() / 1000) + 7200);
    this.sent = 0;
    this.acknowledged = new Set(); // by the hub, to the sender
    this.delivered = [];           // in their order, each when it came first
    this.seen = new Set();
    this.completed = new Set();    // acknowledged by the hub, to the device
    this.told = 0;                 // by the device
    this.reported = new Set();     // of that, acknowledged by the hub
    this.isQuiet = false;
    this.faults = [];
    this.notes = [];
  }

  came(number) {
    if (this.completed.has(number)) this.faults.push(`${this.id}: ${number} came again after its completion was acknowledged`);
    if (this.seen.has(number)) return;
    const last = this.delivered.at(-1) ?? 0;
    if (number < last) this.faults.push(`${this.id}: ${number} came first after ${last}`);
    this.seen.add(number);
    this.delivered.push(number);
  }

  /** Of what happens to its connections, for who looks for a fault. */
  note(what) {
    this.notes.push(`${(performance.now() / 1000).toFixed(3)} ${what}`);
    if (this.notes.length > 400) this.notes.shift();
  }
  history() { return `${this.id}, ${this.seen.size} of ${this.acknowledged.size} messages came:\n  ${this.notes.slice(-60).join('\n  ')}`; }
}

/** One message of the device; `send(body)` resolves to true when the hub has acknowledged it. */
async function tell(story, send) {
  story.told += 1;
  const number = story.told;
  if (!await send(JSON.stringify({ number }))) return false;
  story.reported.add(number);
  return true;
}

/** A device that polls, and posts what it has to say. */
export async function poll(line, story, isLiving) {
  const Authorization = story.token;
  const queue = `/devices/${story.id}/messages/devicebound`;
  const headers = { 'Content-Type': 'application/json' };
  const post = async (body) => (await line.ask('POST', `/devices/${story.id}/messages/events`, { Authorization, headers, body })).status === 204;
  while (isLiving()) {
    if (!story.isQuiet) await tell(story, post);
    const { status, headers: answered, body } = await line.ask('GET', `${queue}?iothub-messagelocktimeout=5`, { Authorization });
    if (status !== 200) {
      if (status !== 204 && status !== 0) story.faults.push(`${story.id}: a poll was answered with ${status}: ${body}`);
      await sleep(20);
      continue;
    }
    story.came(Number(body));
    const settled = await line.ask('DELETE', `${queue}/${answered.etag.slice(1, -1)}`, { Authorization });
    if (settled.status === 204) story.completed.add(Number(body));
    else if (settled.status !== 0 && settled.status !== 412) story.faults.push(`${story.id}: a completion was answered with ${settled.status}`);
  }
}

/** A device on MQTT with a session that stays, whose first SUBSCRIBE may be lost on its way. Gives what ends it. */
export function listen({ hub }, story, isLiving, { losesSubscribe = false } = {}) {
  // With `resubscribe` mqtt.js 4 never sends a SUBSCRIBE a second time, even if the first was lost and CONNACK knows of
  // no session, and calls back as if there had been a SUBACK (client.js: subscribe, _resubscribe).
  const client = ga.mqtt.connect(`mqtts://${hub.address}:8883`, {
    clientId: story.id, clean: false, reconnectPeriod: 50, protocolVersion: 4, resubscribe: false, connectTimeout: 10_000, queueQoSZero: false,
    username: `${hub.address}/${story.id}/?api-version=2021-04-12`, password: story.token,
  });
  client.on('error', (error) => story.note(`error ${error.message}`));
  for (const event of ['reconnect', 'close', 'offline', 'disconnect', 'end']) client.on(event, () => story.note(event));
  client.on('connect', ({ sessionPresent }) => {
    story.note(sessionPresent ? 'connect, with its session' : 'connect, without a session');
    const answered = (error, granted) => story.note(error ? `SUBSCRIBE: ${error.message}` : `SUBACK of ${granted.map(({ qos }) => qos)}`);
    client.subscribe(`devices/${story.id}/messages/devicebound/#`, { qos: 1 }, answered);
  });
  const lose = ({ cmd }) => {
    if (cmd !== 'subscribe') return;
    client.removeListener('packetsend', lose);
    client.stream.destroy(); // What is being sent does not leave.
  };
  if (losesSubscribe) client.on('packetsend', lose);
  client.on('message', (topic, payload) => {
    story.came(Number(payload.toString()));
    story.note(`message ${payload}`);
  });
  const topic = `devices/${story.id}/messages/events/%24.ct=application%2Fjson&%24.ce=utf-8`;
  // The library sends again on its next connection what was not acknowledged on this one.
  const publish = (body) => new Promise((resolve) => { client.publish(topic, body, { qos: 1 }, (error) => resolve(!error)); });
  const talk = async () => {
    while (isLiving()) {
      if (client.connected && !story.isQuiet) await tell(story, publish);
      await sleep(10);
    }
  };
  talk();
  return () => client.end(true);
}

/** A device on AMQP, which waits for the hub to settle what it has accepted. */
export async function receive({ hub }, story, isLiving) {
  while (isLiving()) {
    await new Promise((resolve) => {
      const container = rhea.create_container();
      const connection = container.connect({
        transport: 'tls', host: hub.address, port: 5671, servername: '', ca: readFileSync(hub.caFile), reconnect: false,
        username: `${story.id}@sas.${hub.address}`, password: story.token,
      });
      const taken = new Map(); // Numbers by delivery.
      const receiver = connection.open_receiver({
        source: `/devices/${story.id}/messages/devicebound`, rcv_settle_mode: 1, autoaccept: false, autosettle: false, credit_window: 5,
      });
      receiver.on('message', ({ message, delivery }) => {
        const number = Number(Buffer.from(message.body.content).toString());
        story.came(number);
        taken.set(delivery, number);
        delivery.update(false, rhea.message.accepted().described());
      });
      receiver.on('settled', ({ delivery }) => {
        story.completed.add(taken.get(delivery));
        taken.delete(delivery);
        delivery.update(true);
      });
      const sender = connection.open_sender({ target: `/devices/${story.id}/messages/events` });
      const waiting = new Map(); // What is told of a delivery, by its number.
      const send = (body) => new Promise((done) => {
        const { id } = sender.send({ content_type: 'application/json', content_encoding: 'utf-8', body: rhea.message.data_section(Buffer.from(body)) });
        waiting.set(id, done);
      });
      let isUp = true;
      const settled = (isAccepted) => ({ delivery }) => {
        waiting.get(delivery.id)?.(isAccepted);
        waiting.delete(delivery.id);
      };
      sender.on('accepted', settled(true));
      sender.on('rejected', settled(false));
      sender.on('released', settled(false));
      const talk = async () => {
        while (isUp) {
          if (!isLiving()) return connection.close();
          if (!story.isQuiet && sender.sendable()) await tell(story, send);
          await sleep(10);
        }
        return undefined;
      };
      sender.once('sendable', talk);
      const over = (why) => {
        if (!isUp) return;
        isUp = false;
        story.note(why);
        for (const done of waiting.values()) done(false);
        setTimeout(resolve, 50);
      };
      const watch = setInterval(() => {
        if (isUp && isLiving()) return;
        clearInterval(watch);
        if (isUp) connection.close();
        setTimeout(() => over('ended'), 2000);
      }, 200);
      connection.on('connection_open', () => story.note('open'));
      for (const end of ['disconnected', 'connection_close', 'connection_error', 'sender_close', 'receiver_close']) {
        container.on(end, () => {
          over(end);
          connection.close();
        });
      }
      for (const quiet of ['sender_error', 'receiver_error', 'error']) container.on(quiet, () => {});
    });
  }
}
