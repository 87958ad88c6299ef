// A cluster for a test: Debian's PostgreSQL in a folder of its own, nodes that a supervisor starts again, and
// one address in front of them, as a load balancer has it.

import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sign, parts, until } from '../lib/hub.mjs';

const ports = { https: 443, mqtts: 8883 };

/** A server of PostgreSQL on a socket in `folder`, as an unprivileged user. */
export class Postgres {
  /** With `listen`, an address, also for those who come from its network. */
  constructor(folder, { isNew = true, listen = '' } = {}) {
    const versions = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a));
    this.programs = join('/usr/lib/postgresql', versions[0], 'bin');
    this.folder = folder;
    this.listen = listen;
    this.store = `host=${folder} dbname=postgres user=hub`;
    this.storeForNodes = listen ? `host=${listen} dbname=postgres user=hub sslmode=disable` : this.store;
    // The server refuses to run as root.
    const nobody = readFileSync('/etc/passwd', 'utf8').split('\n').find((line) => line.startsWith('nobody:')).split(':');
    this.user = process.getuid() === 0 ? { uid: Number(nobody[2]), gid: Number(nobody[3]) } : {};
    if (!isNew) return;
    mkdirSync(folder, { mode: 0o755 });
    if (this.user.uid !== undefined) chownSync(folder, this.user.uid, this.user.gid);
    const made = spawnSync(join(this.programs, 'initdb'), ['-D', join(folder, 'data'), '-U', 'hub', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C'], { cwd: folder, ...this.user });
    if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
    if (listen) appendFileSync(join(folder, 'data', 'pg_hba.conf'), 'host all all samenet trust\n');
  }

  async start() {
    const log = openSync(join(this.folder, 'log'), 'a');
    this.process = spawn(join(this.programs, 'postgres'), [
      '-D', join(this.folder, 'data'), '-c', `listen_addresses=${this.listen}`, '-c', `unix_socket_directories=${this.folder}`,
      '-c', 'max_connections=100', '-c', 'shared_buffers=64MB',
    ], { cwd: this.folder, stdio: ['ignore', log, log], ...this.user });
    this.ended = new Promise((resolve) => { this.process.on('exit', resolve); });
    await until(() => this.sql('SELECT 1') === '1', 'PostgreSQL');
  }

  sql(text) {
    const done = spawnSync(join(this.programs, 'psql'), ['-X', '-At', '-h', this.folder, '-U', 'hub', '-d', 'postgres', '-c', text]);
    return done.status === 0 ? done.stdout.toString().trim() : null;
  }

  /** To the server and all of its processes: `SIGSTOP` and `SIGCONT`. */
  signal(name) {
    const children = spawnSync('pgrep', ['-P', String(this.process.pid)]).stdout.toString().split('\n').filter(Boolean);
    for (const pid of [this.process.pid, ...children.map(Number)]) {
      try { process.kill(pid, name); } catch { /* it has ended */ }
    }
  }

  /** `SIGQUIT` is a stop without waiting for anything: what a power cut leaves. */
  async stop(signal = 'SIGQUIT') {
    this.process.kill(signal);
    await this.ended;
  }
}

class Node {
  constructor(cluster, id, address) {
    Object.assign(this, { cluster, id, address, exits: [], isSupervised: true, process: null, extra: [], wrap: [] });
    this.dataDir = join(cluster.folder, id);
    this.logFile = join(cluster.folder, `${id}.log`);
  }

  start() {
    const log = openSync(this.logFile, 'a');
    const [program, ...words] = [...this.wrap, this.cluster.binary];
    this.process = spawn(program, [
      ...words, 'serve', '--cluster', '--store', this.cluster.postgres.storeForNodes, '--node', this.id, '--data-dir', this.dataDir,
      '--hostname', this.cluster.address, '--bind', this.address, ...this.cluster.extra, ...this.extra,
      ...(this.cluster.healthPort ? ['--health', `${this.address}:${this.cluster.healthPort}`] : []),
    ], { stdio: ['ignore', log, log] });
    this.ended = new Promise((resolve) => {
      this.process.on('exit', (code, signal) => {
        this.exits.push(signal ?? code);
        resolve(signal ?? code);
        if (this.isSupervised) setTimeout(() => { if (this.isSupervised) this.start(); }, 500);
      });
    });
  }

  log() {
    return existsSync(this.logFile) ? readFileSync(this.logFile, 'utf8') : '';
  }
}

export class Cluster {
  /** `address` is the hub's name, and, unless `hasBalancer` is false, where a load balancer listens. */
  constructor({ binary, address, nodes, extra = [], healthPort = null, hasBalancer = true, postgres = {} }) {
    this.binary = binary;
    this.hasBalancer = hasBalancer;
    this.healthPort = healthPort;
    this.address = address;
    this.extra = extra;
    this.folder = mkdtempSync(join(tmpdir(), 'carillon-cluster-'));
    spawnSync('chmod', ['755', this.folder]);
    this.postgres = new Postgres(join(this.folder, 'pg'), postgres);
    this.nodes = Object.entries(nodes).map(([id, at]) => new Node(this, id, at));
    this.doors = [];
    this.target = null;
  }

  async start() {
    await this.postgres.start();
    const made = await this.run('cluster', 'init', '--store', this.postgres.store);
    if (made.code !== 0) throw new Error(made.stderr);
    this.isOver = false;
    if (this.hasBalancer) {
      for (const port of Object.values(ports)) this.doors.push(await this.open(port));
      this.following = this.follow();
    }
    for (const node of this.nodes) node.start();
    const owner = await this.active();
    this.caFile = join(owner.dataDir, 'ca.pem');
    await this.serves(this.hasBalancer ? null : owner.address);
    const login = await this.run('connection-string', '--data-dir', owner.dataDir);
    this.connectionString = login.stdout.trim();
    const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(this.connectionString);
    this.token = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 7200, SharedAccessKeyName);
    return this;
  }

  /** Passes connections on to the node that owns the hub. */
  open(port) {
    const door = createServer((client) => {
      client.on('error', () => {});
      if (!this.target) { client.destroy(); return; }
      const node = connect(port, this.target);
      const end = () => { client.destroy(); node.destroy(); };
      this.passing.add(end);
      node.on('error', end).on('close', () => { this.passing.delete(end); end(); });
      client.on('close', end);
      client.pipe(node).pipe(client);
    });
    this.passing ??= new Set();
    return new Promise((resolve, reject) => {
      door.on('error', reject).listen(port, this.address, () => resolve(door));
    });
  }

  async status() {
    const { stdout } = await this.run('cluster', 'status', '--store', this.postgres.store, '-o', 'json');
    return stdout ? JSON.parse(stdout) : null;
  }

  /** What a load balancer does by its checks. */
  async follow() {
    while (!this.isOver) {
      const status = await this.status();
      const row = status?.nodes.find((each) => each.role === 'active');
      const address = this.nodes.find((node) => node.id === row?.node)?.address ?? this.target;
      if (address !== this.target) {
        this.target = address;
        for (const end of [...this.passing]) end();
      }
      await sleep(100);
    }
  }

  /** The node that PostgreSQL names, once it names one. */
  async active(unlike = null) {
    return until(async () => {
      const row = (await this.status())?.nodes.find((each) => each.role === 'active');
      return row && `${row.node}/${row.incarnation}` !== unlike ? Object.assign(this.nodes.find((node) => node.id === row.node), { incarnation: row.incarnation }) : null;
    }, () => `a node to own the hub:\n${this.logs()}`);
  }

  /** Waits until the hub answers at its address. */
  serves(at = null) {
    return until(() => new Promise((resolve) => {
      const probe = connect(ports.https, at ?? this.target ?? '127.0.0.1', () => { probe.destroy(); resolve(true); });
      probe.on('error', () => resolve(false));
    }), () => `the hub to listen:\n${this.logs()}`);
  }

  logs() {
    return this.nodes.map((node) => `${node.id}:\n${node.log()}`).join('\n');
  }

  run(...args) {
    return new Promise((resolve, reject) => {
      const login = this.connectionString ? { CARILLON_LOGIN: this.connectionString, CARILLON_CA: this.caFile } : {};
      const child = spawn(this.binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...login } });
      const output = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr']) {
        child[name].setEncoding('utf8').on('data', (text) => { output[name] += text; });
      }
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, ...output }));
    });
  }

  async ok(...args) {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`carillon ${args.join(' ')} exits ${code}: ${stderr}`);
    return stdout;
  }

  async stop() {
    this.isOver = true;
    await this.following;
    for (const node of this.nodes) node.isSupervised = false;
    for (const node of this.nodes) {
      node.process?.kill('SIGCONT');
      node.process?.kill('SIGTERM');
    }
    for (const node of this.nodes) {
      if ((await Promise.race([node.ended, sleep(20_000, 'hangs', { ref: false })])) === 'hangs') node.process.kill('SIGKILL');
    }
    await this.postgres.stop();
    for (const end of [...(this.passing ?? [])]) end();
    for (const door of this.doors) door.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
