#!/usr/bin/env node
// Does what a page of docs/ says, as it stands there, and fails if it does not go as the page has it.
//
//   HUB_BINARY=build/dev/carillon node tests/docs/run.mjs docs/tutorial.md
//
// Pages take the hub to be on this machine's usual ports; to have these for itself it moves into a network
// of its own where the system lets it. A page that starts no hub finds one running, as after
// docs/getting-started.md, with CARILLON_LOGIN, CARILLON_CA and NODE_EXTRA_CA_CERTS set; with HUB_THROUGH_A_NODE that is a
// cluster, whose nodes get each connection by chance. `npm install` does
// not go out: the packages are those that the lockfile of tests/sdk/ga or tests/demo pins.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Hub } from '../lib/hub.mjs';
import { moveIntoOwnNetwork } from '../lib/own_network.mjs';
import { blocksOf, commandsIn } from './page.mjs';
import { Terminal } from './terminal.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const binary = resolve(process.env.HUB_BINARY ?? 'build/release/carillon');
const page = resolve(process.argv[2] ?? '');
const blocks = blocksOf(readFileSync(page, 'utf8'));

// PostgreSQL refuses to run as root, and to others a user namespace would leave no other user.
await moveIntoOwnNetwork({ keepsUsers: Boolean(process.env.HUB_THROUGH_A_NODE) });

const scratch = mkdtempSync(join(tmpdir(), 'carillon-docs-'));
const bin = join(scratch, 'bin');
const work = join(scratch, 'work');
for (const folder of [bin, work, join(scratch, 'home')]) mkdirSync(folder);
symlinkSync(binary, join(bin, 'carillon'));
// Debian's own, which has Debian's packages.
if (existsSync('/usr/bin/python3')) symlinkSync('/usr/bin/python3', join(bin, 'python3'));
writeFileSync(join(bin, 'npm'), `#!/bin/sh
# Stands in for: npm install PACKAGE[@VERSION]...
[ "$1" = install ] && shift || exit 1
case "$*" in *-dtpreview*) from=demo ;; *) from=sdk/ga ;; esac
for package; do
  [ -d "${join(here, '..')}/$from/node_modules/\${package%@*}" ] || { echo "no $package in tests/$from" >&2; exit 1; }
done
ln -sfn "${join(here, '..')}/$from/node_modules" node_modules
`);
chmodSync(join(bin, 'npm'), 0o755);
const env = {
  PATH: `${bin}:${join(dirname(binary), 'examples')}:${process.env.PATH}`, HOME: join(scratch, 'home'),
  LANG: 'C.UTF-8', TERM: 'dumb', NODE_OPTIONS: '--no-deprecation',
};

const terminals = new Map();
function terminal(name) {
  if (!terminals.has(name)) terminals.set(name, new Terminal(name, work, scratch, env));
  return terminals.get(name);
}

let cluster = null;
/** The hub of a page that takes one to be there. */
async function startHub() {
  if (process.env.HUB_THROUGH_A_NODE) {
    const directory = join(scratch, 'cluster');
    mkdirSync(directory);
    chmodSync(scratch, 0o755); // PostgreSQL runs as somebody else.
    cluster = new Hub({ binary, directory, address: '127.0.0.1' });
    await cluster.start();
    symlinkSync(join(directory, 'data'), join(work, 'carillon-data'));
    env.CARILLON_LOGIN = cluster.connectionString;
    env.CARILLON_CA = env.NODE_EXTRA_CA_CERTS = cluster.caFile;
    return;
  }
  const first = { text: 'carillon serve --hostname localhost\n', line: 0, until: /and trust .*ca\.pem/ };
  await terminal('hub of the page').type(first);
  const exported = await terminal('hub for exports').type({ text: 'carillon connection-string\n', line: 0 });
  env.CARILLON_LOGIN = exported.text.trim();
  env.CARILLON_CA = env.NODE_EXTRA_CA_CERTS = join(work, 'carillon-data', 'ca.pem');
}

let commands = 0;
const began = Date.now();
let hasPassed = false;
try {
  if (!blocks.some((block) => block.isRun && /carillon serve/.test(block.text))) await startHub();
  for (const block of blocks) {
    if (block.file) writeFileSync(join(work, block.file), block.text);
    if (!block.isRun) continue;
    const { status, text } = await terminal(block.terminal).type(block);
    commands += commandsIn(block.text);
    assert.equal(status, block.exit, `line ${block.line} ends with ${status}:\n${block.text}\n${text}`);
    for (const pattern of block.prints) assert.match(text, pattern, `line ${block.line}:\n${block.text}`);
  }
  const seconds = Math.round((Date.now() - began) / 1000);
  const left = blocks.filter((block) => block.notRun).length;
  console.log(`${process.argv[2]}: ${commands} commands in ${seconds} s; ${left} blocks that nobody runs here`);
  hasPassed = true;
} finally {
  for (const each of [...terminals.values()].reverse()) await each.close();
  if (!hasPassed && cluster) console.error(cluster.log());
  await cluster?.stop();
  if (!hasPassed) for (const each of terminals.values()) console.error(`--- terminal ${each.name}\n${each.output}`);
  if (hasPassed) rmSync(scratch, { recursive: true, force: true });
}
