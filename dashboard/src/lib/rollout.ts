// A rollout while it is being written: docs/rollout-reference.md has the rules. An empty text is the default.

import { t } from '../texts.ts';
import { secondsOf, wordsOf } from './duration.ts';
import { type Json, type JsonObject, parseObject } from './json.ts';
import { type WindowsDraft, windowsDraftOf, windowsOf } from './windows.ts';

export interface WaveDraft {
  size: string;
  succeeded: string;
  ended: string;
  soak: string;
  gate: string;
  within: string;
  otherwise: string;
  grow: string;
}

export interface StopDraft {
  failed: string;
  after: string;
  then: string;
  kinds: string;
}

export interface RolloutDraft {
  rate: string;
  maxInFlight: string;
  isSteady: boolean;
  order: string;
  spread: string;
  seed: string;
  waves: WaveDraft[];
  stop: StopDraft[];
  success: string;
  /** A condition: every device that matches it must succeed. */
  successAll: string;
  okStatus: string;
  attempts: string;
  retryOn: string;
  backoffFrom: string;
  backoffTo: string;
  backoffFactor: string;
  isRepeatable: boolean;
  offline: string;
  offlineTtl: string;
  /** What a device must do to have succeeded: empty is that its twin is written. */
  confirmBy: string;
  confirmCondition: string;
  /** An object of desired to reported paths as JSON. */
  confirmMap: string;
  confirmWithin: string;
  /** Nothing of what is overwritten is kept, so it cannot be taken back. */
  isFinal: boolean;
  deadline: string;
  /** A job that must have gone so far before this one starts. */
  afterJob: string;
  afterSucceeded: string;
  afterEnded: string;
  keep: string;
  note: string;
  /** The devices of another job are the targets. */
  from?: { job: string; in: string[]; kinds?: string[] };
  /** When devices may begin; none is at any time. */
  windows?: WindowsDraft | undefined;
  /** The job takes back what this one wrote. */
  undoOf?: string;
}

export const emptyWave: WaveDraft = { size: 'rest', succeeded: '', ended: '', soak: '', gate: '', within: '', otherwise: '', grow: '' };
export const emptyStop: StopDraft = { failed: '5%', after: '', then: '', kinds: '' };

export const emptyRollout: RolloutDraft = {
  rate: '', maxInFlight: '', isSteady: false, order: '', spread: '', seed: '', waves: [], stop: [], success: '', successAll: '', okStatus: '', attempts: '',
  retryOn: '', backoffFrom: '', backoffTo: '', backoffFactor: '', isRepeatable: false, offline: '', offlineTtl: '',
  confirmBy: '', confirmCondition: '', confirmMap: '', confirmWithin: '', isFinal: false, deadline: '', afterJob: '', afterSucceeded: '', afterEnded: '', keep: '', note: '',
};

/** What a rollout begins as: few devices first, and no further when too many of them fail. */
export const carefulRollout: RolloutDraft = {
  ...emptyRollout,
  waves: [{ ...emptyWave, size: '1%' }, { ...emptyWave, size: '9%' }, emptyWave],
  stop: [emptyStop],
};

const shareForm = /^(100(\.0{1,2})?|\d{1,2}(\.\d{1,2})?)%$/;
const rateForm = /^[1-9]\d{0,6}\/[sm]$/;
const statusForm = /^(\*|\d{1,10}(-\d{1,10})?)$/;
const retryForm = /^(rejected|timeout|disconnected|unknown|status:(\d{1,10}|[1-9]xx))$/;
const pathForm = /^(tags|properties\.(desired|reported))\.\S+$/;
export const failureKinds = ['rejected', 'timeout', 'disconnected', 'unknown', 'offline', 'deadline', 'gone', 'tooLarge', 'conflict', 'diverged', 'silent', 'undelivered'];
const desiredForm = /^properties\.desired\.\S+$/;
const reportedForm = /^properties\.reported\.\S+$/;
const pathsMax = 64;

export const isShare = (text: string) => shareForm.test(text) && Number.parseFloat(text) > 0;
const isCount = (text: string) => /^[1-9]\d{0,7}$/.test(text) && Number(text) <= 10_000_000;
const isAmount = (text: string) => isShare(text) || isCount(text);
const isNumber = (text: string, least: number, most: number) => /^\d+(\.\d{1,2})?$/.test(text) && Number(text) >= least && Number(text) <= most;

const amount = (text: string): Json => (text.endsWith('%') ? text : Number(text));

function put(object: JsonObject, key: string, text: string, value: (text: string) => Json = (same) => same): void {
  if (text !== '') object[key] = value(text);
}

function putPass(object: JsonObject, succeeded: string, ended: string): void {
  const pass: JsonObject = {};
  put(pass, 'succeeded', succeeded);
  put(pass, 'ended', ended);
  if (Object.keys(pass).length > 0) object.pass = pass;
}

function waveOf(wave: WaveDraft): JsonObject {
  const result: JsonObject = { size: wave.size === 'rest' ? 'rest' : amount(wave.size) };
  put(result, 'grow', wave.grow, Number);
  putPass(result, wave.succeeded, wave.ended);
  put(result, 'soak', wave.soak);
  put(result, 'gate', wave.gate);
  put(result, 'within', wave.within);
  put(result, 'else', wave.otherwise);
  return result;
}

function stopOf(rule: StopDraft): JsonObject {
  const result: JsonObject = { failed: amount(rule.failed) };
  if (rule.kinds.trim()) result.kinds = wordsOf(rule.kinds);
  put(result, 'after', rule.after, Number);
  put(result, 'do', rule.then);
  return result;
}

function confirmOf(draft: RolloutDraft): JsonObject {
  const result: JsonObject = { by: draft.confirmBy };
  if (draft.confirmBy === 'condition') result.condition = draft.confirmCondition.trim();
  else if (draft.confirmMap.trim()) result.map = parseObject(draft.confirmMap).value ?? {};
  put(result, 'within', draft.confirmWithin);
  return result;
}

/** Whether so many devices at a time is a limit that this job has. */
export const hasCap = (draft: RolloutDraft, isMethod: boolean) => isMethod || draft.confirmBy !== '';

/** The member `rollout` of a job; for a draft without problems. */
export function rolloutOf(draft: RolloutDraft, isMethod: boolean): JsonObject {
  const result: JsonObject = {};
  const pace: JsonObject = {};
  put(pace, 'rate', draft.rate);
  if (hasCap(draft, isMethod)) put(pace, 'maxInFlight', draft.maxInFlight, amount);
  if (isMethod && draft.isSteady) pace.adaptive = false;
  if (Object.keys(pace).length > 0) result.pace = pace;
  if (draft.order === 'spread') result.order = { spread: wordsOf(draft.spread) };
  else put(result, 'order', draft.order);
  put(result, 'seed', draft.seed, Number);
  if (draft.waves.length > 0) result.waves = draft.waves.map(waveOf);
  if (draft.stop.length > 0) result.stop = draft.stop.map(stopOf);
  const success: JsonObject = {};
  put(success, 'succeeded', draft.success);
  put(success, 'all', draft.successAll.trim());
  if (Object.keys(success).length > 0) result.success = success;
  if (isMethod && draft.okStatus.trim()) result.okStatus = wordsOf(draft.okStatus);
  if (isMethod && draft.attempts) {
    const retry: JsonObject = { attempts: Number(draft.attempts) };
    if (draft.retryOn.trim()) retry.on = wordsOf(draft.retryOn);
    const backoff: JsonObject = {};
    put(backoff, 'from', draft.backoffFrom);
    put(backoff, 'to', draft.backoffTo);
    put(backoff, 'factor', draft.backoffFactor, Number);
    if (Object.keys(backoff).length > 0) retry.backoff = backoff;
    if (draft.isRepeatable) retry.repeatable = true;
    result.retry = retry;
  }
  if (!isMethod && draft.confirmBy) result.confirm = confirmOf(draft);
  if (draft.offline && !(isMethod && draft.offline === 'write')) result.offline = { then: draft.offline, ...(draft.offlineTtl ? { ttl: draft.offlineTtl } : {}) };
  put(result, 'deadline', draft.deadline);
  if (!isMethod && draft.isFinal) result.undo = false;
  if (!isMethod && draft.undoOf) result.undoOf = draft.undoOf;
  if (draft.from) result.from = { ...draft.from };
  if (draft.windows) result.windows = windowsOf(draft.windows);
  if (draft.afterJob) {
    const after: JsonObject = { job: draft.afterJob };
    putPass(after, draft.afterSucceeded, draft.afterEnded);
    result.startAfter = after;
  }
  put(result, 'keep', draft.keep);
  put(result, 'note', draft.note);
  return result;
}

const textOf = (value: Json | undefined) => (value === undefined || value === null ? '' : String(value));
const wordsText = (value: Json | undefined) => (Array.isArray(value) ? value.join(', ') : '');
const objectOf = (value: Json | undefined) => (value && typeof value === 'object' && !Array.isArray(value) ? value : {}) as JsonObject;
const listOf = (value: Json | undefined) => (Array.isArray(value) ? value.map(objectOf) : []);

/** The other way round: of a job that there was, or of the rules in force in one that runs. */
export function rolloutDraftOf(rollout: JsonObject): RolloutDraft {
  const { order, from } = rollout;
  const pace = objectOf(rollout.pace);
  const retry = objectOf(rollout.retry);
  const backoff = objectOf(retry.backoff);
  const offline = objectOf(rollout.offline);
  const confirm = objectOf(rollout.confirm);
  const after = objectOf(rollout.startAfter);
  const draft: RolloutDraft = {
    rate: textOf(pace.rate), maxInFlight: textOf(pace.maxInFlight), isSteady: pace.adaptive === false,
    order: typeof order === 'object' && order ? 'spread' : textOf(order), spread: wordsText(objectOf(order).spread), seed: textOf(rollout.seed),
    waves: listOf(rollout.waves).map((wave) => ({
      size: textOf(wave.size), succeeded: textOf(objectOf(wave.pass).succeeded), ended: textOf(objectOf(wave.pass).ended), soak: textOf(wave.soak),
      gate: textOf(wave.gate), within: textOf(wave.within), otherwise: textOf(wave.else), grow: textOf(wave.grow),
    })),
    stop: listOf(rollout.stop).map((rule) => ({ failed: textOf(rule.failed), after: textOf(rule.after), then: textOf(rule.do), kinds: wordsText(rule.kinds) })),
    success: textOf(objectOf(rollout.success).succeeded), successAll: textOf(objectOf(rollout.success).all), okStatus: wordsText(rollout.okStatus),
    attempts: textOf(retry.attempts), retryOn: wordsText(retry.on), backoffFrom: textOf(backoff.from), backoffTo: textOf(backoff.to),
    backoffFactor: textOf(backoff.factor), isRepeatable: retry.repeatable === true,
    offline: textOf(offline.then), offlineTtl: textOf(offline.ttl),
    confirmBy: textOf(confirm.by), confirmCondition: textOf(confirm.condition), confirmMap: confirm.map ? JSON.stringify(confirm.map, null, 2) : '',
    confirmWithin: textOf(confirm.within), isFinal: rollout.undo === false, deadline: textOf(rollout.deadline),
    afterJob: textOf(after.job), afterSucceeded: textOf(objectOf(after.pass).succeeded), afterEnded: textOf(objectOf(after.pass).ended), keep: textOf(rollout.keep), note: textOf(rollout.note),
  };
  if (from) draft.from = from as unknown as NonNullable<RolloutDraft['from']>;
  if (rollout.windows) draft.windows = windowsDraftOf(objectOf(rollout.windows));
  if (typeof rollout.undoOf === 'string') draft.undoOf = rollout.undoOf;
  return draft;
}

function waveProblem(wave: WaveDraft, isLast: boolean, isMethod: boolean): string | undefined {
  const p = t.rollout.problems;
  if (isMethod && wave.otherwise === 'undo') return p.undoTwins;
  if (wave.size === 'rest' ? !isLast : !isAmount(wave.size)) return p.size;
  if (wave.grow && !(isLast && isNumber(wave.grow, 1.1, 10))) return p.grow;
  if ([wave.succeeded, wave.ended].some((text) => text && !isShare(text))) return p.share;
  if ([wave.soak, wave.within].some((text) => text && secondsOf(text) === undefined)) return p.duration;
  return undefined;
}

function stopProblem(rule: StopDraft, isMethod: boolean): string | undefined {
  const p = t.rollout.problems;
  if (isMethod && rule.then === 'undo') return p.undoTwins;
  if (!isAmount(rule.failed)) return p.amount;
  if (rule.after && !(rule.failed.endsWith('%') && isCount(rule.after))) return p.after;
  return wordsOf(rule.kinds).every((kind) => failureKinds.includes(kind)) ? undefined : p.kinds(failureKinds.join(', '));
}

function confirmProblem(draft: RolloutDraft): string | undefined {
  const p = t.rollout.problems;
  if (draft.confirmWithin && (secondsOf(draft.confirmWithin) ?? 0) <= 0) return `${t.rollout.confirmWithin}: ${p.duration}`;
  if (draft.confirmBy === 'condition') return draft.confirmCondition.trim() ? undefined : p.confirmCondition;
  if (!draft.confirmMap.trim()) return undefined;
  const { value, error } = parseObject(draft.confirmMap);
  const pairs = Object.entries(value ?? {});
  const isRight = pairs.length > 0 && pairs.length <= pathsMax && pairs.every(([desired, reported]) => desiredForm.test(desired) && typeof reported === 'string' && reportedForm.test(reported));
  return isRight ? undefined : `${t.rollout.confirmMap}: ${error ?? p.confirmMap}`;
}

/** What is wrong with it, or nothing. The hub checks it all again, and what only it can know. */
export function rolloutProblem(draft: RolloutDraft, isMethod: boolean): string | undefined {
  const p = t.rollout.problems;
  const wave = draft.waves.map((one, i) => waveProblem(one, i === draft.waves.length - 1, isMethod));
  const wrongWave = wave.findIndex(Boolean);
  if (wrongWave >= 0) return `${t.rollout.wave(wrongWave + 1)}: ${wave[wrongWave] ?? ''}`;
  const rule = draft.stop.map((one) => stopProblem(one, isMethod)).find(Boolean);
  if (rule) return `${t.rollout.stopRule}: ${rule}`;
  const checks: [string, string, boolean, string][] = [
    [draft.rate, t.rollout.rate, rateForm.test(draft.rate), p.rate],
    [draft.success, t.rollout.success, isShare(draft.success), p.share],
    [draft.deadline, t.rollout.deadline, (secondsOf(draft.deadline) ?? 0) > 0, p.duration],
    [draft.offlineTtl, t.rollout.offlineTtl, secondsOf(draft.offlineTtl) !== undefined, p.duration],
    [hasCap(draft, isMethod) ? draft.maxInFlight : '', t.rollout.maxInFlight, isAmount(draft.maxInFlight), p.amount],
    [draft.seed, t.rollout.seed, /^\d{1,16}$/.test(draft.seed) && Number(draft.seed) <= Number.MAX_SAFE_INTEGER, p.seed],
    [draft.keep, t.rollout.keep, (secondsOf(draft.keep) ?? 0) >= 86_400, p.duration],
  ];
  if (isMethod) {
    checks.push(
      [draft.okStatus.trim(), t.rollout.okStatus, wordsOf(draft.okStatus).every((word) => statusForm.test(word)), p.status],
      [draft.attempts, t.rollout.attempts, /^\d+$/.test(draft.attempts) && isNumber(draft.attempts, 2, 10), p.attempts],
      [draft.retryOn.trim(), t.rollout.retryOn, wordsOf(draft.retryOn).every((word) => retryForm.test(word)), p.retryOn],
      [draft.backoffFrom, t.rollout.backoffFrom, secondsOf(draft.backoffFrom) !== undefined, p.duration],
      [draft.backoffTo, t.rollout.backoffTo, secondsOf(draft.backoffTo) !== undefined, p.duration],
      [draft.backoffFactor, t.rollout.backoffFactor, isNumber(draft.backoffFactor, 1, 10), p.factor],
    );
  }
  for (const [text, name, isRight, problem] of checks) if (text && !isRight) return `${name}: ${problem}`;
  if (draft.order === 'spread') {
    const paths = wordsOf(draft.spread);
    if (paths.length < 1 || paths.length > 3 || !paths.every((path) => pathForm.test(path))) return `${t.rollout.spread}: ${p.spread}`;
  }
  if (isMethod && draft.isSteady && !draft.maxInFlight) return p.steady;
  if (!isMethod && draft.confirmBy) {
    const confirm = confirmProblem(draft);
    if (confirm) return confirm;
  }
  if (new TextEncoder().encode(draft.note).length > 256) return p.note;
  return undefined;
}

/** Members that may change while the job runs. */
const changeable = ['pace', 'stop', 'success', 'retry', 'windows', 'deadline', 'waves'] as const;

/** The merge patch between two states of a rollout; lists are replaced whole, and null removes. */
export function rolloutPatch(before: RolloutDraft, after: RolloutDraft, isMethod: boolean): JsonObject {
  const old = rolloutOf(before, isMethod);
  const now = rolloutOf(after, isMethod);
  const patch: JsonObject = {};
  for (const key of changeable) {
    if (JSON.stringify(old[key]) === JSON.stringify(now[key])) continue;
    const was = old[key];
    const is = now[key];
    if (is === undefined) patch[key] = null;
    else if (typeof is === 'object' && !Array.isArray(is)) patch[key] = { ...Object.fromEntries(Object.keys(objectOf(was)).filter((name) => !(name in objectOf(is))).map((name) => [name, null])), ...is };
    else patch[key] = is;
  }
  return patch;
}

/** The rule of each wave: of one that grows, the last; of devices that no wave covers, the defaults. */
export function waveRule(rules: WaveDraft[], n: number): WaveDraft {
  const last = rules.at(-1);
  return rules[n] ?? (last?.grow ? last : emptyWave);
}
