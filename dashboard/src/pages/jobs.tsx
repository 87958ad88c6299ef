import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type JobBrief, type JobFilter, listJobBriefs, mayRunJobs } from '../api.ts';
import { count } from '../lib/format.ts';
import { address, parameter, setParameters } from '../router.ts';
import { Button, Empty, Loading, Problem, State, Time, useLoaded, setTitle } from '../ui/basics.tsx';
import { JobBar } from '../ui/progress.tsx';
import { t } from '../texts.ts';
import { Budgets } from './budgets.tsx';
import { Calendar } from './calendar.tsx';
import { Templates } from './templates.tsx';

const pageSize = 50;
export const typeName = (type: string) => (type === 'scheduleDeviceMethod' ? t.common.method : t.jobs.twinUpdate);

export function JobsPage() {
  const views: [string, string][] = [['', t.calendar.list], ['calendar', t.calendar.title], ['templates', t.templates.title], ['budgets', t.budgets.title]];
  const view = views.find(([name]) => name === parameter('view'))?.[0] ?? '';
  return (
    <>
      <header class="page">
        <h1>{t.common.jobs}</h1>
        {mayRunJobs() && <a class="button primary" href={address('/new-job')}>{t.common.makeJob}</a>}
      </header>
      <div class="tabs" role="tablist" aria-label={t.calendar.view}>
        {views.map(([name, text]) => (
          <button key={name} type="button" role="tab" aria-selected={view === name} onClick={() => setParameters({ view: name, month: '' })}>{text}</button>
        ))}
      </div>
      {view === 'calendar' ? <Calendar /> : view === 'templates' ? <Templates /> : view === 'budgets' ? <Budgets /> : <List />}
    </>
  );
}

/** Of a filter: what the hub is asked for. */
const phases = ['running', 'paused', 'approval', 'waiting', 'scheduled', 'queued', 'completed', 'failed', 'cancelled'];
const filterOf = (name: string): JobFilter => (name === 'paused' ? { paused: 'true' } : { phase: name });

function List() {
  const more = useSignal<JobBrief[]>([]);
  const continuation = useSignal<string | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const status = parameter('status');
  const first = useLoaded(() => listJobBriefs(filterOf(parameter('status')), pageSize));
  useEffect(() => { more.value = []; continuation.value = undefined; }, [status]);
  useEffect(() => {
    setTitle(t.common.jobs);
    const timer = setInterval(() => { if (!document.hidden) first.reload(); }, 5000);
    return () => clearInterval(timer);
  }, []);
  const next = continuation.value ?? first.value?.continuation ?? '';
  const loadMore = async () => {
    try {
      const page = await listJobBriefs(filterOf(status), pageSize, next);
      more.value = [...more.value, ...page.items];
      continuation.value = page.continuation;
    } catch (refusal) { problem.value = refusal; }
  };
  const known = new Set(first.value?.items.map((job) => job.jobId));
  const jobs = [...(first.value?.items ?? []), ...more.value.filter((job) => !known.has(job.jobId))];
  return (
    <>
      <div class="chips" role="group" aria-label={t.common.status}>
        {['', ...phases].map((name) => (
          <button type="button" key={name} aria-pressed={status === name} onClick={() => setParameters({ status: name })}>{name ? t.states[name] ?? name : t.jobs.all}</button>
        ))}
      </div>
      <Problem of={first.problem ?? problem.value} retry={first.reload} />
      {!first.value ? first.isLoading && <Loading /> : jobs.length === 0 && !next ? (
        <Empty title={status ? t.jobs.noneSo(t.states[status] ?? status) : t.jobs.none}>{t.jobs.noneHint}</Empty>
      ) : (
        <div class="table-scroll card flush" tabIndex={0} role="region" aria-label={t.common.jobs}>
          <table class="jobs-table">
            <thead><tr><th>{t.common.job}</th><th>{t.jobs.type}</th><th>{t.common.status}</th><th>{t.common.devices}</th><th class="number">{t.jobs.failed}</th><th>{t.common.started}</th><th>{t.common.ended}</th></tr></thead>
            <tbody>
              {jobs.map((job) => (
                <tr key={job.jobId}>
                  <td><a class="id" href={address('/job', { id: job.jobId })}>{job.jobId}</a>{job.note && <span class="hint note" title={job.note}>{job.note}</span>}</td>
                  <td>{typeName(job.type)}</td>
                  <td><Phase job={job} /></td>
                  <td class="with-bar"><JobBar counts={job.deviceJobStatistics} /><span class="hint">{count(job.deviceJobStatistics?.deviceCount ?? 0)}</span></td>
                  <td class="number">{count(job.deviceJobStatistics?.failedCount ?? 0)}</td>
                  <td><Time at={job.startTime} relative /></td>
                  <td><Time at={job.endTime} relative /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {next && <Button onClick={() => void loadMore()}>{t.common.loadMore}</Button>}
    </>
  );
}

function Phase({ job }: { job: JobBrief }) {
  const isOver = ['completed', 'failed', 'cancelled'].includes(job.phase);
  const phase = job.paused && !isOver ? 'paused' : job.phase;
  const verdict = isOver && job.verdict ? t.jobs.verdict(t.run.verdicts[job.verdict] ?? job.verdict) : '';
  const waves = !isOver && job.waveCount ? t.jobs.waves(job.openWaves ?? 0, job.waveCount) : '';
  return <><State of={phase} text={t.run.phases[phase]} />{(verdict || waves) && <p class="hint">{verdict || waves}</p>}</>;
}
