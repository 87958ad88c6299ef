import { expect, test } from 'vitest';
import { bodyOf, commandOf, emptyDraft, problemsOf } from './draft.ts';
import type { JsonObject } from './json.ts';
import { emptyRollout, rolloutDraftOf, rolloutPatch } from './rollout.ts';
import { rulesOf } from './rollout_rules.ts';
import { type WindowsDraft, emptyWindow, emptyWindows, lengthBetween, nextOpenings, untilOf, windowText, windowsDraftOf, windowsOf, windowsProblem, windowsText } from './windows.ts';

const berlin: WindowsDraft = { ...emptyWindows(), zone: 'Europe/Berlin' };
const at = (text: string) => Date.parse(text);
const opened = (windows: WindowsDraft, now: string, most = 1, closing = 0) =>
  nextOpenings(windows, windows.zone, at(now), closing, most)?.map(({ from, to }) => `${new Date(from).toISOString().slice(0, 16)} ${new Date(to).toISOString().slice(0, 16)}`);

test('windows go to the hub and come back, and every day is not written', () => {
  const whole: JsonObject = { zone: 'tags.tz', fallback: 'Etc/UTC', open: [{ days: ['mon', 'sun'], from: '22:30', for: '90m' }, { from: '02:00', for: '90s' }], except: ['2026-12-24..2026-12-26', '2027-01-01'], closing: '1m' };
  expect(windowsOf(windowsDraftOf(whole))).toEqual(whole);
  expect(windowsOf({ ...berlin, isOwn: true, zone: 'tags.tz' })).toEqual({ zone: 'tags.tz', fallback: 'skip', open: [{ from: '02:00', for: '2h' }] });
});

test('a window is written by its end, on the next day where that is not later', () => {
  expect(lengthBetween('02:00', '04:00')).toBe('2h');
  expect(lengthBetween('23:30', '00:15')).toBe('45m');
  expect(lengthBetween('02:00', '02:00')).toBe('24h');
  expect(untilOf({ ...emptyWindow, from: '23:00', length: '150m' })).toBe('01:30');
});

test('windows are said in words', () => {
  expect(windowText({ days: ['mon', 'tue', 'wed', 'fri', 'sun'], from: '22:00', length: '3h' })).toBe('Mon–Wed, Fri, Sun 22:00–01:00');
  expect(windowText({ ...emptyWindow, length: '24h' })).toBe('02:00 + 24h');
  const text = 'devices begin only at 02:00–04:00, local time of each device by tags.tz, without which it is left out, not on 2026-12-24, none in the last 10m';
  const windows = { ...berlin, isOwn: true, zone: 'tags.tz', except: '2026-12-24', closing: '10m' };
  expect(windowsText(windows)).toBe(text);
  expect(Object.fromEntries(rulesOf({ ...emptyRollout, windows }, true)).Windows).toBe(text);
});

test('windows that the hub would refuse are named before', () => {
  const problem = (part: object, closing = 0) => windowsProblem({ ...berlin, ...part }, closing);
  for (const good of [{}, { except: '2026-12-24..2026-12-26 2028-02-29' }, { isOwn: true, zone: 'tags.tz', fallback: 'Etc/UTC' }, { closing: '119m' }]) expect(problem(good), JSON.stringify(good)).toBeUndefined();
  for (const bad of [
    { zone: '' }, { zone: 'tags.tz' }, { isOwn: true, zone: 'tz' }, { isOwn: true, zone: 'tags.tz', fallback: 'a b' }, { open: [{ ...emptyWindow, days: [] }] }, { open: [{ ...emptyWindow, from: '' }] },
    { open: [{ ...emptyWindow, length: '25h' }] }, { open: [{ ...emptyWindow, length: 'NaNm' }] }, { closing: '2h' }, { closing: 'soon' }, { except: '2027-02-29' }, { except: '2026-12-26..2026-12-24' }, { except: 'monday' },
  ]) expect(problem(bad), JSON.stringify(bad)).toBeDefined();
  expect(problem({ open: [{ ...emptyWindow, length: '5m' }] }, 300), 'no method could be answered').toBeDefined();
});

test('the next openings are those of the hub: clocks that change, joined windows, exceptions and the closing time among it', () => {
  expect(opened(berlin, '2027-03-27T12:00:00Z', 2), 'a local time that does not exist').toEqual(['2027-03-28T01:00 2027-03-28T03:00', '2027-03-29T00:00 2027-03-29T02:00']);
  expect(opened(berlin, '2027-10-30T12:00:00Z', 2), 'one that occurs twice').toEqual(['2027-10-31T00:00 2027-10-31T02:00', '2027-11-01T01:00 2027-11-01T03:00']);
  const night = { ...berlin, open: [{ days: ['mon'], from: '22:00', length: '2h' }, { days: ['tue'], from: '00:00', length: '1h' }] };
  expect(opened(night, '2026-11-30T23:30:00Z', 2), 'one that is open, and joined over midnight').toEqual(['2026-11-30T21:00 2026-12-01T00:00', '2026-12-07T21:00 2026-12-08T00:00']);
  expect(opened({ ...night, except: '2026-12-01..2026-12-06, 2026-12-07' }, '2026-12-01T03:00:00Z')).toEqual(['2026-12-07T23:00 2026-12-08T00:00']);
  expect(opened({ ...berlin, closing: '30m' }, '2026-12-01T02:29:00Z')).toEqual(['2026-12-01T01:00 2026-12-01T02:30']);
  expect(opened(berlin, '2026-12-01T02:59:30Z', 1, 60), 'in its closing time a window is over').toEqual(['2026-12-02T01:00 2026-12-02T02:59']);
  expect(opened({ ...berlin, except: '2026-01-01..2029-01-01' }, '2026-12-01T00:00:00Z')).toEqual([]);
  expect(nextOpenings(berlin, 'Europe/Nowhere', 0, 0, 1)).toBeUndefined();
});

test('a job with windows has them in what is sent and in the command, and they may change while it runs', () => {
  const draft = { ...emptyDraft('j'), condition: '*', tags: '{"a":1}', rollout: { ...emptyRollout, windows: berlin } };
  expect(problemsOf(draft, Date.now())).toEqual({});
  const windows = { zone: 'Europe/Berlin', open: [{ from: '02:00', for: '2h' }] };
  expect(bodyOf(draft).rollout).toEqual({ windows });
  expect(commandOf(draft)).toContain(`--rollout '${JSON.stringify({ windows })}'`);
  expect(problemsOf({ ...draft, rollout: { ...draft.rollout, windows: { ...berlin, zone: '' } } }, Date.now()).schedule).toMatch(/^Time zone/);
  expect(problemsOf({ ...draft, rollout: { ...draft.rollout, offline: 'wait', offlineTtl: '2h' } }, Date.now()).schedule, 'no ttl beside windows').toMatch(/longest wait/);
  const before = rolloutDraftOf({ windows });
  expect(rolloutPatch(before, { ...before, windows: undefined }, false)).toEqual({ windows: null });
  expect(rolloutPatch(before, { ...before, windows: { ...berlin, closing: '5m' } }, false)).toEqual({ windows: { ...windows, closing: '5m' } });
});
