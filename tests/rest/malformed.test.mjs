// Requests that are malformed, too large, or wrong, against the real hub: what is answered, and
// whether the connection lives on. The cases are data: malformed.json. `send` is text of one
// character a byte, or a list in which [text, n] stands for n copies.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { Hub } from '../lib/hub.mjs';
import { RawClient, ownerField } from './client.mjs';

const hub = Hub.fromEnvironment();
before(async () => {
  await hub.start();
  await hub.device('d1');
});
after(async () => assert.equal(await hub.stop(), 0, 'the hub stops in good order'));

const cases = JSON.parse(readFileSync(new URL('malformed.json', import.meta.url), 'utf8'));

const written = (send) => (Array.isArray(send) ? send : [send])
  .map((part) => (Array.isArray(part) ? part[0].repeat(part[1]) : part)).join('')
  .replaceAll('{auth}', ownerField(hub)).replaceAll('{host}', hub.address);

test('there are at least 80 cases, each with a name of its own', () => {
  assert.ok(cases.length >= 80);
  assert.equal(new Set(cases.map((entry) => entry.name)).size, cases.length);
});

for (const entry of cases) {
  test(entry.name, async () => {
    const client = await RawClient.open(hub);
    try {
      const text = written(entry.send);
      client.send(text);
      const answer = await client.answer({ head: text.startsWith('HEAD') });
      assert.ok(answer, 'there is an answer');
      assert.equal(answer.status, entry.status, answer.body);
      assert.equal(answer.headers['iothub-errorcode'], entry.error);
      assert.match(answer.headers['x-ms-request-id'], /^[0-9a-f-]{36}$/);
      if (entry.error && !text.startsWith('HEAD')) {
        assert.match(answer.headers['content-type'], /^application\/json/);
        const body = JSON.parse(answer.body);
        assert.ok(body.Message.includes(entry.error) || body.Message.includes('errorCode'), answer.body);
      }
      if (entry.closed) {
        assert.ok(await client.closed(), 'nothing follows the answer');
      } else {
        client.send(`GET /devices/d1?api-version=2021-04-12 HTTP/1.1\r\nHost: ${hub.address}\r\n${ownerField(hub)}\r\n`);
        const next = await client.answer();
        assert.equal(next?.status, 200, 'the connection lives on');
      }
    } finally {
      client.destroy();
    }
  });
}
