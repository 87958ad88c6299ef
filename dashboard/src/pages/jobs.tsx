import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Job, listJobs, mayChange } from '../api.ts';
import { count } from '../lib/format.ts';
import { address, parameter, setParameters } from '../router.ts';
import { Button, Empty, Loading, Problem, State, Time, useLoaded, setTitle } from '../ui/basics.tsx';
import { JobBar } from '../ui/progress.tsx';
import { t } from '../texts.ts';
import { Calendar } from './calendar.tsx';

const pageSize = 50;
const statuses = ['running', 'scheduled', 'queued', 'completed', 'failed', 'cancelled'];
export const typeName = (type: string) => (type === 'scheduleDeviceMethod' ? t.common.method : t.jobs.twinUpdate);

export function JobsPage() {
  const isCalendar = parameter('view') === 'calendar';
  return (
    <>
      <header class="page">
        <h1>{t.common.jobs}</h1>
        {mayChange() && <a class="button primary" href={address('/new-job')}>{t.common.makeJob}</a>}
      </header>
      <div class="tabs" role="tablist" aria-label={t.calendar.view}>
        <button type="button" role="tab" aria-selected={!isCalendar} onClick={() => setParameters({ view: '', month: '' })}>{t.calendar.list}</button>
        <button type="button" role="tab" aria-selected={isCalendar} onClick={() => setParameters({ view: 'calendar' })}>{t.calendar.title}</button>
      </div>
      {isCalendar ? <Calendar /> : <List />}
    </>
  );
}

function List() {
  const more = useSignal<Job[]>([]);
  const continuation = useSignal<string | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const status = parameter('status');
  const first = useLoaded(async () => {
    const filter = { status: parameter('status'), type: parameter('type') };
    const page = await listJobs(filter, pageSize);
    return page;
  });
  useEffect(() => { more.value = []; continuation.value = undefined; }, [status, parameter('type')]);
  useEffect(() => {
    setTitle(t.common.jobs);
    const timer = setInterval(() => { if (!document.hidden) first.reload(); }, 5000);
    return () => clearInterval(timer);
  }, []);
  const next = continuation.value ?? first.value?.continuation ?? '';
  const loadMore = async () => {
    try {
      const page = await listJobs({ status, type: parameter('type') }, pageSize, next);
      more.value = [...more.value, ...page.items];
      continuation.value = page.continuation;
    } catch (refusal) { problem.value = refusal; }
  };
  const known = new Set(first.value?.items.map((job) => job.jobId));
  const jobs = [...(first.value?.items ?? []), ...more.value.filter((job) => !known.has(job.jobId))];
  return (
    <>
      <div class="filters">
        <div class="chips" role="group" aria-label={t.common.status}>
          {['', ...statuses].map((name) => (
            <button type="button" key={name} aria-pressed={status === name} onClick={() => setParameters({ status: name })}>{name ? t.states[name] ?? name : t.jobs.all}</button>
          ))}
        </div>
        <select aria-label={t.jobs.type} value={parameter('type')} onChange={(event) => setParameters({ type: event.currentTarget.value })}>
          <option value="">{t.jobs.everyType}</option>
          <option value="scheduleUpdateTwin">{t.jobs.twinUpdates}</option>
          <option value="scheduleDeviceMethod">{t.jobs.methods}</option>
        </select>
      </div>
      <Problem of={first.problem ?? problem.value} retry={first.reload} />
      {!first.value ? first.isLoading && <Loading /> : jobs.length === 0 ? (
        <Empty title={status ? t.jobs.noneSo(t.states[status] ?? status) : t.jobs.none}>{t.jobs.noneHint}</Empty>
      ) : (
        <div class="table-scroll card flush" tabIndex={0} role="region" aria-label={t.common.jobs}>
          <table class="jobs-table">
            <thead><tr><th>{t.common.job}</th><th>{t.jobs.type}</th><th>{t.common.status}</th><th>{t.common.devices}</th><th class="number">{t.jobs.failed}</th><th>{t.common.started}</th><th>{t.common.ended}</th></tr></thead>
            <tbody>
              {jobs.map((job) => (
                <tr key={job.jobId}>
                  <td><a class="id" href={address('/job', { id: job.jobId })}>{job.jobId}</a></td>
                  <td>{typeName(job.type)}</td>
                  <td><State of={job.status} /></td>
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
