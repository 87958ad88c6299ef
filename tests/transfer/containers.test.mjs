// Import and export jobs against the real hub and a blob container on the web.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Hub } from '../lib/hub.mjs';
import { BlobServer } from './blob_server.mjs';
import { fleet, rest, run } from './jobs.mjs';

const hub = Hub.fromEnvironment();
const data = join(hub.directory, 'data');
// The hub's own certificate serves for the container's server too: the same address, another port.
process.env.CARILLON_STORAGE__CA_FILE = join(data, 'ca.pem');
const plain = new BlobServer();
const secure = new BlobServer({
  address: hub.address,
  tls: { cert: readFileSync(join(data, 'server-ecdsa.pem')), key: readFileSync(join(data, 'server-ecdsa-key.pem')) },
});
before(async () => {
  await plain.start();
  await secure.start();
  await hub.start();
});
after(async () => {
  await plain.stop();
  await secure.stop();
  assert.equal(await hub.stop(), 0, 'the hub stops in good order');
});

for (const [name, blobs] of [['plain, as an emulator', plain], ['HTTPS', secure]]) {
  test(`a fleet comes from a container and goes to one (${name})`, async () => {
    const prefix = name.slice(0, 1).toLowerCase();
    blobs.put('in', 'devices.txt', `${fleet(20_000, prefix)}{"id":"${prefix}-000000","importMode":"create"}\n`);
    const imported = await run(hub, {
      type: 'import', inputBlobContainerUri: blobs.container('in'), outputBlobContainerUri: blobs.container('errors'),
    });
    assert.equal(imported.status, 'completed', JSON.stringify(imported));
    assert.equal(imported.errorCount, 1);
    const [error] = blobs.text('errors', 'importErrors.log').split('\n').filter(Boolean).map((line) => JSON.parse(line));
    assert.equal(error.deviceId, `${prefix}-000000`);
    assert.equal(error.errorCode, 'DeviceAlreadyExists');
    const exported = await run(hub, { type: 'export', outputBlobContainerUri: blobs.container('out'), outputBlobName: 'sub dir/x.txt' });
    assert.equal(exported.status, 'completed', JSON.stringify(exported));
    const lines = blobs.text('out', 'sub dir/x.txt').split('\n').filter((line) => line.startsWith(`{"id":"${prefix}-`));
    assert.equal(lines.length, 20_000);
    assert.equal(blobs.requests.filter((request) => request === 'PUT block').length > 1, true, 'a large blob goes block by block');
  });
}

test('trouble that passes does no harm', async () => {
  plain.put('again', 'devices.txt', fleet(10, 'r'));
  plain.trouble = { status: 503, count: 2 };
  const job = await run(hub, { type: 'import', inputBlobContainerUri: plain.container('again'), outputBlobContainerUri: plain.container('again') });
  assert.equal(job.status, 'completed', JSON.stringify(job));
  assert.equal(job.lineCount, 10);
});

test('a wrong signature, an absent blob and an untrusted server are said at once, without the secret', async () => {
  const refused = async (uri) => {
    const { status, body } = await rest(hub, 'POST', '/jobs/create', { type: 'import', inputBlobContainerUri: uri, outputBlobContainerUri: uri });
    assert.equal(status, 400, uri);
    assert.match(body.Message, /BlobContainerValidationError/);
    assert.equal(JSON.stringify(body).includes('d3Jvbmc'), false);
    return body.Message;
  };
  assert.match(await refused(plain.container('in', 'sig=d3Jvbmc')), /403 AuthenticationFailed/);
  assert.match(await refused(plain.container('empty')), /404 BlobNotFound/);
  // The certificate is for the hub's address and 127.0.0.1, and for no other.
  const other = new BlobServer({ address: '127.0.0.2', tls: secure.tls });
  await other.start();
  assert.match(await refused(other.container('in')), /its certificate is refused: IP address mismatch/);
  await other.stop();
});

test('an export to a container that refuses it fails, and says why', async () => {
  const job = await run(hub, { type: 'export', outputBlobContainerUri: plain.container('out', 'sig=d3Jvbmc') });
  assert.equal(job.status, 'failed');
  assert.match(job.failureReason, /403 AuthenticationFailed/);
  assert.equal(hub.log().includes('d3Jvbmc'), false, 'secrets are not logged');
});
