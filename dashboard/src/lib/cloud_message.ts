// A cloud-to-device message while it is being written.

import type { CloudMessage } from '../api.ts';
import { t } from '../texts.ts';
import { parseObject } from './json.ts';

export interface MessageDraft {
  body: string;
  /** An object of texts. */
  properties: string;
  messageId: string;
  correlationId: string;
  contentType: string;
  ack: string;
  /** Minutes; empty is the hub's default of an hour. */
  expiry: string;
}

export const emptyMessage: MessageDraft = { body: '', properties: '{}', messageId: '', correlationId: '', contentType: '', ack: 'none', expiry: '' };

const bodyBytesMax = 65_536;
/** What a header field may hold. */
const isField = (text: string) => /^[\x20-\x7e]*$/.test(text);
const isName = (text: string) => /^[\w!#$%&'*+.^`|~-]+$/.test(text);

export function messageProblem(draft: MessageDraft): string | undefined {
  const p = t.messages.problems;
  if (new TextEncoder().encode(draft.body).length > bodyBytesMax) return p.body;
  const properties = parseObject(draft.properties);
  if (properties.error !== undefined) return `${t.messages.properties}: ${properties.error}`;
  for (const [name, value] of Object.entries(properties.value)) {
    if (!isName(name) || typeof value !== 'string' || !isField(value)) return p.property(name);
  }
  if (![draft.messageId, draft.correlationId, draft.contentType].every(isField)) return p.ascii;
  if (draft.expiry && !(Number(draft.expiry) > 0 && Number(draft.expiry) <= 2880)) return p.expiry;
  return undefined;
}

/** For a draft without problems. */
export function messageOf(draft: MessageDraft, now: number): CloudMessage {
  const fields: Record<string, string> = {};
  const put = (name: string, text: string) => { if (text) fields[name] = text; };
  put('iothub-messageid', draft.messageId);
  put('iothub-correlationid', draft.correlationId);
  put('iothub-contenttype', draft.contentType);
  if (draft.ack !== 'none') put('iothub-ack', draft.ack);
  if (draft.expiry) put('iothub-expiry', new Date(now + Number(draft.expiry) * 60_000).toISOString());
  for (const [name, value] of Object.entries(parseObject(draft.properties).value ?? {})) put(`iothub-app-${name}`, String(value));
  return { body: draft.body, fields };
}
