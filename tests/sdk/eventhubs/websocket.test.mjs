// Today's Event Hubs client within a WebSocket (/$servicebus/websocket), for networks that let only 443 through.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { EventHubConsumerClient, earliestEventPosition } from '@azure/event-hubs';
import { Hub, until } from '../../lib/hub.mjs';
import { close, ga } from '../../lib/devices.mjs';

const { Message } = createRequire(new URL('../ga/package.json', import.meta.url))('azure-iot-device');
// The WebSocket that Node.js offers, or the one that today's device SDK brings.
const WebSocket = globalThis.WebSocket ?? createRequire(new URL('../ga/package.json', import.meta.url))('ws');
globalThis.crypto ??= webcrypto; // The client takes it for granted; Debian's Node.js 18 hides it.
const hub = Hub.fromEnvironment();
let login;
before(async () => {
  await hub.start();
  login = (await hub.local('connection-string', '--event-hub', '--policy', 'service')).trim();
});
after(() => hub.stop());

test('what a device sends is read within a WebSocket', async () => {
  const device = ga.device.Client.fromConnectionString(await hub.device('ws-1'), ga.AmqpWs);
  device.on('error', () => {});
  await device.open();
  for (let n = 1; n <= 10; n++) await device.sendEvent(new Message(JSON.stringify({ n })));
  const client = new EventHubConsumerClient('$Default', login, {
    webSocketOptions: { webSocket: WebSocket }, retryOptions: { maxRetries: 2, retryDelayInMs: 100 },
  });
  const { partitionIds } = await client.getEventHubProperties();
  assert.ok(partitionIds.length >= 4);
  const events = [];
  const errors = [];
  const subscription = client.subscribe({
    processEvents: async (some) => { events.push(...some); },
    processError: async (error) => { errors.push(error); },
  }, { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1 });
  await until(() => events.length >= 10, () => `ten events; there are ${events.length} and errors ${errors}`);
  assert.deepEqual(events.map(({ body }) => body.n), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(errors, []);
  await subscription.close();
  await client.close();
  await close(device);
});
