// Days of a month as a calendar shows them, in the viewer's time zone.

/** Such as `2026-02`; what is none becomes the month of `now`. */
export function monthFrom(text: string, now: Date): { year: number; month: number } {
  const [, year, month] = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(text) ?? [];
  return year && month ? { year: Number(year), month: Number(month) - 1 } : { year: now.getFullYear(), month: now.getMonth() };
}

const two = (n: number) => String(n).padStart(2, '0');
export const monthKey = (year: number, month: number) => {
  const first = new Date(year, month, 1);
  return `${first.getFullYear()}-${two(first.getMonth() + 1)}`;
};
export const dayKey = (at: Date) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;

/** Whole weeks from Monday on that hold the month. */
export function weeksOf(year: number, month: number): Date[][] {
  const first = new Date(year, month, 1);
  const before = (first.getDay() + 6) % 7;
  const days = new Date(year, month + 1, 0).getDate();
  return Array.from({ length: Math.ceil((before + days) / 7) }, (_, week) =>
    Array.from({ length: 7 }, (_, day) => new Date(year, month, 1 - before + 7 * week + day)));
}

/** What is planned, by day. */
export function byDay<T>(items: T[], timeOf: (item: T) => string): Map<string, T[]> {
  const days = new Map<string, T[]>();
  for (const item of items) {
    const key = dayKey(new Date(timeOf(item)));
    days.set(key, [...(days.get(key) ?? []), item]);
  }
  for (const list of days.values()) list.sort((a, b) => Date.parse(timeOf(a)) - Date.parse(timeOf(b)));
  return days;
}
