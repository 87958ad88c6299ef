// Requests as the SDKs for C#, Java, Python and C and the command line of the cloud write them, in
// recorded.json with what each of them wants of the answer. They run in their order against one hub.
//
// In an answer, members that are not named may be anything; `{"$is": "absent"}`, or another type, and
// `{"$match": "…"}` stand for values; arrays have as many elements. `${name}` is what an earlier answer gave.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { Hub, until } from '../lib/hub.mjs';
import { RawClient, ownerField } from './client.mjs';

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

const fill = (text) => text.replace(/\$\{(\w+)\}/g, (_, name) => {
  assert.ok(name in captured, `nothing is called ${name}`);
  return captured[name];
});
const filled = (value) => JSON.parse(fill(JSON.stringify(value)));

function matches(actual, wanted, at) {
  if (wanted?.$is) {
    const type = actual === undefined ? 'absent' : actual === null ? 'null' : typeof actual;
    return assert.equal(type, wanted.$is, `${at} is ${JSON.stringify(actual)}`);
  }
  if (wanted?.$match) return assert.match(String(actual), new RegExp(wanted.$match), at);
  if (wanted === null || typeof wanted !== 'object') return assert.deepEqual(actual, wanted, at);
  assert.ok(actual !== null && typeof actual === 'object', `${at} is ${JSON.stringify(actual)}`);
  if (Array.isArray(wanted)) assert.equal(actual.length, wanted.length, `${at} has ${JSON.stringify(actual)}`);
  for (const [key, value] of Object.entries(wanted)) matches(actual[key], value, `${at}.${key}`);
}

async function ask({ method, path, headers = {}, body }) {
  const text = body === undefined ? '' : JSON.stringify(filled(body));
  const length = method === 'GET' || method === 'DELETE' ? '' : `Content-Length: ${Buffer.byteLength(text)}\r\n`;
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${fill(value)}\r\n`).join('');
  client.send(`${method} ${path} HTTP/1.1\r\nHost: ${hub.address}\r\n${auth}${fields}${length}\r\n${text}`);
  const answer = await client.answer();
  assert.ok(answer, 'the hub closed the connection');
  return { ...answer, body: answer.body === '' ? null : JSON.parse(answer.body) };
}

for (const { claim, source, request, expect, until: wanted, capture = {}, capture_headers: fields = {} } of cases) {
  test(`${claim} (${source})`, async () => {
    const answer = await until(async () => {
      const one = await ask(request);
      return !wanted || Object.entries(wanted).every(([key, value]) => one.body[key] === value) ? one : null;
    }, () => `${JSON.stringify(wanted)} of ${request.path}`);
    const shown = `${request.method} ${request.path}: ${JSON.stringify(answer.body)}`;
    assert.equal(answer.status, expect.status, shown);
    for (const [name, value] of Object.entries(expect.headers ?? {})) matches(answer.headers[name], filled(value), `${name} of ${shown}`);
    if ('body' in expect) matches(answer.body, filled(expect.body), shown);
    for (const [member, order] of Object.entries(expect.order ?? {})) {
      assert.deepEqual(Object.keys(answer.body[member]), order, `the order within ${member}`);
    }
    for (const [name, member] of Object.entries(capture)) captured[name] = answer.body[member];
    for (const [name, header] of Object.entries(fields)) captured[name] = answer.headers[header];
  });
}
