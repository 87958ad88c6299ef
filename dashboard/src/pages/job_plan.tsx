// The plan of a job that is being made: the hub looks at every device, and begins nothing.

import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Plan, deletePlan, getPlan, makePlan, mayRunJobs } from '../api.ts';
import { type CarriedPlan, type JobDraft, bodyOf } from '../lib/draft.ts';
import { count, duration } from '../lib/format.ts';
import { secondsOf } from '../lib/duration.ts';
import { waveRule } from '../lib/rollout.ts';
import { address } from '../router.ts';
import { t } from '../texts.ts';
import { Field, Loading, Problem, Time } from '../ui/basics.tsx';

const lookEveryMs = 400;

/** Makes the plan of a draft that does not change meanwhile. It is deleted at the end, unless `kept` names it. */
export function usePlan(draft: JobDraft, kept: { current: string }) {
  const plan = useSignal<Plan | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  useEffect(() => {
    if (!mayRunJobs()) return undefined;
    let isOver = false;
    let made: Plan | undefined;
    // One that is still being made cannot be deleted; it goes by itself after a day.
    const forget = () => { if (made && made.state !== 'running' && kept.current !== made.id) deletePlan(made.id).catch(() => {}); };
    const make = async () => {
      made = await makePlan(bodyOf(draft));
      while (made.state === 'running' && !isOver) {
        await new Promise((resolve) => { setTimeout(resolve, lookEveryMs); });
        made = await getPlan(made.id);
      }
      if (isOver) forget();
      else plan.value = made;
    };
    make().catch((refusal: unknown) => { problem.value = refusal; });
    return () => {
      isOver = true;
      if (plan.value) forget();
    };
  }, []);
  return { value: plan.value, problem: problem.value };
}

interface Props { plan: { value: Plan | undefined; problem: unknown }; draft: JobDraft; carried: Signal<CarriedPlan | undefined> }

export function JobPlan({ plan: { value: plan, problem }, draft, carried }: Props) {
  const p = t.plan;
  return (
    <section class="job-plan" aria-label={p.title}>
      <h2>{p.title}</h2>
      <Problem of={problem} />
      {!plan ? !problem && <Loading what={p.looking} /> : plan.state === 'failed' ? <p class="notice bad">{plan.failureReason}</p> : (
        <>
          <Facts plan={plan} isMethod={draft.action === 'method'} />
          {plan.estimate && !plan.estimate.fits && <p class="notice warn">{p.tooLong}</p>}
          <Collisions plan={plan} />
          <Waves plan={plan} draft={draft} />
          {plan.warnings?.map((warning) => <p class="notice" key={warning}>{t.run.notes}: {warning}</p>)}
          <Sample plan={plan} />
          <p class="hint break">{p.kept(plan.id)} <Time at={plan.expires} />. {p.hash} <code>{plan.hash}</code></p>
          {draft.rollout && <Carry plan={plan} carried={carried} />}
        </>
      )}
    </section>
  );
}

function Facts({ plan: { targets, effect, estimate }, isMethod }: { plan: Plan; isMethod: boolean }) {
  const p = t.plan;
  const facts: [string, string | undefined][] = [
    [t.common.devices, targets && count(targets.count)],
    [isMethod ? p.ready : p.online, targets && count(targets.online)],
    [p.offline, targets && count(targets.offline)],
    [p.disabled, targets?.disabled ? count(targets.disabled) : undefined],
    [p.unknown, targets?.unknown ? count(targets.unknown) : undefined],
    [p.changes, effect && count(effect.changes)],
    [p.noOps, effect && count(effect.noOps)],
    [p.tooLarge, effect?.tooLarge ? count(effect.tooLarge) : undefined],
    [p.atLeast, estimate && estimate.secondsAtLeast > 0 ? duration(estimate.secondsAtLeast) : undefined],
    [t.run.deadline, estimate && duration(estimate.deadlineSeconds)],
  ];
  return <dl class="facts" data-testid="plan">{facts.map(([name, says]) => says !== undefined && <div key={name}><dt>{name}</dt><dd>{says}</dd></div>)}</dl>;
}

function Collisions({ plan }: { plan: Plan }) {
  if (!plan.collisions?.length) return null;
  return (
    <div class="notice warn">
      <div>
        <p>{t.plan.collisions}</p>
        <ul class="plain">
          {plan.collisions.map(({ job, key, devices }) => <li key={`${job} ${key}`} class="break"><a class="id" href={address('/job', { id: job })}>{job}</a> {t.plan.collision(key.replace(/^method:/, ''), count(devices))}</li>)}
        </ul>
      </div>
    </div>
  );
}

function Waves({ plan, draft }: { plan: Plan; draft: JobDraft }) {
  const waves = plan.waves ?? [];
  const rules = draft.rollout?.waves ?? [];
  if (waves.length < 2) return null;
  // Waves that neither pace nor soak holds back open one after the other at once.
  const isLater = (time: string) => Date.parse(time) - Date.parse(waves[0]?.opensEarliest ?? time) >= 1000;
  return (
    <ol class="plan">
      {waves.map(({ n, size, opensEarliest }) => {
        const { soak, gate } = waveRule(rules, n);
        const isLast = n === waves.length - 1;
        const then = isLast ? [] : [(secondsOf(soak) ?? 0) > 0 && t.plan.soak(soak), gate === 'manual' && t.plan.gate];
        return <li key={n}>{[t.plan.wave(size, count(size)), ...then].filter(Boolean).join(', ')} {isLater(opensEarliest) && <span class="hint">{t.plan.opens} <Time at={opensEarliest} /></span>}</li>;
      })}
    </ol>
  );
}

function Sample({ plan: { sample, effect } }: { plan: Plan }) {
  if (!sample?.length) return null;
  return (
    <details>
      <summary>{t.plan.sample(sample.length)}</summary>
      <div class="table-scroll" tabIndex={0} role="region" aria-label={t.plan.sample(sample.length)}>
        <table>
          <thead><tr><th>{t.common.device}</th>{effect && <th>{t.plan.overwrites}</th>}</tr></thead>
          <tbody>
            {sample.map(({ deviceId, moduleId, overwrites }) => <tr key={`${deviceId} ${moduleId ?? ''}`}><td><span class="id">{moduleId ? `${deviceId}/${moduleId}` : deviceId}</span></td>{effect && <td class="break"><code>{overwrites ? JSON.stringify(overwrites) : '–'}</code></td>}</tr>)}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** Whether the job is to run only while its devices are those of the plan. */
function Carry({ plan, carried }: { plan: Plan; carried: Signal<CarriedPlan | undefined> }) {
  const choice = carried.value;
  return (
    <div class="rule">
      <label class="check">
        <input type="checkbox" checked={!!choice} onChange={(event) => { carried.value = event.currentTarget.checked ? { id: plan.id, hash: plan.hash ?? '', drift: '1%' } : undefined; }} />
        <span>{t.plan.carry}<span class="hint"> – {t.plan.carryHint}</span></span>
      </label>
      {choice && <div class="row wrap"><Field label={t.plan.drift} hint={t.plan.driftHint}><input name="drift" spellcheck={false} value={choice.drift} onInput={(event) => { carried.value = { ...choice, drift: event.currentTarget.value.trim() }; }} /></Field></div>}
    </div>
  );
}
