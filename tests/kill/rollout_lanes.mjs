// What kill.rollouts does over and over: jobs of each policy, and what must be true of each whenever the hub is killed.

import { Job, isOver } from './rollout_hub.mjs';

const begunByMethod = (document) => document.attempts ?? 0;
const written = (document) => document.deviceJobStatistics?.succeededCount ?? 0;
const there = { queryCondition: 'tags.there = true' };

/** At most one call for each attempt that the records tell of, and none again without an answer that asks for it. */
function judgeCalls(job, rows, journal) {
  const attempts = new Map(rows.map((row) => [row.deviceId, row.attempts]));
  const last = new Map();
  const calls = new Map();
  for (const call of journal.of(job.id)) {
    const before = last.get(call.device);
    if (before && before.status !== 503) job.fault(`${call.device} was called again after ${before.status}`);
    last.set(call.device, call);
    calls.set(call.device, (calls.get(call.device) ?? 0) + 1);
  }
  for (const [device, count] of calls)
    if (!(count <= attempts.get(device))) job.fault(`${device} was called ${count} times in ${attempts.get(device)} attempts`);
  for (const { deviceId, state } of rows)
    if (state === 'succeeded' && last.get(deviceId)?.status !== 200) job.fault(`${deviceId} has succeeded and answered ${last.get(deviceId)?.status}`);
}

/** Writes all devices in waves, paused on the way, and takes that back, except where somebody else has written since. */
export async function undone({ world, ids, told }, round) {
  const job = new Job(world, `undone-${round}`);
  const before = await values(world, ids, 'lane');
  await job.putTwin({ lane: `new${round}` }, { pace: { rate: '120/s' }, waves: [{ size: '20%' }, { size: 'rest' }] }, { queryCondition: '*' });
  await world.rest(Math.random() * 400);
  if (await job.pauseFor(200 + Math.random() * 200, written) !== false) {
    ++told.pauses;
    await job.direct('resume');
  }
  if (await job.end() !== 'completed' || job.last.succeededCount !== ids.length) job.fault(`wrote ${job.last.succeededCount}`);
  const foreign = ids.filter((_, n) => n % 20 === round % 20);
  for (const id of foreign) await world.insist('PATCH', `/twins/${id}`, { properties: { desired: { lane: 'foreign' } } });
  const undo = new Job(world, `${job.id}-back`);
  await undo.putTwin(null, { undoOf: job.id, pace: { rate: '200/s' } });
  await undo.end();
  for (const { deviceId, state, reason } of await undo.devices()) {
    const isForeign = foreign.includes(deviceId);
    if (isForeign ? reason !== 'conflict' : state !== 'succeeded') undo.fault(`${deviceId} is ${state} ${reason}`);
    else if (isForeign) ++told.conflicts;
  }
  const after = await values(world, ids, 'lane');
  for (const id of ids) {
    const wanted = foreign.includes(id) ? 'foreign' : before.get(id);
    if (after.get(id) !== wanted) undo.fault(`${id} has ${after.get(id)} and should have ${wanted}`);
  }
}

/** Methods in a wave with soak and gate and then the rest, few at a time, repeated where devices ask for it. */
export async function gated({ world, journal, told }, round) {
  const job = new Job(world, `gated-${round}`);
  await job.putMethod('gated', {
    waves: [{ size: '25%', soak: '150ms', gate: 'manual' }, { size: 'rest' }], pace: { maxInFlight: 8 },
    retry: { attempts: 3, on: ['rejected'], backoff: { from: '100ms', to: '300ms' } }, deadline: '60s',
  }, there);
  const pause = async () => {
    const atPause = await job.pauseFor(100 + Math.random() * 200, begunByMethod);
    if (atPause === false) return;
    ++told.pauses;
    // Also what was on its way to the devices when the answer came.
    if (journal.of(job.id).length > atPause) job.fault(`${journal.of(job.id).length} calls, ${atPause} at the pause`);
    await job.direct('resume');
  };
  await world.rest(Math.random() * 150);
  if (round % 2 === 0) await pause();
  // What was in flight at a kill has failed and is not called again, so the wave may fail too.
  const stood = await job.until((now) => ['gate', 'failed'].includes(now.waves?.[0]?.state));
  if (stood.waves?.[0].state === 'gate') ++told.gates;
  if (!isOver(stood.status) && stood.waves) {
    const called = journal.devices(job.id).size;
    if (called > stood.waves[0].size) job.fault(`${called} devices called before the gate opened, ${stood.waves[0].size} in the wave`);
    await job.direct('promote', { wave: 0 });
  }
  if (round % 2 === 1) await pause();
  await job.end();
  const rows = await job.settle() ?? [];
  judgeCalls(job, rows, journal);
  const failed = rows.filter((row) => row.state === 'failed').map((row) => row.deviceId);
  if (failed.length === 0) return;
  const again = new Job(world, `${job.id}-again`);
  await again.putMethod('again', { from: { job: job.id, in: ['failed'] } });
  await again.end();
  const devices = (await again.devices()).map((row) => row.deviceId);
  if (devices.sort().join() !== failed.sort().join()) again.fault(`went over ${devices}, and failed had ${failed}`);
  judgeCalls(again, await again.devices(), journal);
}

/** Methods as fast as they go, held and let go again and again in their midst. */
export async function held({ world, journal, told }, round) {
  const job = new Job(world, `held-${round}`);
  await job.putMethod('held', { pace: { rate: '150/s' }, deadline: '60s' }, there);
  for (let n = 0; n < 4; ++n) {
    await world.rest(Math.random() * 80);
    const atPause = await job.pauseFor(40 + Math.random() * 60, begunByMethod);
    if (atPause === false) break;
    ++told.pauses;
    if (journal.of(job.id).length > atPause) job.fault(`${journal.of(job.id).length} calls, ${atPause} at the pause`);
    await job.direct('resume');
  }
  await job.end();
  judgeCalls(job, await job.devices(), journal);
}

/** Jobs that another policy approves, or refuses. */
export async function approved({ world, journal, release, told }, round) {
  const job = new Job(world, `approved-${round}`);
  await job.putMethod('guarded', { pace: { rate: '200/s' }, deadline: '120s' }, there);
  const what = round % 3 === 2 ? 'deny' : 'approve';
  for (;;) {
    const now = await job.until(({ phase, approval }) => phase === 'approval' && approval);
    if (isOver(now.status) || !now.approval) break; // Decided, unheard.
    if (journal.of(job.id).length > 0) job.fault('a device was called before the approval');
    await world.rest(Math.random() * 200);
    const { status, text } = await world.insist('POST', `/carillon/jobs/${job.id}/${what}`, { hash: now.approval.hash }, release);
    if (status === 200) break;
    // Decided unheard, or the hub has been started meanwhile and finds the devices anew.
    if (![405, 409, 412].includes(status)) { job.fault(`${what}: ${status} ${text}`); break; }
    await world.rest(20);
  }
  const status = await job.end();
  const decided = (await job.history()).filter(({ event }) => ['approved', 'denied'].includes(event));
  if (decided.length !== 1 || decided[0].by !== 'release') job.fault(`decisions: ${JSON.stringify(decided)}`);
  if (what === 'deny' && (status !== 'cancelled' || journal.of(job.id).length > 0)) job.fault(`denied, and ${status}`);
  if (what === 'approve' && status !== 'completed') job.fault(`approved, and ${status}`);
  judgeCalls(job, await job.devices(), journal);
  ++told.decisions;
}

/** Plans, and the jobs that carry them out. */
export async function planned({ world, journal, told }, round) {
  const job = new Job(world, `planned-${round}`);
  const cloudToDeviceMethod = { methodName: 'planned', payload: { job: job.id }, responseTimeoutInSeconds: 5 };
  const document = { type: 'scheduleDeviceMethod', cloudToDeviceMethod, ...there, rollout: { pace: { rate: '200/s' } } };
  let plan;
  while (!plan) {
    const { status, body, text } = await world.insist('POST', '/carillon/plans', document);
    if (status !== 202) return job.fault(`plan: ${status} ${text}`);
    for (;;) {
      const found = await world.insist('GET', `/carillon/plans/${body.id}`);
      if (found.status === 404) break; // It was being made when the hub was killed.
      if (found.body?.hash) { plan = found.body; break; }
      await world.rest(20);
    }
  }
  if (journal.of(job.id).length > 0) job.fault('a plan called a device');
  await world.rest(Math.random() * 300);
  if (!await job.put({ rollout: { plan: { id: plan.id, hash: plan.hash } } })) return;
  if (await job.end() !== 'completed' || job.last.deviceCount !== plan.targets.count) job.fault(`of a plan over ${plan.targets.count}`);
  judgeCalls(job, await job.devices(), journal);
  ++told.plans;
}

/** A job that starts after another, over those of its devices that succeeded. */
export async function chained({ world, journal, told }, round) {
  const first = new Job(world, `first-${round}`);
  const second = new Job(world, `second-${round}`);
  await first.putTwin({ chain: `c${round}` }, { pace: { rate: '80/s' } }, there);
  await second.putMethod('second', {
    startAfter: { job: first.id, pass: { succeeded: '95%', ended: '100%' } }, from: { job: first.id, in: ['succeeded'] }, deadline: '60s',
  });
  await second.end();
  const ended = (await first.devices()).map((row) => Date.parse(row.ended));
  const started = (await second.history()).find(({ event }) => event === 'started');
  if (!started || !(Date.parse(started.time) >= Math.max(...ended))) second.fault(`started ${started?.time}, the other ended ${new Date(Math.max(...ended)).toISOString()}`);
  if (second.last.deviceCount !== ended.length) second.fault(`over ${second.last.deviceCount} of ${ended.length}`);
  judgeCalls(second, await second.devices(), journal);
  ++told.chains;
}

/** Twins that devices confirm, some of them wrongly; every other job is taken back by its own rule. */
export async function confirmed({ world, ids, told }, round) {
  const job = new Job(world, `confirmed-${round}`);
  const before = await values(world, ids, 'conf');
  const value = `v${round}`;
  const isStopped = round % 2 === 0;
  await job.putTwin({ conf: value }, {
    confirm: { by: 'reported', within: '400ms' }, offline: { then: 'skip' }, pace: { maxInFlight: 16 }, deadline: '60s',
    ...isStopped && { stop: [{ failed: '3%', after: 8, do: 'undo' }] },
  }, there);
  const status = await job.end();
  const rows = await job.devices();
  const after = await values(world, ids, 'conf');
  if (isStopped) {
    if (status !== 'cancelled') return; // Few were wrong so early.
    const undo = new Job(world, `${job.id}-undo`);
    for (let looks = 0; (await world.insist('GET', `/carillon/jobs/${undo.id}`)).status !== 200; ++looks) {
      if (looks > 400) return undo.fault('was not made');
      await world.rest(25);
    }
    world.jobs.push(undo);
    if ((await world.insist('GET', `/carillon/jobs/${undo.id}2`)).status !== 404) undo.fault('was made twice');
    if (await undo.end() !== 'completed') undo.fault('did not complete');
    for (const { deviceId, state, reason } of await undo.devices()) if (state !== 'succeeded') undo.fault(`${deviceId} is ${state} ${reason}`);
    const restored = await values(world, ids, 'conf');
    for (const id of ids) if (restored.get(id) !== before.get(id)) undo.fault(`${id} has ${restored.get(id)} and should have ${before.get(id)}`);
    ++told.taken;
    return;
  }
  for (const { deviceId, state, reason } of rows) {
    if (state === 'succeeded' && Number(deviceId.slice(1)) % 8 === 7) job.fault(`${deviceId} reports wrongly and has succeeded`);
    if (state === 'succeeded' && after.get(deviceId) !== value) job.fault(`${deviceId} has ${after.get(deviceId)}`);
    if (reason === 'diverged') ++told.diverged;
  }
}

/** Windows by each device's clock, of which some are closed; a time to live for those that are away. */
export async function timed({ world, journal, closed, absent, told }, round) {
  const job = new Job(world, `timed-${round}`);
  if (round % 2 === 0) {
    const opened = new Date(Date.now() - 3_600_000).toISOString().slice(11, 16);
    await job.putMethod('timed', { windows: { zone: 'tags.tz', fallback: 'Etc/UTC', open: [{ from: opened, for: '3h' }] }, deadline: '3s' }, there);
    await job.end();
    for (const id of journal.devices(job.id)) if (closed.has(id)) job.fault(`${id} was called outside of its window`);
    for (const { deviceId, attempts } of await job.devices()) if (closed.has(deviceId) && attempts > 0) job.fault(`${deviceId} began`);
    ++told.windows;
  } else {
    await job.putMethod('timed', { offline: { then: 'wait', ttl: '300ms' }, deadline: '8s' }, { queryCondition: '*' });
    await job.end();
    const rows = await job.devices();
    for (const { deviceId, state, reason } of rows) {
      if (!absent.has(deviceId)) continue;
      if (state !== 'failed' || !['offline', 'deadline'].includes(reason)) job.fault(`${deviceId} is away, and is ${state} ${reason}`);
      else if (reason === 'offline') ++told.expired;
    }
    judgeCalls(job, rows, journal);
  }
}

/** A newer job takes what an older one waits for; a device never has the older value again. */
export async function superseded({ world, ids, absent, told }, round) {
  const newest = new Job(world, `superseded-${round}`);
  const rollout = { supersede: {}, offline: { then: 'wait' }, pace: { rate: '200/s' }, deadline: '120s' };
  await newest.putTwin({ sup: `v${round}` }, rollout, { queryCondition: '*' });
  if (round > 0) {
    const older = new Job(world, `superseded-${round - 1}`);
    // It has waited for the devices that are away, and for nothing else by now.
    if (await older.end() !== 'completed') older.fault('did not complete, though a newer job has taken its devices');
    for (const { deviceId, state, reason } of await older.devices()) {
      if (state !== 'succeeded' && reason !== 'superseded') older.fault(`${deviceId} is ${state} ${reason}`);
      if (state === 'succeeded' && absent.has(deviceId)) older.fault(`${deviceId} is away and was written`);
      if (reason === 'superseded') ++told.superseded;
    }
  }
  await newest.until((now) => now.deviceJobStatistics?.succeededCount === ids.length - absent.size);
  const now = await values(world, ids, 'sup');
  for (const id of ids) if (now.get(id) !== (absent.has(id) ? undefined : `v${round}`)) newest.fault(`${id} has ${now.get(id)}`);
}

/** Two jobs of a template, the second behind the first: both are made, or none. */
export async function templated({ world, journal, told }, round) {
  const template = {
    parameters: { value: { type: 'text' }, id: { type: 'text' } },
    jobs: [
      { name: 'patch', job: { type: 'scheduleUpdateTwin', updateTwin: { etag: '*', properties: { desired: { tpl: '${value}' } } }, ...there, rollout: { pace: { rate: '150/s' } } } },
      { name: 'call', job: {
        type: 'scheduleDeviceMethod', cloudToDeviceMethod: { methodName: 'templated', payload: { job: '${id}' }, responseTimeoutInSeconds: 5 },
        rollout: { startAfter: { job: '@patch' }, from: { job: '@patch', in: ['succeeded'] }, deadline: '60s' },
      } },
    ],
  };
  if (round === 0) await world.insist('PUT', '/carillon/templates/pair', template);
  const jobs = ['patch', 'call'].map((name) => new Job(world, `templated-${round}-${name}`));
  const order = { jobId: `templated-${round}`, parameters: { value: `t${round}`, id: jobs[1].id } };
  for (;;) {
    const { status, text } = await world.ask('POST', '/carillon/templates/pair/jobs', order);
    if (status === 0) await world.rest(20);
    const found = [];
    for (const { id } of jobs) found.push((await world.insist('GET', `/carillon/jobs/${id}`)).status);
    if (found[0] !== found[1]) jobs[0].fault(`of two jobs one is there: ${found}`);
    if (found[0] === 200) break;
    if (![0, 429, 503].includes(status)) return jobs[0].fault(`of a template: ${status} ${text}`);
  }
  world.jobs.push(...jobs);
  for (const job of jobs) if (await job.end() !== 'completed') job.fault('did not complete');
  judgeCalls(jobs[1], await jobs[1].devices(), journal);
  ++told.templates;
}

/** A job that devices come to match while it runs, each once, and one behind it that takes them as they come out. */
export async function piped({ world, ids, absent, journal, told }, round) {
  const first = new Job(world, `piped-${round}`);
  const second = new Job(world, `piped-${round}-call`);
  const members = { mode: 'continuous' };
  await first.putTwin({ pipe: `p${round}` }, { members, pace: { rate: '100/s' }, deadline: '120s' }, { queryCondition: `tags.pipe = ${round}` });
  await second.putMethod('piped', { members, from: { job: first.id, in: ['succeeded'] }, deadline: '120s' });
  const chosen = ids.filter((id, n) => !absent.has(id) && (n + round) % 3 === 0);
  for (const id of chosen) {
    const { status, text } = await world.insist('PATCH', `/twins/${id}`, { tags: { pipe: round } });
    if (status !== 200) return first.fault(`PATCH: ${status} ${text}`);
  }
  // A device whose change was acknowledged is a member, whatever was killed since.
  await first.until((now) => now.deviceJobStatistics?.deviceCount >= chosen.length);
  await first.direct('close', { why: 'the test' });
  if (await first.end() !== 'completed') first.fault('closed, and did not complete');
  const went = (await first.devices()).map((row) => row.deviceId);
  if (went.sort().join() !== [...chosen].sort().join()) first.fault(`went over ${went}, and ${chosen} matched`);
  if (await second.end() !== 'completed') second.fault('did not close behind the one before');
  const rows = await second.devices();
  if (rows.map((row) => row.deviceId).sort().join() !== went.join()) second.fault(`went over ${rows.length} of ${went.length}`);
  judgeCalls(second, rows, journal);
  told.members += went.length;
}

/** No more devices at risk by methods than the budget says, over all jobs together. */
export async function budgeted({ world, journal, told }, round) {
  const job = new Job(world, `budgeted-${round}`);
  const put = job.putMethod('budgeted', { deadline: '60s' }, there);
  for (let looks = 0; looks < 20; ++looks) {
    const { body } = await world.insist('GET', '/carillon/budgets/few');
    if (!(body.atRisk <= body.max)) job.fault(`${body.atRisk} at risk, ${body.max} allowed`);
    told.budgeted = Math.max(told.budgeted, body.atRisk);
    await world.rest(15);
  }
  await put;
  await job.end();
  judgeCalls(job, await job.devices(), journal);
}

async function values(world, ids, name) {
  const found = new Map();
  for (const id of ids) found.set(id, (await world.insist('GET', `/twins/${id}`)).body.properties.desired[name]);
  return found;
}
