// 5,000 conditional updates of a twin from 8 clients, each by any of three nodes, while the hub changes hands. Such a history
// must be linearizable. The checker is tested first.
//
//   HISTORIES=50   [1]

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from './cluster.mjs';
import { harms } from './harms.mjs';
import { findAnomaly } from './linearizable.mjs';
import { Traffic } from './traffic.mjs';

const histories = Number(process.env.HISTORIES ?? 1);
const updatesMax = Number(process.env.UPDATES ?? 5000);
const clients = 8;
const cluster = new Cluster({
  binary: process.env.HUB_BINARY, address: '127.43.56.10', hasBalancer: false, extra: ['--lease', '3'],
  nodes: { n1: '127.43.56.1', n2: '127.43.56.2', n3: '127.43.56.3' },
});
const traffic = new Traffic(cluster, { devices: 0, plain: 0, hasImports: false, hasWriters: false });

const sound = [
  { kind: 'update', on: 'e0', value: 1, call: 0, answer: 2, outcome: 'done', etag: 'e1' },
  { kind: 'update', on: 'e0', value: 2, call: 1, answer: 3, outcome: 'refused' },
  { kind: 'read', call: 3, answer: 4, etag: 'e1', value: 1 },
  { kind: 'update', on: 'e1', value: 3, call: 5, outcome: 'unknown' },
  { kind: 'read', call: 6, answer: 7, etag: 'e2', value: 3 },
  { kind: 'update', on: 'e2', value: 4, call: 8, outcome: 'unknown' },
  { kind: 'update', on: 'e2', value: 5, call: 8, answer: 9, outcome: 'done', etag: 'e3' },
];

test('the checker takes what is linearizable, and finds each way in which a history is not', () => {
  assert.equal(findAnomaly('e0', sound), null);
  assert.equal(findAnomaly('e0', []), null);
  const broken = {
    'a lost update': [[1, { outcome: 'done', etag: 'e9' }], /both carried out on etag e0/],
    'a read of what was refused': [[2, { value: 2, etag: 'e9' }], /refused, and read/],
    'a read of what nobody wrote': [[2, { value: 77 }], /nobody wrote it/],
    'a stale read': [[2, { etag: 'e0', value: null }], /was called after state 1 was known/],
    'a read of the future': [[4, { call: 0.1, answer: 0.2 }], /was called after state 2 was known/],
    'an etag given twice': [[6, { etag: 'e1' }], /two states have the etag e1/],
    'a refusal without a reason': [[1, { call: 2.5, answer: 2.6, on: 'e1' }], /was there all along/],
    'an update on a state that never was': [[6, { on: 'e7' }], /which no answer and no read has shown/],
  };
  for (const [what, [[index, change], pattern]] of Object.entries(broken)) {
    const history = sound.map((each, i) => (i === index ? { ...each, ...change } : each));
    assert.match(findAnomaly('e0', history) ?? 'nothing', pattern, what);
  }
});

before(async () => {
  await cluster.start();
  await traffic.start();
});
after(async () => {
  await traffic.stop();
  await cluster.stop();
});

const now = () => performance.now();

async function read(id) {
  const call = now();
  const { status, body } = await traffic.ask('GET', `/twins/${id}`);
  if (status !== 200) return null;
  const { etag, tags } = JSON.parse(body);
  return { kind: 'read', call, answer: now(), etag, value: tags?.value ?? null };
}

/** Reads and updates until there are enough; gives all operations of all clients. */
async function record(id, first, harm) {
  const operations = [];
  let count = 0;
  const work = async () => {
    let seen = first;
    while (count < updatesMax) {
      count += 1;
      const value = count;
      const call = now();
      const { status, body } = await traffic.ask('PATCH', `/twins/${id}`, { headers: { 'If-Match': `"${seen}"` }, body: JSON.stringify({ tags: { value } }) });
      const operation = { kind: 'update', on: seen, value, call, answer: now(), outcome: 'unknown' };
      if (status === 200) {
        Object.assign(operation, { outcome: 'done', etag: JSON.parse(body).etag });
        seen = operation.etag;
      } else if (status === 412) {
        operation.outcome = 'refused';
      } else {
        assert.ok([0, 503].includes(status), `${status}: ${body}`);
        delete operation.answer;
      }
      operations.push(operation);
      if (status !== 200) {
        const found = await read(id);
        if (found) {
          operations.push(found);
          seen = found.etag;
        } else {
          await sleep(20);
        }
      }
    }
  };
  const harming = (async () => {
    while (count < updatesMax / 3) await sleep(5);
    await harm();
  })();
  await Promise.all([harming, ...Array.from({ length: clients }, work)]);
  return operations;
}

const events = ['kill -9 of the owner', 'the owner is drained', 'PostgreSQL restarts at once', 'kill -9 of a door', 'the owner is stopped'];
for (let i = 0; i < histories; i += 1) {
  const name = events[i % events.length];
  test(`history ${i + 1}: ${name}`, async () => {
    const id = `history-${i}`;
    await traffic.insist('PUT', `/devices/${id}`, { body: JSON.stringify({ deviceId: id }) });
    let first = null;
    while (!first) first = await read(id); // A node that is not ready yet does not answer.
    const { etag } = first;
    const operations = await record(id, etag, () => harms[name](cluster));
    const count = (outcome) => operations.filter((each) => each.outcome === outcome).length;
    console.log(`${count('done')} done, ${count('refused')} refused, ${count('unknown')} without an answer, ${operations.filter(({ kind }) => kind === 'read').length} reads`);
    assert.equal(findAnomaly(etag, operations), null);
    assert.ok(count('done') > updatesMax / 20, 'hardly anything was carried out');
  });
}
