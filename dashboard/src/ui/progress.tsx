// How far a job is: a bar by state, and what the states are called.

import type { JobCounts } from '../api.ts';
import { count, percent } from '../lib/format.ts';
import { t } from '../texts.ts';

const states = [
  ['succeeded', 'succeededCount'],
  ['failed', 'failedCount'],
  ['canceled', 'canceledCount'],
  ['running', 'runningCount'],
  ['pending', 'pendingCount'],
] as const;

export type Counts = Partial<JobCounts>;

/** Of all devices, those that have ended. */
export const endedOf = (counts: Counts) => (counts.succeededCount ?? 0) + (counts.failedCount ?? 0) + (counts.canceledCount ?? 0);

export function JobBar({ counts }: { counts: Counts | undefined }) {
  const all = counts?.deviceCount ?? 0;
  const text = counts && all > 0
    ? t.progress.bar(percent(endedOf(counts), all), states.map(([name, key]) => `${count(counts[key] ?? 0)} ${t.states[name] ?? name}`).join(', '))
    : t.progress.none;
  return (
    <svg class="bar" role="img" aria-label={text} viewBox="0 0 1000 10" preserveAspectRatio="none">
      <title>{text}</title>
      <rect class="ground" width="1000" height="10" />
      {counts && all > 0 && states.reduce<{ at: number; parts: preact.JSX.Element[] }>((done, [name, key]) => {
        const width = (1000 * (counts[key] ?? 0)) / all;
        // What is there is seen, be it one of a million.
        if (width > 0) done.parts.push(<rect key={name} class={name} x={done.at} width={Math.max(width, 3)} height="10" />);
        done.at += width;
        return done;
      }, { at: 0, parts: [] }).parts}
    </svg>
  );
}

export function Legend({ counts, chosen, onChoose }: { counts: Counts; chosen: string; onChoose: (state: string) => void }) {
  const words: Record<string, string> = { succeeded: 'completed' };
  return (
    <div class="legend" role="group" aria-label={t.progress.devicesState}>
      {states.map(([name, key]) => {
        const word = words[name] ?? name;
        return (
          <button type="button" key={name} class={name} aria-pressed={chosen === word} onClick={() => onChoose(chosen === word ? '' : word)}>
            <span class="swatch" aria-hidden="true" />
            <span class="number">{count(counts[key] ?? 0)}</span>
            <span class="name">{t.states[name] ?? name}</span>
          </button>
        );
      })}
    </div>
  );
}

/** A line of the last values; the newest is on the right. */
export function Sparkline({ values, label }: { values: number[]; label: string }) {
  const most = Math.max(...values, 0.001);
  const points = values.map((value, i) => `${(100 * (i + 120 - values.length)) / 119},${(24 - (22 * value) / most).toFixed(1)}`);
  return (
    <svg class="spark" role="img" aria-label={label} viewBox="0 0 100 26" preserveAspectRatio="none">
      {points.length > 1 && <polyline points={points.join(' ')} />}
    </svg>
  );
}

/** Devices that have ended over time, since this page looks on. */
export function ProgressChart({ samples, all }: { samples: { at: number; ended: number; failed: number }[]; all: number }) {
  const first = samples[0];
  const last = samples.at(-1);
  // Who comes when all is over has seen no course of it.
  if (!first || !last || samples.length < 3 || last.ended === first.ended) return null;
  const x = (at: number) => ((1000 * (at - first.at)) / (last.at - first.at)).toFixed(1);
  const y = (n: number) => (160 - (150 * n) / all).toFixed(1);
  const area = (key: 'ended' | 'failed') =>
    `M0,160 ${samples.map((sample) => `L${x(sample.at)},${y(sample[key])}`).join(' ')} L1000,160Z`;
  return (
    <svg class="chart" role="img" viewBox="0 0 1000 160" preserveAspectRatio="none"
      aria-label={t.progress.chart(count(last.ended), count(all), count(last.failed))}>
      <line x1="0" x2="1000" y1="10" y2="10" class="goal" />
      <path class="ended" d={area('ended')} />
      <path class="failed" d={area('failed')} />
    </svg>
  );
}
