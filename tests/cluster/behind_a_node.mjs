// What Hub of lib/hub.mjs is made of when HUB_THROUGH_A_NODE is set: PostgreSQL, a node that serves and two that stand by
// and pass on, and on the hub's own address something that takes each connection to one of the three by chance. A test
// notices nothing of it.

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../lib/hub.mjs';
import { Postgres } from './cluster.mjs';

const beginnings = { owner: '127.44', door1: '127.45', door2: '127.46' };

export class BehindANode {
  constructor(hub) {
    this.hub = hub;
    this.folder = join(hub.directory, 'pg');
    this.children = [];
  }

  /** Starts PostgreSQL, with a cluster in it. */
  async prepare() {
    chmodSync(this.hub.directory, 0o755); // PostgreSQL runs as somebody else.
    const isNew = !existsSync(this.folder);
    this.postgres = new Postgres(this.folder, { isNew });
    await this.postgres.start();
    if (!isNew) return;
    const made = await this.hub.run(['cluster', 'init', '--store', this.postgres.store], {});
    if (made.code !== 0) throw new Error(made.stderr);
  }

  /** An address of the node's own, with the same end as the hub's. */
  address(node) {
    return this.hub.address.replace(/^127\.\d+/, beginnings[node]);
  }

  /** With a lease so long that a hub which a test has killed is nobody else's. */
  flags(node) {
    return ['--cluster', '--store', this.postgres.store, '--node', node, '--lease', '60', '--bind', this.address(node)];
  }

  ownerFlags() {
    return this.flags('owner');
  }

  spawn(program, args, stdin = 'ignore') {
    const log = openSync(this.hub.logFile, 'a');
    const child = spawn(program, args, { stdio: [stdin, log, log] });
    this.children.push({ child, ended: new Promise((resolve) => { child.on('exit', resolve); }) });
  }

  /** Starts those that pass on; returns once all do. */
  async open() {
    const { hub } = this;
    const ports = Object.entries({ '--https-port': 443, '--mqtts-port': 8883, '--amqps-port': 5671 })
      .map(([flag, usual]) => (hub.extra.includes(flag) ? hub.extra[hub.extra.indexOf(flag) + 1] : usual));
    for (const door of ['door1', 'door2']) {
      this.spawn(hub.binary, ['serve', '--data-dir', join(hub.directory, door), '--hostname', hub.address, ...hub.extra, ...this.flags(door)]);
    }
    for (const node of ['door1', 'door2']) await this.listens(node, ports);
    const program = fileURLToPath(new URL('random_node.mjs', import.meta.url));
    this.spawn(process.execPath, [program, hub.address, ports.join(), ...Object.keys(beginnings).map((node) => this.address(node))], 'pipe');
    await this.listens(null, ports);
  }

  /** Until a node accepts on its last port, or whoever stands before them all. */
  listens(node, ports) {
    const address = node ? this.address(node) : this.hub.address;
    return until(() => new Promise((resolve) => {
      const probe = connect(ports.at(-1), address, () => { probe.destroy(); resolve(true); }).on('error', () => resolve(false));
    }), () => `${address} to listen:\n${this.hub.log()}`);
  }

  async closeDoors() {
    for (const { child, ended } of this.children.splice(0)) {
      child.kill('SIGKILL');
      await ended;
    }
  }

  stop() {
    return this.postgres?.stop('SIGINT');
  }
}
