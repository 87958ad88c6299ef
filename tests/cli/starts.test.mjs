// How `carillon serve` starts and fails to: what it leaves behind, what its banner says, and that it waits for the process
// before it to be gone. And what a byte-order mark in front of a text does: nothing.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { Hub } from '../lib/hub.mjs';

const hub = Hub.fromEnvironment();
before(() => hub.start());
after(() => hub.stop());

/** Runs `carillon` in the test's directory with a text as standard input, if one is given. */
function run(args, { input = '', env = {} }) {
  return new Promise((resolve, reject) => {
    const child = spawn(hub.binary, args, { cwd: hub.directory, env: { ...process.env, ...env } });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => { output[name] += text; });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...output }));
    child.stdin.end(input);
  });
}

const failures = [
  ['an address of another machine', ['--bind', '192.0.2.1'], /192\.0\.2\.1/],
  ['an address that is none', ['--bind', 'nowhere'], /nowhere/],
  ['a port that is taken', ['--bind', hub.address], /cannot listen on .* port 8883: Address already in use/],
  ['a certificate that is not there', ['--bind', '127.43.12.253'], /none\.pem/, { CARILLON_TLS__CERTIFICATE: 'none.pem', CARILLON_TLS__KEY: 'none.pem' }],
];
for (const [claim, flags, says, env] of failures) {
  test(`${claim}: no half-made data directory`, async () => {
    const data = `data-${failures.findIndex(([name]) => name === claim)}`;
    const failed = await run(['serve', '--data-dir', data, '--hostname', 'h', ...flags], { env });
    assert.notEqual(failed.code, 0);
    assert.match(failed.stderr, says);
    assert.equal(existsSync(join(hub.directory, data)), false, 'the folder was not there before');
    mkdirSync(join(hub.directory, data));
    assert.equal((await run(['serve', '--data-dir', data, '--hostname', 'h', ...flags], { env })).code, failed.code);
    assert.deepEqual(readdirSync(join(hub.directory, data)), [], 'and was empty');
  });
}

test('the banner names the authority by its whole path, however the folder was given', async () => {
  await hub.stop();
  const child = spawn(hub.binary, ['serve', '--data-dir', 'data', '--hostname', hub.address, '--bind', hub.address],
    { cwd: hub.directory, stdio: ['ignore', 'ignore', 'pipe'] });
  let banner = '';
  await new Promise((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text) => {
      banner += text;
      if (/carillon trust/.test(banner)) resolve();
    });
    child.on('exit', resolve);
  });
  const path = /export NODE_EXTRA_CA_CERTS=(\S+)/.exec(banner)?.[1];
  assert.ok(path && isAbsolute(path), banner);
  assert.equal(readFileSync(path, 'utf8'), readFileSync(hub.caFile, 'utf8'));
  child.kill();
  await new Promise((resolve) => { child.on('exit', resolve); });
  await hub.start();
});

test('a start directly behind kill -9 succeeds, and one beside a hub that stays does not', async () => {
  for (let round = 0; round < 3; ++round) {
    hub.process.kill('SIGKILL'); // Whose end nobody waits for.
    await hub.start();
  }
  const second = await run(['serve', '--data-dir', 'data', '--hostname', hub.address, '--bind', '127.43.12.254'], {});
  assert.notEqual(second.code, 0);
  assert.match(second.stderr, /another hub \(process \d+\)/);
});

test('a byte-order mark in a file or on standard input is skipped', async () => {
  const env = { CARILLON_LOGIN: hub.connectionString, CARILLON_CA: hub.caFile };
  await hub.device('marked');
  const mark = '\ufeff';
  writeFileSync(join(hub.directory, 'marked.json'), `${mark}{"from":"a file"}`);
  const wrote = [
    [['twin', 'update', 'marked', '--tags', '@marked.json'], {}, 'a file'],
    [['twin', 'update', 'marked', '--tags', '-'], { input: `${mark}{"from":"standard input"}` }, 'standard input'],
  ];
  for (const [args, { input }, from] of wrote) {
    const { code, stderr } = await run(args, { input, env });
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(await hub.ok('twin', 'show', 'marked')).tags.from, from);
  }
  const imported = await run(['device', 'import', '-'], { input: `${mark}{"id":"imported","importMode":"create"}\n`, env });
  assert.equal(imported.code, 0, imported.stderr);
  assert.equal(JSON.parse(await hub.ok('device', 'show', 'imported')).deviceId, 'imported');
  const wide = await run(['twin', 'update', 'marked', '--tags', '-'], { input: Buffer.from(`${mark}{}`, 'utf16le'), env });
  assert.equal(wide.code, 2);
  assert.match(wide.stderr, /standard input: the text is UTF-16/);
});
