// Devices over HTTPS, and messages to them: what is refused, and how. The cases are data; each one's token is
// named by a word, see `tokens`.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Agent, request } from 'node:https';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Hub, parts, sign } from '../lib/hub.mjs';

const hub = Hub.fromEnvironment();
const cases = JSON.parse(readFileSync(new URL('devices.json', import.meta.url)));
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const soon = () => Math.floor(Date.now() / 1000) + 3600;
const wrongKey = Buffer.alloc(32, 7).toString('base64');
const version = 'api-version=2021-04-12';

const keys = new Map();
const policies = new Map();
const locks = { none: '12345678-1234-1234-1234-123456789abc' };

/** The token that a case shows; nothing for `none`. */
function token(word, device) {
  const resource = `${hub.address}/devices/${device}`;
  const policy = word.match(/^policy (\w+)$/);
  if (policy) return sign(hub.address, policies.get(policy[1]), soon(), policy[1]);
  const own = word.match(/^own of (.*)$/);
  if (own) return sign(`${hub.address}/devices/${own[1]}`, keys.get(own[1]), soon());
  const key = keys.get(device) ?? wrongKey;
  const tokens = {
    none: () => undefined,
    empty: () => '',
    nonsense: () => 'nonsense',
    bearer: () => 'Bearer e30.e30.',
    own: () => sign(resource, key, soon()),
    'wrong key': () => sign(resource, wrongKey, soon()),
    'no signature': () => `SharedAccessSignature sr=${encodeURIComponent(resource)}&se=${soon()}`,
    expired: () => sign(resource, key, soon() - 3600 - 301),
    'of another device': () => sign(`${hub.address}/devices/n-other`, keys.get('n-other'), soon()),
    'of another hub': () => sign(`other.example/devices/${device}`, key, soon()),
    'scope of another device': () => sign(`${hub.address}/devices/n-other`, key, soon()),
    'unknown policy': () => sign(hub.address, wrongKey, soon(), 'nobody'),
    'policy device, wrong key': () => sign(hub.address, wrongKey, soon(), 'device'),
  };
  return tokens[word]();
}

function ask({ method, path, auth, headers = {}, body = '', repeat = 0 }) {
  const target = path.replace(/\{(\w+)\}/, (_, name) => locks[name]);
  const device = target.match(/^\/devices\/([^/?]*)/)?.[1];
  const bytes = Buffer.concat([Buffer.from(body), Buffer.alloc(repeat, ' ')]);
  const field = token(auth, device);
  return new Promise((resolve, reject) => {
    const sent = request({
      agent, host: hub.address, ca: readFileSync(hub.caFile), method, path: target,
      headers: { ...headers, 'Content-Length': bytes.length, ...(field === undefined ? {} : { Authorization: field }) },
    }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces).toString() }));
    });
    // A body that the hub does not read may be cut off behind the answer.
    sent.on('error', (error) => { if (!sent.res) reject(error); });
    sent.end(bytes);
  });
}

before(async () => {
  await hub.start();
  for (const id of ['n-send', 'n-receive', 'n-complete', 'n-abandon', 'n-other', 'n-disabled', 'n-full']) {
    keys.set(id, parts(await hub.device(id)).SharedAccessKey);
  }
  await hub.ok('device', 'update', 'n-disabled', '--status', 'disabled');
  await hub.ok('device', 'create', 'n-x509', '--auth-method', 'x509_thumbprint', '--primary-thumbprint', 'A'.repeat(40),
    '--secondary-thumbprint', 'B'.repeat(40));
  for (const name of ['service', 'device', 'registryRead', 'registryReadWrite']) {
    policies.set(name, JSON.parse(await hub.ok('policy', 'show', name, '-o', 'json')).primaryKey);
  }
  for (let i = 0; i < 50; i += 1) {
    assert.equal((await ask({ method: 'POST', path: `/devices/n-full/messages/deviceBound?${version}`, auth: 'policy service' })).status, 204);
  }
  for (const [name, device] of [['lost', 'n-complete'], ['other', 'n-other']]) {
    await ask({ method: 'POST', path: `/devices/${device}/messages/deviceBound?${version}`, auth: 'policy service' });
    const { headers } = await ask({ method: 'GET', path: `/devices/${device}/messages/deviceBound?${version}`, auth: 'own' });
    locks[name] = headers.etag.slice(1, -1);
  }
  const { status } = await ask({ method: 'DELETE', path: `/devices/n-complete/messages/deviceBound/{lost}?${version}`, auth: 'own' });
  assert.equal(status, 204);
});
after(() => { agent.destroy(); return hub.stop(); });

for (const entry of cases) {
  test(entry.name, async () => {
    const answer = await ask(entry);
    assert.equal(answer.status, entry.status, answer.body);
    assert.equal(answer.headers['iothub-errorcode'], entry.error, answer.body);
    assert.ok(JSON.parse(answer.body).Message.startsWith(`ErrorCode:${entry.error};`), answer.body);
  });
}

test('there are at least 400 cases of refusals, with those of AMQP', () => {
  const run = fileURLToPath(new URL('../conformance/run.py', import.meta.url));
  const amqp = Number(execFileSync('python3', [run, 'amqp', '--count']).toString());
  const ofDevices = cases.filter(({ name }) => !name.startsWith('back end')).length;
  console.log(`cases that expect a refusal: ${amqp} of AMQP, ${ofDevices} of devices over HTTPS, ${cases.length - ofDevices} of back ends`);
  assert.ok(amqp + ofDevices >= 400);
});

test('whoever is right is served after all that', async () => {
  const sent = await ask({ method: 'POST', path: `/devices/n-send/messages/events?${version}`, auth: 'own', body: 'x' });
  assert.equal(sent.status, 204, sent.body);
  const none = await ask({ method: 'GET', path: `/devices/n-receive/messages/deviceBound?${version}`, auth: 'policy device' });
  assert.equal(none.status, 204, none.body);
});
