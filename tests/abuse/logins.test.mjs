// Wrong logins, again and again, at each door of the hub and all from one address, which honest peers
// share: their answers come ever later, the log has a line about it and not thousands, and whoever shows
// the right credential comes in as ever, also as the device that is attacked.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, parts, sign } from '../lib/hub.mjs';
import { HTTPS, MQTTS, size } from './attack.mjs';
import { Honest } from './honest.mjs';
import { dial, mqtt, read, request, say } from './peers.mjs';

const seconds = size(5, 30);
const peers = size(16, 64);
const hub = Hub.fromEnvironment();
let honest;
let victim;
before(async () => {
  await hub.start();
  honest = await Honest.begin(hub);
  victim = await hub.device('victim');
});
after(() => hub.stop());

const wrong_key = Buffer.from('not the key').toString('base64');
const expires = Math.floor(Date.now() / 1000) + 3600;

const deviceTries = async (id, key = wrong_key) => {
  const { HostName } = parts(victim);
  const socket = await dial(hub, MQTTS);
  await say(socket, mqtt.connect(hub, `HostName=${HostName};DeviceId=${id};SharedAccessKey=${key}`));
  const answer = await read(socket, (seen) => seen.length >= 4);
  socket.destroy();
  return answer.toString('hex');
};
const tokenTries = async (policy) => {
  const { HostName } = parts(hub.connectionString);
  const socket = await dial(hub, HTTPS);
  say(socket, request(hub, 'GET', '/devices/victim?api-version=2021-04-12', {
    Authorization: sign(HostName, wrong_key, expires, policy), Connection: 'close' }));
  const answer = (await read(socket)).toString();
  socket.destroy();
  return answer;
};

/** How many of `tries` are answered while it goes on; each of so many peers tries one after the other. */
const flood = async (tries) => {
  const end = Date.now() + seconds * 1000;
  let answered = 0;
  await Promise.all(Array.from({ length: peers }, async () => {
    while (Date.now() < end) {
      await tries();
      if (Date.now() < end) answered += 1;
    }
  }));
  return answered;
};
/** A log that is at work would have a line for each. */
const linesOf = (text) => hub.log().split('\n').filter((line) => line.includes(text)).length;

for (const [name, tries, refused] of [
  ['a device', () => deviceTries('victim'), /^20020005$/],
  ['tokens of a policy', () => tokenTries('iothubowner'), /^HTTP\/1.1 401 /],
]) {
  test(`wrong logins of ${name} are answered late, and right ones are not`, async () => {
    assert.match(await tries(), refused);
    const attack = flood(tries);
    await honest.phase(name, 5);
    for (let i = 0; i < 3; i += 1) {
      assert.equal(await deviceTries('victim', parts(victim).SharedAccessKey), '20020000', 'who is attacked comes in');
    }
    const answered = await attack;
    console.log(`${name}: ${answered} wrong logins answered in ${seconds} s to ${peers} peers`);
    // Twenty at once and one a second for each name, but for the clock of a slow machine: thousands before.
    assert.ok(answered <= 20 + 10 * seconds + peers, `${answered} answered`);
  });
}

test('the log says so, once', async () => {
  assert.ok(linesOf('login refused protocol=mqtt identity=victim') >= 1, hub.log());
  assert.ok(linesOf('login refused protocol=https identity=iothubowner') >= 1, hub.log());
  assert.ok(linesOf('failed logins slowed identity=victim') >= 1, hub.log());
  assert.ok(linesOf('login') <= 20, hub.log());
});

test('what is said does not tell an unknown policy from a wrong signature', async () => {
  const texts = [];
  for (const policy of ['iothubowner', 'nobody']) texts.push(/"Message":"[^"]*"/.exec(await tokenTries(policy))?.[0]);
  assert.ok(texts[0], 'there is a text');
  assert.equal(texts[0], texts[1]);
});

test('nothing of it stays', async () => {
  await honest.end();
  assert.equal(await hub.stop(), 0);
});
