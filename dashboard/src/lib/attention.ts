// What of a hub wants a person to look at it.

import type { HubHealth, RouteEndpoint } from '../api.ts';
import { t } from '../texts.ts';
import { count } from './format.ts';

/** Days before its end in which a certificate is worth a word. */
export const certificateDays = 14;
/** The share of a disk that should be free. */
export const diskShare = 0.1;

export interface Attention { key: string; text: string; page: '/health' | '/routes' }

/** Both are undefined where they are not known. */
export function attentionOf(health: HubHealth | undefined, endpoints: RouteEndpoint[] | undefined, now: number): Attention[] {
  const found: Attention[] = [];
  const add = (key: string, text: string, page: Attention['page']) => found.push({ key, text, page });
  for (const { check, reason } of health?.reasons ?? []) add(`${check} ${reason}`, reason, '/health');
  for (const { file, endTime } of health?.certificates ?? []) {
    const days = Math.floor((Date.parse(endTime) - now) / 86_400_000);
    if (days >= 0 && days < certificateDays) add(`certificate ${file}`, t.attention.certificate(file, days), '/health');
  }
  const { diskBytes = 0, diskFreeBytes = 0, isSlowed } = health?.store ?? {};
  const isKnown = health?.reasons.some(({ check }) => check === 'disk');
  if (!isKnown && diskBytes > 0 && diskFreeBytes < diskShare * diskBytes) add('disk', t.attention.disk(count(Math.round((100 * diskFreeBytes) / diskBytes))), '/health');
  if (isSlowed) add('slowed', t.attention.slowed, '/health');
  for (const { name = '', status } of endpoints ?? []) {
    if (status?.state === 'retrying') add(`endpoint ${name}`, t.attention.endpoint(name, count(status.eventsBehind)), '/routes');
    if ((status?.missed ?? 0) > 0) add(`missed ${name}`, t.attention.missed(name, count(status?.missed ?? 0)), '/routes');
  }
  return found;
}
