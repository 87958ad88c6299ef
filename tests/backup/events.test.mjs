// The logs of endpoints in a backup: what they held, their consumer groups, and where they go on.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, parts, sign, until } from '../lib/hub.mjs';

const home = process.env.HUB_TEST_DIRECTORY;
const hub = Hub.fromEnvironment();
const archive = join(home, 'hub.tar');
const copy = new Hub({ binary: hub.binary, directory: join(home, 'copy'), address: hub.address });
let login;
/** The device sends `count` messages, each acknowledged. */
async function send(from, count) {
  const authorization = sign(`${hub.address}/devices/d-1`, parts(login).SharedAccessKey, Math.floor(Date.now() / 1000) + 3600);
  for (let i = from; i < from + count; ++i) {
    const answer = await fetch(`https://${hub.address}/devices/d-1/messages/events?api-version=2020-03-13`, {
      method: 'POST', body: JSON.stringify({ number: i }),
      headers: { authorization, 'iothub-contenttype': 'application/json', 'iothub-contentencoding': 'utf-8' },
    });
    assert.equal(answer.status, 204);
  }
}
/** The numbers in a log, as one of its groups reads it, with those that the log gave them. */
async function read(of, endpoint, group = '$Default') {
  const text = await of.ok('events', 'watch', ...(endpoint ? ['--endpoint', endpoint] : []), '--consumer-group', group, '--from', 'earliest', '--no-follow', '-o', 'ndjson');
  return text.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line)).map(({ body, sequenceNumber }) => [body.number, sequenceNumber]);
}
const whole = async (of, count) => {
  let found;
  await until(async () => (found = await read(of, 'alarms', 'pagers')).length >= count, `${count} events in the log`);
  return found;
};

before(async () => {
  await hub.start();
  login = await hub.device('d-1');
  await hub.ok('endpoint', 'create', 'alarms', '--kind', 'events');
  await hub.ok('consumer-group', 'create', 'pagers', '--endpoint', 'alarms');
  await hub.ok('route', 'create', 'all', '--endpoint-name', 'alarms', '--condition', 'true');
});
after(async () => {
  await hub.stop();
  assert.equal(await copy.stop(), 0, 'the hub stops in good order');
});

test('a log of an endpoint is restored with its groups, and goes on without a gap', async () => {
  await send(0, 3);
  const saved = await whole(hub, 3);
  assert.deepEqual(saved, [[0, 0], [1, 1], [2, 2]]);
  await hub.ok('backup', 'create', archive);
  await send(3, 1); // Behind the backup, so lost with the hub.
  await whole(hub, 4);
  assert.equal(await hub.stop(), 0);
  mkdirSync(copy.directory);
  const { code, stderr } = await hub.run(['backup', 'restore', archive, '--data-dir', join(copy.directory, 'data')], {});
  assert.equal(code, 0, stderr);
  await copy.start();
  assert.deepEqual(await read(copy, 'alarms', 'pagers'), saved);
  assert.deepEqual((await read(copy)).map(([number]) => number), [0, 1, 2], 'the built-in log');
  assert.equal((await copy.cli('events', 'watch', '--endpoint', 'alarms', '--consumer-group', 'others', '--no-follow')).code, 3, 'no other group');
  await send(10, 2);
  assert.deepEqual(await whole(copy, 5), [...saved, [10, 3], [11, 4]], 'nothing twice, and numbers without a gap');
});
