// Debian's python3-uamqp, as a device, as a back end and as a reader of events.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { Hub, parts, sign } from '../../lib/hub.mjs';

const hub = Hub.fromEnvironment();
before(() => hub.start());
after(() => hub.stop());

test('uamqp sends single messages and batches, reads them, sends to a device and settles what it receives', async () => {
  const inAnHour = Math.floor(Date.now() / 1000) + 3600;
  const device = parts(await hub.device('uamqp-1'));
  const policy = parts(hub.connectionString);
  const { EntityPath } = parts((await hub.local('connection-string', '--event-hub', '--policy', 'service')).trim());
  const partitions = JSON.parse(await hub.ok('events', 'partitions', '-o', 'json')).length;
  const { code, stdout, stderr } = await hub.run([
    fileURLToPath(new URL('uamqp_peer.py', import.meta.url)), hub.address, hub.caFile,
    'uamqp-1', sign(`${hub.address}/devices/uamqp-1`, device.SharedAccessKey, inAnHour),
    policy.SharedAccessKeyName, policy.SharedAccessKey, sign(hub.address, policy.SharedAccessKey, inAnHour, policy.SharedAccessKeyName),
    EntityPath, String(partitions),
  ], {}, '/usr/bin/python3');
  assert.equal(code, 0, stderr);
  assert.equal(stdout.trim().split('\n').at(-1), 'done');
});
