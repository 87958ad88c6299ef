// The exit codes, one after another; each failure says what to do next.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub } from '../lib/hub.mjs';
import { wrongKey } from '../lib/devices.mjs';

// With a single job at a time, the second is refused as by a hub under load.
process.env.CARILLON_JOBS__ACTIVE_MAX = '1';
const hub = Hub.fromEnvironment();
before(() => hub.start());
after(() => hub.stop());

const later = ['job', 'create', '--patch', '{"tags":{"a":1}}', '-q', '*', '--start', '+2h'];

const cases = [
  ['0: it is done', ['device', 'create', '-d', 'e-one'], 0, /^$/],
  ['2: the hub finds the mistake', ['query', 'SELECT FROM'], 2, /Line 1:8 Unexpected keyword at input 'FROM', expected a path/],
  ['1: the device is not there', ['method', 'invoke', '-d', 'e-one', '--mn', 'x'], 1, /--timeout-connect waits/],
  ['2: a mistake', ['device', 'create', '-d', 'a b'], 2, /cannot be a device's id/],
  ['2: an unknown command', ['devise'], 2, /did you mean device\?/],
  ['2: an unknown option', ['device', 'create', '--device', 'x'], 2, /did you mean --device-id\?/],
  ['2: half a command', ['device'], 2, /needs a command: create, show/],
  ['2: something is needed', ['device', 'show'], 2, /device.*\n.*carillon device show --help/],
  ['3: not found', ['device', 'show', 'e-nobody'], 3, /carillon device list/],
  ['3: no such module', ['module', 'show', '-d', 'e-one', '-m', 'e-none'], 3, /carillon module list/],
  ['3: no such job', ['job', 'show', 'e-none'], 3, /carillon job list/],
  ['5: it is there already', ['device', 'create', '-d', 'e-one'], 5, /carillon device update/],
  ['5: changed meanwhile', ['twin', 'update', '-d', 'e-one', '--tags', '{}', '-e', 'AAAAAAAAAGM='], 5, /read it again/],
  ['0: a job is accepted', [...later, '--job-id', 'e-first'], 0, /^1 device matches now; the job looks again when it starts\n$/],
  ['6: one too many', [...later, '--job-id', 'e-second'], 6, /carillon job cancel|Wait a little/],
  ['7: it takes longer than it may', ['job', 'watch', 'e-first', '--duration', '1', '--interval', '0.1'], 7, /^$/],
  ['0: it makes room', ['job', 'cancel', 'e-first'], 0, /^$/],
  ['8: devices failed', ['job', 'create', '--mn', 'x', '-d', 'e-one', '--ttl', '1', '--wait'], 8, /1 × /],
  ['9: nobody is there', ['device', 'list', '--port', '1'], 9, /carillon serve/],
];
for (const [claim, args, code, says] of cases) {
  test(claim, async () => {
    const outcome = await hub.cli(...args);
    assert.equal(outcome.code, code, outcome.stderr);
    assert.match(outcome.stderr, says);
  });
}

const job = ['job', 'create', '--patch', '{"tags":{"a":1}}'];

test('a job says how many devices it is for, and that there are none', async () => {
  const one = await hub.cli(...job, '-q', "deviceId = 'e-one'", '--wait');
  assert.match(one.stderr, /^1 device matches\n/);
  const none = await hub.cli(...job, '-q', "tags.no = 'thing'", '--wait');
  assert.equal(none.code, 0, none.stderr);
  assert.match(none.stderr, /no device matches: the job will end without doing anything/);
  assert.match(none.stderr, /no device matched the condition of job/);
});

test('a job says what of its condition can hold for no device, also in a dry run', async () => {
  const doubtful = ['job', 'create', '--patch', '{"tags":{"a":1}}', '-q', "deviceId IN [pump-a1] OR version = '3'"];
  const dry = await hub.cli(...doubtful, '--dry-run');
  const made = await hub.cli(...doubtful);
  assert.equal(dry.code, 0);
  assert.equal(made.code, 0);
  for (const { stderr } of [dry, made]) {
    assert.match(stderr, /note: `pump` names nothing that a device has; a text stands in quotes \('pump'\)/);
    assert.match(stderr, /note: `version` is a number and is compared with something else: that never holds/);
  }
  assert.equal(JSON.parse(made.stdout).warnings.length, 3);
});

test('4: not authorised', async () => {
  const wrong = hub.connectionString.replace(/SharedAccessKey=.*/, `SharedAccessKey=${wrongKey}`);
  const { code, stderr } = await hub.cli('device', 'list', '-l', wrong);
  assert.equal(code, 4);
  assert.match(stderr, /carillon connection-string/);
});

test('9: not trusted', async () => {
  const { code, stderr } = await hub.run(['device', 'list'], { CARILLON_LOGIN: hub.connectionString, CARILLON_CA: '' });
  assert.equal(code, 9);
  assert.match(stderr, /--ca FILE/);
});
