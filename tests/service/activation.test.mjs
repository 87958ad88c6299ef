// Ports that the service manager holds: the hub takes those that it is given, a client that comes while no hub runs is
// served by the next, and what is no listening socket is refused in words. python3 stands for systemd.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';
import { RawClient, ownerField } from '../rest/client.mjs';

const hub = Hub.fromEnvironment(['--threads', '2']);
const program = hub.binary;
const holder = join(hub.directory, 'holder');

/** As systemd: holds ports, and runs what it is asked for again and again with them. */
const manager = (kind, wrongPid) => `#!/usr/bin/env python3
import os, signal, socket, subprocess, sys
ports = []
for port in (443, 8883):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((${JSON.stringify(hub.address)}, port))
    ${kind === 'listening' ? 's.listen(64)' : 'pass'}
    ports.append(s)
kept = [os.dup(s.fileno()) for s in ports]
def child():
    for i, fd in enumerate(kept): os.dup2(fd, 3 + i)
    os.environ['LISTEN_FDS'] = str(len(kept))
    os.environ['LISTEN_PID'] = ${wrongPid ? "'1'" : 'str(os.getpid())'}
    os.execv(${JSON.stringify(program)}, [${JSON.stringify(program)}] + sys.argv[1:])
stopping = []
def run():
    pid = os.fork()
    if pid == 0: child()
    return pid
hub = run()
signal.signal(signal.SIGTERM, lambda *_: (stopping.append(1), os.kill(hub, signal.SIGTERM)))
signal.signal(signal.SIGUSR1, lambda *_: os.kill(hub, signal.SIGTERM))
while True:
    try: _, status = os.waitpid(hub, 0)
    except InterruptedError: continue
    if stopping or os.waitstatus_to_exitcode(status) != 0: sys.exit(os.waitstatus_to_exitcode(status))
    hub = run()
`;
function use(kind, wrongPid = false) {
  writeFileSync(holder, manager(kind, wrongPid));
  chmodSync(holder, 0o755);
}

afterEach(() => hub.stop());  // Else the holder of a test that failed keeps the ports.

async function status() {
  const client = await RawClient.open(hub);
  client.send(`GET /devices?api-version=2021-04-12&top=1 HTTP/1.1\r\nHost: x\r\n${ownerField(hub)}\r\n`);
  const answer = await client.answer();
  client.destroy();
  return answer.status;
}

/** Runs the program itself, not the holder. */
hub.local = async function local(command, ...args) {
  const { code, stdout, stderr } = await this.run([command, '--data-dir', join(this.directory, 'data'), ...args], {}, program);
  if (code !== 0) throw new Error(`carillon ${command} exits ${code}: ${stderr}`);
  return stdout;
};

test('the hub serves on the sockets that it is given, and clients outwait a restart', async () => {
  if (spawnSync('python3', ['--version']).status !== 0) process.exit(77);
  use('listening');
  hub.binary = holder;
  await hub.start();
  for (let i = 0; i < 8; ++i) assert.equal(await status(), 200);  // On whichever thread.
  const mqtt = await new Promise((resolve, reject) => {
    const socket = connect({ host: hub.address, port: 8883 }, () => { socket.destroy(); resolve(true); });
    socket.on('error', reject);
  });
  assert.ok(mqtt);

  const closings = () => hub.log().split('ports closed').length;
  const before = closings();
  hub.process.kill('SIGUSR1');
  await until(() => closings() > before, 'the hub to accept nothing more');
  for (let i = 0; i < 4; ++i) assert.equal(await status(), 200);
  assert.equal(await hub.stop(), 0);
});

test('a hub that is not meant opens its ports itself', async () => {
  use('listening', true);
  hub.binary = holder;
  await assert.rejects(hub.start(), /already in use/, 'the holder has them');
});

test('what does not listen is refused in words', async () => {
  use('bound');
  hub.binary = holder;
  await assert.rejects(hub.start(), /descriptor 3 of the service manager is not a listening TCP socket/);
});
