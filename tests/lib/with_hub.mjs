#!/usr/bin/env node
// Runs a test that needs a hub:
//
//   HUB_BINARY=build/dev/carillon node tests/lib/with_hub.mjs ADDRESS FILE [ARGUMENT...]
//
// Makes a temporary directory, lets a hub make its certificates there, and runs FILE by Node.js
// with these trusted. FILE starts and stops the hub itself (lib/hub.mjs). The directory goes away
// if the test passes. Exit status: that of FILE; 77 asks ctest to count it as skipped.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Hub } from './hub.mjs';

const [address, file, ...rest] = process.argv.slice(2);
if (!address || !file) {
  console.error('usage: with_hub.mjs ADDRESS FILE [ARGUMENT...]');
  process.exit(2);
}
const binary = resolve(process.env.HUB_BINARY ?? 'build/release/carillon');
const directory = mkdtempSync(join(tmpdir(), 'carillon-test-'));
const hub = new Hub({ binary, directory, address });
try {
  await hub.start();
} catch (error) {
  console.error(`${error.message}\nThe hub needs ports 443 and 8883 of ${address}: the SDKs fix them.`);
  await hub.stop('SIGKILL'); // What had begun, nodes of a cluster among it.
  rmSync(directory, { recursive: true, force: true });
  process.exit(1);
}
await hub.stop();

const child = spawn(process.execPath, ['--no-deprecation', file, ...rest], {
  stdio: 'inherit',
  env: {
    ...process.env,
    HUB_BINARY: binary,
    HUB_TEST_DIRECTORY: directory,
    HUB_TEST_ADDRESS: address,
    NODE_EXTRA_CA_CERTS: hub.caFile,
    XDG_CONFIG_HOME: join(directory, 'config'), // Not the contexts of whoever runs this.
  },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  if (code === 0 || code === 77) {
    rmSync(directory, { recursive: true, force: true });
  } else {
    console.error(`the hub's log: ${hub.logFile}`);
  }
  process.exit(code ?? (signal ? 1 : 0));
});
