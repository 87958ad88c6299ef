// A configuration while it is being written: what is sent for it, and how the command line would say it.

import { shellWord } from './draft.ts';
import { type JsonObject, parseObject } from './json.ts';
import { t } from '../texts.ts';

export interface ConfigurationDraft {
  id: string;
  priority: number;
  condition: string;
  /** `content`, `metrics` (queries by their names) and `labels` are JSON as it is written. */
  content: string;
  metrics: string;
  labels: string;
}

export const emptyConfiguration: ConfigurationDraft = {
  id: '', priority: 0, condition: '', metrics: '{}', labels: '{}',
  content: '{\n  "deviceContent": {\n    "properties.desired.settings": {}\n  }\n}',
};

const pretty = (value: unknown) => JSON.stringify(value ?? {}, null, 2);

interface Stored {
  id: string;
  priority: number;
  targetCondition: string;
  content: object;
  metrics: { queries: Record<string, string> };
  labels: object | null;
}

export const draftOf = (of: Stored): ConfigurationDraft => ({
  id: of.id, priority: of.priority, condition: of.targetCondition, content: pretty(of.content), metrics: pretty(of.metrics.queries), labels: pretty(of.labels),
});

/** What keeps a draft from being sent; the hub judges the texts of conditions and queries. */
export function configurationProblem(draft: ConfigurationDraft): { part: 'id' | 'priority' | 'content' | 'metrics' | 'labels'; text: string } | undefined {
  const content = parseObject(draft.content);
  if (content.error) return { part: 'content', text: content.error };
  if (!content.value || Object.keys(content.value).length !== 1) return { part: 'content', text: t.configuration.content };
  for (const part of ['metrics', 'labels'] as const) {
    const { value, error } = parseObject(draft[part]);
    if (error) return { part, text: error };
    if (Object.values(value ?? {}).some((text) => typeof text !== 'string')) return { part, text: t.configuration.value };
  }
  if (!/^[a-z0-9+%_*!'-]{1,128}$/.test(draft.id)) return { part: 'id', text: t.configuration.id };
  if (!Number.isInteger(draft.priority)) return { part: 'priority', text: t.configuration.priority };
  return undefined;
}

export interface ConfigurationBody {
  id: string;
  schemaVersion: string | null;
  content: JsonObject;
  targetCondition: string;
  priority: number;
  metrics: { queries: Record<string, string> };
  labels: JsonObject;
}

/** The body of `PUT /configurations/{id}`, for a draft without problems; what is stored keeps its content. */
export const configurationBody = (draft: ConfigurationDraft, stored?: { schemaVersion: string | null; content: object }): ConfigurationBody => ({
  id: draft.id,
  schemaVersion: stored ? stored.schemaVersion : '1.0',
  content: stored ? (stored.content as JsonObject) : (parseObject(draft.content).value ?? {}),
  targetCondition: draft.condition.trim(),
  priority: draft.priority,
  metrics: { queries: (parseObject(draft.metrics).value ?? {}) as Record<string, string> },
  labels: parseObject(draft.labels).value ?? {},
});

export function configurationCommand(draft: ConfigurationDraft): string {
  const { content, metrics, labels } = configurationBody(draft);
  const words = ['carillon configuration create', shellWord(draft.id), '--priority', String(draft.priority)];
  if (draft.condition.trim()) words.push('--target-condition', shellWord(draft.condition.trim()));
  words.push('--content', shellWord(JSON.stringify(content)));
  if (Object.keys(metrics.queries).length) words.push('--metrics', shellWord(JSON.stringify(metrics)));
  if (Object.keys(labels).length) words.push('--labels', shellWord(JSON.stringify(labels)));
  return words.join(' ');
}
