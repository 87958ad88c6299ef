// How numbers and times are written.

import { locale, t } from '../texts.ts';

const whole = new Intl.NumberFormat(locale);
const tenth = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });

export const count = (n: number) => whole.format(n);

/** A rate of so many a second. */
export function rate(n: number | null | undefined): string {
  if (n === null || n === undefined) return '–';
  return n >= 100 ? whole.format(Math.round(n)) : tenth.format(n);
}

export function percent(part: number, all: number): string {
  if (all === 0) return '0 %';
  const share = (100 * part) / all;
  // Neither all nor nothing is said of what is neither.
  if (part > 0 && share < 0.1) return `< ${tenth.format(0.1)} %`;
  if (part < all && share > 99.9) return `> ${tenth.format(99.9)} %`;
  return `${tenth.format(share)} %`;
}

/** In powers of 1,024, with the names that people use. */
export function bytes(n: number): string {
  let size = n;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (size < 1024) return `${rate(size)} ${unit}`;
    size /= 1024;
  }
  return `${rate(size)} TiB`;
}

export const milliseconds = (seconds: number | undefined) => (seconds === undefined ? '–' : `${tenth.format(seconds * 1000)} ms`);

export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds < 10) return `${tenth.format(seconds)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} ${t.time.day} ${Math.floor((s % 86_400) / 3600)} h`;
}

/** The service's "never" is the year 1. */
export const isNever = (time: string | undefined) => !time || time.startsWith('0001-');

const clock = new Intl.DateTimeFormat(locale, {
  year: 'numeric', month: 'short', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
});

const hours = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' });
const months = new Intl.DateTimeFormat(locale, { month: 'long', year: 'numeric' });
const weekdays = new Intl.DateTimeFormat(locale, { weekday: 'short' });
const days = new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' });
export const clockTime = (time: string) => hours.format(new Date(time));
export const monthName = (day: Date) => months.format(day);
export const weekdayName = (day: Date) => weekdays.format(day);
export const dayName = (day: Date) => days.format(day);

const openings = new Intl.DateTimeFormat(locale, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
export const openingText = (from: number, to: number) => openings.formatRange(from, to);

/** In the viewer's zone. */
export const localTime = (time: string) => clock.format(new Date(time));

export function ago(time: string, now: number): string {
  const seconds = (now - Date.parse(time)) / 1000;
  // The page looks at the clock every few seconds.
  if (Math.abs(seconds) < 5) return t.time.justNow;
  if (seconds < 0) return t.time.ahead(duration(-seconds));
  return t.time.ago(duration(seconds).split(' ').slice(0, 2).join(' '));
}
