import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { createJob, getJob, mayChange, mayRunJobs, query } from '../api.ts';
import { type CarriedPlan, type JobDraft, bodyOf, commandOf, draftLike, draftUndo, emptyDraft, newId, problemsOf, requestOf } from '../lib/draft.ts';
import { count } from '../lib/format.ts';
import { countStatement, listStatement } from '../lib/query.ts';
import { type RolloutDraft, carefulRollout, emptyRollout, isShare } from '../lib/rollout.ts';
import { rulesOf } from '../lib/rollout_rules.ts';
import { windowsProblem } from '../lib/windows.ts';
import { address, go, hubBase, parameter } from '../router.ts';
import { Button, Code, Field, JsonInput, Problem, State, useLoaded, setTitle } from '../ui/basics.tsx';
import { RolloutForm } from '../ui/rollout_form.tsx';
import { Openings, WindowsForm } from '../ui/windows_form.tsx';
import { t } from '../texts.ts';
import { PlannedThen } from './calendar.tsx';
import { JobPlan, usePlan } from './job_plan.tsx';

const steps = ['target', 'action', 'delivery', 'schedule', 'review'] as const;
type Step = (typeof steps)[number];
const names: Record<Step, string> = { target: t.newJob.target, action: t.newJob.action, delivery: t.rollout.title, schedule: t.newJob.schedule, review: t.newJob.review };

export function NewJobPage() {
  const undone = parameter('undo');
  const draft = useSignal<JobDraft>(undone ? draftUndo(undone) : { ...emptyDraft(newId(new Date())), condition: parameter('condition') });
  const step = useSignal<Step>('target');
  const carried = useSignal<CarriedPlan | undefined>(undefined);
  const kept = useRef('');
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);
  useEffect(() => {
    setTitle(t.common.makeJob);
    const from = parameter('from');
    const condition = parameter('condition');
    if (!from) return;
    getJob(from).then((job) => {
      if (job.status === 'unknown') throw new Error(t.job.noSuchJob(from));
      const like = draftLike(job, draft.value.id);
      const listed = (name: string) => parameter(name).split(',').filter(Boolean);
      const states = listed('in');
      const kinds = listed('kinds');
      if (states.length === 0) draft.value = { ...like, condition: condition || like.condition };
      else draft.value = { ...like, condition, rollout: { ...(like.rollout ?? likeWithout(like)), from: { job: from, in: states, ...(kinds.length > 0 ? { kinds } : {}) } } };
    }).catch((refusal: unknown) => { problem.value = refusal; });
  }, []);
  const change = (part: Changes) => { draft.value = { ...draft.value, ...part }; };
  const problems = problemsOf(draft.value, Date.now());
  const at = steps.indexOf(step.value);
  const wrong = step.value === 'review' ? (problems.target ?? problems.action ?? problems.delivery ?? problems.schedule ?? driftProblem(carried.value)) : problems[step.value];
  const create = async () => {
    isBusy.value = true;
    problem.value = undefined;
    try {
      await createJob(draft.value.id, bodyOf(draft.value, carried.value));
      kept.current = carried.value?.id ?? '';
      go(address('/job', { id: draft.value.id }));
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  return (
    <>
      <p class="crumb"><a href={address('/jobs')}>{t.common.jobs}</a></p>
      <header class="page"><h1>{t.common.makeJob}</h1></header>
      {!mayRunJobs() && <p class="notice warn">{mayChange() ? t.newJob.right : t.newJob.readsOnly}</p>}
      <ol class="steps">
        {steps.map((name, i) => (
          <li key={name}>
            <button type="button" aria-current={step.value === name ? 'step' : undefined} disabled={i > at && !!wrong} onClick={() => { step.value = name; }}>
              <span class="ordinal">{i + 1}</span>{names[name]}
            </button>
          </li>
        ))}
      </ol>
      <section class="card">
        {step.value === 'target' && <Target draft={draft.value} change={change} />}
        {step.value === 'action' && <Action draft={draft.value} change={change} />}
        {step.value === 'delivery' && <Delivery draft={draft.value} change={change} />}
        {step.value === 'schedule' && <Schedule draft={draft.value} change={change} />}
        {step.value === 'review' && <Review draft={draft.value} carried={carried} kept={kept} />}
        {wrong && <p class="hint" role="status">{wrong}</p>}
        <Problem of={problem.value} />
        <footer class="row between">
          <Button disabled={at === 0} onClick={() => { step.value = steps[at - 1] ?? 'target'; }}>{t.common.back}</Button>
          {step.value === 'review'
            ? <Button kind="primary" disabled={!!wrong || isBusy.value || !mayRunJobs()} onClick={() => void create()}>{draft.value.start ? t.newJob.scheduleJob : t.newJob.runJob}</Button>
            : <Button kind="primary" disabled={!!wrong} onClick={() => { step.value = steps[at + 1] ?? 'review'; }}>{t.newJob.next}</Button>}
        </footer>
      </section>
    </>
  );
}

const driftProblem = (plan: CarriedPlan | undefined) => (plan && !isShare(plan.drift) ? `${t.plan.drift}: ${t.rollout.problems.share}` : undefined);

/** The rollout of a job that had none: with no brakes, and every answer is a success, as before. */
const likeWithout = (draft: JobDraft): RolloutDraft => ({ ...emptyRollout, ...(draft.action === 'method' ? { okStatus: '*' } : {}) });

interface Part { draft: JobDraft; change: (part: Changes) => void }
/** A part of a draft; a rollout that is `undefined` is taken away. */
type Changes = Partial<Omit<JobDraft, 'rollout'>> & { rollout?: RolloutDraft | undefined };

/** A condition as a query takes it: `*` means all there. */
const queried = (condition: string) => (condition.trim() === '*' ? '' : condition);
const isOfModules = (condition: string) => /^\s*FROM\s/i.test(condition);

function useTarget(condition: string) {
  const asked = useSignal(condition);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => { asked.value = condition; }, 300);
    return () => clearTimeout(timer.current);
  }, [condition]);
  return useLoaded(async () => {
    if (asked.value.trim() === '' || isOfModules(asked.value)) return undefined;
    const on = (more: string) => [queried(asked.value) && `(${queried(asked.value)})`, more].filter(Boolean).join(' AND ');
    const [all, connected, sample] = await Promise.all([
      query<{ n: number }>(countStatement(on('')), 1),
      query<{ n: number }>(countStatement(on("connectionState = 'Connected'")), 1),
      query<{ deviceId: string; connectionState: string }>(listStatement(on(''), []), 5),
    ]);
    return { all: all.items[0]?.n ?? 0, connected: connected.items[0]?.n ?? 0, sample: sample.items };
  });
}

type From = NonNullable<RolloutDraft['from']>;
const fromText = (from: From) => t.rollout.fromJob(from.job, from.in.join(', ')) + (from.kinds ? ` (${from.kinds.map((kind) => t.job.kinds[kind] ?? kind).join(', ')})` : '');

/** How many devices another job has in these states; not known of single kinds of failure. */
function useSource(from: RolloutDraft['from']) {
  return useLoaded(async () => {
    if (!from || from.kinds) return undefined;
    const counts = (await getJob(from.job)).deviceJobStatistics;
    const each: Record<string, number> = { succeeded: counts?.succeededCount ?? 0, failed: counts?.failedCount ?? 0, canceled: counts?.canceledCount ?? 0, pending: counts?.pendingCount ?? 0 };
    return from.in.reduce((sum, state) => sum + (each[state] ?? 0), 0);
  });
}

function Target({ draft, change }: Part) {
  if (draft.rollout?.undoOf) return <TargetOfUndo draft={draft} change={change} undone={draft.rollout.undoOf} />;
  return draft.rollout?.from ? <TargetOfJob draft={draft} change={change} rollout={draft.rollout} from={draft.rollout.from} /> : <TargetByQuery draft={draft} change={change} />;
}

/** What a job takes back is what another one wrote; a condition narrows it. */
function TargetOfUndo({ draft, change, undone }: Part & { undone: string }) {
  return (
    <>
      <p>{t.undo.devicesOf} <a class="id" href={address('/job', { id: undone })}>{undone}</a></p>
      <p class="hint">{t.undo.conflicts}</p>
      <Field label={t.rollout.fromNarrow} hint={t.rollout.fromHint}>
        <textarea class="code" name="condition" rows={3} spellcheck={false} value={draft.condition} onInput={(event) => change({ condition: event.currentTarget.value })} />
      </Field>
    </>
  );
}

function TargetOfJob({ draft, change, rollout, from }: Part & { rollout: RolloutDraft; from: From }) {
  const found = useSource(from);
  const drop = () => {
    const { from: _, ...rest } = rollout;
    change({ rollout: rest });
  };
  return (
    <>
      <p>{fromText(from)}{found.value !== undefined && <>: <strong data-testid="target-count">{count(found.value)}</strong></>}</p>
      <Field label={t.rollout.fromNarrow} hint={t.rollout.fromHint}>
        <textarea class="code" name="condition" rows={3} spellcheck={false} value={draft.condition} onInput={(event) => change({ condition: event.currentTarget.value })} />
      </Field>
      <div class="row"><Button kind="quiet" onClick={drop}>{t.rollout.fromDrop}</Button></div>
      <Problem of={found.problem} />
    </>
  );
}

function TargetByQuery({ draft, change }: Part) {
  const found = useTarget(draft.condition);
  return (
    <>
      <Field label={t.common.whichDevices} hint={t.newJob.conditionHint}>
        <textarea class="code" name="condition" rows={4} spellcheck={false} value={draft.condition} onInput={(event) => change({ condition: event.currentTarget.value })} placeholder="tags.building = '43' AND properties.reported.fw < 7" />
      </Field>
      <div class="row wrap">
        <Button kind="quiet" onClick={() => change({ condition: '*' })}>{t.newJob.allDevices}</Button>
        <Button kind="quiet" onClick={() => change({ condition: "connectionState = 'Connected'" })}>{t.newJob.connected}</Button>
      </div>
      <Problem of={found.problem} />
      <div class="sample steady" role="status">
        {found.value && <p>{t.newJob.matches(<strong data-testid="target-count">{count(found.value.all)}</strong>, <strong>{count(found.value.connected)}</strong>)}</p>}
        {found.value && found.value.all > 0 && (
          <ul class="plain">
            {found.value.sample.map((row) => <li key={row.deviceId} class="row"><span class="id">{row.deviceId}</span><State of={row.connectionState} /></li>)}
            {found.value.all > found.value.sample.length && <li class="hint">{t.newJob.andMore(count(found.value.all - found.value.sample.length))}</li>}
          </ul>
        )}
      </div>
    </>
  );
}

function Action({ draft, change }: Part) {
  if (draft.rollout?.undoOf) return <p>{t.undo.action(draft.rollout.undoOf)}</p>;
  return (
    <>
      <div class="tabs" role="tablist" aria-label={t.newJob.whatItDoes}>
        <button type="button" role="tab" aria-selected={draft.action === 'twin'} onClick={() => change({ action: 'twin' })}>{t.newJob.updateTwins}</button>
        <button type="button" role="tab" aria-selected={draft.action === 'method'} onClick={() => change({ action: 'method' })}>{t.newJob.callMethod}</button>
      </div>
      {draft.action === 'twin' ? (
        <>
          <p class="hint">{t.newJob.twinHint}</p>
          <JsonInput label={t.common.tags} rows={6} value={draft.tags} onInput={(tags) => change({ tags })} />
          <JsonInput label={t.common.desiredProperties} rows={8} value={draft.desired} onInput={(desired) => change({ desired })} />
        </>
      ) : (
        <>
          <p class="hint">{t.newJob.methodHint}</p>
          <Field label={t.common.method}><input name="method" maxLength={100} spellcheck={false} value={draft.methodName} onInput={(event) => change({ methodName: event.currentTarget.value })} /></Field>
          <JsonInput label={t.common.payload} rows={5} value={draft.payload} onInput={(payload) => change({ payload })} />
          <div class="row wrap">
            <Field label={t.common.secondsAnswer}><input type="number" min={5} max={300} value={draft.responseTimeout} onInput={(event) => change({ responseTimeout: event.currentTarget.valueAsNumber })} /></Field>
            <Field label={t.newJob.secondsConnect}><input type="number" min={0} max={300} value={draft.connectTimeout} onInput={(event) => change({ connectTimeout: event.currentTarget.valueAsNumber })} /></Field>
          </div>
        </>
      )}
    </>
  );
}

function Delivery({ draft, change }: Part) {
  const { rollout } = draft;
  return (
    <>
      <div class="tabs" role="tablist" aria-label={t.rollout.title}>
        <button type="button" role="tab" aria-selected={!rollout} disabled={!!rollout?.from || !!rollout?.undoOf} onClick={() => change({ rollout: undefined })}>{t.rollout.allAtOnce}</button>
        <button type="button" role="tab" aria-selected={!!rollout} onClick={() => { if (!rollout) change({ rollout: carefulRollout }); }}>{t.rollout.stepByStep}</button>
      </div>
      <p class="hint">{rollout ? t.rollout.stepByStepHint : t.rollout.allAtOnceHint}</p>
      {rollout && <RolloutForm draft={rollout} isMethod={draft.action === 'method'} change={(part) => change({ rollout: { ...rollout, ...part } })} />}
    </>
  );
}

function Schedule({ draft, change }: Part) {
  return (
    <>
      <Field label={t.newJob.jobId} hint={t.newJob.jobIdHint}><input name="job-id" maxLength={64} spellcheck={false} value={draft.id} onInput={(event) => change({ id: event.currentTarget.value })} /></Field>
      <Field label={t.newJob.start} hint={t.newJob.startHint}><input type="datetime-local" name="start" value={draft.start} onInput={(event) => change({ start: event.currentTarget.value })} /></Field>
      <PlannedThen start={draft.start} />
      {draft.rollout ? <Windows draft={draft} change={change} rollout={draft.rollout} /> : <p class="hint">{t.windows.needsSteps}</p>}
      {draft.rollout && <After rollout={draft.rollout} change={(part) => change({ rollout: { ...draft.rollout as RolloutDraft, ...part } })} />}
      {!draft.rollout && <Field label={t.newJob.secondsRun} hint={t.newJob.secondsRunHint}><input type="number" name="max-seconds" min={1} max={604_800} value={draft.maxSeconds} onInput={(event) => change({ maxSeconds: event.currentTarget.valueAsNumber })} /></Field>}
    </>
  );
}

/** At which local times devices begin, and when that is next. */
function Windows({ draft, change, rollout }: Part & { rollout: RolloutDraft }) {
  const { windows } = rollout;
  const closing = draft.action === 'method' ? draft.responseTimeout : 0;
  return (
    <>
      <WindowsForm windows={windows} set={(chosen) => change({ rollout: { ...rollout, windows: chosen } })} />
      {windows && !windowsProblem(windows, closing) && <Openings windows={windows} start={Date.parse(draft.start) || 0} closing={closing} />}
    </>
  );
}

/** Another job that must have gone so far before this one starts. */
function After({ rollout, change }: { rollout: RolloutDraft; change: (part: Partial<RolloutDraft>) => void }) {
  return (
    <div class="row wrap">
      <Field label={t.rollout.afterJob} hint={t.rollout.afterJobHint}><input name="after-job" maxLength={64} spellcheck={false} value={rollout.afterJob} onInput={(event) => change({ afterJob: event.currentTarget.value.trim() })} /></Field>
      {rollout.afterJob && (
        <>
          <Field label={t.rollout.passEnded} hint={t.rollout.afterEndedHint}><input name="after-ended" spellcheck={false} placeholder="95%" value={rollout.afterEnded} onInput={(event) => change({ afterEnded: event.currentTarget.value.trim() })} /></Field>
          <Field label={t.rollout.passSucceeded} hint={t.rollout.afterSucceededHint}><input name="after-succeeded" spellcheck={false} placeholder="95%" value={rollout.afterSucceeded} onInput={(event) => change({ afterSucceeded: event.currentTarget.value.trim() })} /></Field>
        </>
      )}
    </div>
  );
}

function Review({ draft, carried, kept }: { draft: JobDraft; carried: Signal<CarriedPlan | undefined>; kept: { current: string } }) {
  const found = useTarget(draft.condition);
  const source = useSource(draft.rollout?.from);
  const plan = usePlan(draft, kept);
  useEffect(() => () => { carried.value = undefined; }, []);
  return (
    <>
      <dl class="facts stacked">
        <div><dt>{t.common.devices}</dt><dd>{draft.rollout?.from ? <>{fromText(draft.rollout.from)}{source.value !== undefined && `: ${count(source.value)}`}</> : draft.rollout?.undoOf ? <>{t.undo.devicesOf} {draft.rollout.undoOf}</> : found.value ? t.newJob.nowOffline(count(found.value.all), count(found.value.all - found.value.connected)) : '…'} <code class="break">{draft.condition}</code></dd></div>
        <div><dt>{t.newJob.does}</dt><dd>{draft.rollout?.undoOf ? t.undo.action(draft.rollout.undoOf) : draft.action === 'method' ? t.newJob.calls(<code>{draft.methodName}</code>) : t.newJob.changesTwins}</dd></div>
        <div><dt>{t.newJob.starts}</dt><dd>{draft.start ? draft.start.replace('T', ' ') : t.newJob.atOnce}{!draft.rollout && t.newJob.forAtMost(count(draft.maxSeconds))}</dd></div>
        <div><dt>{t.rollout.title}</dt><dd>{draft.rollout ? t.rollout.stepByStep : t.rollout.allAtOnce}</dd></div>
      </dl>
      {draft.rollout && <dl class="facts listed">{rulesOf(draft.rollout, draft.action === 'method').map(([name, says]) => <div key={name}><dt>{name}</dt><dd class="break">{says}</dd></div>)}</dl>}
      <Problem of={found.problem} />
      {mayRunJobs() && <JobPlan plan={plan} draft={draft} carried={carried} />}
      <h2>{t.newJob.sameCommandLine}</h2>
      <Code text={commandOf(draft, carried.value)} what={t.common.command} />
      <h2>{t.newJob.sameRestApi}</h2>
      <Code text={requestOf(draft, location.origin + hubBase, carried.value)} what={t.newJob.request} />
    </>
  );
}
