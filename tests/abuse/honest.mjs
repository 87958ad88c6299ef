// The honest pair: a device and a back end that go about their business while others attack, in a process
// of their own, so that an attacker's work does not slow what they measure.
//
//   const honest = await Honest.begin(hub);
//   … the attack …
//   await honest.phase('5,000 silent peers');   // prints the figures so far, and throws if anything failed
//   await honest.end();
//
// One connection each stays for all of the time. By it the device sends messages and properties, and the
// back end writes twins and calls a method; each is acknowledged once it is durable. Besides, new
// connections come and go on both ports, as those of anybody who arrives during the attack. What is not
// answered within what clients wait, or goes wrong in any way, is a failure; how fast it was is printed only.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { Agent, request } from 'node:https';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { ga } from '../lib/devices.mjs';
import { parts, sign } from '../lib/hub.mjs';

/** Ours: what the SDKs wait for an answer, and for a connection, before they give up. */
const PATIENCE_S = 30;
const PAUSE_MS = 20;
const KINDS = ['message', 'reported', 'twin', 'method', 'newBackEnd', 'newDevice'];

export class Honest {
  /** Both are connected and have been served once when this returns. Without `arrivals` nobody else comes. */
  static async begin(hub, { arrivals = true, name = 'honest' } = {}) {
    const honest = new Honest();
    honest.kinds = KINDS.filter((kind) => arrivals || !kind.startsWith('new'));
    const device = await hub.device(name);
    const arriving = await hub.device(`${name}-arriving`);
    honest.child = fork(fileURLToPath(import.meta.url), [], {
      env: { ...process.env, HONEST: JSON.stringify({ address: hub.address, office: hub.connectionString, name, device, arriving, kinds: honest.kinds }) },
    });
    honest.child.on('exit', () => honest.answer?.({ failures: ['the honest pair ended'] }));
    // A test that failed need not end it: it goes with its parent.
    honest.child.unref();
    await honest.ask(1);
    return honest;
  }

  ask(what) {
    return new Promise((resolve) => {
      this.answer = resolve;
      this.child.channel.ref();
      this.child.once('message', resolve);
      this.child.send(what);
    }).finally(() => this.child.channel?.unref());
  }

  /** What happened since the last phase, at least `least` of each kind; printed, and nothing of it failed. */
  async phase(name, least = 1) {
    const { failures, figures } = await this.ask(least);
    assert.deepEqual(failures, [], `${name}: the honest pair is served`);
    console.log(`${name}: ${this.kinds.map((kind) => {
      const { count, p50, p99, max } = figures[kind];
      return `${kind} ${count} (${p50} / ${p99} / ${max} ms)`;
    }).join(', ')}`);
    return figures;
  }

  async end(name = 'afterwards') {
    const figures = await this.phase(name, 10);
    this.child.removeAllListeners('exit');
    this.child.kill();
    return figures;
  }
}

// --- the process of the pair -----------------------------------------------------------------

function within(work, what) {
  const late = sleep(PATIENCE_S * 1000, null, { ref: false }).then(() => { throw new Error(`no ${what} within ${PATIENCE_S} s`); });
  return Promise.race([work, late]);
}

function call(address, agent, method, path, authorization, body) {
  return within(new Promise((resolve, reject) => {
    const asked = request({
      host: address, port: 443, method, path: `${path}?api-version=2021-04-12`, agent, headers: { authorization },
    }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (more) => { text += more; });
      answer.on('end', () => (answer.statusCode < 300
        ? resolve(JSON.parse(text)) : reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`))));
      answer.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  }), `answer to ${method} ${path}`);
}

function connectDevice(address, connectionString) {
  const { HostName, DeviceId, SharedAccessKey } = parts(connectionString);
  const expires = Math.floor(Date.now() / 1000) + 3600;
  const client = ga.mqtt.connect({
    protocol: 'mqtts', host: address, port: 8883, clientId: DeviceId, clean: true, reconnectPeriod: 0,
    connectTimeout: PATIENCE_S * 1000, keepalive: 60, username: `${HostName}/${DeviceId}/?api-version=2021-04-12`,
    password: sign(`${HostName}/devices/${DeviceId}`, SharedAccessKey, expires),
  });
  return within(new Promise((resolve, reject) => {
    client.on('connect', () => resolve(client));
    client.on('error', reject);
    client.on('close', () => reject(new Error(`the connection of ${DeviceId} closed`)));
  }), `connection of ${DeviceId}`);
}

async function main({ address, office, name, device, arriving, kinds }) {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(office);
  const authorization = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName);
  const kept = new Agent({ keepAlive: true, maxSockets: 1 });
  const failures = [];
  let taken = Object.fromEntries(KINDS.map((kind) => [kind, []]));
  let wanted = null;

  const measured = async (kind, work) => {
    const begun = performance.now();
    try {
      const done = await work();
      taken[kind].push(performance.now() - begun);
      return done;
    } catch (error) {
      failures.push(`${kind}: ${error.message}`);
      await sleep(500);
      return null;
    }
  };

  const client = await connectDevice(address, device);
  client.on('close', () => failures.push('the connection of the device closed'));
  const answers = new Map();
  client.on('message', (topic, payload) => {
    const method = /^\$iothub\/methods\/POST\/echo\/\?\$rid=(\w+)/.exec(topic);
    if (method) return client.publish(`$iothub/methods/res/200/?$rid=${method[1]}`, payload);
    const result = /^\$iothub\/twin\/res\/(\d+)\/\?\$rid=(\d+)/.exec(topic);
    if (result) answers.get(result[2])?.(Number(result[1]));
  });
  await new Promise((resolve) => { client.subscribe(['$iothub/methods/POST/#', '$iothub/twin/res/#'], resolve); });

  let reported = 0;
  const deviceRound = async () => {
    await measured('message', () => within(new Promise((resolve, reject) => {
      client.publish(`devices/${name}/messages/events/`, `{"round":${reported}}`, { qos: 1 },
        (error) => (error ? reject(error) : resolve()));
    }), 'acknowledgement of a message'));
    await measured('reported', async () => {
      const rid = String(++reported);
      const answered = new Promise((resolve) => { answers.set(rid, resolve); });
      client.publish(`$iothub/twin/PATCH/properties/reported/?$rid=${rid}`, `{"round":${rid}}`);
      assert.equal(await within(answered, 'answer to reported properties'), 204);
      answers.delete(rid);
    });
  };
  let written = 0;
  const backEndRound = async () => {
    const round = ++written;
    await measured('twin', async () => {
      const twin = await call(address, kept, 'PATCH', `/twins/${name}`, authorization, { tags: { round } });
      assert.equal(twin.tags.round, round);
    });
    await measured('method', async () => {
      const answer = await call(address, kept, 'POST', `/twins/${name}/methods`, authorization,
        { methodName: 'echo', payload: { round }, responseTimeoutInSeconds: PATIENCE_S });
      assert.equal(answer.payload.round, round);
    });
  };
  const arrivals = async () => {
    await measured('newBackEnd', () => call(address, false, 'GET', `/twins/${name}`, authorization));
    await measured('newDevice', async () => (await connectDevice(address, arriving)).end(true));
  };
  const forever = async (work) => {
    for (;;) {
      await work();
      await sleep(PAUSE_MS);
    }
  };
  // Asked for at any time, a phase ends once each kind has begun and ended anew so often.
  process.on('message', (least) => { wanted = kinds.map((kind) => taken[kind].length + least); });
  const look = () => {
    if (!wanted) return;
    const isThrough = kinds.every((kind, i) => taken[kind].length > wanted[i]);
    if (!isThrough && failures.length === 0) return;
    wanted = null;
    const figures = Object.fromEntries(KINDS.map((kind) => {
      const sorted = taken[kind].sort((a, b) => a - b);
      const at = (share) => Number((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1));
      return [kind, { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }];
    }));
    process.send({ failures: failures.slice(0, 10), figures });
    taken = Object.fromEntries(KINDS.map((kind) => [kind, []]));
  };
  setInterval(look, 50);
  await Promise.all([deviceRound, backEndRound, ...(kinds.includes('newDevice') ? [arrivals] : [])].map(forever));
}

if (process.env.HONEST && process.send) {
  const settings = JSON.parse(process.env.HONEST);
  process.on('disconnect', () => process.exit(0));
  main(settings).catch((error) => {
    process.send({ failures: [String(error)], figures: {} });
  });
}
