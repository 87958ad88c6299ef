// Debian's azure.eventhub (package python3-azure), whose AMQP is a third implementation of the protocol.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { Hub } from '../../lib/hub.mjs';
import { close, ga } from '../../lib/devices.mjs';

const { Message } = createRequire(new URL('../ga/package.json', import.meta.url))('azure-iot-device');
const hub = Hub.fromEnvironment();
before(() => hub.start());
after(() => hub.stop());

test('azure.eventhub reads what devices send, in order, with its properties', async () => {
  const ids = ['python-1', 'python-2', 'python-3'];
  for (const id of ids) {
    const device = ga.device.Client.fromConnectionString(await hub.device(id), ga.Amqp);
    device.on('error', () => {});
    await device.open();
    for (let n = 1; n <= 5; n++) {
      const message = new Message(JSON.stringify({ n }));
      message.properties.add('n', String(n));
      await device.sendEvent(message);
    }
    await close(device);
  }
  const login = (await hub.local('connection-string', '--event-hub', '--policy', 'service')).trim();
  const reader = fileURLToPath(new URL('eventhub_reader.py', import.meta.url));
  const { code, stdout, stderr } = await hub.run([reader, login, hub.caFile, '15'], {}, '/usr/bin/python3');
  assert.equal(code, 0, stderr);
  const [about, ...events] = stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(about.partitions, ['0', '1', '2', '3']);
  for (const id of ids) {
    const mine = events.filter(({ device }) => device === id);
    assert.deepEqual(mine.map(({ body }) => body.n), [1, 2, 3, 4, 5], id);
    assert.deepEqual(mine.map(({ properties }) => properties.n), ['1', '2', '3', '4', '5']);
    assert.equal(new Set(mine.map(({ partition }) => partition)).size, 1);
    mine.forEach(({ sequence, offset }) => assert.equal(String(sequence), offset));
  }
});
