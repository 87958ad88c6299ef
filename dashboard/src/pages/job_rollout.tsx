// What a job with a rollout shows besides: its waves, why devices wait, what may be decided, and what was.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Job, type JobEvent, type JobProgress, ApiError, changeJob, directJob, jobHistory, mayRunJobs, promoteWave } from '../api.ts';
import { count } from '../lib/format.ts';
import type { JsonObject } from '../lib/json.ts';
import { type RolloutDraft, rolloutDraftOf, rolloutPatch, rolloutProblem, waveRule } from '../lib/rollout.ts';
import { rulesOf, waveText } from '../lib/rollout_rules.ts';
import { closingFor, windowsProblem } from '../lib/windows.ts';
import { address } from '../router.ts';
import { t } from '../texts.ts';
import { Button, Dialog, Empty, Field, Loading, Problem, State, Time, useLoaded } from '../ui/basics.tsx';
import { JobBar } from '../ui/progress.tsx';
import { RolloutForm } from '../ui/rollout_form.tsx';
import { Openings, WindowsForm } from '../ui/windows_form.tsx';

type Wave = NonNullable<JobProgress['waves']>[number];

export const hasRollout = (job: JobProgress) => job.phase !== undefined;
const isOver = (job: JobProgress) => ['completed', 'failed', 'cancelled'].includes(job.status);
const who = (policy: string, says?: string) => `${policy === '$hub' ? t.run.hub : policy}${says ? ` (${says})` : ''}`;
/** The hub counts from 0 where people count from 1. */
const named = (text: string) => text
  .replace(/\bwaves\[(\d+)\]/g, (_, n: string) => t.rollout.wave(Number(n) + 1))
  .replace(/\bstop\[(\d+)\]/g, (_, n: string) => `${t.rollout.stopRule} ${Number(n) + 1}`);

/** The newest wave that is open and has not passed; it may be promoted unless it is the last. */
function promotable(waves: Wave[]): Wave | undefined {
  const open = waves.filter((wave) => wave.state !== 'waiting' && wave.state !== 'passed').at(-1);
  return open && open.n < waves.length - 1 ? open : undefined;
}

export function RolloutActions({ job }: { job: JobProgress }) {
  const asking = useSignal<'pause' | 'resume' | 'promote' | 'change' | undefined>(undefined);
  if (!mayRunJobs() || isOver(job)) return null;
  const wave = promotable(job.waves ?? []);
  const close = () => { asking.value = undefined; };
  return (
    <>
      {job.paused
        ? <Button kind="primary" onClick={() => { asking.value = 'resume'; }}>{t.run.resume}</Button>
        : <Button onClick={() => { asking.value = 'pause'; }}>{t.run.pause}</Button>}
      {wave && <Button onClick={() => { asking.value = 'promote'; }}>{t.run.promote(wave.n + 1)}</Button>}
      <Button onClick={() => { asking.value = 'change'; }}>{t.run.change}</Button>
      {(asking.value === 'pause' || asking.value === 'resume') && <Decide job={job} what={asking.value} onClose={close} />}
      {asking.value === 'promote' && wave && <Decide job={job} what="promote" wave={wave} onClose={close} />}
      {asking.value === 'change' && <Change job={job} onClose={close} />}
    </>
  );
}

function Decide({ job, what, wave, onClose }: { job: JobProgress; what: 'pause' | 'resume' | 'promote'; wave?: Wave; onClose: () => void }) {
  const why = useSignal('');
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);
  const counts = job.deviceJobStatistics;
  const next = wave && job.waves?.[wave.n + 1];
  const [title, says, word] = what === 'pause' ? [t.run.pauseTitle, t.run.pauseSays(count(counts?.runningCount ?? 0)), t.run.pause]
    : what === 'resume' ? [t.run.resumeTitle, t.run.resumeSays(count(counts?.pendingCount ?? 0)), t.run.resume]
      : [t.run.promoteTitle((wave?.n ?? 0) + 1), next ? t.run.promoteSays(next.n + 1, count(next.size)) : t.run.promoteLast, t.run.promote((wave?.n ?? 0) + 1)];
  const decide = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    problem.value = undefined;
    try {
      if (what === 'promote') await promoteWave(job.jobId, wave?.n ?? 0, why.value);
      else await directJob(job.jobId, what, why.value);
      onClose();
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => void decide(event)}>
        <p>{says}</p>
        {what === 'promote' && wave?.state !== 'gate' && <p class="notice warn">{t.run.promoteForced}</p>}
        <Field label={t.run.why} hint={t.run.whyHint}><input name="why" maxLength={256} value={why.value} onInput={(event) => { why.value = event.currentTarget.value; }} /></Field>
        <Problem of={problem.value} />
        <footer class="row end"><Button onClick={onClose}>{t.run.back}</Button><Button type="submit" kind="primary" disabled={isBusy.value}>{word}</Button></footer>
      </form>
    </Dialog>
  );
}

function Change({ job, onClose }: { job: JobProgress; onClose: () => void }) {
  // What was in force when this began is what is changed, whatever comes meanwhile.
  const revision = useSignal(job.revision ?? 0).value;
  const before = useSignal(rolloutDraftOf((job.rollout ?? {}) as JsonObject)).value;
  const draft = useSignal<RolloutDraft>(before);
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);
  const isMethod = job.type === 'scheduleDeviceMethod';
  const { windows } = draft.value;
  const wrong = rolloutProblem(draft.value, isMethod) ?? (windows && windowsProblem(windows, 0));
  const patch = rolloutPatch(before, draft.value, isMethod);
  const isSame = Object.keys(patch).length === 0;
  const apply = async () => {
    isBusy.value = true;
    problem.value = undefined;
    try {
      await changeJob(job.jobId, patch, revision);
      onClose();
    } catch (refusal) {
      problem.value = refusal instanceof ApiError && refusal.status === 412 ? new Error(t.run.changeStale) : refusal;
    }
    isBusy.value = false;
  };
  return (
    <Dialog title={t.run.changeTitle} onClose={onClose} wide>
      <p class="hint">{t.run.changeSays}</p>
      <RolloutForm draft={draft.value} isMethod={isMethod} isRunning change={(part) => { draft.value = { ...draft.value, ...part }; }} />
      <WindowsForm windows={windows} set={(chosen) => { draft.value = { ...draft.value, windows: chosen }; }} />
      <Problem of={problem.value} />
      {(wrong || isSame) && <p class="hint" role="status">{wrong ?? t.run.changeNone}</p>}
      <footer class="row end"><Button onClick={onClose}>{t.run.back}</Button><Button kind="primary" disabled={isBusy.value || !!wrong || isSame} onClick={() => void apply()}>{t.run.apply}</Button></footer>
    </Dialog>
  );
}

export function Paused({ job }: { job: JobProgress }) {
  const { paused } = job;
  if (!paused || isOver(job)) return null;
  return (
    <div class="notice warn" role="status">
      <p><strong>{t.run.pausedBy(who(paused.by, paused.says))}</strong>{paused.why && `: ${named(paused.why)}`} <span class="hint"><Time at={paused.at} relative /></span></p>
    </div>
  );
}

export function RolloutFacts({ job }: { job: JobProgress }) {
  const { success, startAfter } = (job.rollout ?? {}) as { success?: { succeeded?: string }; startAfter?: { job: string; pass: { succeeded: string; ended: string } } };
  const goal = success?.succeeded;
  return (
    <dl class="facts">
      {job.verdict && <div><dt>{t.run.verdict}</dt><dd>{t.run.verdicts[job.verdict] ?? job.verdict}{goal && ` (${goal})`}</dd></div>}
      <div><dt>{job.type === 'scheduleDeviceMethod' ? t.run.attempts : t.run.writes}</dt><dd>{count(job.attempts ?? 0)}</dd></div>
      {job.inFlightMax != null && <div><dt>{t.run.inFlightMax}</dt><dd>{count(job.inFlightMax)}</dd></div>}
      {startAfter && <div><dt>{t.rules.names.after}</dt><dd><a class="id" href={address('/job', { id: startAfter.job })}>{startAfter.job}</a></dd></div>}
      {!isOver(job) && <div><dt>{t.run.deadline}</dt><dd><Time at={job.deadline} /></dd></div>}
    </dl>
  );
}

/** What holds for the job, the defaults and all changes among it. */
export function Rules({ job }: { job: JobProgress }) {
  const { plan } = (job.rollout ?? {}) as { plan?: { id: string; drift: string } };
  const rules = rulesOf(rolloutDraftOf((job.rollout ?? {}) as JsonObject), job.type === 'scheduleDeviceMethod');
  if (plan) rules.unshift([t.rules.names.plan, t.rules.plan(plan.id, plan.drift)]);
  return (
    <details class="card">
      <summary>{t.rules.title}</summary>
      <dl class="facts listed">{rules.map(([name, says]) => <div key={name}><dt>{name}</dt><dd class="break">{says}</dd></div>)}</dl>
    </details>
  );
}

export function Rollout({ job, definition }: { job: JobProgress; definition: Job }) {
  const waves = job.waves ?? [];
  const { waves: rules, windows } = rolloutDraftOf((job.rollout ?? {}) as JsonObject);
  const held = Object.entries(job.held ?? {}).filter(([, n]) => n > 0);
  return (
    <>
      {waves.length > 0 && (
        <section class="card flush">
          <header class="inset"><h2>{t.run.waves}</h2></header>
          <div class="table-scroll" tabIndex={0} role="region" aria-label={t.run.waves}>
            <table>
              <thead><tr><th class="number">{t.run.wave}</th><th>{t.run.state}</th><th>{t.run.devices}</th><th class="number">{t.run.size}</th><th>{t.run.opened}</th><th>{t.rules.wave}</th></tr></thead>
              <tbody>
                {waves.map((wave) => (
                  <tr key={wave.n}>
                    <td class="number">{wave.n + 1}</td>
                    <td><State of={wave.state} text={t.run.waveStates[wave.state]} /></td>
                    <td class="with-bar"><JobBar counts={countsOf(wave)} />{wave.openedTime && <span class="hint">{t.run.counts(count(wave.succeeded ?? 0), count(wave.failed ?? 0), count(wave.canceled ?? 0))}</span>}</td>
                    <td class="number">{count(wave.size)}</td>
                    <td>{wave.openedTime && <Time at={wave.openedTime} relative />}</td>
                    <td class="wave-rule">{wave.n < waves.length - 1 && waveText(waveRule(rules, wave.n))}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
      {held.length > 0 && !isOver(job) && (
        <section class="card">
          <header><h2>{t.run.held}</h2></header>
          <ul class="plain reasons">{held.map(([reason, n]) => <li key={reason}><span class="number">{count(n)}</span><span>{t.run.heldBy[reason] ?? reason}</span></li>)}</ul>
        </section>
      )}
      {windows && !isOver(job) && <section class="card"><Openings windows={windows} start={Date.parse(definition.startTime)} closing={closingFor(definition)} /></section>}
      {job.warnings?.map((warning) => <p class="notice" key={warning}>{t.run.notes}: {warning}</p>)}
    </>
  );
}

function countsOf(wave: Wave) {
  const [succeededCount, failedCount, canceledCount] = [wave.succeeded ?? 0, wave.failed ?? 0, wave.canceled ?? 0];
  return { deviceCount: wave.size, succeededCount, failedCount, canceledCount, runningCount: 0, pendingCount: Math.max(0, wave.size - succeededCount - failedCount - canceledCount) };
}

const eventsMax = 2000;

/** The history of a job, read again when its revision rises. */
export function History({ job }: { job: JobProgress }) {
  const revision = useSignal(0);
  useEffect(() => { revision.value++; }, [job.revision, job.status, job.waves?.map((wave) => wave.state).join()]);
  const events = useLoaded(async () => {
    void revision.value;
    const all: JobEvent[] = [];
    for (;;) {
      const next = await jobHistory(job.jobId, all.length === 0 ? 0 : numberOf(all.at(-1)));
      all.push(...next);
      if (next.length === 0 || all.length >= eventsMax) return all;
    }
  });
  return (
    <section class="card">
      <header><h2>{t.run.history}</h2><Button kind="quiet" icon="refresh" onClick={events.reload}>{t.run.historyRefresh}</Button></header>
      <Problem of={events.problem} retry={events.reload} />
      {!events.value ? events.isLoading && <Loading /> : events.value.length === 0 ? <Empty title={t.run.historyEmpty} /> : (
        <ol class="timeline">
          {events.value.map((event) => (
            <li key={event.id}>
              <Time at={event.time} />
              <span><strong>{said(event)}</strong>{event.by && <> · {who(event.by, event.says)}</>}{event.why && <span class="break"> · {named(event.why)}</span>}{event.event === 'changed' && <Changed event={event} />}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

const numberOf = (event: JobEvent | undefined) => Number(event?.id.split('-')[1] ?? 0);

function said(event: JobEvent): string {
  const values = Object.fromEntries(Object.entries(event).map(([name, value]) => [name, typeof value === 'number' ? count(name === 'wave' || name === 'rule' ? value + 1 : value) : String(value)]));
  if (event.event === 'verdict') values.verdict = t.run.verdicts[String(event.verdict)] ?? values.verdict ?? '';
  return t.run.events[event.event]?.(values) ?? event.event;
}

/** Which members a change touched, each before and after. */
function Changed({ event }: { event: JobEvent }) {
  const before = (event.before ?? {}) as Record<string, unknown>;
  const after = (event.after ?? {}) as Record<string, unknown>;
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  return <ul class="plain">{names.map((name) => <li key={name} class="hint break"><code>{name}: {JSON.stringify(before[name]) ?? '–'} → {JSON.stringify(after[name]) ?? '–'}</code></li>)}</ul>;
}
