// What may stand at a place of a statement of the query language.

import { leaves, type JsonObject } from './json.ts';

const keywords = ['SELECT', 'FROM', 'WHERE', 'GROUP BY', 'AND', 'OR', 'NOT', 'IN', 'AS', 'TOP', 'COUNT()', 'AVG(', 'SUM(', 'MIN(', 'MAX(', 'devices', 'devices.modules', 'devices.jobs'];
const functions = ['IS_DEFINED(', 'STARTSWITH(', 'ENDSWITH(', 'ARRAY_CONTAINS(', 'IS_NULL(', 'IS_BOOL(', 'IS_NUMBER(', 'IS_STRING(', 'IS_ARRAY(', 'IS_OBJECT(', 'IS_PRIMITIVE(', 'SUBSTRING(', 'CONCAT(', 'LENGTH(', 'LOWER(', 'UPPER(', 'INDEX_OF(', 'ABS(', 'EXP(', 'POWER(', 'SQUARE(', 'SQRT(', 'CEILING(', 'FLOOR(', 'SIGN(', 'AS_NUMBER('];
const fields = ['deviceId', 'status', 'statusReason', 'connectionState', 'lastActivityTime', 'cloudToDeviceMessageCount', 'authenticationType', 'etag', 'version', 'modelId', 'capabilities.iotEdge', 'tags.', 'properties.desired.', 'properties.reported.'];
export const shownMax = 8;

/** The paths of values in twins, those of most twins first. */
export function pathsOf(twins: { tags?: unknown; properties?: { desired?: unknown; reported?: unknown } }[]): string[] {
  const found = new Map<string, number>();
  for (const twin of twins) {
    for (const [name, part] of [['tags', twin.tags], ['properties.desired', twin.properties?.desired], ['properties.reported', twin.properties?.reported]] as const) {
      for (const [path] of leaves((part ?? {}) as JsonObject)) {
        // Only names that need no brackets; the hub's own begin with a dollar sign.
        if (/^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$/.test(path)) found.set(`${name}.${path}`, (found.get(`${name}.${path}`) ?? 0) + 1);
      }
    }
  }
  return [...found].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([path]) => path);
}

/** The word that ends at the caret, and what it may become. Within quotes nothing is offered. */
export function completionsAt(text: string, caret: number, paths: string[]): { from: number; words: string[] } {
  const before = text.slice(0, caret);
  const word = /[\w.$]*$/.exec(before)?.[0] ?? '';
  const from = caret - word.length;
  const isInText = (before.replace(/\\./g, '').match(/'/g)?.length ?? 0) % 2 === 1;
  if (isInText || word === '' || /^\d/.test(word)) return { from, words: [] };
  const begins = (candidate: string) => candidate.toLowerCase().startsWith(word.toLowerCase()) && candidate !== word;
  return { from, words: [...new Set([...fields, ...paths, ...keywords, ...functions])].filter(begins).slice(0, shownMax) };
}
