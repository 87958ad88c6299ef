import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Job, listJobs, mayChange } from '../api.ts';
import { count } from '../lib/format.ts';
import { address, parameter, setParameters } from '../router.ts';
import { Button, Empty, Loading, Problem, State, Time, useLoaded } from '../ui/basics.tsx';
import { JobBar } from '../ui/progress.tsx';
import { t } from '../texts.ts';
import { Calendar } from './calendar.tsx';

const pageSize = 50;
const statuses = ['running', 'scheduled', 'queued', 'completed', 'failed', 'cancelled'];
export const typeName = (type: string) => (type === 'scheduleDeviceMethod' ? 'Method' : 'Twin update');

export function JobsPage() {
  const isCalendar = parameter('view') === 'calendar';
  return (
    <>
      <header class="page">
        <h1>Jobs</h1>
        {mayChange() && <a class="button primary" href={address('/new-job')}>Make a job</a>}
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
    document.title = 'Jobs · Carillon';
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
        <div class="chips" role="group" aria-label="Status">
          {['', ...statuses].map((name) => (
            <button type="button" key={name} aria-pressed={status === name} onClick={() => setParameters({ status: name })}>{name || 'all'}</button>
          ))}
        </div>
        <select aria-label="Type" value={parameter('type')} onChange={(event) => setParameters({ type: event.currentTarget.value })}>
          <option value="">every type</option>
          <option value="scheduleUpdateTwin">twin updates</option>
          <option value="scheduleDeviceMethod">methods</option>
        </select>
      </div>
      <Problem of={first.problem ?? problem.value} retry={first.reload} />
      {!first.value ? first.isLoading && <Loading /> : jobs.length === 0 ? (
        <Empty title={status ? `No job is ${status}.` : 'There are no jobs yet.'}>A job changes the twins, or calls a method, of all devices that a query finds.</Empty>
      ) : (
        <div class="table-scroll card flush" tabIndex={0} role="region" aria-label="Jobs">
          <table class="jobs-table">
            <thead><tr><th>Job</th><th>Type</th><th>Status</th><th>Devices</th><th class="number">Failed</th><th>Started</th><th>Ended</th></tr></thead>
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
      {next && <Button onClick={() => void loadMore()}>Load more</Button>}
    </>
  );
}
