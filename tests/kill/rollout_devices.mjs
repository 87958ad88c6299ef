// Devices of kill.rollouts: they answer methods, follow desired properties, and keep a journal of what reached them.

import { parts, sign } from '../lib/hub.mjs';
import { ga } from '../lib/devices.mjs';

const base = { methods: '$iothub/methods/POST/', patch: '$iothub/twin/PATCH/properties/desired/', answer: '$iothub/twin/res/' };

/** Every method call that reached a device, of each job: `{ device, status }`, the status once it has answered. */
export class Journal {
  #calls = new Map();
  add(job, call) {
    if (!this.#calls.has(job)) this.#calls.set(job, []);
    this.#calls.get(job).push(call);
  }
  of(job) {
    return this.#calls.get(job) ?? [];
  }
  devices(job) {
    return new Set(this.of(job).map((call) => call.device));
  }
}

/** What device `n` answers to its `nth` call of a job, from 0. A quarter of them wants to be asked twice. */
const statusOf = (n, method, nth) => (method === 'gated' && n % 4 === 1 && nth === 0 ? 503 : 200);

/** What it reports of a desired value; an eighth of them report another. */
export const reportedOf = (n, value) => (n % 8 === 7 ? `${value}, wrongly` : value);

export function connect(world, n, connectionString, journal) {
  const { DeviceId: id, SharedAccessKey } = parts(connectionString);
  const client = ga.mqtt.connect(`mqtts://${world.hub.address}:8883`, {
    clientId: id, clean: false, reconnectPeriod: 50, connectTimeout: 5000, protocolVersion: 4, resubscribe: false, ca: world.ca,
    username: `${world.hub.address}/${id}/?api-version=2021-04-12`,
    password: sign(`${world.hub.address}/devices/${id}`, SharedAccessKey, Math.floor(Date.now() / 1000) + 7200),
  });
  let rid = 0;
  let asked; // the request id of the whole twin
  const send = (topic, body = '') => { if (client.connected) client.publish(topic, body); };
  const follow = (desired, reported = {}) => {
    if (desired.conf === undefined || desired.conf === null) return;
    const conf = reportedOf(n, desired.conf);
    if (reported.conf !== conf) send(`$iothub/twin/PATCH/properties/reported/?$rid=${++rid}`, JSON.stringify({ conf }));
  };
  client.on('error', () => {});
  client.on('connect', () => client.subscribe(Object.values(base).map((topic) => `${topic}#`), (error) => {
    if (error) return;
    asked = String(++rid);
    send(`$iothub/twin/GET/?$rid=${asked}`); // What was written meanwhile.
  }));
  client.on('message', (topic, payload) => {
    if (topic.startsWith(base.methods)) {
      const [, method, request] = topic.match(/POST\/([^/]+)\/\?\$rid=(.*)$/);
      const { job } = JSON.parse(payload.toString());
      const status = statusOf(n, method, journal.of(job).filter((call) => call.device === id).length);
      const call = { device: id, status: null };
      journal.add(job, call);
      setTimeout(() => {
        if (!client.connected) return;
        call.status = status;
        client.publish(`$iothub/methods/res/${status}/?$rid=${request}`, '{}');
      }, 5 + Math.random() * 40);
    } else if (topic.startsWith(base.patch)) {
      follow(JSON.parse(payload.toString()));
    } else if (topic.startsWith(`${base.answer}200/`) && topic.includes(`$rid=${asked}`)) {
      const { desired, reported } = JSON.parse(payload.toString());
      follow(desired, reported);
    }
  });
  return client;
}
