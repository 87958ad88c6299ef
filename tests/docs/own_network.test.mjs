// Where the system refuses namespaces: root does without a user of its own, others are told why a page cannot run.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const scratch = mkdtempSync(join(tmpdir(), 'carillon-network-'));
after(() => rmSync(scratch, { recursive: true }));
const library = new URL('../lib/own_network.mjs', import.meta.url).href;

/** Runs a program that asks for a network by an `unshare` of ours. */
function ask(unshare, ports) {
  const fake = join(scratch, 'unshare');
  writeFileSync(fake, `#!/bin/sh\n${unshare}\n`);
  chmodSync(fake, 0o755);
  const program = join(scratch, 'program.mjs');
  writeFileSync(program, `import { moveIntoOwnNetwork } from ${JSON.stringify(library)};\n`
    + `await moveIntoOwnNetwork(${JSON.stringify({ ports, unshare: fake })});\n`
    + "console.log(process.env.HUB_OWN_NETWORK ? 'in a network of its own' : 'in the network of all');\n");
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program], { env: { ...process.env, HUB_OWN_NETWORK: '' } });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (more) => { text += more; });
    child.on('close', (code) => resolve({ code, text }));
  });
}

const refused = 'echo "unshare: Operation not permitted" >&2; exit 1';

test('root takes a network without a user of its own', { skip: process.getuid() !== 0 }, async () => {
  const { code, text } = await ask(`case "$*" in *map-root-user*) ${refused} ;; esac\nshift; exec "$@"`, []);
  assert.equal(code, 0, text);
  assert.match(text, /in a network of its own/);
});

test('a port that another program has is named, with what was tried', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => { server.once('listening', resolve); });
  const { port } = server.address();
  const taken = await ask(refused, [port]);
  assert.equal(taken.code, 1, taken.text);
  assert.match(taken.text, new RegExp(`needs port ${port} of 127\\.0\\.0\\.1, which another program has`));
  assert.match(taken.text, /unshare --net --map-root-user.*Operation not permitted/);
  await new Promise((resolve) => { server.close(resolve); });
  const free = await ask(refused, [port]);
  assert.equal(free.code, 0, free.text);
  assert.match(free.text, /in the network of all/);
});
