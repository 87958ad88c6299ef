// What Hub of lib/hub.mjs is made of when HUB_THROUGH_A_NODE is set: PostgreSQL, a node that serves on another
// address, and one that stands by on the hub's own and passes on. A test notices nothing of it.

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { until } from '../lib/hub.mjs';
import { Postgres } from './cluster.mjs';

export class BehindANode {
  constructor(hub) {
    this.hub = hub;
    this.folder = join(hub.directory, 'pg');
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

  flags(node, address) {
    return ['--cluster', '--store', this.postgres.store, '--node', node, '--lease', '60', '--bind', address];
  }

  /** Those of the node that serves, on another address with the same end. */
  ownerFlags() {
    return this.flags('owner', this.hub.address.replace(/^127\.\d+/, '127.44'));
  }

  /** Starts the node that passes on; returns once it does. */
  async open() {
    const { hub } = this;
    const log = openSync(hub.logFile, 'a');
    this.door = spawn(hub.binary, [
      'serve', '--data-dir', join(hub.directory, 'door'), '--hostname', hub.address, ...hub.extra, ...this.flags('door', hub.address),
    ], { stdio: ['ignore', log, log] });
    this.doorEnded = new Promise((resolve) => { this.door.on('exit', resolve); });
    await until(() => new Promise((resolve) => {
      const probe = connect(443, hub.address, () => { probe.destroy(); resolve(true); }).on('error', () => resolve(false));
    }), () => `the node that passes on to listen:\n${hub.log()}`);
  }

  async closeDoor() {
    this.door?.kill('SIGKILL');
    await this.doorEnded;
  }

  stop() {
    return this.postgres?.stop('SIGINT');
  }
}
