import { expect, test } from 'vitest';
import { approvalProblem, approvalRuleText } from './approval.ts';
import type { JsonObject } from './json.ts';
import { bodyOf, commandOf, draftLike, draftUndo, emptyDraft, problemsOf } from './draft.ts';
import { carefulRollout, emptyRollout, emptyStop, emptyWave, rolloutDraftOf, rolloutOf, rolloutPatch, rolloutProblem, waveRule } from './rollout.ts';
import { rulesOf, waveText } from './rollout_rules.ts';

test('a rollout that nothing is said of is empty, and the careful one has waves and a stop rule', () => {
  expect(rolloutOf(emptyRollout, true)).toEqual({});
  expect(rolloutOf(carefulRollout, false)).toEqual({ waves: [{ size: '1%' }, { size: '9%' }, { size: 'rest' }], stop: [{ failed: '5%' }] });
});

test('every member goes to the hub and comes back', () => {
  const whole: JsonObject = {
    pace: { rate: '50/s', maxInFlight: '2%', adaptive: false }, order: { spread: ['tags.site', 'tags.model'] }, seed: 7,
    waves: [{ size: 25, pass: { succeeded: '99%', ended: '90.5%' }, soak: '2h', gate: 'manual', within: '1d', else: 'cancel' }, { size: '10%', grow: 2.5 }],
    stop: [{ failed: '5%', kinds: ['timeout', 'rejected'], after: 20, do: 'cancel' }, { failed: 3 }], success: { succeeded: '99%' },
    okStatus: ['200-299', '404'], retry: { attempts: 3, on: ['status:503'], backoff: { from: '30s', to: '5m', factor: 1.5 }, repeatable: true },
    offline: { then: 'wait', ttl: '2h' }, windows: { zone: 'tags.tz', fallback: 'skip', open: [{ from: '02:00', for: '2h' }], except: ['2026-12-24'] }, deadline: '14d', from: { job: 'j', in: ['failed'] }, keep: '90d', note: 'firmware 2.0',
  };
  const draft = rolloutDraftOf(whole);
  expect(rolloutProblem(draft, true)).toBeUndefined();
  expect(rolloutOf(draft, true)).toEqual(whole);
  const twin = rolloutOf(draft, false);
  expect(twin).not.toHaveProperty('retry');
  expect(twin.pace).toEqual({ rate: '50/s' });
});

test('every member of a twin job goes to the hub and comes back, and none of those that only methods have', () => {
  const whole: JsonObject = {
    pace: { rate: '50/s', maxInFlight: 100 }, waves: [{ size: 25, else: 'undo' }, { size: 'rest' }], stop: [{ failed: '5%', kinds: ['diverged', 'silent', 'undelivered', 'conflict'], do: 'undo' }],
    success: { succeeded: '99%', all: "tags.site = 'hospital'" }, confirm: { by: 'reported', map: { 'properties.desired.fw': 'properties.reported.running' }, within: '30m' },
    offline: { then: 'write' }, undo: false, undoOf: 'j',
  };
  const draft = rolloutDraftOf(whole);
  expect(rolloutProblem(draft, false)).toBeUndefined();
  expect(rolloutOf(draft, false)).toEqual(whole);
  expect(Object.keys(rolloutOf(draft, true)).sort()).toEqual(['pace', 'stop', 'success', 'waves']);
  expect(rolloutOf(rolloutDraftOf({ confirm: { by: 'condition', condition: 'a = 1' } }), false)).toEqual({ confirm: { by: 'condition', condition: 'a = 1' } });
  expect(rolloutOf({ ...emptyRollout, maxInFlight: '5' }, false), 'without confirm nothing is in flight').toEqual({});
});

test('what a rollout says, the defaults among it', () => {
  const said = (part: object, isMethod: boolean) => Object.fromEntries(rulesOf({ ...emptyRollout, ...part }, isMethod));
  const method = said({}, true);
  expect(method['A success']).toBe('an answer with a status of 200-299');
  expect(method['Offline devices']).toBe('are waited for');
  expect(method.Deadline).toBe('1h after the start');
  expect(method).not.toHaveProperty('Undo');
  const twin = said({ waves: [emptyWave], stop: [{ ...emptyStop, after: '20', then: 'undo', kinds: 'silent' }] }, false);
  expect(twin.Stops).toBe('more than 5% of the ended devices failed (reported nothing of it) once 20 have ended: the job is cancelled and what it wrote is taken back');
  expect(twin['Offline devices']).toBe('are written, and get it when they connect');
  expect(twin.Deadline).toBe('7d after the start');
  expect(said({ confirmBy: 'reported' }, false)['Offline devices']).toBe('are waited for');
  expect(waveText({ ...emptyWave, soak: '10m', gate: 'manual' })).toBe('95% ended, 95% of them succeeded, and that for 10m, then an operator promotes it. Otherwise the job is paused.');
});

test('an undo writes what the other job overwrote, and names no patch of its own', () => {
  const draft = draftUndo('x'.repeat(64));
  expect(problemsOf(draft, Date.now())).toEqual({});
  expect(bodyOf(draft)).toEqual({ jobId: `${'x'.repeat(59)}-undo`, type: 'scheduleUpdateTwin', updateTwin: { etag: '*' }, rollout: { undoOf: 'x'.repeat(64) } });
  expect(commandOf(draftUndo('j'))).toBe(`carillon job create --job-id j-undo --twin-patch '{}' --rollout '{"undoOf":"j"}'`);
});

test('what the hub would refuse is said before', () => {
  const problem = (part: object, isMethod = true) => rolloutProblem({ ...emptyRollout, ...part }, isMethod);
  for (const good of [{ rate: '30/m' }, { maxInFlight: '2.25%' }, { deadline: '500ms' }, { okStatus: '200, 404-405' }, { attempts: '10' }, { success: '100%' }, { order: 'spread', spread: 'tags.site' }]) expect(problem(good)).toBeUndefined();
  for (const bad of [
    { rate: '30' }, { rate: '0/s' }, { maxInFlight: '0%' }, { maxInFlight: '101%' }, { deadline: '2 h' }, { keep: '1h' }, { okStatus: '2xx' }, { attempts: '1' }, { attempts: '2.5' }, { success: '99' },
    { order: 'spread', spread: '' }, { order: 'spread', spread: 'site' }, { isSteady: true }, { seed: '-1' }, { seed: '9007199254740992' }, { backoffFactor: '11', attempts: '2' }, { note: 'ä'.repeat(129) }, { retryOn: 'always' },
    { waves: [{ ...emptyWave, size: 'rest' }, { ...emptyWave, size: 5 + '' }] }, { waves: [{ ...emptyWave, size: '5', grow: '1' }] }, { waves: [{ ...emptyWave, soak: 'long' }] },
    { stop: [{ ...emptyStop, failed: '5', after: '20' }] }, { stop: [{ ...emptyStop, kinds: 'bad luck' }] },
  ]) expect(problem(bad), JSON.stringify(bad)).toBeDefined();
  for (const bad of [{ confirmBy: 'condition' }, { confirmBy: 'reported', confirmWithin: '0s' }, { confirmBy: 'reported', confirmMap: '{' }, { confirmBy: 'reported', confirmMap: '{"properties.desired.a":"tags.a"}' }, { confirmBy: 'reported', confirmMap: '{}' }]) {
    expect(problem(bad, false), JSON.stringify(bad)).toBeDefined();
  }
  expect(problem({ stop: [{ ...emptyStop, then: 'undo' }] }), 'a method cannot be taken back').toBeDefined();
  expect(problem({ attempts: '1' }, false), 'of a twin job there are no attempts').toBeUndefined();
});

test('a change of a job that runs names what changed, and nothing else', () => {
  const before = rolloutDraftOf({ pace: { rate: '5/s', maxInFlight: 10 }, deadline: '7d', stop: [{ failed: '5%', do: 'pause' }] });
  expect(rolloutPatch(before, before, true)).toEqual({});
  expect(rolloutPatch(before, { ...before, rate: '', deadline: '14d' }, true)).toEqual({ pace: { rate: null, maxInFlight: 10 }, deadline: '14d' });
  expect(rolloutPatch(before, { ...before, rate: '', maxInFlight: '', stop: [] }, true)).toEqual({ pace: null, stop: null });
  expect(rolloutPatch(before, { ...before, okStatus: '*', note: 'x' }, true), 'may not change').toEqual({});
});

test('a wave without a rule of its own has that of the one which grows, or the defaults', () => {
  const [first, grown] = [{ ...emptyWave, size: '1', soak: '1h' }, { ...emptyWave, size: '10', grow: '2', gate: 'manual' }];
  expect([0, 1, 2, 7].map((n) => waveRule([first, grown], n))).toEqual([first, grown, grown, grown]);
  expect(waveRule([first], 1)).toEqual(emptyWave);
});

test('a job after another one says how far that must be', () => {
  const draft = { ...emptyDraft('j'), condition: '*', tags: '{"a":1}', rollout: { ...emptyRollout, afterJob: 'i', afterSucceeded: '90%' } };
  expect(problemsOf(draft, Date.now())).toEqual({});
  expect(bodyOf(draft).rollout).toEqual({ startAfter: { job: 'i', pass: { succeeded: '90%' } } });
  expect(rolloutDraftOf(bodyOf(draft).rollout as JsonObject)).toEqual(draft.rollout);
  expect(Object.fromEntries(rulesOf(draft.rollout, false))['Starts after']).toBe('i, once 95% of its devices have ended and 90% of those succeeded');
  expect(problemsOf({ ...draft, rollout: { ...draft.rollout, afterJob: 'a b' } }, Date.now()).schedule).toMatch(/^After the job/);
  expect(problemsOf({ ...draft, rollout: { ...draft.rollout, afterEnded: '9' } }, Date.now()).schedule).toMatch(/share/);
});

test('a job that carries out a plan leaves all else to it', () => {
  const draft = { ...emptyDraft('j'), condition: '*', tags: '{"a":1}', rollout: { ...emptyRollout, note: 'fw 2' } };
  const plan = { id: 'p-1', hash: 'ab', drift: '2%' };
  expect(bodyOf(draft, plan)).toEqual({ jobId: 'j', rollout: { plan, note: 'fw 2' } });
  expect(commandOf(draft, plan)).toBe("carillon job apply p-1 --hash ab --drift 2% --job-id j --note 'fw 2'");
});

test('a rule of approval is said in words, and a policy that may not decide is told why', () => {
  expect(approvalRuleText({ name: 'r', when: { devicesAbove: 1000, lacks: ['waves'] }, by: ['release'] })).toBe('more than 1,000 devices, has no waves. 1 approval by release');
  expect(approvalRuleText({ name: 'r', when: {}, approvals: 2 })).toBe('every job. 2 approvals');
  const asked = { hash: '', createdBy: 'ops', deviceCount: 1, rules: ['r'], missing: 1, given: [{ by: 'qa' }] };
  const rules = [{ name: 'r', when: {}, by: ['release', 'qa'] }];
  expect(approvalProblem(asked, 'Release', rules)).toBeUndefined();
  expect(approvalProblem(asked, 'OPS', rules)).toMatch(/made this job/);
  expect(approvalProblem(asked, 'qa', rules)).toMatch(/has approved it/);
  expect(approvalProblem(asked, 'night', rules)).toMatch(/do not take/);
  expect(approvalProblem(asked, 'night', []), 'the rule is gone').toBeUndefined();
});

test('a draft with a rollout has its deadline there, and may name the devices of another job', () => {
  const draft = { ...emptyDraft('j'), action: 'method' as const, methodName: 'm', rollout: { ...emptyRollout, okStatus: '*', from: { job: 'i', in: ['failed'] } } };
  expect(problemsOf(draft, Date.now())).toEqual({});
  const body = bodyOf(draft);
  expect(body).not.toHaveProperty('maxExecutionTimeInSeconds');
  expect(body).not.toHaveProperty('queryCondition');
  expect(body.rollout).toEqual({ okStatus: ['*'], from: { job: 'i', in: ['failed'] } });
  expect(commandOf(draft)).toBe(`carillon job create --job-id j --method-name m --method-payload null --method-response-timeout 30 --method-connect-timeout 0 --rollout '{"okStatus":["*"],"from":{"job":"i","in":["failed"]}}'`);
  expect(draftLike({ type: 'scheduleDeviceMethod', maxExecutionTimeInSeconds: 60, rollout: { note: 'n' } }, 'k').rollout?.note).toBe('n');
  expect(problemsOf({ ...draft, rollout: { ...emptyRollout, rate: 'fast' } }, Date.now()).delivery).toMatch(/^Rate/);
});
