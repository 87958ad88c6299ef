// Today's Event Hubs client without TLS, as `UseDevelopmentEmulator=true` has it: at --insecure-amqp-port, on loopback alone.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { webcrypto } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { EventHubConsumerClient, earliestEventPosition } from '@azure/event-hubs';
import { Hub, parts, until } from '../../lib/hub.mjs';

globalThis.crypto ??= webcrypto; // The client takes it for granted; Debian's Node.js 18 hides it.

/** A port of 127.0.0.1 that nobody has. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const port = await freePort();
// Tokens are for the name that the client knows, so that is one of the hub's.
const hub = Hub.fromEnvironment(['--hostname', '127.0.0.1', '--insecure-amqp-port', String(port)]);
let login;
before(async () => {
  await hub.start();
  const { SharedAccessKey, SharedAccessKeyName, EntityPath } = parts((await hub.local('connection-string', '--event-hub', '--policy', 'service')).trim());
  login = (key) => `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=${SharedAccessKeyName};SharedAccessKey=${key ?? SharedAccessKey};`
    + `EntityPath=${EntityPath};UseDevelopmentEmulator=true`;
});
after(() => hub.stop());

test('what a device sends is read without TLS', async () => {
  await hub.ok('device', 'create', 'plain-1');
  for (let n = 1; n <= 5; n++) await hub.ok('device', 'send', 'plain-1', '--data', JSON.stringify({ n }));
  const client = new EventHubConsumerClient('$Default', login(), { retryOptions: { maxRetries: 2, retryDelayInMs: 100 } });
  const events = [];
  const errors = [];
  const subscription = client.subscribe({
    processEvents: async (some) => { events.push(...some); },
    processError: async (error) => { errors.push(error); },
  }, { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1 });
  await until(() => events.length >= 5, () => `five events; there are ${events.length} and errors ${errors}`);
  assert.deepEqual(events.map(({ body }) => body.n), [1, 2, 3, 4, 5]);
  await subscription.close();
  await client.close();
});

test('a wrong key is refused there too', async () => {
  const client = new EventHubConsumerClient('$Default', login('d3Jvbmc='), { retryOptions: { maxRetries: 0 } });
  await assert.rejects(client.getEventHubProperties(), /401|nauthorized/);
  await client.close();
});

test('the port is open on loopback alone, and only when it is asked for', async () => {
  const reached = async (host) => {
    const socket = connect(port, host);
    const outcome = await new Promise((resolve) => { socket.on('connect', () => resolve('reached')).on('error', ({ code }) => resolve(code)); });
    socket.destroy();
    return outcome;
  };
  assert.equal(await reached('127.0.0.1'), 'reached');
  assert.equal(await reached(hub.address), 'ECONNREFUSED');
  await hub.stop();
  hub.extra = ['--hostname', '127.0.0.1'];
  await hub.start();
  assert.equal(await reached('127.0.0.1'), 'ECONNREFUSED');
});
