// The `rollout` of a job over REST: what is refused, and what stock SDKs see of a job that has one. Cases G0 of the rollouts.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { close, connect, ga, preview } from '../lib/devices.mjs';
import { call, Hub, parts, sign, until } from '../lib/hub.mjs';
import { counts, isOver, value } from '../lib/jobs.mjs';

const hub = Hub.fromEnvironment();
let owner;
before(async () => {
  await hub.start();
  await hub.ok('device', 'create', '-d', 'pump-1');
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  owner = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName);
});
after(() => hub.stop());

async function ask(method, path, body) {
  const answer = await fetch(`https://${hub.address}${path}?api-version=2021-04-12`, {
    method, headers: { Authorization: owner }, body: body && JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}

const method = { type: 'scheduleDeviceMethod', cloudToDeviceMethod: { methodName: 'm', payload: null }, queryCondition: '*' };
const twin = { type: 'scheduleUpdateTwin', updateTwin: { etag: '*', properties: { desired: { a: 1 } } }, queryCondition: '*' };

/** Sixty documents with one mistake each: the job's other members, the object, and the path that the answer begins with. */
const mistakes = [
  [method, [], 'rollout'],
  [method, { pase: {} }, 'rollout.pase'],
  [method, { pace: 5 }, 'rollout.pace'],
  [method, { pace: { maxInflight: 1 } }, 'rollout.pace.maxInflight'],
  [method, { pace: { maxInFlight: 0 } }, 'rollout.pace.maxInFlight'],
  [method, { pace: { maxInFlight: '101%' } }, 'rollout.pace.maxInFlight'],
  [method, { pace: { rate: '5/h' } }, 'rollout.pace.rate'],
  [method, { pace: { rate: '0/s' } }, 'rollout.pace.rate'],
  [method, { pace: { adaptive: 'yes' } }, 'rollout.pace.adaptive'],
  [method, { pace: { adaptive: false } }, 'rollout.pace.adaptive'],
  [method, { order: 'sorted' }, 'rollout.order'],
  [method, { order: { spread: [] } }, 'rollout.order.spread'],
  [method, { order: { spread: ['site'] } }, 'rollout.order.spread[0]'],
  [method, { seed: -1 }, 'rollout.seed'],
  [method, { waves: {} }, 'rollout.waves'],
  [method, { waves: [] }, 'rollout.waves'],
  [method, { waves: [{ size: 1 }, { sise: 1 }] }, 'rollout.waves[1].sise'],
  [method, { waves: [{ size: 'rest' }, { size: 1 }] }, 'rollout.waves[0].size'],
  [method, { waves: [{ size: 1, grow: 1 }] }, 'rollout.waves[0].grow'],
  [method, { waves: [{ size: '60%' }, { size: '41%' }] }, 'rollout.waves'],
  [method, { waves: [{ size: 1, soak: '1w' }] }, 'rollout.waves[0].soak'],
  [method, { waves: [{ size: 1, soak: '2h' }, { size: 'rest' }], deadline: '1h' }, 'rollout.waves'],
  [method, { waves: [{ size: 1, gate: 'open' }] }, 'rollout.waves[0].gate'],
  [method, { waves: [{ size: 1, else: 'stop' }] }, 'rollout.waves[0].else'],
  [method, { waves: [{ size: 1, pass: { ended: '0%' } }] }, 'rollout.waves[0].pass.ended'],
  [method, { stop: [] }, 'rollout.stop'],
  [method, { stop: [{}] }, 'rollout.stop[0].failed'],
  [method, { stop: [{ failed: 3, after: 5 }] }, 'rollout.stop[0].after'],
  [method, { stop: [{ failed: '5%', kinds: ['late'] }] }, 'rollout.stop[0].kinds[0]'],
  [method, { stop: [{ failed: '5%', do: 'undo' }] }, 'rollout.stop[0].do'],
  [method, { success: { succeeded: 5 } }, 'rollout.success.succeeded'],
  [method, { success: { all: '' } }, 'rollout.success.all'],
  [method, { okStatus: ['2xx'] }, 'rollout.okStatus[0]'],
  [method, { okStatus: ['*', '200'] }, 'rollout.okStatus[0]'],
  [method, { retry: {} }, 'rollout.retry.attempts'],
  [method, { retry: { attempts: 11 } }, 'rollout.retry.attempts'],
  [method, { retry: { attempts: 3, on: ['timeout'] } }, 'rollout.retry.on[0]'],
  [method, { retry: { attempts: 3, on: ['offline'] } }, 'rollout.retry.on[0]'],
  [method, { retry: { attempts: 3, backoff: { from: '2m', to: '1m' } } }, 'rollout.retry.backoff.to'],
  [method, { offline: { then: 'write' } }, 'rollout.offline.then'],
  [method, { offline: { then: 'skip', ttl: '1h' } }, 'rollout.offline.ttl'],
  [method, { deadline: '367d' }, 'rollout.deadline'],
  [{ ...method, maxExecutionTimeInSeconds: 60 }, { deadline: '1h' }, 'rollout.deadline'],
  [method, { windows: { zone: 'Mars Base' } }, 'rollout.windows.zone'],
  [method, { windows: { zone: 'tags.tz', open: [{ from: '02:00', for: '1h' }] } }, 'rollout.windows.fallback'],
  [method, { windows: { zone: 'Etc/UTC', open: [{ from: '24:00', for: '1h' }] } }, 'rollout.windows.open[0].from'],
  [method, { windows: { zone: 'Etc/UTC', open: [{ from: '02:00', for: '1h' }], closing: '1h' } }, 'rollout.windows.closing'],
  [method, { from: { job: 'none', in: ['failed'] } }, 'rollout.from.job'],
  [method, { from: { job: 'a', in: ['running'] } }, 'rollout.from.in[0]'],
  [method, { startAfter: { job: 'none' } }, 'rollout.startAfter.job'],
  [method, { plan: { id: 'p-1', hash: 'abc' } }, 'rollout.plan.hash'],
  [method, { members: { mode: 'always' } }, 'rollout.members.mode'],
  [method, { members: { onLeave: 'cancel' } }, 'rollout.members.onLeave'],
  [method, { members: { mode: 'continuous' }, success: { all: '*' } }, 'rollout.success.all'],
  [method, { keep: '23h' }, 'rollout.keep'],
  [method, { note: 5 }, 'rollout.note'],
  [method, { undo: false }, 'rollout.undo'],
  [method, { undoOf: 'a' }, 'rollout.undoOf'],
  [twin, { okStatus: ['200'] }, 'rollout.okStatus'],
  [twin, { retry: { attempts: 2 } }, 'rollout.retry'],
  [twin, { pace: { maxInFlight: 5 } }, 'rollout.pace.maxInFlight'],
  [twin, { confirm: {} }, 'rollout.confirm.by'],
  [twin, { confirm: { by: 'reported', within: '0s' } }, 'rollout.confirm.within'],
  [{ ...twin, updateTwin: { etag: '*' } }, { undoOf: 'none' }, 'rollout.undoOf'],
  [twin, { undo: false, stop: [{ failed: 1, do: 'undo' }] }, 'rollout.stop[0].do'],
];

test(`G0.2 a document with one mistake is refused by the path of the member, and leaves nothing (${mistakes.length})`, async () => {
  assert.ok(mistakes.length >= 60);
  for (const [number, [document, rollout, path]] of mistakes.entries()) {
    const { status, body } = await ask('PUT', `/jobs/v2/wrong-${number}`, { ...document, rollout });
    const what = JSON.stringify({ rollout, body });
    assert.equal(status, 400, what);
    const text = body.ExceptionMessage ?? body.Message;
    assert.match(body.Message, /ArgumentInvalid/, what);
    assert.ok([text, body.Message].some((found) => new RegExp(`(^|[^.\\w])${path.replace(/[.[\]]/g, '\\$&')}: `).test(found)), `${path} in ${what}`);
    const found = await ask('GET', `/jobs/v2/wrong-${number}`);
    assert.ok(found.status === 404 || found.body.status === 'unknown', JSON.stringify(found));
  }
});

/** The words that clients of the service know; others make those of C# and Java throw. */
const words = ['unknown', 'enqueued', 'queued', 'running', 'completed', 'failed', 'cancelled', 'scheduled'];

/** Looks at a job by both generations of the Node.js SDK, and as it is, until `ended()`; notes the phases and words in `seen`. */
async function follow(id, ended, seen) {
  const clients = [ga, preview].map((sdk) => sdk.service.JobClient.fromConnectionString(hub.connectionString));
  for (let isLast = false; !isLast;) {
    isLast = await ended(); // One look more, at how it ended.
    const { body } = await ask('GET', `/carillon/jobs/${id}`);
    seen.phases.add(body.paused ? `${body.phase}, paused` : body.phase);
    for (const jobs of clients) {
      const job = value(await call(jobs, 'getJob', id));
      assert.ok(words.includes(job.status), job.status);
      seen.words.add(job.status);
      counts(job);
    }
    await sleep(10);
  }
}

test('G0.3 stock SDKs see known words and counts that add up, in every phase and of an undo', async () => {
  const over = (id) => async () => isOver((await ask('GET', `/jobs/v2/${id}`)).body);
  const done = async (path, body, status = 200) => {
    const answer = await ask('POST', path, body ?? {});
    assert.equal(answer.status, status, JSON.stringify(answer));
  };
  const put = async (id, body) => assert.equal((await ask('PUT', `/jobs/v2/${id}`, body)).status, 200, id);
  const phases = new Set();
  const said = new Set();
  /** Follows while `act` directs the job, until it is over. `act` waits until the phase that it makes was seen. */
  const through = async (id, act = async () => {}) => {
    const seen = { phases: new Set(), words: new Set() };
    const sees = (phase) => until(() => seen.phases.has(phase), () => `${phase} of ${id}, seen ${[...seen.phases]}`);
    await Promise.all([follow(id, over(id), seen), act(sees)]);
    for (const phase of seen.phases) phases.add(phase);
    for (const word of seen.words) said.add(word);
  };
  const reaches = (id, holds) => until(async () => holds((await ask('GET', `/carillon/jobs/${id}`)).body), `${id} to get there`);
  for (let n = 2; n <= 8; ++n) await hub.ok('device', 'create', '-d', `pump-${n}`);

  // Later, paused before and after its start, at a gate, on to the end; and all of it taken back.
  await put('later', {
    ...twin, startTime: new Date(Date.now() + 10_000).toISOString(), rollout: { waves: [{ size: '25%', gate: 'manual' }, { size: 'rest' }], pace: { rate: '20/s' } },
  });
  await through('later', async (sees) => {
    await sees('scheduled');
    await done('/carillon/jobs/later/pause');
    await sees('queued, paused');
    await done('/carillon/jobs/later/resume');
    await reaches('later', (job) => job.waves?.[0]?.state === 'gate');
    await done('/carillon/jobs/later/pause');
    await sees('running, paused');
    await done('/carillon/jobs/later/resume');
    await done('/carillon/jobs/later/promote', { wave: 0 });
  });
  await put('later-back', { ...twin, queryCondition: undefined, updateTwin: { etag: '*' }, rollout: { undoOf: 'later', pace: { rate: '20/s' } } });
  await through('later-back');

  // Behind another one, which is cancelled as it waits for devices that are away.
  await put('first', { ...method, rollout: {} });
  await put('second', { ...method, rollout: { startAfter: { job: 'first' } } });
  let isWaitingSeen = false;
  const waits = async (sees) => {
    await sees('waiting');
    isWaitingSeen = true;
  };
  await Promise.all([through('second', waits), through('first', async (sees) => {
    await sees('running');
    await until(() => isWaitingSeen, 'the second to wait');
    await done('/jobs/v2/first/cancel');
  })]);

  // Devices join it while it runs, until it is closed.
  await put('goes-on', { ...method, queryCondition: "tags.joins = true", rollout: { members: { mode: 'continuous' } } });
  await through('goes-on', async (sees) => {
    await sees('running');
    await done('/carillon/jobs/goes-on/close');
  });

  // Before an approval that never comes.
  assert.equal((await ask('PUT', '/carillon/approval-rules/all', { when: {} })).status, 200);
  await put('asked', { ...twin, rollout: {} });
  await through('asked', async (sees) => {
    await sees('approval');
    await done('/jobs/v2/asked/cancel');
  });
  for (const phase of ['scheduled', 'scheduled, paused', 'queued, paused', 'running', 'running, paused', 'waiting', 'approval', 'completed', 'cancelled'])
    assert.ok(phases.has(phase), `${phase} of ${[...phases]}`);
  for (const word of ['scheduled', 'queued', 'running', 'completed', 'cancelled']) assert.ok(said.has(word), `${word} of ${[...said]}`);
});

test('G15.2 the log of a job says what other rules and waves would have made of it', async () => {
  // What the phases above left: jobs would wait for an approval.
  await fetch(`https://${hub.address}/carillon/approval-rules/all?api-version=2021-04-12`, { method: 'DELETE', headers: { Authorization: owner } });
  const device = await connect(ga, await hub.device('asked-1'), { m: () => [500, {}] });
  try {
    const rollout = { success: { succeeded: '99%' } };
    assert.equal((await ask('PUT', '/jobs/v2/tried', { ...method, queryCondition: "deviceId = 'asked-1'", rollout })).status, 200);
    await until(async () => isOver((await ask('GET', '/jobs/v2/tried')).body), 'the end of the job');
  } finally {
    await close(device);
  }
  const same = (await ask('POST', '/carillon/jobs/tried/what-if', {})).body;
  assert.deepEqual([same.basis, same.state, same.failed, same.touched, same.verdict], ['replay', 'completed', 1, 1, 'missed']);
  const bare = ({ id, hash, time, ...event }) => event;
  const history = (await hub.ok('job', 'history', 'tried', '-o', 'ndjson')).trim().split('\n').map((line) => JSON.parse(line));
  const decided = history.filter(({ event }) => ['verdict', 'ended'].includes(event));
  assert.equal(decided.length, 2);
  assert.deepEqual(same.decisions.map(bare), decided.map(bare));
  const stopped = (await ask('POST', '/carillon/jobs/tried/what-if', { rollout: { stop: [{ failed: 1, do: 'cancel' }] } })).body;
  assert.equal(stopped.state, 'cancelled');
  assert.deepEqual([stopped.decisions[0].event, stopped.decisions[0].failed, stopped.decisions[0].ended], ['ruleTripped', 1, 1]);
  const waves = JSON.parse(await hub.ok('job', 'what-if', 'tried', '--wave', '1,rest', '-o', 'json'));
  assert.equal(waves.basis, 'simulation');
  const ahead = await ask('POST', '/carillon/jobs/tried/what-if', { rollout: { windows: null } });
  assert.equal(ahead.status, 400);
  assert.match(ahead.body.Message, /rollout\.windows: cannot be asked about/);
});

test('a job is ordered once more, with its rollout or a changed one', async () => {
  await hub.ok('job', 'copy', 'tried', '--new-id', 'tried-again', '--rate', '20/s');
  const [before, after] = [(await ask('GET', '/jobs/v2/tried')).body, (await ask('GET', '/jobs/v2/tried-again')).body];
  for (const member of ['type', 'queryCondition', 'cloudToDeviceMethod']) assert.deepEqual(after[member], before[member], member);
  assert.deepEqual(after.rollout, { success: { succeeded: '99%' }, pace: { rate: '20/s' } });
  assert.equal((await ask('PUT', '/jobs/v2/plain', { ...twin, queryCondition: "deviceId = 'asked-1'", maxExecutionTimeInSeconds: 77 })).status, 200);
  await hub.ok('job', 'copy', 'plain', '--new-id', 'plain-again', '-q', "deviceId = 'pump-1'");
  const plain = (await ask('GET', '/jobs/v2/plain-again')).body;
  assert.equal(plain.queryCondition, "deviceId = 'pump-1'");
  assert.equal(plain.maxExecutionTimeInSeconds, 77);
  assert.equal(plain.rollout, undefined);
  assert.equal((await hub.cli('job', 'copy', 'none-such')).code, 3);
});

test('G0.2 a strict hub takes no rollout', async () => {
  await hub.stop();
  hub.extra.push('--compatibility', 'strict');
  await hub.start();
  assert.equal((await ask('PUT', '/jobs/v2/strict', { ...twin, rollout: {} })).status, 400);
});
