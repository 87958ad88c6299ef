// Three nodes in networks of their own. What they send to PostgreSQL and to each other is dropped, in one direction or both,
// for a while, and healed in another order, while jobs, patches and messages of both ways go on by all nodes. Nothing that was
// acknowledged may be gone, a twin is patched once, a method sent at most once, and after healing all ends.
//
//   ROUNDS=50   [2]
//   SEED=…      which cuts there are, as a run before has printed it

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from './cluster.mjs';
import { Networks, databaseAddress, moveIntoPlainNetwork } from './networks.mjs';
import { Traffic } from './traffic.mjs';

moveIntoPlainNetwork();

const rounds = Number(process.env.ROUNDS ?? 2);
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
let state = seed;
/** A number below `end`, of a sequence that the seed decides. */
function below(end) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * end);
}

const networks = new Networks();
const ids = ['n1', 'n2', 'n3'];
const cluster = new Cluster({
  binary: process.env.HUB_BINARY, address: 'hub.example', hasBalancer: false, extra: ['--lease', '3'],
  nodes: Object.fromEntries(ids.map((id, i) => [id, networks.address(i + 1)])), postgres: { listen: databaseAddress },
});
const traffic = new Traffic(cluster, { devices: 9, plain: 300, hasImports: false });

before(async () => {
  console.log(`SEED=${seed}`);
  for (const [i, node] of cluster.nodes.entries()) await networks.add(node, i + 1);
  await cluster.start();
  await traffic.start();
});
after(async () => {
  await traffic.stop();
  await cluster.stop();
  networks.close();
});

function someCut() {
  const node = cluster.nodes[below(3)];
  const others = cluster.nodes.filter((each) => each !== node);
  const far = below(2) ? { id: 'PostgreSQL', address: databaseAddress } : others[below(2)];
  const direction = ['both', 'out', 'in'][below(3)];
  return { node, far, direction };
}

async function disturb() {
  const healing = [];
  for (let count = 1 + below(3); count > 0; count -= 1) {
    const { node, far, direction } = someCut();
    console.log(`  ${node.id} ${{ both: '<->', out: '->', in: '<-' }[direction]} ${far.id} cut`);
    healing.push(networks.cut(node, far.address, direction));
    await sleep(below(2_000));
  }
  await sleep(below(8_000));
  while (healing.length > 0) {
    healing.splice(below(healing.length), 1)[0]();
    await sleep(below(1_500));
  }
}

for (let round = 1; round <= rounds; round += 1) {
  test(`round ${round}`, async () => {
    const counted = await traffic.survive(disturb);
    console.log(`  ${counted.succeededCount} methods answered, ${counted.failedCount} failed or unknown`);
  });
}

test('the owner alone is cut off: another one takes over, and it ends by itself', async () => {
  const owner = await cluster.active();
  const [name, exits] = [`${owner.id}/${owner.incarnation}`, owner.exits.length];
  await traffic.survive(async () => {
    const heal = networks.cut(owner, databaseAddress, 'out');
    const next = await cluster.active(name);
    assert.notEqual(next.id, owner.id);
    const { ended } = owner;
    heal();
    await ended;
    assert.deepEqual(owner.exits.slice(exits), [75]);
  });
});

test('every message that was acknowledged has come', async () => {
  const counted = await traffic.finish();
  console.log(JSON.stringify(counted));
});
