// Made tests/upgrade/format-N.tar.gz, the data directory of a hub as a backup: devices and modules of every kind of
// authentication, twins with values of every type, jobs that have ended, a configuration. What differs from run to run are
// keys and times. Run it before `data_format` is raised:
//
//   HUB_BINARY=build/dev/carillon node tests/lib/with_hub.mjs 127.43.35.2 tests/upgrade/make_fixture.mjs
//
// The test serves it on the same address.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Hub } from '../lib/hub.mjs';
import { describe } from './describe.mjs';
import { setTimeout as sleep } from 'node:timers/promises';

const here = dirname(fileURLToPath(import.meta.url));
const home = process.env.HUB_TEST_DIRECTORY;
const directory = join(home, 'fixture');
mkdirSync(directory);
const hub = new Hub({ binary: process.env.HUB_BINARY, directory, address: process.env.HUB_TEST_ADDRESS });

await hub.start();
await hub.ok('device', 'create', '-d', 'plain');
await hub.ok('device', 'create', '-d', 'thumbprint', '--auth-method', 'x509_thumbprint', '--primary-thumbprint', 'A'.repeat(40), '--secondary-thumbprint', 'B'.repeat(40));
await hub.ok('device', 'create', '-d', 'authority', '--auth-method', 'x509_ca');
await hub.ok('device', 'create', '-d', 'off', '--status', 'disabled', '--status-reason', 'broken');
await hub.ok('module', 'create', '-d', 'plain', '-m', 'valve');
const values = { text: 'h\u00e9 \u{1F514}', whole: 12345678901234, real: 1.5e-7, yes: true, no: false, none: null, list: [1, 'a', [true]], deep: { a: { b: { c: 1 } } } };
const twin = join(home, 'twin.json');
writeFileSync(twin, JSON.stringify({ tags: { ...values, none: undefined }, properties: { desired: { ...values, none: undefined } } }));
await hub.ok('twin', 'update', '-d', 'plain', '--json', `@${twin}`);
await hub.ok('module', 'twin', 'update', '-d', 'plain', '-m', 'valve', '--desired', '{"open":1}');
await hub.ok('job', 'create', '--job-id', 'painted', '-q', "deviceId != 'off'", '--patch', '{"tags":{"colour":"red"}}', '--wait');
await hub.stop(); // So that there are tables, and a log behind them.
await hub.start();
await hub.ok('job', 'create', '--job-id', 'called', '-q', "deviceId = 'plain'", '--method-name', 'reboot', '--ttl', '1');
await hub.cli('job', 'watch', 'called');
writeFileSync(join(home, 'content.json'), JSON.stringify({ deviceContent: { 'properties.desired.slow': { every: 60 } } }));
await hub.ok('configuration', 'create', '--config-id', 'slow', '--content', `@${join(home, 'content.json')}`, '--target-condition', "tags.colour = 'red'", '--priority', '5');
await hub.ok('device', 'create', '-d', 'last');
const archive = join(home, 'fixture.tar');
await sleep(3000); // The configuration is applied.
const described = await describe(hub);
await hub.ok('backup', 'create', archive);
await hub.stop();
const { format } = JSON.parse(execFileSync(process.env.HUB_BINARY, ['backup', 'verify', archive, '-o', 'json']).toString());
assert.ok(format);
writeFileSync(join(here, `format-${format}.tar.gz`), gzipSync(readFileSync(archive), { level: 9 }));
writeFileSync(join(here, `format-${format}.json`), `${JSON.stringify(described, null, 1)}\n`);
console.log(`made format-${format}.tar.gz`);
