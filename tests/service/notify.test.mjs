// What systemd is told: READY when the hub listens and not before, RELOADING and READY around SIGHUP, WATCHDOG as long as
// every event loop answers, STOPPING at the end. Node.js has no datagram sockets of this kind, so python3 receives.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';

const hub = Hub.fromEnvironment(['--threads', '3']);
const heard = join(hub.directory, 'heard');

const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0', 1))
out = open(sys.argv[2], 'a', buffering=1)
out.write('listening\\n')
while True: out.write(s.recv(4096).decode().replace('\\n', ' ') + '\\n')
`;

const said = () => readFileSync(heard, 'utf8').trim().split('\n').slice(1);
const count = (what) => said().filter((line) => line.startsWith(what)).length;

for (const socket of [join(hub.directory, 'notify.sock'), `@carillon-test-${process.pid}`]) {
  test(`a hub tells ${socket.startsWith('@') ? 'an abstract socket' : 'a socket'} how it is`, async () => {
    if (spawnSync('python3', ['--version']).status !== 0) process.exit(77);
    writeFileSync(heard, '');
    const listening = spawn('python3', ['-c', receiver, socket, heard], { stdio: 'inherit' });
    await until(() => readFileSync(heard, 'utf8').includes('listening'), 'the receiver');
    process.env.NOTIFY_SOCKET = socket;
    process.env.WATCHDOG_USEC = '400000';
    await hub.start();
    delete process.env.NOTIFY_SOCKET;
    delete process.env.WATCHDOG_USEC;
    await until(() => count('READY=1') === 1, 'READY');
    assert.match(said()[0], /^READY=1 STATUS=Serving/);
    await until(() => count('WATCHDOG=1') >= 5, 'the watchdog to be fed');

    hub.process.kill('SIGHUP');
    await until(() => count('READY=1') === 2, 'READY after a reload');
    const lines = said();
    assert.ok(lines.indexOf('RELOADING=1') < lines.map((line) => line.startsWith('READY=1')).lastIndexOf(true));

    assert.equal(await hub.stop(), 0);
    await until(() => count('STOPPING=1') === 1, 'STOPPING');
    listening.kill();
  });
}
