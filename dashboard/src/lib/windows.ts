// The windows in which devices of a rollout begin: as fields, as they are sent, and when they open next.
// docs/rollout-reference.md has the rules.

import { t } from '../texts.ts';
import { secondsOf, wordsOf } from './duration.ts';
import type { Json, JsonObject } from './json.ts';

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

export interface WindowDraft {
  days: string[];
  /** A local time such as 02:00. */
  from: string;
  length: string;
}

export interface WindowsDraft {
  /** Each device names its zone, at the path that `zone` is. */
  isOwn: boolean;
  zone: string;
  /** The zone of devices that name none; empty leaves them out. */
  fallback: string;
  open: WindowDraft[];
  except: string;
  closing: string;
}

export const emptyWindow: WindowDraft = { days: weekdays, from: '02:00', length: '2h' };
export const viewersZone = () => new Intl.DateTimeFormat().resolvedOptions().timeZone;
export const emptyWindows = (): WindowsDraft => ({ isOwn: false, zone: viewersZone(), fallback: '', open: [emptyWindow], except: '', closing: '' });

const pathForm = /^(tags|properties\.(desired|reported))\.\S+$/;
const dayMinutes = 1440;
const minutesOf = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
const two = (n: number) => String(n).padStart(2, '0');

/** When a window ends, by the same clock: on the next day if it is not after `from`. */
export function untilOf({ from, length }: WindowDraft): string {
  const end = (minutesOf(from) + Math.floor((secondsOf(length) ?? 0) / 60)) % dayMinutes;
  return `${two(Math.floor(end / 60))}:${two(end % 60)}`;
}

/** The length of a window between two local times; of the same two a whole day. */
export function lengthBetween(from: string, until: string): string {
  const minutes = (minutesOf(until) - minutesOf(from) + dayMinutes) % dayMinutes || dayMinutes;
  return minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`;
}

/** The member `windows`; for a draft without problems. */
export function windowsOf(draft: WindowsDraft): JsonObject {
  const result: JsonObject = { zone: draft.zone };
  if (draft.isOwn) result.fallback = draft.fallback || 'skip';
  result.open = draft.open.map(({ days, from, length }): JsonObject => ({ ...(days.length < weekdays.length ? { days: weekdays.filter((day) => days.includes(day)) } : {}), from, for: length }));
  if (draft.except.trim()) result.except = wordsOf(draft.except);
  if (draft.closing) result.closing = draft.closing;
  return result;
}

const textOf = (value: Json | undefined) => (typeof value === 'string' ? value : '');
const textsOf = (value: Json | undefined) => (Array.isArray(value) ? value.map(String) : []);

/** The other way round. */
export function windowsDraftOf(windows: JsonObject): WindowsDraft {
  const zone = textOf(windows.zone);
  const fallback = textOf(windows.fallback);
  return {
    isOwn: pathForm.test(zone), zone, fallback: fallback === 'skip' ? '' : fallback,
    open: (Array.isArray(windows.open) ? (windows.open as JsonObject[]) : []).map((open) => ({ days: open.days ? textsOf(open.days) : weekdays, from: textOf(open.from), length: textOf(open.for) })),
    except: textsOf(windows.except).join(', '), closing: textOf(windows.closing),
  };
}

const zoneForm = /^[\w+-]+(\/[\w+-]+)*$/;
const timeForm = /^([01]\d|2[0-3]):[0-5]\d$/;
const exceptMax = 64;

function isDay(text: string): boolean {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}

function isException(text: string): boolean {
  const [from = '', to = from, ...more] = text.split('..');
  return more.length === 0 && isDay(from) && isDay(to) && from <= to;
}

/** What is wrong with them, or nothing; nothing begins in the last `closing` seconds unless they say another time. */
export function windowsProblem(draft: WindowsDraft, closing: number): string | undefined {
  const w = t.windows;
  const p = w.problems;
  if (draft.isOwn ? !pathForm.test(draft.zone) : !zoneForm.test(draft.zone)) return draft.isOwn ? `${w.path}: ${p.path}` : `${w.zone}: ${p.zone}`;
  if (draft.isOwn && draft.fallback && !zoneForm.test(draft.fallback)) return `${w.fallback}: ${p.zone}`;
  if (draft.closing && secondsOf(draft.closing) === undefined) return `${w.closing}: ${t.rollout.problems.duration}`;
  for (const [i, { days, from, length }] of draft.open.entries()) {
    const seconds = secondsOf(length) ?? 0;
    if (days.length === 0) return `${w.window(i + 1)}: ${p.days}`;
    if (!timeForm.test(from) || seconds < 60 || seconds > 86_400) return `${w.window(i + 1)}: ${p.times}`;
    if (seconds <= closingOf(draft, closing)) return `${w.window(i + 1)}: ${p.closing}`;
  }
  const except = wordsOf(draft.except);
  return except.length <= exceptMax && except.every(isException) ? undefined : `${w.except}: ${p.except}`;
}

/** A method begins so many seconds before the end of a window that it is answered within. */
export const closingFor = (job: { cloudToDeviceMethod?: object }) => (job.cloudToDeviceMethod as { responseTimeoutInSeconds?: number } | undefined)?.responseTimeoutInSeconds ?? 0;
const closingOf = (draft: WindowsDraft, closing: number) => (draft.closing ? (secondsOf(draft.closing) ?? 0) : closing);

/** Mon–Fri, Sun; nothing for every day. */
function daysText(days: string[]): string {
  if (days.length === weekdays.length) return '';
  const runs: string[][] = [];
  for (const [i, day] of weekdays.entries()) {
    if (!days.includes(day)) continue;
    const run = runs.at(-1);
    if (run && run.at(-1) === weekdays[i - 1]) run.push(day);
    else runs.push([day]);
  }
  const named = (day: string | undefined) => t.windows.dayNames[day ?? ''] ?? '';
  return runs.map((run) => (run.length > 2 ? `${named(run[0])}–${named(run.at(-1))}` : run.map(named).join(', '))).join(', ');
}

/** Mon–Fri 02:00–04:00. */
export function windowText(window: WindowDraft): string {
  const until = untilOf(window);
  const isWhole = lengthBetween(window.from, until) === window.length && until !== window.from;
  return [daysText(window.days), isWhole ? `${window.from}–${until}` : `${window.from} + ${window.length}`].filter(Boolean).join(' ');
}

export function windowsText(draft: WindowsDraft): string {
  const w = t.windows;
  const clock = draft.isOwn ? w.byOwn(draft.zone, draft.fallback ? w.elseZone(draft.fallback) : w.elseSkip) : w.byZone(draft.zone);
  const except = wordsOf(draft.except).map((days) => days.replace('..', '–')).join(', ');
  return [w.only(draft.open.map(windowText).join('; ')), clock, except && w.notOn(except), draft.closing && w.closesBefore(draft.closing)].filter(Boolean).join(', ');
}

const dayMs = 86_400_000;
const horizonDays = 366;

/** How far the clocks of a zone are ahead of UTC at a time, in ms; nothing if the browser does not know the zone. */
function clockOf(zone: string): ((at: number) => number) | undefined {
  try {
    const clock = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' });
    return (at) => {
      const part = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
      return Date.UTC(part.year ?? 0, (part.month ?? 1) - 1, part.day, part.hour, part.minute, part.second) - Math.floor(at / 1000) * 1000;
    };
  } catch { return undefined; }
}

/** A local time as the hub takes it: the first of two, and in a gap with the offset before it. */
function utcOf(local: number, offsetAt: (at: number) => number): number {
  const before = offsetAt(local - dayMs);
  const real = [before, offsetAt(local + dayMs)].map((offset) => local - offset).filter((at) => at + offsetAt(at) === local);
  return real.length > 0 ? Math.min(...real) : local - before;
}

export interface Opening { from: number; to: number }

/**
 * The next times at which devices of a zone may begin, from `now` on: windows that overlap or touch are one, and
 * the closing time is not in it. Nothing if the browser does not know the zone.
 */
export function nextOpenings(draft: WindowsDraft, zone: string, now: number, closing: number, most: number): Opening[] | undefined {
  const offsetAt = clockOf(zone);
  if (!offsetAt) return undefined;
  const closingMs = closingOf(draft, closing) * 1000;
  const except = wordsOf(draft.except).map((text) => text.split('..'));
  const today = Math.floor((now + offsetAt(now)) / dayMs);
  const joined: Opening[] = [];
  const done = () => joined.filter(({ to }) => to - closingMs > now);
  // One that began up to two days ago may still be open; one that has been found may be joined by the next day's.
  for (let day = today - 2; day <= today + horizonDays && done().length <= most; day += 1) {
    const name = new Date(day * dayMs).toISOString().slice(0, 10);
    if (except.some(([from = '', to = from]) => from <= name && name <= to)) continue;
    const there = draft.open.filter(({ days }) => days.includes(weekdays[(((day + 3) % 7) + 7) % 7] ?? ''))
      .map(({ from, length }) => ({ at: utcOf(day * dayMs + minutesOf(from) * 60_000, offsetAt), ms: (secondsOf(length) ?? 0) * 1000 }))
      .sort((a, b) => a.at - b.at);
    for (const { at, ms } of there) {
      const last = joined.at(-1);
      if (last && at <= last.to) last.to = Math.max(last.to, at + ms);
      else joined.push({ from: at, to: at + ms });
    }
  }
  return done().slice(0, most).map(({ from, to }) => ({ from, to: to - closingMs }));
}

/** The zone to show openings in: that of all, or of devices that name none. */
export const shownZone = (draft: WindowsDraft) => (draft.isOwn ? draft.fallback || viewersZone() : draft.zone);
