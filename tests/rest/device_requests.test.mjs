// Requests of devices over HTTPS as the SDKs for C, C#, Java, Python and Node.js write them, in device_requests.json with
// what each of them wants of the answer to go on. Those of Node.js are recorded; of the others there is no recording, and
// they are composed of what their sources say. replay.mjs says how the file is written; `as` is who asks.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { Hub, parts, sign, until } from '../lib/hub.mjs';
import { RawClient, ownerField } from './client.mjs';
import { replay } from './replay.mjs';

const hub = Hub.fromEnvironment();
const cases = JSON.parse(readFileSync(new URL('device_requests.json', import.meta.url)));
const fields = new Map();
let client;
before(async () => {
  await hub.start();
  fields.set('back end', ownerField(hub));
  for (const id of new Set(cases.map(({ request }) => request.as))) {
    if (fields.has(id)) continue;
    const { SharedAccessKey } = parts(await hub.device(id));
    const expires = Math.floor(Date.now() / 1000) + 3600;
    fields.set(id, `Authorization: ${sign(`${hub.address}/devices/${id}`, SharedAccessKey, expires)}\r\n`);
  }
  client = await RawClient.open(hub);
});
after(async () => {
  client.destroy();
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});

replay(cases, {}, ({ as }) => ({ host: hub.address, client, auth: fields.get(as) }));

test('what they sent is in the log, with its properties and in its order', async () => {
  const read = async (id) => {
    const text = await hub.ok('events', 'watch', '-d', id, '--from', 'earliest', '--no-follow', '-o', 'json');
    return text.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  };
  const wanted = {
    'http-c': [['c-1', 'high'], ['c-2', 'low'], ['c-3', undefined]],
    'http-cs': [[{ n: 1 }, 'high'], ['cs-2', 'low'], ['cs-3', undefined]],
    'http-java': [['j-1', 'high'], ['j-2', 'low'], ['j-3', undefined]],
    'http-node': [[{ temp: 21 }, undefined], ['one', undefined], [{ temp: 21 }, undefined]],
  };
  for (const [id, all] of Object.entries(wanted)) {
    await until(async () => (await read(id)).length === all.length, `the messages of ${id}`);
    assert.deepEqual((await read(id)).map(({ body, properties }) => [body, properties.level]), all);
  }
  const [first] = await read('http-c');
  assert.deepEqual([first.systemProperties['message-id'], first.systemProperties['content-type']], ['m 1', 'text/plain']);
  const node = await read('http-node');
  assert.deepEqual(node.map(({ properties }) => properties.alert), ['true', undefined, 'true']);
});
