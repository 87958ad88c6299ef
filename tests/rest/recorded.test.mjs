// Requests as the SDKs for C#, Java, Python and C and the command line of the cloud write them, in
// recorded.json with what each of them wants of the answer; replay.mjs says how that is written.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { readFileSync } from 'node:fs';
import { Hub } from '../lib/hub.mjs';
import { RawClient, ownerField } from './client.mjs';
import { replay } from './replay.mjs';

const hub = Hub.fromEnvironment();
const cases = JSON.parse(readFileSync(new URL('recorded.json', import.meta.url)));
const captured = {
  now7: new Date().toISOString().replace('Z', '0000Z'),
  later: new Date(Date.now() + 3600_000).toISOString(),
};
let client;
let auth;
before(async () => {
  await hub.start();
  auth = ownerField(hub);
  client = await RawClient.open(hub);
});
after(async () => {
  client.destroy();
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});

replay(cases, captured, () => ({ host: hub.address, client, auth }));
