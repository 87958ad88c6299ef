// Import and export jobs against the real hub and a blob container on the web.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Hub } from '../lib/hub.mjs';
import { BlobServer } from './blob_server.mjs';
import { ended, fleet, rest, run } from './jobs.mjs';

const hub = Hub.fromEnvironment();
const data = join(hub.directory, 'data');
// The hub's own certificate serves for the container's server too: the same address, another port.
process.env.CARILLON_STORAGE__CA_FILE = join(data, 'ca.pem');
const plain = new BlobServer();
const secure = new BlobServer({
  address: hub.address,
  tls: { cert: readFileSync(join(data, 'server-ecdsa.pem')), key: readFileSync(join(data, 'server-ecdsa-key.pem')) },
});
// The certificate is for the hub's address and 127.0.0.1, and for no other.
const other = new BlobServer({ address: '127.0.0.2', tls: secure.tls });
// Closed, and open without a word of TLS.
const closed = 'https://127.0.0.3:1';
const mute = createServer();
before(async () => {
  await plain.start();
  await secure.start();
  await other.start();
  await new Promise((resolve) => { mute.listen(0, '127.0.0.3', resolve); });
  process.env.CARILLON_STORAGE__HOSTS += `,${closed},https://127.0.0.3:${mute.address().port}`;
  await hub.start();
});
after(async () => {
  await plain.stop();
  await secure.stop();
  await other.stop();
  mute.close();
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

const refused = async (uri) => {
  const { status, body } = await rest(hub, 'POST', '/jobs/create', { type: 'import', inputBlobContainerUri: uri, outputBlobContainerUri: uri });
  assert.equal(status, 400, uri);
  assert.match(body.Message, /BlobContainerValidationError/);
  assert.equal(JSON.stringify(body).includes('d3Jvbmc'), false);
  return body.Message;
};

test('a wrong signature and an absent blob are said at once, without the secret', async () => {
  assert.match(await refused(plain.container('in', 'sig=d3Jvbmc')), /403 AuthenticationFailed/);
  assert.match(await refused(plain.container('empty')), /404 BlobNotFound/);
});

test('what is where a connection fails is not said, but in the log', async () => {
  const text = 'The host cannot be reached, or is not one that the hub may connect to.';
  for (const uri of [
    `${closed}/c?sig=d3Jvbmc`, // Nobody listens.
    other.container('in', 'sig=d3Jvbmc'), // Its certificate is for another.
    'https://localhost/c?sig=d3Jvbmc', 'https://127.0.0.1/c?sig=d3Jvbmc', 'https://[::1]/c?sig=d3Jvbmc', // Not configured.
    'https://169.254.169.254/metadata?sig=d3Jvbmc', 'https://10.0.0.1/c?sig=d3Jvbmc', 'https://[::ffff:127.0.0.1]/c?sig=d3Jvbmc',
    'https://nowhere.invalid/c?sig=d3Jvbmc',
  ]) {
    const message = await refused(uri);
    assert.ok(message.replace(/^[^;]*;/, '').replace(/^\S+: /, '').startsWith(text), `${uri}: ${message}`);
  }
  assert.match(hub.log(), /blob container not reached host=127.0.0.3 port=1 /);
  for (const uri of [`https://127.0.0.1:${plain.port}/c?s=1`, 'http://127.0.0.1/c?s=1', 'http://example.net/c?s=1', 'https://example.net:22/c?s=1']) {
    assert.match(await refused(uri), /configuration/, uri);
  }
});

test('a server that says nothing is given up soon, and holds up no other job', async () => {
  const uri = `https://127.0.0.3:${mute.address().port}/c?sig=d3Jvbmc`;
  const slow = Array.from({ length: 17 }, () => rest(hub, 'POST', '/jobs/create', { type: 'import', inputBlobContainerUri: uri, outputBlobContainerUri: uri }));
  plain.put('others', 'devices.txt', fleet(10, 'o'));
  const order = { type: 'import', inputBlobContainerUri: plain.container('others'), outputBlobContainerUri: plain.container('others') };
  const { status, body } = await rest(hub, 'POST', '/jobs/create', order);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal((await ended(hub, body.jobId)).status, 'completed');
  const text = /cannot be reached, or is not one that the hub may connect to/;
  for (const answer of await Promise.all(slow)) {
    if (answer.status === 200) { // Sixteen are looked at at once; any beyond them are jobs that look themselves.
      const job = await ended(hub, answer.body.jobId);
      assert.equal(job.status, 'failed');
      assert.match(job.failureReason, text);
    } else {
      assert.equal(answer.status, 400);
      assert.match(answer.body.Message, text);
    }
  }
});

test('an export to a container that refuses it fails, and says why', async () => {
  const job = await run(hub, { type: 'export', outputBlobContainerUri: plain.container('out', 'sig=d3Jvbmc') });
  assert.equal(job.status, 'failed');
  assert.match(job.failureReason, /403 AuthenticationFailed/);
  assert.equal(hub.log().includes('d3Jvbmc'), false, 'secrets are not logged');
});
