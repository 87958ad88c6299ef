// Documents: how two differ, and the patch that makes one of the other.

import { t } from '../texts.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function isEqual(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => isEqual(item, b[i]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key], b[key]));
}

/** The merge patch (RFC 7396) that turns `from` into `to`; null deletes. */
export function patchBetween(from: JsonObject, to: JsonObject): JsonObject {
  const patch: JsonObject = Object.create(null);
  for (const key of Object.keys(from)) if (!Object.hasOwn(to, key)) patch[key] = null;
  for (const key of Object.keys(to)) {
    const before = Object.hasOwn(from, key) ? from[key] : undefined;
    const after = to[key] as Json;
    if (isEqual(before, after)) continue;
    patch[key] = isObject(before) && isObject(after) ? patchBetween(before, after) : after;
  }
  return patch;
}

export function applyPatch(target: JsonObject, patch: JsonObject): JsonObject {
  const result: JsonObject = Object.assign(Object.create(null), target);
  for (const key of Object.keys(patch)) {
    const value = patch[key] as Json;
    if (value === null) delete result[key];
    else if (isObject(value)) result[key] = applyPatch(isObject(result[key]) ? (result[key] as JsonObject) : {}, value);
    else result[key] = value;
  }
  return result;
}

export interface Change {
  path: string;
  before: Json | undefined;
  after: Json | undefined;
}

/** A member's name as a path shows it: plain where a query could write it so. */
const step = (key: string) => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : `[[${key}]]`);

/** What differs, value by value, by path. */
export function changesBetween(from: JsonObject, to: JsonObject, at = ''): Change[] {
  const changes: Change[] = [];
  const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
  for (const key of [...keys].sort()) {
    const before = Object.hasOwn(from, key) ? from[key] : undefined;
    const after = Object.hasOwn(to, key) ? to[key] : undefined;
    const path = at ? `${at}.${step(key)}` : step(key);
    if (isEqual(before, after)) continue;
    if (isObject(before) && isObject(after)) changes.push(...changesBetween(before, after, path));
    else changes.push({ path, before, after });
  }
  return changes;
}

/** Every value that is not an object, by path. */
export function leaves(value: JsonObject, at = ''): [string, Json][] {
  return Object.keys(value).flatMap((key) => {
    const path = at ? `${at}.${step(key)}` : step(key);
    const inner = value[key] as Json;
    return isObject(inner) && Object.keys(inner).length > 0 ? leaves(inner, path) : [[path, inner] as [string, Json]];
  });
}

/** Without the members that the hub adds to a section. */
export function withoutMetadata(section: JsonObject | undefined): JsonObject {
  const result: JsonObject = Object.create(null);
  for (const key of Object.keys(section ?? {})) {
    if (key !== '$metadata' && key !== '$version') result[key] = (section as JsonObject)[key] as Json;
  }
  return result;
}

/** Reads an object, or says why the text is none. */
export function parseObject(text: string): { value: JsonObject; error?: undefined } | { value?: undefined; error: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (problem) {
    return { error: explain(text, problem as Error) };
  }
  return isObject(value) ? { value } : { error: t.json.notObject };
}

/** Reads any value, or says why the text is none. */
export function parseValue(text: string): { value: Json; error?: undefined } | { value?: undefined; error: string } {
  try {
    return { value: JSON.parse(text) as Json };
  } catch (problem) {
    return { error: explain(text, problem as Error) };
  }
}

/** The browser counts characters; people count lines. */
function explain(text: string, problem: Error): string {
  const position = /position (\d+)/.exec(problem.message)?.[1];
  if (position === undefined) return text.trim() === '' ? t.json.empty : t.json.cutShort;
  const before = text.slice(0, Number(position)).split('\n');
  return t.json.notJson(before.length, (before.at(-1)?.length ?? 0) + 1);
}
