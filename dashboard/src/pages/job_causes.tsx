// The failed devices of a job, those of one cause together, with what they have in common.

import { type JobFailures, jobFailures, mayRunJobs } from '../api.ts';
import { count, rate } from '../lib/format.ts';
import { address, setParameters } from '../router.ts';
import { t } from '../texts.ts';
import { Button, Loading, Problem, useLoaded } from '../ui/basics.tsx';

type Group = JobFailures['groups'][number];

export function Causes({ id, isOver }: { id: string; isOver: boolean }) {
  const found = useLoaded(() => jobFailures(id));
  const c = t.causes;
  return (
    <section class="card">
      <header><h2>{c.title}</h2><Button kind="quiet" icon="refresh" onClick={found.reload}>{t.common.refresh}</Button></header>
      <Problem of={found.problem} retry={found.reload} />
      {!found.value ? found.isLoading && <Loading /> : (
        <ul class="plain causes">
          {found.value.groups.map((group) => <Cause key={`${group.kind} ${group.code} ${group.status ?? ''} ${group.description}`} group={group} job={id} isOver={isOver} />)}
          {found.value.unnamed > 0 && <li>{c.others(count(found.value.unnamed))}</li>}
        </ul>
      )}
    </section>
  );
}

function Cause({ group, job, isOver }: { group: Group; job: string; isOver: boolean }) {
  const c = t.causes;
  const waves = group.waves ?? [];
  return (
    <li>
      <p><strong>{count(group.count)}</strong> <span class="break">{group.description}</span> <span class="hint">{[group.kind, group.code, group.status !== undefined && t.job.withStatus(group.status)].filter(Boolean).join(' · ')}</span></p>
      {c.says[group.kind] && <p class="hint">{c.says[group.kind]}</p>}
      {waves.length > 0 && <p class="hint">{waves.map(({ wave, count: n }) => `${t.rollout.wave(wave + 1)}: ${count(n)}`).join(' · ')}</p>}
      <p class="row wrap">{group.sample.map((device) => <a key={device} class="id" href={address('/device', { id: device.split('/')[0] ?? device })}>{device}</a>)}{group.count > group.sample.length && <span class="hint">{t.newJob.andMore(count(group.count - group.sample.length))}</span>}
        <Button kind="quiet" onClick={() => setParameters({ state: 'failed', kind: group.kind })}>{c.show(t.job.kinds[group.kind] ?? group.kind)}</Button>
        {isOver && mayRunJobs() && <a href={address('/new-job', { from: job, in: 'failed', kinds: group.kind })}>{c.again}</a>}
      </p>
      {group.factors.length > 0 && (
        <ul class="plain">
          {group.factors.map((factor) => (
            <li key={`${factor.path} ${JSON.stringify(factor.value)}`} class="break">
              <code>{factor.path} = {JSON.stringify(factor.value)}</code> {c.factor(count(factor.failedCount), count(factor.deviceCount), rate(factor.lift))}
              {factor.queryCondition && <> <a href={address('/devices', { w: factor.queryCondition, raw: '1' })}>{c.devices}</a></>}
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}
