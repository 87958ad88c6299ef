// One message at a time from a device to a reader: published at QoS 1 by the MQTT library of the SDK, read over AMQP
// by rhea from a hub, or over MQTT at QoS 1 from a broker. Prints p50 and p99 from publish to arrival.
//
// usage: messages_latency.mjs hub|broker ADDRESS MQTTS_PORT AMQPS_PORT CONNECTION_STRING DEVICE SECONDS

import { createHash, createHmac } from 'node:crypto';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../tests/sdk/ga/package.json', import.meta.url));
const mqtt = createRequire(require.resolve('azure-iot-device-mqtt'))('mqtt');
const rhea = require('rhea');
const [kind, address, mqttsPort, amqpsPort, login, device, seconds] = process.argv.slice(2);
const isHub = kind === 'hub';
const parts = Object.fromEntries(login.split(';').filter(Boolean).map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]));
const expires = Math.floor(Date.now() / 1000) + 3600;
function sign(resource, policy) {
  const sr = encodeURIComponent(resource);
  const sig = createHmac('sha256', Buffer.from(parts.SharedAccessKey, 'base64')).update(`${sr}\n${expires}`).digest('base64');
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${expires}&skn=${policy}`;
}
// What is measured is the server, so nobody checks its certificate.
const connect = (clientId) => mqtt.connect(`mqtts://${address}:${mqttsPort}`, {
  clientId, clean: true, reconnectPeriod: 0, protocolVersion: 4, rejectUnauthorized: false, servername: 'hub.localhost',
  ...(isHub ? { username: `${parts.HostName}/${clientId}/?api-version=2021-04-12`, password: sign(`${parts.HostName}/devices/${clientId}`, parts.SharedAccessKeyName) } : {}),
});
const once = (emitter, event) => new Promise((resolve, reject) => { emitter.once(event, resolve); emitter.once('error', reject); });

let arrived = () => {};
const waiting = () => new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject(new Error('a message did not arrive within 10 s')), 10_000);
  arrived = () => { clearTimeout(timer); resolve(); };
});
const topic = isHub ? `devices/${device}/messages/events/` : `m/${createHash('sha1').update(device).digest('hex').slice(0, 20)}`;
const publisher = connect(device);
await once(publisher, 'connect');
let close = () => {};
if (isHub) {
  const container = rhea.create_container();
  const connection = container.connect({ transport: 'tls', host: address, port: Number(amqpsPort), reconnect: false, rejectUnauthorized: false,
    servername: 'hub.localhost', username: `${parts.SharedAccessKeyName}@sas.root.${parts.HostName.split('.')[0]}`, password: sign(parts.HostName, parts.SharedAccessKeyName) });
  const open = [];
  for (let partition = 0; partition < 4; partition++) {
    const filter = { 'apache.org:selector-filter:string': rhea.types.wrap_described("amqp.annotation.x-opt-offset > '@latest'", 0x468C00000004) };
    const receiver = connection.open_receiver({ source: { address: `messages/events/ConsumerGroups/$Default/Partitions/${partition}`, filter }, credit_window: 100 });
    receiver.on('message', () => arrived());
    open.push(once(receiver, 'receiver_open'));
  }
  await Promise.all(open);
  close = () => connection.close();
} else {
  const subscriber = connect('reader');
  await once(subscriber, 'connect');
  await new Promise((resolve, reject) => { subscriber.subscribe(topic, { qos: 1 }, (error) => (error ? reject(error) : resolve())); });
  subscriber.on('message', () => arrived());
  close = () => subscriber.end(true);
}
const took = [];
const body = JSON.stringify({ temperature: 21.5, filling: 'x'.repeat(160) });
const end = performance.now() + Number(seconds) * 1000;
for (let i = 0; performance.now() < end; i++) {
  const there = waiting();
  const began = performance.now();
  publisher.publish(topic, body, { qos: 1 });
  await there;
  if (i >= 50) took.push((performance.now() - began) * 1000); // The first ones warm up the runtime.
}
publisher.end(true);
close();
took.sort((a, b) => a - b);
const percentile = (percent) => took[Math.min(took.length - 1, Math.floor(took.length * percent / 100))];
console.log(JSON.stringify({ mode: 'latency', messages: took.length, p50_us: percentile(50), p99_us: percentile(99) }));
process.exit(0);
