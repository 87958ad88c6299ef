// A network for each node of a cluster, on a bridge beside PostgreSQL and whoever connects to the nodes, which can be cut in
// one direction or both. Takes root, iproute2 and nftables.

import { spawn, spawnSync } from 'node:child_process';

const prefix = '10.43.0';
export const databaseAddress = `${prefix}.250`; // Apart from those who connect, so that it can be cut off by itself.
const clientAddress = `${prefix}.254`;

function must(program, args, input) {
  const { status, stderr, error } = spawnSync(program, args, { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error ?? stderr}`);
}

/** Begins this program anew in a network of its own, and ends with it; returns where it is in one. */
export function moveIntoPlainNetwork() {
  if (process.env.HUB_OWN_NETWORK) return;
  if (process.getuid() !== 0) {
    console.log('skipped: networks of their own for nodes and for PostgreSQL, which refuses to run as root, take root');
    process.exit(77);
  }
  const { status } = spawnSync('unshare', ['--net', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"', process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit', env: { ...process.env, HUB_OWN_NETWORK: '1' },
  });
  process.exit(status ?? 1);
}

export class Networks {
  /** Makes the bridge, with the addresses of PostgreSQL and of those who connect. */
  constructor() {
    must('ip', ['link', 'add', 'hub0', 'type', 'bridge']);
    for (const address of [clientAddress, databaseAddress]) must('ip', ['address', 'add', `${address}/24`, 'dev', 'hub0']);
    must('ip', ['link', 'set', 'hub0', 'up']);
    this.holders = new Map();
    this.cuts = 0;
  }

  address(number) {
    return `${prefix}.${number}`;
  }

  /** A network for `node`, whose address becomes number `number`. */
  async add(node, number) {
    const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo there; exec sleep 100000'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => { holder.stdout.once('data', resolve); });
    this.holders.set(node.id, holder);
    const own = this.within(node);
    must('ip', ['link', 'add', `to-${node.id}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(holder.pid)]);
    must('ip', ['link', 'set', `to-${node.id}`, 'master', 'hub0', 'up']);
    must(own[0], [...own.slice(1), 'ip', 'address', 'add', `${node.address}/24`, 'dev', 'eth0']);
    must(own[0], [...own.slice(1), 'ip', 'link', 'set', 'eth0', 'up']);
    node.wrap = own;
  }

  /** The words before a command that runs there. */
  within(node) {
    return ['nsenter', `--net=/proc/${this.holders.get(node.id).pid}/ns/net`];
  }

  /** Drops what `node` sends to `address` (`out`), what comes from there (`in`), or both. Gives what heals it. */
  cut(node, address, direction) {
    this.cuts += 1;
    const table = `cut${this.cuts}`;
    const own = this.within(node);
    const rules = [`add table inet ${table}`];
    for (const [name, hook, match] of [['out', 'output', 'daddr'], ['in', 'input', 'saddr']]) {
      if (direction !== name && direction !== 'both') continue;
      rules.push(`add chain inet ${table} ${name} { type filter hook ${hook} priority 0; }`, `add rule inet ${table} ${name} ip ${match} ${address} drop`);
    }
    must(own[0], [...own.slice(1), 'nft', '-f', '-'], `${rules.join('\n')}\n`);
    return () => must(own[0], [...own.slice(1), 'nft', 'delete', 'table', 'inet', table]);
  }

  close() {
    for (const holder of this.holders.values()) holder.kill('SIGKILL');
  }
}
