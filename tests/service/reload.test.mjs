// Certificates from elsewhere, as an ACME client leaves them: the files are put in place of the old ones, and SIGHUP makes
// the hub read them. Connections go on, new ones see the new certificate; what is wrong changes nothing and is in the log.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { renameSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { Hub, until } from '../lib/hub.mjs';

const home = process.env.HUB_TEST_DIRECTORY;
const chain = join(home, 'fullchain.pem');
const key = join(home, 'privkey.pem');
const hub = Hub.fromEnvironment();
const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString();

/** A root, and below it an authority between, which the server must send along. */
function makeAuthorities() {
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-subj', '/CN=root',
    '-keyout', join(home, 'root.key'), '-out', join(home, 'root.pem'));
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=between',
    '-keyout', join(home, 'between.key'), '-out', join(home, 'between.csr'));
  writeFileSync(join(home, 'between.ext'), 'basicConstraints=critical,CA:TRUE\n');
  openssl('x509', '-req', '-in', join(home, 'between.csr'), '-CA', join(home, 'root.pem'), '-CAkey', join(home, 'root.key'),
    '-CAcreateserial', '-days', '20', '-extfile', join(home, 'between.ext'), '-out', join(home, 'between.pem'));
}

/** Renews as a certificate client does: new files, renamed into place. */
function renew(serial, days = '10') {
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${hub.address}`,
    '-keyout', join(home, 'new.key'), '-out', join(home, 'new.csr'));
  writeFileSync(join(home, 'new.ext'), `subjectAltName=IP:${hub.address}\n`);
  openssl('x509', '-req', '-in', join(home, 'new.csr'), '-CA', join(home, 'between.pem'), '-CAkey', join(home, 'between.key'),
    '-set_serial', serial, '-days', days, '-extfile', join(home, 'new.ext'), '-out', join(home, 'new.pem'));
  writeFileSync(join(home, 'new-chain.pem'), readFileSync(join(home, 'new.pem'), 'utf8') + readFileSync(join(home, 'between.pem'), 'utf8'));
  renameSync(join(home, 'new-chain.pem'), chain);
  renameSync(join(home, 'new.key'), key);
}

function shown() {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hub.address, port: 8883, ca: readFileSync(join(home, 'root.pem')) }, () => {
      resolve({ serial: Number(`0x${socket.getPeerCertificate().serialNumber}`), socket });
    }).on('error', reject);
  });
}

const lines = (what) => hub.log().split('\n').filter((line) => line.includes(what)).length;

before(async () => {
  makeAuthorities();
  renew('1001');
  process.env.CARILLON_TLS__CERTIFICATE = chain;
  process.env.CARILLON_TLS__KEY = key;
  await hub.start();
});
after(() => hub.stop());

test('a certificate with the authority between is served with its chain', async () => {
  const { serial, socket } = await shown();
  assert.equal(serial, 1001);
  socket.destroy();
});

test('a renewed certificate is served after SIGHUP, and connections go on', async () => {
  const { socket } = await shown();
  let isOpen = true;
  socket.on('close', () => { isOpen = false; });
  renew('1002');
  hub.process.kill('SIGHUP');
  await until(() => lines('certificates read again') === 1, 'the reload');
  const next = await shown();
  assert.equal(next.serial, 1002);
  assert.ok(isOpen);
  next.socket.destroy();
  socket.destroy();
});

test('a key that does not belong changes nothing and is in the log', async () => {
  const old = readFileSync(key);
  writeFileSync(key, readFileSync(join(home, 'between.key')));
  hub.process.kill('SIGHUP');
  await until(() => lines('nothing changed: configuration or certificates refused') === 1, 'the refusal');
  const { serial, socket } = await shown();
  assert.equal(serial, 1002);
  socket.destroy();
  writeFileSync(key, old);
});
