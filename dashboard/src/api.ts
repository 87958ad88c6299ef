// The hub, as the page speaks to it: its public REST API and event streams, and nothing else.

import { signal } from '@preact/signals';
import type { components, paths } from './schema';
import { literal } from './lib/query.ts';
import { hubBase } from './router.ts';
import { t } from './texts.ts';

type Schemas = components['schemas'];
export type Session = Schemas['Session'];
export type Twin = Schemas['Twin'];
export type Device = Schemas['Device'];
export type Job = Schemas['Job'];
export type JobProgress = Schemas['JobProgress'];
export type JobCounts = Schemas['ProgressStatistics'];
export type DeviceJob = Schemas['DeviceJob'];
export type MethodResult = Schemas['MethodResult'];
export type Overview = Schemas['Overview'];
export type Module = Schemas['Module'];
export type DeviceMessage = Schemas['Event'];
export type Configuration = Schemas['Configuration'];
export type Policy = Schemas['SharedAccessPolicy'];
export type Enrollment = Schemas['Enrollment'];
export type EnrollmentGroup = Schemas['EnrollmentGroup'];
export type DeviceRegistration = Schemas['DeviceRegistration'];
export type AuditEntry = Schemas['AuditEntry'];
export type Attestation = Schemas['Attestation'];
export type Setting = Schemas['Setting'];
export type HubHealth = Schemas['HubHealth'];
export type MessageRoute = Schemas['MessageRoute'];
export type RouteEndpoint = Schemas['RouteEndpoint'];
export type JobBrief = Schemas['JobBrief'];
export type JobDevice = Schemas['JobDevice'];
export type Plan = Schemas['Plan'];
export type Budget = Schemas['Budget'];
export type JobTemplate = Schemas['JobTemplate'];
/** Of a rule by which jobs need an approval; without `by` every policy with the right may give it. */
export interface ApprovalRule { name: string; when: { devicesAbove?: number | null; touches?: string[] | null; methods?: string[] | null; lacks?: string[] | null }; approvals?: number | null; by?: string[] | null }
export type Right = Session['rights'][number];

const version = 'api-version=2021-04-12';

/** The session; null without one, undefined while that is not known. */
export const session = signal<Session | null | undefined>(undefined);
/** The user that a trusted reverse proxy names, while there is no session. */
export const person = signal('');
/** False while the hub does not answer. */
export const isReachable = signal(true);

export const may = (right: Right) => session.value?.rights.includes(right) ?? false;
/** A key gives what its policy may, so what concerns policies, and who did what, takes every right. */
export const mayAll = () => (['RegistryWrite', 'ServiceConnect', 'DeviceConnect', 'EnrollmentWrite', 'RegistrationStatusWrite'] as const).every(may);
export const mayChange = () => session.value?.access === 'change';
/** Jobs are for those who may write identities or twins. */
export const mayRunJobs = () => mayChange() && (may('RegistryWrite') || may('ServiceConnect'));
/** The registry's readers see twins by query only, and so much of a hub as concerns no message. */
export const mayLook = () => may('RegistryRead') || may('ServiceConnect');

/** What a refusal said. `status` is 0 if the hub did not answer. */
export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string, readonly person = '') {
    super(message);
  }
}

/** `ErrorCode:<Name>;<text>`, or of a direct method a document within a text. */
function readError({ status, headers }: Response, body: string): ApiError {
  let text = body;
  try {
    const parsed = JSON.parse(body) as { Message?: string; message?: string };
    text = parsed.Message ?? parsed.message ?? body;
    if (text.startsWith('{')) text = (JSON.parse(text) as { message?: string }).message ?? text;
  } catch { /* as it came */ }
  text = text.replace(/^ErrorCode:[^;]*;/, '').replace(/^BadRequest: /, '');
  return new ApiError(status, headers.get('iothub-errorcode') ?? '', text || t.api.answered(status), headers.get('x-carillon-person') ?? '');
}

interface Options {
  /** As JSON; or as it is, of a request that says what it is. */
  body?: unknown;
  text?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Of a refusal that is an answer all the same: the value of its header `iothub-errorcode`. */
  answer?: string;
}

async function send(method: string, path: string, { body, text, headers = {}, signal, answer }: Options = {}): Promise<Response> {
  const fields: Record<string, string> = { ...headers };
  if (body !== undefined) fields['Content-Type'] = 'application/json';
  if (method !== 'GET' && session.value) fields['X-Carillon-CSRF'] = session.value.csrfToken;
  let response: Response;
  try {
    response = await fetch(hubBase + path, {
      method, headers: fields, credentials: 'same-origin', cache: 'no-store', ...(signal ? { signal } : {}),
      ...(text !== undefined ? { body: text } : body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (problem) {
    if ((problem as Error).name === 'AbortError') throw problem;
    isReachable.value = false;
    throw new ApiError(0, 'Unreachable', t.api.silent);
  }
  isReachable.value = true;
  if (response.ok || (answer && response.headers.get('iothub-errorcode') === answer)) return response;
  const error = readError(response, await response.text());
  // Either this policy may not, or the session is over.
  if (response.status === 401 && !path.startsWith('/carillon/session')) await refreshSession();
  throw error;
}

const withVersion = (path: string) => `${path}${path.includes('?') ? '&' : '?'}${version}`;
const id = encodeURIComponent;

async function ask<T>(method: string, path: string, options?: Options): Promise<T> {
  const response = await send(method, withVersion(path), options);
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

// --- sessions ------------------------------------------------------------------------------------

/** Asks who is signed in. Leaves what is known where the hub does not answer. */
export async function refreshSession(): Promise<void> {
  try {
    session.value = (await (await send('GET', '/carillon/session')).json()) as Session;
  } catch (problem) {
    if ((problem as ApiError).status !== 401) return;
    person.value = (problem as ApiError).person;
    session.value = null;
  }
}

export async function signIn(body: Schemas['SignInRequest']): Promise<void> {
  session.value = (await (await send('POST', '/carillon/session', { body })).json()) as Session;
}

export async function signOut(): Promise<void> {
  await send('DELETE', '/carillon/session');
  session.value = null;
}

// --- queries and pages ---------------------------------------------------------------------------

export interface Page<T> {
  items: T[];
  /** For the next page; empty on the last. */
  continuation: string;
  /** What it took, of a page for which that was asked. */
  cost?: PageCost;
}

/** Rows on which the condition was evaluated, how they were found, and seconds in the hub. */
export interface PageCost { examined: number; by: 'ids' | 'columns' | 'rows'; seconds: number }
const costField = 'x-carillon-cost';

function readCost(text: string | null): PageCost | undefined {
  const found = /^examined=(\d+), by=(ids|columns|rows), us=(\d+)$/.exec(text ?? '');
  return found ? { examined: Number(found[1]), by: found[2] as PageCost['by'], seconds: Number(found[3]) / 1e6 } : undefined;
}

async function page<T>(method: string, path: string, size: number, continuation: string, options: Options = {}): Promise<Page<T>> {
  const headers: Record<string, string> = { ...options.headers, 'x-ms-max-item-count': String(size) };
  if (continuation) headers['x-ms-continuation'] = continuation;
  const response = await send(method, withVersion(path), { ...options, headers });
  const cost = readCost(response.headers.get(costField));
  return { items: (await response.json()) as T[], continuation: response.headers.get('x-ms-continuation') ?? '', ...(cost ? { cost } : {}) };
}

/** A page with what it took. */
export const queryWithCost = <T>(statement: string, size: number, continuation: string) =>
  page<T>('POST', '/devices/query', size, continuation, { body: { query: statement }, headers: { [costField]: '1' } });
export const query = <T>(statement: string, size = 100, continuation = '', signal?: AbortSignal) =>
  page<T>('POST', '/devices/query', size, continuation, { body: { query: statement }, ...(signal ? { signal } : {}) });

/** All rows, up to a number of them. */
export async function queryAll<T>(statement: string, most: number): Promise<{ rows: T[]; isWhole: boolean }> {
  const rows: T[] = [];
  let continuation = '';
  do {
    const next = await query<T>(statement, 1000, continuation);
    rows.push(...next.items);
    continuation = next.continuation;
  } while (continuation && rows.length < most);
  return { rows: rows.slice(0, most), isWhole: !continuation && rows.length <= most };
}

// --- devices -------------------------------------------------------------------------------------

/** By a query for those who may read twins only so. */
async function twinByQuery(statement: string, what: string): Promise<Twin> {
  const { items } = await query<Twin>(statement, 1);
  if (!items[0]) throw new ApiError(404, 'NotFound', t.api.noTwin(what));
  return items[0];
}
export const getTwin = (device: string) =>
  may('ServiceConnect') ? ask<Twin>('GET', `/twins/${id(device)}`) : twinByQuery(`SELECT * FROM devices WHERE deviceId = ${literal(device)}`, device);
export const patchTwin = (device: string, patch: unknown, etag: string) =>
  ask<Twin>('PATCH', `/twins/${id(device)}`, { body: patch, headers: { 'If-Match': `"${etag}"` } });
export const getDevice = (device: string) => ask<Device>('GET', `/devices/${id(device)}`);
export const createDevice = (device: string, body: object) => ask<Device>('PUT', `/devices/${id(device)}`, { body: { deviceId: device, ...body } });
export const updateDevice = (device: Device) =>
  ask<Device>('PUT', `/devices/${id(device.deviceId)}`, { body: device, headers: { 'If-Match': `"${device.etag}"` } });
export const deleteDevice = (device: string) => ask<void>('DELETE', `/devices/${id(device)}`, { headers: { 'If-Match': '*' } });
export const invokeMethod = (device: string, body: Schemas['MethodRequest']) =>
  ask<MethodResult>('POST', `/twins/${id(device)}/methods`, { body });

export const listModules = (device: string) => ask<Module[]>('GET', `/devices/${id(device)}/modules`);
export const createModule = (device: string, module: string) =>
  ask<Module>('PUT', `/devices/${id(device)}/modules/${id(module)}`, { body: { deviceId: device, moduleId: module, authentication: { type: 'sas' } } });
export const deleteModule = (device: string, module: string) =>
  ask<void>('DELETE', `/devices/${id(device)}/modules/${id(module)}`, { headers: { 'If-Match': '*' } });
export const getModuleTwin = (device: string, module: string) =>
  may('ServiceConnect') ? ask<Twin>('GET', `/twins/${id(device)}/modules/${id(module)}`)
    : twinByQuery(`SELECT * FROM devices.modules WHERE deviceId = ${literal(device)} AND moduleId = ${literal(module)}`, `${device}/${module}`);

export interface CloudMessage { body: string; fields: Record<string, string> }
/** Queues a message for a device; gives its sequence number. */
export async function sendMessage(device: string, { body, fields }: CloudMessage): Promise<string> {
  const headers = { 'Content-Type': 'application/octet-stream', ...fields };
  const response = await send('POST', withVersion(`/devices/${id(device)}/messages/devicebound`), { text: body, headers });
  return response.headers.get('iothub-sequencenumber') ?? '';
}
export const purgeMessages = (device: string) =>
  ask<Schemas['PurgeResult']>('DELETE', `/devices/${id(device)}/commands`);

/** Writes up to 100 identities, each by itself. */
export const writeDevices = (entries: object[]) =>
  ask<Schemas['BulkResult']>('POST', '/devices', { body: entries, answer: 'BulkRegistryOperationFailure' });

/** All identities with their twins, a page at a time. */
export async function exportDevices(continuation: string): Promise<Page<unknown>> {
  const response = await send('GET', '/carillon/registry?excludeKeys=true', continuation ? { headers: { 'x-ms-continuation': continuation } } : {});
  return { items: (await response.json()) as unknown[], continuation: response.headers.get('x-ms-continuation') ?? '' };
}

// --- configurations ------------------------------------------------------------------------------

export const listConfigurations = () => ask<Configuration[]>('GET', '/configurations');
export const getConfiguration = (configuration: string) => ask<Configuration>('GET', `/configurations/${id(configuration)}`);
/** Creates, or with an etag changes. */
export const putConfiguration = (configuration: string, body: object, etag?: string) =>
  ask<Configuration>('PUT', `/configurations/${id(configuration)}`, { body, ...(etag ? { headers: { 'If-Match': `"${etag}"` } } : {}) });
export const deleteConfiguration = ({ id: configuration, etag }: Configuration) =>
  ask<void>('DELETE', `/configurations/${id(configuration)}`, { headers: { 'If-Match': `"${etag}"` } });
export const testConfigurationQueries = (targetCondition: string, customMetricQueries: Record<string, string>) =>
  ask<Schemas['QueriesTestResult']>('POST', '/configurations/testQueries', { body: { targetCondition: targetCondition || null, customMetricQueries } });

// --- policies ------------------------------------------------------------------------------------

export const listPolicies = () => ask<Policy[]>('GET', '/carillon/policies');
export const getPolicy = (policy: string) => ask<Policy>('GET', `/carillon/policies/${id(policy)}`);
export const putPolicy = (policy: string, rights: string) => ask<Policy>('PUT', `/carillon/policies/${id(policy)}`, { body: { rights } });
export const deletePolicy = (policy: string) => ask<void>('DELETE', `/carillon/policies/${id(policy)}`);
export const renewPolicyKey = (policy: string, key: Schemas['PolicyKeyRenewal']['key']) =>
  ask<Policy>('POST', `/carillon/policies/${id(policy)}/renewKey`, { body: { key } });

// --- provisioning --------------------------------------------------------------------------------

const enrollmentPath = (isGroup: boolean, one: string) => `/${isGroup ? 'enrollmentGroups' : 'enrollments'}/${id(one)}`;

export const listEnrollments = (isGroup: boolean, continuation: string) =>
  page<Enrollment | EnrollmentGroup>('POST', enrollmentPath(isGroup, 'query'), 100, continuation, { body: { query: '*' } });
export const enrollmentKeys = (isGroup: boolean, one: string) => ask<Attestation>('POST', `${enrollmentPath(isGroup, one)}/attestationmechanism`);
/** Creates, and then tells the keys; or with an etag changes. */
export const putEnrollment = (isGroup: boolean, one: string, body: object, etag?: string) =>
  ask<Enrollment | EnrollmentGroup>('PUT', enrollmentPath(isGroup, one), { body, ...(etag ? { headers: { 'If-Match': etag } } : {}) });
export const deleteEnrollment = (isGroup: boolean, one: string, etag: string) =>
  ask<void>('DELETE', enrollmentPath(isGroup, one), { headers: { 'If-Match': etag } });
export const listRegistrations = (group: string, continuation: string) =>
  page<DeviceRegistration>('POST', `/registrations/${id(group)}/query`, 100, continuation);
/** The record of an individual enrollment, or none. */
export const getRegistration = async (registration: string): Promise<DeviceRegistration[]> => {
  try {
    return [await ask<DeviceRegistration>('GET', `/registrations/${id(registration)}`)];
  } catch (problem) {
    if ((problem as ApiError).status === 404) return [];
    throw problem;
  }
};
export const deleteRegistration = (registration: string, etag: string) =>
  ask<void>('DELETE', `/registrations/${id(registration)}`, { headers: { 'If-Match': etag } });

/** Entries of the audit log behind a number, oldest first. */
export const listAudit = (after: number, top: number) => ask<Schemas['AuditPage']>('GET', `/carillon/audit?after=${after}&top=${top}`);

// --- the hub ------------------------------------------------------------------------------------

export const getSettings = () => ask<Schemas['SettingsInForce']>('GET', '/carillon/settings');
export const getHealth = () => ask<HubHealth>('GET', '/carillon/health');
export const deviceConnections = (device: string) => ask<Schemas['ConnectionHistory']>('GET', `/carillon/devices/${id(device)}/connections`);

export const deviceFiles = (device: string) => ask<Schemas['DeviceFiles']>('GET', `/carillon/devices/${id(device)}/files`);

/** Up to which end tokens of a device are refused, if they are. */
export async function tokensRefusedUpTo(device: string): Promise<string | undefined> {
  try {
    return (await ask<Schemas['Revocation']>('GET', `/carillon/devices/${id(device)}/revocation`)).tokensRefusedUpTo;
  } catch (problem) {
    if ((problem as ApiError).status === 404) return undefined;
    throw problem;
  }
}
export const refuseTokens = (device: string, tokenLifetimeSeconds: number) =>
  ask<Schemas['Revocation']>('PUT', `/carillon/devices/${id(device)}/revocation`, { body: { tokenLifetimeSeconds } });
export const acceptTokens = (device: string) => ask<void>('DELETE', `/carillon/devices/${id(device)}/revocation`);

export type TraceEvent = Schemas['TraceEvent'] & { [member: string]: unknown };
export const createTrace = (deviceId: string, seconds: number) => ask<Schemas['Trace']>('POST', '/carillon/traces', { body: { deviceId, seconds } });
export const takeTraceEvents = (trace: string) => ask<{ events: TraceEvent[]; dropped: number; isOver: boolean }>('GET', `/carillon/traces/${id(trace)}`);
export const deleteTrace = (trace: string) => ask<void>('DELETE', `/carillon/traces/${id(trace)}`);

export const listRoutes = () => ask<MessageRoute[]>('GET', '/carillon/routes');
export const putRoute = (route: string, body: object) => ask<MessageRoute>('PUT', `/carillon/routes/${id(route)}`, { body });
export const deleteRoute = (route: string) => ask<void>('DELETE', `/carillon/routes/${id(route)}`);
export const testRoutes = (trial: { message: object }) => ask<Schemas['RouteTrialAnswer']>('POST', '/carillon/routes/test', { body: trial });
export const listEndpoints = () => ask<RouteEndpoint[]>('GET', '/carillon/endpoints');
export const putEndpoint = (endpoint: string, body: object) => ask<RouteEndpoint>('PUT', `/carillon/endpoints/${id(endpoint)}`, { body });
export const deleteEndpoint = (endpoint: string) => ask<void>('DELETE', `/carillon/endpoints/${id(endpoint)}`);

// --- jobs ----------------------------------------------------------------------------------------

export const listJobs = (filter: { type?: string; status?: string }, size: number, continuation = '') => {
  const words = [filter.type ? `jobType=${id(filter.type)}` : '', filter.status ? `jobStatus=${id(filter.status)}` : ''];
  return page<Job>('GET', `/jobs/v2/query?${words.filter(Boolean).join('&')}`, size, continuation);
};
export const getJob = (job: string) => ask<Omit<Job, 'status'> & { status: Job['status'] | 'unknown' }>('GET', `/jobs/v2/${id(job)}`);
export const createJob = (job: string, body: object) => ask<Schemas['JobAccepted']>('PUT', `/jobs/v2/${id(job)}`, { body });
export const directJob = (job: string, what: 'pause' | 'resume', why: string) =>
  ask<JobProgress>('POST', `/carillon/jobs/${id(job)}/${what}`, { body: why ? { why } : {} });
export const promoteWave = (job: string, wave: number, why: string) =>
  ask<JobProgress>('POST', `/carillon/jobs/${id(job)}/promote`, { body: { wave, ...(why ? { why } : {}) } });
/** Changes the rollout of a job, unless it has changed since `revision`. */
export const changeJob = (job: string, rollout: object, revision: number) =>
  ask<JobProgress>('PATCH', `/carillon/jobs/${id(job)}`, { body: { rollout }, headers: { 'If-Match': String(revision) } });

/** Decides on the job and the devices that have this hash; others are refused with 412. */
export const decideJob = (job: string, what: 'approve' | 'deny', hash: string, why: string) =>
  ask<JobProgress>('POST', `/carillon/jobs/${id(job)}/${what}`, { body: { hash, ...(why ? { why } : {}) } });
export const listApprovalRules = () => ask<ApprovalRule[]>('GET', '/carillon/approval-rules');

export const listBudgets = () => ask<Budget[]>('GET', '/carillon/budgets');
export const putBudget = (budget: string, body: object) => ask<Budget>('PUT', `/carillon/budgets/${id(budget)}`, { body });
export const deleteBudget = (budget: string) => ask<void>('DELETE', `/carillon/budgets/${id(budget)}`);

export const listTemplates = () => ask<JobTemplate[]>('GET', '/carillon/templates');
export const putTemplate = (template: string, body: object) => ask<JobTemplate>('PUT', `/carillon/templates/${id(template)}`, { body });
export const deleteTemplate = (template: string) => ask<void>('DELETE', `/carillon/templates/${id(template)}`);
export const runTemplate = (template: string, jobId: string, parameters: object) =>
  ask<{ jobs: { jobId: string }[] }>('POST', `/carillon/templates/${id(template)}/jobs`, { body: { jobId, parameters } });

/** Looks up what a job would do; `getPlan` has it once its `state` is no longer `running`. */
export const makePlan = (body: object) => ask<Plan>('POST', '/carillon/plans', { body });
export const getPlan = (plan: string) => ask<Plan>('GET', `/carillon/plans/${id(plan)}`);
export const deletePlan = (plan: string) => ask<void>('DELETE', `/carillon/plans/${id(plan)}`);

/** A line of a job's history; which members there are depends on `event`. */
export interface JobEvent { id: string; time: string; event: string; by?: string; says?: string; why?: string; [member: string]: unknown }
/** At most 500 events behind the one with the number `after`. */
export async function jobHistory(job: string, after: number): Promise<JobEvent[]> {
  const response = await send('GET', `/carillon/jobs/${id(job)}/history${after ? `?after=${after}` : ''}`);
  return (await response.text()).split('\n').filter(Boolean).map((line) => JSON.parse(line) as JobEvent);
}
export interface JobFilter { phase?: string; paused?: string }
/** Newest first; a page of a filter that fits few jobs may be short, or empty, and go on. */
export const listJobBriefs = ({ phase, paused }: JobFilter, size: number, continuation = '') => {
  const words = [phase ? `phase=${id(phase)}` : '', paused ? `paused=${id(paused)}` : ''];
  return page<JobBrief>('GET', `/carillon/jobs?${words.filter(Boolean).join('&')}`, size, continuation);
};

export interface JobDeviceFilter { status?: string; kind?: string; wave?: string }
const jobDevicesPath = (job: string, filter: JobDeviceFilter, format: 'ndjson' | 'csv') => {
  const words = Object.entries(filter).filter(([, value]) => value).map(([name, value]) => `${name}=${id(value)}`);
  return `/carillon/jobs/${id(job)}/devices?${[...words, `format=${format}`].join('&')}`;
};
/** Where all of them are, for the browser to store. */
export const jobDevicesAddress = (job: string, filter: JobDeviceFilter, format: 'ndjson' | 'csv') => hubBase + jobDevicesPath(job, filter, format);
const patience = 6;
/** Repeats the request after the hub has answered that too many of this kind are running. */
async function patiently(ask: () => Promise<Response>): Promise<Response> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (problem) {
      if (!(problem instanceof ApiError && problem.status === 429) || tries === patience) throw problem;
      await new Promise((resolve) => { setTimeout(resolve, 500 * tries); });
    }
  }
}
/** The first devices of a job, and whether there are more: the rest of the answer is left. */
export async function jobDevices(job: string, filter: JobDeviceFilter, most: number): Promise<{ rows: JobDevice[]; isWhole: boolean }> {
  const reading = new AbortController();
  const response = await patiently(() => send('GET', jobDevicesPath(job, filter, 'ndjson'), { signal: reading.signal }));
  const rows: JobDevice[] = [];
  let rest = '';
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const piece = await reader?.read();
    if (!piece || piece.done) break;
    const lines = (rest + piece.value).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) rows.push(JSON.parse(line) as JobDevice);
    if (rows.length > most) {
      reading.abort();
      return { rows: rows.slice(0, most), isWhole: false };
    }
  }
  return { rows, isWhole: true };
}
export type JobFailures = Schemas['JobFailures'];
export const jobFailures = (job: string) => ask<JobFailures>('GET', `/carillon/jobs/${id(job)}/failures`);
export type JobVerification = paths['/carillon/jobs/{jobId}/verify']['get']['responses'][200]['content']['application/json'];
/** Checks the hashes of a job's log, and that a seal which was kept elsewhere is in it. */
export const verifyJob = (job: string, seal: string) => ask<JobVerification>('GET', `/carillon/jobs/${id(job)}/verify${seal ? `?seal=${id(seal)}` : ''}`);
export const cancelJob = (job: string) => ask<Job>('POST', `/jobs/v2/${id(job)}/cancel`, { body: {} });

// --- events --------------------------------------------------------------------------------------

export type StreamState = 'connecting' | 'live' | 'lost' | 'over';

/**
 * Follows an event stream until `stop` is called or the stream says `end`. A stream that is cut goes on where it was:
 * the browser asks again with the last id, and where it gives up, this asks again in its place.
 */
function followStream(path: string, names: string[], onEvent: (data: string, name: string) => void, onStream: (state: StreamState) => void): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = '';
  let isOver = false;
  const stop = () => {
    isOver = true;
    clearTimeout(timer);
    source?.close();
  };
  const begin = () => {
    if (isOver) return;
    source = new EventSource(last ? `${hubBase}${path}${path.includes('?') ? '&' : '?'}after=${id(last)}` : hubBase + path);
    const take = (event: Event) => {
      const { data, lastEventId, type } = event as MessageEvent<string>;
      if (lastEventId) last = lastEventId;
      isReachable.value = true;
      onEvent(data, type);
      onStream('live');
    };
    for (const name of names) source.addEventListener(name, take);
    source.addEventListener('end', (event) => {
      take(event);
      stop();
      onStream('over');
    });
    source.addEventListener('open', () => onStream('live'));
    source.addEventListener('error', (event) => {
      // A stream that ends in trouble says so in an event of the same name, which has data.
      if (isOver || 'data' in event) return;
      onStream('lost');
      if (source?.readyState !== EventSource.CLOSED) return;
      // Refused, not cut: the hub may be on its way up or down, or the session over.
      timer = setTimeout(() => {
        void refreshSession();
        begin();
      }, 2000);
    });
  };
  onStream('connecting');
  begin();
  return stop;
}

/** Of a job or of the overview: each event holds the whole state. */
export const follow = <T>(path: string, onState: (document: T) => void, onStream: (state: StreamState) => void) =>
  followStream(path, ['progress', 'overview'], (data) => onState(JSON.parse(data) as T), onStream);

/** Messages of devices whose ids match, from now on or from a time in ISO 8601; `*` stands for any text. */
export function followMessages(pattern: string, from: string, onMessage: (message: DeviceMessage) => void, onStream: (state: StreamState) => void): () => void {
  const words = [pattern && pattern !== '*' ? `deviceId=${id(pattern)}` : '', `from=${id(from)}`].filter(Boolean).join('&');
  return followStream(`/carillon/events?${words}`, ['message', 'position'], (data, name) => {
    if (name === 'message') onMessage(JSON.parse(data) as DeviceMessage);
  }, onStream);
}
