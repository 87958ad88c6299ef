// The two generations of the Node.js SDKs, and devices made with them.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { call, until } from './hub.mjs';

const fromDemo = createRequire(new URL('../demo/package.json', import.meta.url));
const fromGa = createRequire(new URL('../sdk/ga/package.json', import.meta.url));

// Loaded when they are used: both generations take half a second of processor time, and most tests need a part.

/** The 2016 preview packages, those of the tutorial. */
export const preview = {
  get service() { return fromDemo('azure-iothub'); },
  get device() { return fromDemo('azure-iot-device'); },
  get Mqtt() { return fromDemo('azure-iot-device-mqtt').Mqtt; },
};

/** Today's packages. `mqtt` is the MQTT client that they use, for what no SDK does. */
export const ga = {
  get service() { return fromGa('azure-iothub'); },
  get device() { return fromGa('azure-iot-device'); },
  get Mqtt() { return fromGa('azure-iot-device-mqtt').Mqtt; },
  get MqttWs() { return fromGa('azure-iot-device-mqtt').MqttWs; },
  get Amqp() { return fromGa('azure-iot-device-amqp').Amqp; },
  get AmqpWs() { return fromGa('azure-iot-device-amqp').AmqpWs; },
  get Http() { return fromGa('azure-iot-device-http').Http; },
  get mqtt() { return fromGa('mqtt'); },
};

/** The last word of the 2016 client about a connection: its callback comes twice if it is refused. */
export function open2016(client) {
  return new Promise((resolve, reject) => {
    client.open((error) => (error ? reject(error) : resolve(client)));
  });
}

/**
 * A connected device of either generation that answers methods: `methods` maps a name to a function
 * from the payload to `[status, payload]`. The calls that came are in `.calls`.
 */
export async function connect(sdk, connectionString, methods = {}, transport = sdk.Mqtt) {
  const client = sdk.device.Client.fromConnectionString(connectionString, transport);
  client.on('error', () => {});
  if (sdk === preview) await open2016(client); else await client.open();
  client.calls = [];
  await answer(client, methods, sdk);
  return client;
}

export async function answer(client, methods, sdk) {
  for (const [name, reply] of Object.entries(methods)) {
    client.onDeviceMethod(name, async (request, response) => {
      client.calls.push({ name, payload: request.payload });
      const [status, payload] = await reply(request.payload);
      if (sdk === preview) response.send(status, payload, () => {});
      else response.send(status, payload).catch(() => {});
    });
  }
}

/** Ends a device's connection; one that is broken already may say so. */
export async function close(client) {
  try {
    await call(client, 'close');
  } catch { /* it is gone, which is what was wanted */ }
}

/** A client that the hub must refuse; ends its timers, which would keep this process alive. */
export async function refused(client, expected) {
  const opening = client instanceof preview.device.Client ? open2016(client) : call(client, 'open');
  await assert.rejects(opening, expected);
  try {
    client.close(() => {});
  } catch { /* it was never open */ }
}

/** A connection string with another key. */
export const withKey = (connectionString, key) =>
  connectionString.replace(/SharedAccessKey=.*/, `SharedAccessKey=${key}`);
export const wrongKey = Buffer.alloc(32, 7).toString('base64');

/**
 * Asks again where the 2016 client, which waits for one second only, gave up on a slow machine. For
 * what may be repeated: reading a twin, reporting the same values.
 */
export async function patiently(ask) {
  const [found] = await until(async () => {
    try {
      return [await ask()];
    } catch (error) {
      if (error.name === 'TimeoutError') return null;
      throw error;
    }
  }, 'the twin');
  return found;
}

/**
 * Calls until the device is there: the 2016 service has no connect timeout, and a device is ready
 * for methods a moment after it said that it is connected.
 */
export function untilOnline(invoke) {
  return until(async () => {
    try {
      return await invoke();
    } catch (error) {
      if (error.responseBody?.match(/40410[34]/)) return null; // not online; its connection closed meanwhile
      throw error;
    }
  }, 'the device to take methods');
}
