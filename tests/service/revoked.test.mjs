// Device certificates of two authorities, of which one keeps a revocation list: what the list names does not connect, others
// do; SIGHUP reads a new list; a list that is out of date lets nobody of its authority in.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { Hub, until } from '../lib/hub.mjs';

const home = process.env.HUB_TEST_DIRECTORY;
const hub = Hub.fromEnvironment();
const openssl = (...args) => execFileSync('openssl', args, { cwd: home, stdio: ['ignore', 'pipe', 'ignore'] });
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function makeAuthority(name) {
  mkdirSync(join(home, name));
  openssl('req', '-x509', ...newKey, '-days', '30', '-subj', `/CN=${name}`, '-keyout', `${name}/ca.key`, '-out', `${name}/ca.pem`);
  writeFileSync(join(home, name, 'index.txt'), '');
  writeFileSync(join(home, name, 'ca.cnf'), `[ca]\ndefault_ca=d\n[d]\ndatabase=${name}/index.txt\ncertificate=${name}/ca.pem\nprivate_key=${name}/ca.key\ndefault_md=sha256\ndefault_crl_days=7\n`);
}

function makeDevice(id, authority, serial) {
  openssl('req', ...newKey, '-subj', `/CN=${id}`, '-keyout', `${id}.key`, '-out', `${id}.csr`);
  openssl('x509', '-req', '-in', `${id}.csr`, '-CA', `${authority}/ca.pem`, '-CAkey', `${authority}/ca.key`, '-set_serial', serial, '-days', '20', '-out', `${id}.pem`);
}

/** The list of what `authority` has revoked so far; `flags` may set its times. */
function writeList(authority, ...flags) {
  openssl('ca', '-config', `${authority}/ca.cnf`, '-gencrl', ...flags, '-out', 'crl.pem');
}

/** The return code of CONNACK (MQTT 3.1.1 §3.2.2.3), or `closed`. */
function connack(id) {
  const text = (value) => Buffer.concat([Buffer.from([value.length >> 8, value.length & 255]), Buffer.from(value)]);
  const body = Buffer.concat([text('MQTT'), Buffer.from([4, 0x82, 0, 60]), text(id), text(`${hub.address}/${id}/?api-version=2021-04-12`)]);
  return new Promise((resolve) => {
    const socket = connect({ host: hub.address, port: 8883, ca: readFileSync(hub.caFile),
      cert: readFileSync(join(home, `${id}.pem`)), key: readFileSync(join(home, `${id}.key`)) }, () => {
      socket.write(Buffer.concat([Buffer.from([0x10, body.length]), body]));
    });
    socket.on('data', (bytes) => { resolve(bytes[3]); socket.destroy(); });
    socket.on('close', () => resolve('closed'));
    socket.on('error', () => {});
  });
}

const reloads = () => hub.log().split('\n').filter((line) => line.includes('certificates read again')).length;
async function reload() {
  const before = reloads();
  hub.process.kill('SIGHUP');
  await until(() => reloads() > before, 'the reload');
}

before(async () => {
  makeAuthority('listed');
  makeAuthority('unlisted');
  makeDevice('good', 'listed', '11');
  makeDevice('stolen', 'listed', '12');
  makeDevice('other', 'unlisted', '12');
  writeFileSync(join(home, 'authorities.pem'), readFileSync(join(home, 'listed', 'ca.pem')));
  appendFileSync(join(home, 'authorities.pem'), readFileSync(join(home, 'unlisted', 'ca.pem')));
  writeList('listed');
  process.env.CARILLON_TLS__CLIENT_CA = join(home, 'authorities.pem');
  process.env.CARILLON_TLS__CLIENT_CRL = join(home, 'crl.pem');
  await hub.start();
  for (const id of ['good', 'stolen', 'other']) await hub.ok('device', 'create', '-d', id, '--auth-method', 'x509_ca');
});
after(() => hub.stop());

test('what no list names connects', async () => {
  for (const id of ['good', 'stolen', 'other']) assert.equal(await connack(id), 0, id);
});

test('what the list names does not, from the next reload on; another authority\'s of the same number does', async () => {
  openssl('ca', '-config', 'listed/ca.cnf', '-revoke', 'stolen.pem');
  writeList('listed');
  await reload();
  assert.equal(await connack('good'), 0);
  assert.equal(await connack('other'), 0);
  assert.notEqual(await connack('stolen'), 0);
});

test('a list that is out of date lets nobody of its authority in', async () => {
  writeList('listed', '-crl_lastupdate', '20200101000000Z', '-crl_nextupdate', '20200102000000Z');
  await reload();
  assert.notEqual(await connack('good'), 0);
  assert.equal(await connack('other'), 0);
});

test('a file without a list changes nothing and is in the log', async () => {
  writeList('listed');
  await reload();
  writeFileSync(join(home, 'crl.pem'), 'nothing\n');
  hub.process.kill('SIGHUP');
  await until(() => hub.log().includes('refused reason=revocation lists'), 'the refusal');
  assert.equal(await connack('good'), 0);
  assert.notEqual(await connack('stolen'), 0);
});
