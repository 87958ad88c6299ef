// A real hub for a test: `carillon serve` in a directory of its own on a loopback address of its
// own, since the SDKs fix the ports to 443 and 8883. Tests run under lib/with_hub.mjs, which makes
// the directory and has the certificates ready before this process begins (Node.js reads
// NODE_EXTRA_CA_CERTS only at its start).

import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';

// When all is over, Node.js 20 may wait for a handle for ever, at full speed, while it takes itself apart
// (Environment::CleanupHandles; seen once, after all cases had ended). What the cases gave is known by then.
// What nobody catches is printed by Node.js behind this event, so then it may go its way.
let uncaught = false;
process.on('uncaughtExceptionMonitor', () => (uncaught = process.listenerCount('uncaughtException') === 0));
if (isMainThread) process.on('exit', (code) => uncaught || process.reallyExit(process.exitCode ?? code));

// No wait here decides a test: these only end a run in which something hangs.
const READY_S = 60;
const STOP_S = 60;
const UNTIL_S = 60;

/** Looks at `probe()` until it gives something true, and gives that; more rarely the longer it takes, as a look may be a program. */
export async function until(probe, what, seconds = UNTIL_S) {
  const end = Date.now() + seconds * 1000;
  for (let pause = 25; ; pause = Math.min(250, pause * 1.1)) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${seconds} s for ${typeof what === 'function' ? await what() : what}`);
    await sleep(pause);
  }
}

/** Calls a method that ends with a Node.js callback; gives the callback's first value. */
export function call(object, method, ...args) {
  return new Promise((resolve, reject) => {
    object[method](...args, (error, value) => (error ? reject(error) : resolve(value)));
  });
}

/** A shared access signature as a client makes it. `expires` is in seconds since 1970. */
export function sign(resource, key, expires, policy) {
  const sr = encodeURIComponent(resource);
  const sig = createHmac('sha256', Buffer.from(key, 'base64')).update(`${sr}\n${expires}`).digest('base64');
  const skn = policy === undefined ? '' : `&skn=${policy}`;
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${expires}${skn}`;
}

/** The parts of a connection string. */
export function parts(connectionString) {
  return Object.fromEntries(connectionString.split(';').map((pair) => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at), pair.slice(at + 1)];
  }));
}

export class Hub {
  constructor({ binary, directory, address, extra = [] }) {
    this.binary = binary;
    this.directory = directory;
    this.address = address;
    this.extra = extra;
    this.caFile = join(directory, 'data', 'ca.pem');
    this.logFile = join(directory, 'hub.log');
    this.process = null;
  }

  /** Where lib/with_hub.mjs says; not started. */
  static fromEnvironment(extra = []) {
    const env = process.env;
    if (!env.HUB_TEST_DIRECTORY) throw new Error('run this by: node tests/lib/with_hub.mjs ADDRESS FILE');
    return new Hub({
      binary: env.HUB_BINARY, directory: env.HUB_TEST_DIRECTORY, address: env.HUB_TEST_ADDRESS, extra,
    });
  }

  async start() {
    const ready = join(this.directory, 'ready');
    rmSync(ready, { force: true });
    const log = openSync(this.logFile, 'a');
    if (process.env.HUB_THROUGH_A_NODE) {
      const { BehindANode } = await import('../cluster/behind_a_node.mjs');
      this.behind = new BehindANode(this);
      await this.behind.prepare();
    }
    const child = spawn(this.binary, [
      'serve', '--data-dir', join(this.directory, 'data'), '--hostname', this.address,
      ...(this.behind?.ownerFlags() ?? ['--bind', this.address]), '--ready-file', ready, ...this.extra,
    ], { stdio: ['ignore', log, log] });
    this.process = child;
    let ended = null;
    this.ended = new Promise((resolve) => {
      child.on('error', (error) => { ended = String(error); resolve(ended); });
      child.on('exit', (code, signal) => { ended = signal ?? code; resolve(ended); });
    });
    await until(() => {
      if (ended !== null) throw new Error(`the hub ended (${ended}) instead of listening:\n${this.log()}`);
      return existsSync(ready);
    }, () => `the hub to listen:\n${this.log()}`, READY_S);
    await this.behind?.open();
    this.connectionString = (await this.local('connection-string')).trim();
    return this;
  }

  log() {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }

  /** Ends the hub and gives its exit code, or the signal that ended it. */
  async stop(signal = 'SIGTERM') {
    if (!this.process) return null;
    const child = this.process;
    this.process = null;
    await this.behind?.closeDoors();
    child.kill(signal);
    const outcome = await Promise.race([this.ended, sleep(STOP_S * 1000, 'hangs', { ref: false })]);
    if (outcome === 'hangs') {
      child.kill('SIGKILL');
      throw new Error(`the hub does not stop:\n${this.log()}`);
    }
    await this.behind?.stop();
    return outcome;
  }

  /** Runs our program against this hub; gives `{ code, stdout, stderr }`. */
  cli(...args) {
    return this.run(args, { CARILLON_LOGIN: this.connectionString, CARILLON_CA: this.caFile });
  }

  /** Runs our program, which must succeed, and gives what it prints. */
  async ok(...args) {
    const { code, stdout, stderr } = await this.cli(...args);
    if (code !== 0) throw new Error(`carillon ${args.join(' ')} exits ${code}: ${stderr}`);
    return stdout;
  }

  async local(command, ...args) {
    const { code, stdout, stderr } = await this.run([command, '--data-dir', join(this.directory, 'data'), ...args], {});
    if (code !== 0) throw new Error(`carillon ${command} exits ${code}: ${stderr}`);
    return stdout;
  }

  run(args, env, program = this.binary) {
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
      const output = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr']) {
        child[name].setEncoding('utf8').on('data', (text) => { output[name] += text; });
      }
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, ...output }));
    });
  }

  /** Creates a device and gives its connection string. */
  async device(id, ...flags) {
    return (await this.ok('device', 'create', '--device-id', id, '--connection-string', ...flags)).trim();
  }
}
