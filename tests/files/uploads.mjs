// What a device, its storage client and a back end say about files that are uploaded.

import assert from 'node:assert/strict';
import { parts, sign } from '../lib/hub.mjs';

const version = 'api-version=2021-04-12';
const soon = () => Math.floor(Date.now() / 1000) + 3600;
export const notifications = '/messages/serviceBound/filenotifications';

export const address = ({ hostName, containerName, blobName, sasToken }, more = '') => `https://${hostName}/${containerName}/${blobName}${sasToken}${more}`;

/** As a storage client sends it. */
export async function put(url, body, headers = { 'x-ms-blob-type': 'BlockBlob' }) {
  const answer = await fetch(url, { method: 'PUT', headers: { 'x-ms-version': '2020-02-10', ...headers }, body });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}
export const block = (upload, id, body) => put(address(upload, `&comp=block&blockid=${encodeURIComponent(Buffer.from(id).toString('base64'))}`), body, {});
export const blockList = (upload, ids) => put(address(upload, '&comp=blocklist'),
  `<?xml version="1.0" encoding="utf-8"?><BlockList>${ids.map((id) => `<Latest>${Buffer.from(id).toString('base64')}</Latest>`).join('')}</BlockList>`, {});

export function talk(hub) {
  /** What a device asks of the hub, by its own key. */
  async function ask(login, method, path, body) {
    const { DeviceId, SharedAccessKey } = parts(login);
    const authorization = sign(`${hub.address}/devices/${DeviceId}`, SharedAccessKey, soon());
    const answer = await fetch(`https://${hub.address}/devices/${DeviceId}${path}?${version}`, {
      method, headers: { authorization }, body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, body: text && JSON.parse(text) };
  }
  const begin = async (login, blobName) => {
    const { status, body } = await ask(login, 'POST', '/files', { blobName });
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };
  const end = (login, { correlationId }, isSuccess = true) => ask(login, 'POST', '/files/notifications', {
    correlationId, isSuccess, statusCode: 200, statusDescription: '',
  });
  /** What a back end asks of the hub. */
  async function service(method, path) {
    const { HostName, SharedAccessKey, SharedAccessKeyName } = parts(hub.connectionString);
    const authorization = sign(HostName, SharedAccessKey, soon(), SharedAccessKeyName);
    const answer = await fetch(`https://${hub.address}${path}?${version}`, { method, headers: { authorization } });
    const text = await answer.text();
    return { status: answer.status, lock: answer.headers.get('etag')?.replaceAll('"', ''), type: answer.headers.get('content-type'), body: text && JSON.parse(text) };
  }
  /** Completes what waits; gives the notifications. */
  async function told() {
    const all = [];
    for (;;) {
      const { status, body, lock } = await service('GET', notifications);
      if (status === 204) return all;
      assert.equal((await service('DELETE', `${notifications}/${lock}`)).status, 204);
      all.push(body);
    }
  }
  /** The names of the files. */
  const toldOf = async () => (await told()).map(({ blobName }) => blobName);
  return { ask, begin, end, service, told, toldOf };
}
