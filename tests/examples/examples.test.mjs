// The examples that are device and back end in one program, against a real hub.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { Hub } from '../lib/hub.mjs';

const hub = await Hub.fromEnvironment().start();

function run(name, args, environment = {}) {
  const { status, stdout, stderr } = spawnSync(join(dirname(hub.binary), 'examples', name), args, {
    encoding: 'utf8',
    timeout: 120_000,
    env: { ...process.env, OFFICE_CONNECTION_STRING: hub.connectionString, CARILLON_CA: hub.caFile, ...environment },
  });
  console.log(`${name}:\n${stdout}${stderr}`);
  return { status, stdout };
}

try {
  const pumps = [await hub.device('pump-1'), await hub.device('pump-2'), await hub.device('pump-3')];
  const rollOut = run('firmware_update', ['2.1.0', ...pumps]);
  assert.equal(rollOut.status, 0, 'the roll-out comes to its end');
  assert.match(rollOut.stdout, /^office: all 3 run 2\.1\.0$/m);
  for (const id of ['pump-1', 'pump-2', 'pump-3']) {
    const lines = rollOut.stdout.split('\n').filter((line) => line.startsWith(`${id}: `));
    assert.deepEqual(lines, ['downloading', 'verifying', 'applying', 'done'].map((step) => `${id}: ${step}`));
    const twin = JSON.parse(await hub.ok('twin', 'show', '-d', id));
    assert.deepEqual(twin.properties.reported.firmware, { status: 'done', version: '2.1.0' });
  }

  const door = { DOOR_CONNECTION_STRING: await hub.device('door') };
  const sensible = run('twin_config', ['15'], door);
  assert.equal(sensible.status, 0, 'a sensible wish is applied');
  const twin = JSON.parse(await hub.ok('twin', 'show', '-d', 'door'));
  assert.equal(twin.properties.reported.telemetry.intervalSeconds, 15);
  assert.equal(run('twin_config', ['0'], door).status, 1, 'a wish without sense is refused by the device');

  const asked = run('ask_all', [], { PUMP_CONNECTION_STRING: pumps[0] });
  assert.equal(asked.status, 0, 'all twins are read');
  assert.match(asked.stdout, /^pump: connected$/m);
  const answers = asked.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('pump: '));
  assert.deepEqual(answers, ['door: nothing reported', 'pump-1: 2.1.0', 'pump-2: nothing reported', 'pump-3: nothing reported']);
  const refused = run('ask_all', [], { PUMP_CONNECTION_STRING: pumps[0], OFFICE_CONNECTION_STRING: pumps[1] });
  assert.equal(refused.status, 1, 'a device is no back end');

  for (let n = 1; n <= 3; n++) await hub.ok('device', 'send', 'pump-1', '--data', JSON.stringify({ n }));
  const place = join(hub.directory, 'place');
  const bodies = ({ stdout }) => stdout.trim().split('\n').map((line) => line.replace(/^\S+Z pump-1 /, ''));
  assert.deepEqual(bodies(run('read_events', [place, '2'])), ['{"n":1}', '{"n":2}']);
  assert.deepEqual(bodies(run('read_events', [place, '1'])), ['{"n":3}'], 'it goes on where it was');

  const locked = run('schedule_job_service', ['nobody', 'lock', 'place']);
  assert.equal(locked.status, 0, 'jobs over no device are completed at once');
} finally {
  await hub.stop();
}
