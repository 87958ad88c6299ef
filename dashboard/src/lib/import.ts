// Files of devices: read piece by piece, sent as the hub takes them, up to 100 lines at a time.

import { type JsonObject, isObject } from './json.ts';
import { t } from '../texts.ts';

/** What the hub takes at once. */
export const batchLines = 100;
/** Less than a body may hold, however long the lines are. */
export const batchBytes = 128 * 1024;

export interface Line {
  number: number;
  entry: JsonObject;
}

export interface Refusal {
  number: number;
  id: string;
  text: string;
}

/** A line of such a file: an identity as `carillon device export` writes it, or just a device id. */
export function readLine(text: string, number: number): Line | Refusal | undefined {
  const line = text.replace(/^\uFEFF/, '').trim();
  if (line === '') return undefined;
  if (!line.startsWith('{')) return { number, entry: { id: line } };
  try {
    const entry = JSON.parse(line) as unknown;
    if (isObject(entry) && typeof entry.id === 'string') return { number, entry };
    return { number, id: '', text: t.import.noId };
  } catch {
    return { number, id: '', text: t.import.notJson };
  }
}

/** The lines of a text that comes in pieces. What a piece ends with may be half a line. */
export async function* linesOf(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest) yield rest;
}

/**
 * Lines in groups that may be sent. A device and its modules may stand in one group, but the same identity
 * may not stand twice: one request carries out its lines in no stated order.
 */
export async function* batchesOf(lines: AsyncIterable<string>): AsyncGenerator<{ lines: Line[]; refusals: Refusal[] }> {
  let batch: Line[] = [];
  let refusals: Refusal[] = [];
  let bytes = 0;
  let ids = new Set<string>();
  let number = 0;
  for await (const text of lines) {
    const line = readLine(text, ++number);
    if (line === undefined) continue;
    if (!('entry' in line)) {
      refusals.push(line);
      continue;
    }
    const id = JSON.stringify(line.entry.id);
    if (batch.length === batchLines || bytes + text.length > batchBytes || ids.has(id)) {
      if (batch.length) yield { lines: batch, refusals };
      batch = [];
      refusals = [];
      bytes = 0;
      ids = new Set();
    }
    batch.push(line);
    ids.add(id);
    bytes += text.length;
  }
  if (batch.length || refusals.length) yield { lines: batch, refusals };
}
