// Routes of messages and their endpoints, as a person writes them and as the hub takes them.

import type { MessageRoute, RouteEndpoint } from '../api.ts';
import { t } from '../texts.ts';
import { parseObject } from './json.ts';

export interface RouteDraft { name: string; source: string; condition: string; endpointNames: string[]; isEnabled: boolean }

export const emptyRoute: RouteDraft = { name: '', source: 'DeviceMessages', condition: 'true', endpointNames: [], isEnabled: true };
export const routeDraftOf = (route: MessageRoute): RouteDraft =>
  ({ name: route.name ?? '', source: route.source ?? 'DeviceMessages', condition: route.condition ?? 'true', endpointNames: route.endpointNames, isEnabled: route.isEnabled !== false });
export const routeBody = ({ source, condition, endpointNames, isEnabled }: RouteDraft) => ({ source, condition: condition.trim() || 'true', endpointNames, isEnabled });

const isName = (name: string) => /^[A-Za-z0-9-._]{1,64}$/.test(name);
const isCount = (text: string, least: number, most: number) => text === '' || (/^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most);

export function routeProblem(draft: RouteDraft): string | undefined {
  if (!isName(draft.name)) return t.routes.problems.name;
  return draft.endpointNames.length === 0 ? t.routes.problems.endpoints : undefined;
}

export interface EndpointDraft {
  name: string;
  type: NonNullable<RouteEndpoint['type']>;
  /** The address of a webhook or of brokers, or the container of files. */
  place: string;
  /** The subject of NATS or the topic of Kafka. */
  into: string;
  secret: string;
  /** Of Kafka, how the secret logs in. */
  mechanism: NonNullable<RouteEndpoint['mechanism']>;
  path: string;
  /** Of a log of events. */
  retentionSeconds: string;
  maxEvents: string;
  maxWaitSeconds: string;
  maxAttempts: string;
  enrichments: string;
}

export const emptyEndpoint: EndpointDraft = { name: '', type: 'webhook', place: '', into: '', secret: '', mechanism: 'PLAIN', path: '', retentionSeconds: '', maxEvents: '', maxWaitSeconds: '', maxAttempts: '', enrichments: '{}' };

export const endpointDraftOf = (endpoint: RouteEndpoint): EndpointDraft => ({
  name: endpoint.name ?? '',
  type: endpoint.type ?? 'webhook',
  place: (endpoint.type === 'file' ? endpoint.container : endpoint.url) ?? '',
  into: (endpoint.type === 'kafka' ? endpoint.topic : endpoint.subject) ?? '',
  secret: '',
  mechanism: endpoint.mechanism ?? 'PLAIN',
  path: endpoint.path ?? '',
  retentionSeconds: String(endpoint.retentionSeconds ?? ''),
  maxEvents: String(endpoint.maxEvents ?? ''),
  maxWaitSeconds: String(endpoint.maxWaitSeconds ?? ''),
  maxAttempts: String(endpoint.maxAttempts ?? ''),
  enrichments: JSON.stringify(endpoint.enrichments ?? {}, null, 2),
});

/** What is omitted stays as it is: an empty secret, and a container whose signature the hub does not show. */
export function endpointBody(draft: EndpointDraft, stored?: RouteEndpoint): Record<string, unknown> {
  const body: Record<string, unknown> = { type: draft.type, enrichments: parseObject(draft.enrichments).value ?? {} };
  const before = stored && endpointDraftOf(stored);
  const number = (name: 'retentionSeconds' | 'maxEvents' | 'maxWaitSeconds' | 'maxAttempts') => { if (draft[name] !== '') body[name] = Number(draft[name]); };
  if (draft.type === 'events') {
    number('retentionSeconds');
    number('maxEvents');
    number('maxWaitSeconds');
    return body;
  }
  if (draft.place !== before?.place) body[draft.type === 'file' ? 'container' : 'url'] = draft.place;
  number('maxEvents');
  number('maxWaitSeconds');
  if (draft.type === 'file') {
    if (draft.path) body.path = draft.path;
    return body;
  }
  if (draft.secret) body.secret = draft.secret;
  number('maxAttempts');
  if (draft.type === 'nats' && draft.into) body.subject = draft.into;
  if (draft.type === 'kafka') {
    body.topic = draft.into;
    if (draft.mechanism !== (before?.mechanism ?? 'PLAIN')) body.mechanism = draft.mechanism;
  }
  return body;
}

export function endpointProblem(draft: EndpointDraft): string | undefined {
  const p = t.routes.problems;
  if (!isName(draft.name)) return p.name;
  if (draft.type === 'events') {
    if (!isCount(draft.retentionSeconds, 60, 31_536_000)) return p.retention;
    if (!isCount(draft.maxEvents, 1, 1000)) return p.maxLogEvents;
  } else if (!draft.place.trim()) return draft.type === 'file' ? p.container : p.url;
  if (draft.type === 'kafka' && !draft.into) return p.topic;
  if (!isCount(draft.maxEvents, 1, 10_000)) return p.maxEvents;
  if (!isCount(draft.maxWaitSeconds, 0, 3600)) return p.maxWait;
  if (!isCount(draft.maxAttempts, 1, 100)) return p.maxAttempts;
  const enrichments = parseObject(draft.enrichments);
  if (enrichments.error) return enrichments.error;
  return Object.values(enrichments.value ?? {}).every((value) => typeof value === 'string') ? undefined : p.enrichments;
}
