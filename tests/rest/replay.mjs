// Requests as SDKs and tools write them, with what each of them wants of the answer, sent in their order to one hub.
//
// `text` is a body that is no JSON, of a request or an answer. In an answer, members that are not named may be anything; `{"$is": "absent"}`, or another type, and
// `{"$match": "…"}` stand for values; arrays have as many elements. `${name}` is what an earlier answer gave.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../lib/hub.mjs';

export const fill = (text, captured) => text.replace(/\$\{(\w+)\}/g, (_, name) => {
  assert.ok(name in captured, `nothing is called ${name}`);
  return captured[name];
});
export const filled = (value, captured) => JSON.parse(fill(JSON.stringify(value), captured));

export function matches(actual, wanted, at) {
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

/** One request by a `RawClient`; `auth` is its Authorization field. */
async function ask(client, host, auth, { method, path, headers = {}, body, text: plain = '' }, captured, isText) {
  const text = body === undefined ? plain : JSON.stringify(filled(body, captured));
  const length = method === 'GET' || method === 'DELETE' || 'Content-Length' in headers || 'Transfer-Encoding' in headers ? '' : `Content-Length: ${Buffer.byteLength(text)}\r\n`;
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${fill(value, captured)}\r\n`).join('');
  client.send(`${method} ${fill(path, captured)} HTTP/1.1\r\nHost: ${host}\r\n${auth}${fields}${length}\r\n${text}`);
  const answer = await client.answer();
  assert.ok(answer, 'the hub closed the connection');
  if (isText) return answer;
  return { ...answer, body: answer.body === '' ? null : JSON.parse(answer.body) };
}

/**
 * Makes a test of each case. `connected(request)` gives the hub's address, a `RawClient` and its Authorization field.
 * `capture_quoted` takes what stands in the quotes of header fields.
 */
export function replay(cases, captured, connected) {
  for (const { claim, source, request, expect, until: wanted, capture = {}, capture_headers: fields = {}, capture_quoted: quoted = {} } of cases) {
    test(`${claim} (${source})`, async () => {
      const { host, client, auth } = connected(request);
      const answer = await until(async () => {
        const one = await ask(client, host, auth, request, captured, 'text' in expect);
        return !wanted || Object.entries(wanted).every(([key, value]) => one.body[key] === value) ? one : null;
      }, () => `${JSON.stringify(wanted)} of ${request.path}`);
      const shown = `${request.method} ${request.path}: ${JSON.stringify(answer.body)}`;
      assert.equal(answer.status, expect.status, shown);
      for (const [name, value] of Object.entries(expect.headers ?? {})) matches(answer.headers[name], filled(value, captured), `${name} of ${shown}`);
      if ('text' in expect) assert.equal(answer.body, expect.text, shown);
      if ('body' in expect) matches(answer.body, filled(expect.body, captured), shown);
      for (const [member, order] of Object.entries(expect.order ?? {})) {
        assert.deepEqual(Object.keys(answer.body[member]), order, `the order within ${member}`);
      }
      for (const [name, member] of Object.entries(capture)) captured[name] = answer.body[member];
      for (const [name, header] of Object.entries(fields)) captured[name] = answer.headers[header];
      for (const [name, header] of Object.entries(quoted)) {
        assert.match(answer.headers[header], /^".+"$/, `${header} of ${shown}`);
        captured[name] = answer.headers[header].slice(1, -1);
      }
    });
  }
}
