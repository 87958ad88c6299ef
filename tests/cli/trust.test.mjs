// `carillon trust`: what it prints does make programs trust the hub.

import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';

const hub = Hub.fromEnvironment(['--hostname', 'no-such-name.invalid']);
before(() => hub.start());
after(() => hub.stop());

const data = join(hub.directory, 'data');
const url = `https://${hub.address}/`;
const trust = (...args) => hub.local('trust', ...args);
const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** Runs a script in a shell that trusts nothing yet; gives its exit code. */
function shell(script, env = {}) {
  const { NODE_EXTRA_CA_CERTS: _, ...rest } = process.env;
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-e', '-c', script], { env: { ...rest, ...env }, cwd: hub.directory },
      (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }));
  });
}

// Any answer of the hub, such as 404, shows that it is trusted.
const clients = [
  ['node', `node -e 'require("https").get("${url}", () => process.exit(0)).on("error", () => process.exit(1))'`],
  ['curl', `curl -s -o /dev/null ${url}`],
  ['python', `python3 -c '
import sys, urllib.request, urllib.error
try: urllib.request.urlopen("${url}")
except urllib.error.HTTPError: pass
except urllib.error.URLError: sys.exit(1)'`],
  ['c', `openssl s_client -verify_return_error -connect ${hub.address}:443 </dev/null >/dev/null 2>&1`],
];
for (const [language, command] of clients) {
  test(`${language} trusts the hub by it, and not without`, async () => {
    assert.notEqual((await shell(command)).code, 0, 'it trusts the hub anyway');
    const { code, stderr } = await shell(`eval "$(${hub.binary} trust --data-dir ${data} --lang ${language})"\n${command}`);
    assert.equal(code, 0, stderr);
  });
}

// The project needs no Java, so setup installs none; where there is one, its keytool is the judge.
test('java gets a trust store', { skip: !has('keytool') && 'no Java on this machine; the next test stands in' }, async () => {
  const { code, stderr } = await shell(await trust('--lang', 'java'));
  assert.equal(code, 0, stderr);
  const store = join(hub.directory, `carillon-${hub.address}.p12`);
  assert.match(execFileSync('keytool', ['-list', '-keystore', store, '-storepass', 'changeit'], { encoding: 'utf8' }), /trustedCertEntry/);
});

/** Runs what `carillon trust` prints for a language with stand-ins for `tools`; gives how these were called. */
async function calledBy(language, tools) {
  const bin = join(hub.directory, `bin-${language}`);
  mkdirSync(bin);
  for (const tool of tools) {
    writeFileSync(join(bin, tool), `#!/bin/sh\necho "${tool}" "$@" >> ${join(bin, 'calls')}\n`);
    chmodSync(join(bin, tool), 0o755);
  }
  const { code, stderr } = await shell(await trust('--lang', language), { PATH: `${bin}:${process.env.PATH}` });
  assert.equal(code, 0, stderr);
  return readFileSync(join(bin, 'calls'), 'utf8').trim().split('\n');
}

test('java is told by keytool', async () => {
  const [call, ...more] = await calledBy('java', ['keytool']);
  assert.deepEqual(more, []);
  assert.match(call, /^keytool -importcert -noprompt -alias \S+ /);
  assert.match(call, / -keystore \S+\.p12 -storetype PKCS12 -storepass changeit$/);
  assert.ok(call.includes(` -file ${hub.caFile} `), call);
});

test('the system is told by its own tool', async () => {
  assert.deepEqual(await calledBy('system', ['cp', 'update-ca-certificates']), [
    `cp ${hub.caFile} /usr/local/share/ca-certificates/carillon-${hub.address}.crt`, 'update-ca-certificates',
  ]);
});

test('every language is told, also from a copy of the certificate', async () => {
  const all = await trust();
  for (const language of ['node', 'python', 'c', 'csharp', 'java', 'curl', 'system']) {
    assert.ok(all.includes(`# --- ${language} ---`), language);
  }
  const copy = join(hub.directory, "it's a copy.pem");
  writeFileSync(copy, readFileSync(hub.caFile));
  const { code, stdout } = await hub.run(['trust', '--ca', copy], {});
  assert.equal(code, 0);
  assert.equal((await shell(stdout.replace(/^# --- system ---[^]*/m, '').replace(/^keytool.*$/m, ''))).code, 0, 'it is a script');
  assert.equal((await hub.run(['trust', '--lang', 'cobol'], {})).code, 2);
  assert.equal((await hub.run(['trust', '--ca', 'nowhere.pem'], {})).code, 2);
  assert.equal((await hub.run(['trust', '--data-dir', join(hub.directory, 'nowhere')], {})).code, 2);
});

test('serve says which of its names this machine does not know', async () => {
  const log = await until(() => (hub.log().includes('does not know') ? hub.log() : null), () => hub.log());
  assert.match(log, /does not know the name no-such-name\.invalid: Node\.js/);
  assert.match(log, new RegExp(`/etc/hosts: +${hub.address} no-such-name\\.invalid`));
  assert.equal(existsSync(join(hub.directory, 'ready')), true);
});
