// Every route of the hub's own description in every encoding of its path that URL libraries produce.
// With an api-version that is none, a route that is found says so and does nothing; one that is not is a 404.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub } from '../lib/hub.mjs';
import { RawClient, ownerField } from './client.mjs';

const hub = Hub.fromEnvironment();
let auth;
let client;
before(async () => {
  await hub.start();
  auth = ownerField(hub);
  client = await RawClient.open(hub);
});
after(async () => {
  client.destroy();
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});

const ask = async (method, target, body = '', fields = '') => {
  const length = method === 'GET' || method === 'DELETE' ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  client.send(`${method} ${target} HTTP/1.1\r\nHost: ${hub.address}\r\n${auth}${length}${fields}\r\n${body}`);
  const answer = await client.answer();
  assert.ok(answer, `${method} ${target} ends the connection`);
  return answer;
};

/** Every byte escaped, as few libraries do and all may: RFC 3986 §2.4. */
const escaped = (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const segments = (path, change) => path.split('/').map(change).join('/');

// A path here has its segments as they are, not encoded.
const encodings = {
  'each segment by itself (azure-iothub)': (path) => segments(path, encodeURIComponent),
  'the whole path (azure-iot-explorer)': (path) => `/${encodeURIComponent(path.slice(1))}`,
  'the whole path with its first slash (azure-iot-explorer: digitalTwinService.ts)': (path) => `/${encodeURIComponent(path)}`,
  'slashes in lower case': (path) => `/${encodeURIComponent(path.slice(1)).replaceAll('%2F', '%2f')}`,
  'one slash escaped and the next not': (path) => segments(path, encodeURIComponent).slice(1)
    .replace('/', '%2F').replace(/^/, '/'),
  'every byte': (path) => segments(path, escaped),
  'every byte and every slash': (path) => `/${escaped(path.slice(1))}`,
  'sub-delimiters as they are (RFC 3986 §3.3)': (path) => segments(path, (part) => encodeURIComponent(part)
    .replace(/%(21|24|26|27|28|29|2A|2B|2C|3B|3D|3A|40)/g, decodeURIComponent)),
  'a slash at the end': (path) => `${segments(path, encodeURIComponent)}/`,
  'an escaped slash at the end': (path) => `${segments(path, encodeURIComponent)}%2F`,
  'an absolute target': (path) => `https://${hub.address}${segments(path, encodeURIComponent)}`,
  'an absolute target with its port, the path escaped': (path) => `https://${hub.address}:443/${encodeURIComponent(path.slice(1))}`,
};

const routes = async () => {
  const { paths } = JSON.parse((await ask('GET', '/carillon/openapi.json')).body);
  return Object.entries(paths).flatMap(([path, operations]) => Object.keys(operations)
    .map((method) => ({ method: method.toUpperCase(), path: path.replace(/\{\w+\}/g, 'x1') })));
};

for (const [name, encode] of Object.entries(encodings)) {
  test(`every route is found: ${name}`, async () => {
    const all = await routes();
    assert.ok(all.length > 50, 'the description is whole');
    for (const { method, path } of all) {
      if (path === '/carillon/openapi.json') continue;
      for (const spelling of [path, path.toUpperCase().replaceAll('X1', 'x1')]) {
        const answer = await ask(method, `${encode(spelling)}?api-version=none`);
        // The hub's owner has every right but that to approve jobs.
        const wanted = /^\/carillon\/jobs\/x1\/(approve|deny)$/i.test(spelling) ? 'IotHubUnauthorizedAccess' : 'InvalidProtocolVersion';
        assert.equal(answer.headers['iothub-errorcode'], wanted, `${method} ${encode(spelling)}: ${answer.body}`);
      }
    }
  });

  test(`an id arrives as it is: ${name}`, async () => {
    const version = 'api-version=2021-04-12';
    for (const id of ['plain', 'A-b.C_d', "+'!$*(),;=@:", '%41', '%2F', '%252f', '100%', 'a#b?c', '..', 'modules', 'query']) {
      const target = `${encode(`/devices/${id}`)}?${version}`;
      const made = await ask('PUT', target, JSON.stringify({ deviceId: id }));
      assert.equal(made.status, 200, `${target}: ${made.body}`);
      assert.equal(JSON.parse((await ask('GET', `${encode(`/twins/${id}`)}?${version}`)).body).deviceId, id);
      const module = await ask('PUT', `${encode(`/devices/${id}/modules/${id}`)}?${version}`, JSON.stringify({ moduleId: id }));
      assert.equal(JSON.parse(module.body).moduleId, id, module.body);
      assert.equal((await ask('DELETE', target, '', 'If-Match: *\r\n')).status, 204);
    }
  });

  test(`a WebSocket is opened: ${name}`, async () => {
    const one = await RawClient.open(hub);
    one.send(`GET ${encode('/$iothub/websocket')} HTTP/1.1\r\nHost: ${hub.address}\r\nConnection: Upgrade\r\n`
      + 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
      + 'Sec-WebSocket-Protocol: mqtt\r\n\r\n');
    assert.equal((await one.answer())?.status, 101);
    one.destroy();
  });
}

test('what is none of this is not a route', async () => {
  const version = '?api-version=2021-04-12';
  for (const [target, status] of [
    ['//devices', 404], ['/%2F%2Fdevices', 404], ['/devices%2F%2Fd', 404], ['/devices%252Fd', 404], ['/%2F', 404],
    ['/devices%2', 400], ['/devices/%zz', 400], ['/devices/%00', 400], ['/devices%00', 404],
  ]) {
    assert.equal((await ask('GET', target + version)).status, status, target);
  }
});

test('a token for a part of the hub covers that part however its path is written', async () => {
  const { sign, parts } = await import('../lib/hub.mjs');
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  const expires = Math.floor(Date.now() / 1000) + 3600;
  await ask('PUT', '/devices/mine?api-version=2021-04-12', '{}');
  await ask('PUT', '/devices/other?api-version=2021-04-12', '{}');
  const whole = auth;
  auth = `Authorization: ${sign(`${HostName}/devices/mine`, SharedAccessKey, expires, SharedAccessKeyName)}\r\n`;
  try {
    for (const encode of Object.values(encodings)) {
      assert.equal((await ask('GET', `${encode('/devices/mine')}?api-version=2021-04-12`)).status, 200);
      assert.equal((await ask('GET', `${encode('/devices/other')}?api-version=2021-04-12`)).status, 401);
      assert.equal((await ask('GET', `${encode('/twins/mine')}?api-version=2021-04-12`)).status, 401);
    }
  } finally {
    auth = whole;
  }
});
