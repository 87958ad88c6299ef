// A job while it is being written: what is sent for it, and how the command line would say it.

import { type Json, type JsonObject, parseObject, parseValue } from './json.ts';
import { type RolloutDraft, emptyRollout, isShare, rolloutDraftOf, rolloutOf, rolloutProblem } from './rollout.ts';
import { windowsProblem } from './windows.ts';
import { t } from '../texts.ts';

export interface JobDraft {
  id: string;
  condition: string;
  action: 'method' | 'twin';
  methodName: string;
  payload: string;
  responseTimeout: number;
  connectTimeout: number;
  tags: string;
  desired: string;
  /** As an input of type datetime-local gives it; empty means now. */
  start: string;
  maxSeconds: number;
  /** None is all devices at once, as in the service. */
  rollout?: RolloutDraft | undefined;
}

/** A plan that a job carries out if at most this share of its devices has left or come since. */
export interface CarriedPlan { id: string; hash: string; drift: string }

export const emptyDraft = (id: string): JobDraft => ({
  id, condition: '', action: 'twin', methodName: '', payload: 'null', responseTimeout: 30, connectTimeout: 0,
  tags: '{}', desired: '{}', start: '', maxSeconds: 3600,
});

/** Ids are used once; this one is made of the time, so that lists are in order. */
export function newId(now: Date): string {
  const digits = now.toISOString().replace(/[-:]/g, '').slice(0, 15).replace('T', '-');
  return `job-${digits}`;
}

export interface Problems {
  target?: string;
  action?: string;
  delivery?: string;
  schedule?: string;
}

const isJobId = (text: string) => /^[A-Za-z0-9'-]{1,64}$/.test(text) && text !== 'query';

const isEmptyObject = (text: string) => {
  const { value } = parseObject(text);
  return value !== undefined && Object.keys(value).length === 0;
};

export function problemsOf(draft: JobDraft, now: number): Problems {
  const problems: Problems = {};
  if (draft.condition.trim() === '' && !draft.rollout?.from && !draft.rollout?.undoOf) problems.target = t.draft.noTarget;
  if (draft.rollout?.undoOf) {
    // What is written, the other job says.
  } else if (draft.action === 'method') {
    const payload = parseValue(draft.payload);
    if (!/^.{1,100}$/.test(draft.methodName)) problems.action = t.draft.methodName;
    else if (payload.error) problems.action = `${t.common.payload}: ${payload.error}`;
    else if (!(draft.responseTimeout >= 5 && draft.responseTimeout <= 300)) problems.action = t.draft.responseTimeout;
    else if (!(draft.connectTimeout >= 0 && draft.connectTimeout <= 300)) problems.action = t.draft.connectTimeout;
  } else {
    const tags = parseObject(draft.tags);
    const desired = parseObject(draft.desired);
    if (tags.error) problems.action = `${t.common.tags}: ${tags.error}`;
    else if (desired.error) problems.action = `${t.common.desiredProperties}: ${desired.error}`;
    else if (isEmptyObject(draft.tags) && isEmptyObject(draft.desired)) problems.action = t.draft.noChange;
  }
  const delivery = draft.rollout && rolloutProblem(draft.rollout, draft.action === 'method');
  if (delivery) problems.delivery = delivery;
  const windows = draft.rollout?.windows;
  const wrongWindows = windows && (draft.rollout?.offlineTtl ? t.windows.problems.ttl : windowsProblem(windows, draft.action === 'method' ? draft.responseTimeout : 0));
  const daysAhead = draft.rollout ? 366 : 7;
  if (!isJobId(draft.id)) problems.schedule = t.draft.id;
  else if (draft.rollout?.afterJob && !isJobId(draft.rollout.afterJob)) problems.schedule = `${t.rollout.afterJob}: ${t.draft.id}`;
  else if (draft.rollout?.afterJob && [draft.rollout.afterSucceeded, draft.rollout.afterEnded].some((text) => text && !isShare(text))) problems.schedule = `${t.rollout.afterJob}: ${t.rollout.problems.share}`;
  else if (draft.start && !(Date.parse(draft.start) < now + daysAhead * 86_400_000)) problems.schedule = draft.rollout ? t.draft.startWithinYear : t.draft.startWithinWeek;
  else if (wrongWindows) problems.schedule = wrongWindows;
  else if (!draft.rollout && !(draft.maxSeconds >= 1 && draft.maxSeconds <= 604_800)) problems.schedule = t.draft.maxSeconds;
  return problems;
}

/** The body of `PUT /jobs/v2/{id}`; for a draft without problems. All that a plan says is left to it. */
export function bodyOf(draft: JobDraft, plan?: CarriedPlan): { [member: string]: Json } {
  const body: { [member: string]: Json } = { jobId: draft.id };
  if (plan) {
    if (draft.start) body.startTime = new Date(draft.start).toISOString();
    body.rollout = { plan: { ...plan }, ...(draft.rollout?.note ? { note: draft.rollout.note } : {}) };
    return body;
  }
  if (draft.action === 'method') {
    body.type = 'scheduleDeviceMethod';
    body.cloudToDeviceMethod = {
      methodName: draft.methodName,
      payload: parseValue(draft.payload).value ?? null,
      responseTimeoutInSeconds: draft.responseTimeout,
      connectTimeoutInSeconds: draft.connectTimeout,
    };
  } else {
    body.type = 'scheduleUpdateTwin';
    body.updateTwin = { etag: '*', ...(draft.rollout?.undoOf ? {} : twinPatch(draft)) };
  }
  if (draft.condition.trim()) body.queryCondition = draft.condition;
  if (draft.start) body.startTime = new Date(draft.start).toISOString();
  // A rollout has its deadline in the place of this.
  if (draft.rollout) body.rollout = rolloutOf(draft.rollout, draft.action === 'method');
  else body.maxExecutionTimeInSeconds = draft.maxSeconds;
  return body;
}

function twinPatch(draft: JobDraft): { [member: string]: Json } {
  const patch: { [member: string]: Json } = {};
  if (!isEmptyObject(draft.tags)) patch.tags = parseObject(draft.tags).value ?? {};
  if (!isEmptyObject(draft.desired)) patch.properties = { desired: parseObject(draft.desired).value ?? {} };
  return patch;
}

/** A word as a POSIX shell reads it. */
export const shellWord = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

export function commandOf(draft: JobDraft, plan?: CarriedPlan): string {
  if (plan) {
    const words = ['carillon job apply', plan.id, '--hash', plan.hash, '--drift', plan.drift, '--job-id', shellWord(draft.id)];
    if (draft.start) words.push('--start-time', new Date(draft.start).toISOString());
    if (draft.rollout?.note) words.push('--note', shellWord(draft.rollout.note));
    return words.join(' ');
  }
  const words = ['carillon job create', '--job-id', shellWord(draft.id)];
  if (draft.condition.trim()) words.push('-q', shellWord(draft.condition));
  if (draft.action === 'method') {
    words.push('--method-name', shellWord(draft.methodName), '--method-payload', shellWord(draft.payload.trim()));
    words.push('--method-response-timeout', String(draft.responseTimeout), '--method-connect-timeout', String(draft.connectTimeout));
  } else {
    words.push('--twin-patch', shellWord(JSON.stringify(draft.rollout?.undoOf ? {} : twinPatch(draft))));
  }
  if (draft.start) words.push('--start-time', new Date(draft.start).toISOString());
  if (draft.rollout) words.push('--rollout', shellWord(JSON.stringify(rolloutOf(draft.rollout, draft.action === 'method'))));
  else words.push('--ttl', String(draft.maxSeconds));
  return words.join(' ');
}

export function requestOf(draft: JobDraft, origin: string, plan?: CarriedPlan): string {
  return [
    `curl --cacert carillon-data/ca.pem -X PUT ${shellWord(`${origin}/jobs/v2/${encodeURIComponent(draft.id)}?api-version=2021-04-12`)} \\`,
    '  -H "Authorization: $(carillon token)" -H "Content-Type: application/json" \\',
    `  -d ${shellWord(JSON.stringify(bodyOf(draft, plan)))}`,
  ].join('\n');
}

/** The id that the hub itself gives to an undo, cut so that it fits. */
export const undoId = (job: string) => `${job.slice(0, 59)}-undo`;

/** A job that takes back what another one wrote. */
export const draftUndo = (job: string): JobDraft => ({ ...emptyDraft(undoId(job)), rollout: { ...emptyRollout, undoOf: job } });

/** A draft like a job that there was, under a new id. */
export function draftLike(job: { queryCondition?: string; type: string; cloudToDeviceMethod?: object; updateTwin?: object; maxExecutionTimeInSeconds: number; rollout?: object }, id: string): JobDraft {
  const draft = emptyDraft(id);
  draft.condition = job.queryCondition ?? '';
  draft.maxSeconds = job.maxExecutionTimeInSeconds;
  const text = (value: unknown) => JSON.stringify(value ?? {}, null, 2);
  if (job.type === 'scheduleDeviceMethod') {
    const call = (job.cloudToDeviceMethod ?? {}) as { methodName?: string; payload?: Json; responseTimeoutInSeconds?: number; connectTimeoutInSeconds?: number };
    draft.action = 'method';
    draft.methodName = call.methodName ?? '';
    draft.payload = JSON.stringify(call.payload ?? null, null, 2);
    draft.responseTimeout = call.responseTimeoutInSeconds ?? 30;
    draft.connectTimeout = call.connectTimeoutInSeconds ?? 0;
  } else {
    const twin = (job.updateTwin ?? {}) as { tags?: object; properties?: { desired?: object } };
    draft.tags = text(twin.tags);
    draft.desired = text(twin.properties?.desired);
  }
  if (job.rollout) draft.rollout = rolloutDraftOf(job.rollout as JsonObject);
  return draft;
}
