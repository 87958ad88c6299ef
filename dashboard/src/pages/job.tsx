import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type DeviceJob, type JobProgress, type StreamState, cancelJob, follow, getJob, mayChange, query, queryAll } from '../api.ts';
import { toCsv, toNdjson } from '../lib/csv.ts';
import { count, duration, percent, rate } from '../lib/format.ts';
import { jobRowsStatement } from '../lib/query.ts';
import { address, parameter, setParameters } from '../router.ts';
import { Button, Code, Dialog, Empty, Loading, Problem, State, Stream, Time, save, useLoaded } from '../ui/basics.tsx';
import { JobBar, Legend, ProgressChart, endedOf } from '../ui/progress.tsx';
import { History, Paused, Rollout, RolloutActions, RolloutFacts, hasRollout } from './job_rollout.tsx';
import { typeName } from './jobs.tsx';
import { t } from '../texts.ts';

const samplesMax = 600;
const exportMax = 200_000;

export function JobPage() {
  const id = parameter('id');
  return <OneJob key={id} id={id} />;
}

function OneJob({ id }: { id: string }) {
  const progress = useSignal<JobProgress | undefined>(undefined);
  const stream = useSignal<StreamState>('connecting');
  const samples = useRef<{ at: number; ended: number; failed: number }[]>([]);
  const isCancelling = useSignal(false);
  const problem = useSignal<unknown>(undefined);
  const definition = useLoaded(() => {
    void progress.value?.status; // its times are known when it starts and ends
    return getJob(id);
  });

  useEffect(() => {
    document.title = `${id} · Carillon`;
    return follow<JobProgress>(`/carillon/jobs/${encodeURIComponent(id)}/events`, (document) => {
      const counts = document.deviceJobStatistics;
      if (counts) {
        const sample = { at: Date.now(), ended: endedOf(counts), failed: counts.failedCount };
        // Of a long job every second sample goes, and goes again, so that it keeps its whole course.
        if (samples.current.length >= samplesMax) samples.current = samples.current.filter((_, i) => i % 2 === 0);
        samples.current.push(sample);
      }
      progress.value = document;
    }, (state) => { stream.value = state; });
  }, []);

  const job = definition.value;
  if (job?.status === 'unknown') return <Empty title={`There is no job ${id}.`}><a href={address('/jobs')}>All jobs</a></Empty>;
  const now = progress.value;
  if (!now || !job) {
    return (
      <>
        <header class="page"><h1 class="id">{id}</h1></header>
        {definition.problem ? <Problem of={definition.problem} retry={definition.reload} /> : <Loading />}
      </>
    );
  }
  const counts = now.deviceJobStatistics;
  const isOver = ['completed', 'failed', 'cancelled'].includes(now.status);
  const phase = now.paused && !isOver ? 'paused' : now.phase ?? now.status;
  const run = (work: () => Promise<void>) => {
    problem.value = undefined;
    work().catch((refusal: unknown) => { problem.value = refusal; });
  };

  return (
    <>
      <p class="crumb"><a href={address('/jobs')}>Jobs</a></p>
      <header class="page">
        <h1 class="id">{id}</h1>
        <div class="row wrap">
          {hasRollout(now) && <RolloutActions job={now} />}
          {mayChange() && !isOver && <Button kind="danger" onClick={() => { isCancelling.value = true; }}>Cancel the job</Button>}
          {mayChange() && isOver && (counts?.failedCount ?? 0) > 0 && <a class="button" href={address('/new-job', { from: id, in: 'failed' })}>Run again where it failed</a>}
          {mayChange() && isOver && (counts?.canceledCount ?? 0) > 0 && <a class="button" href={address('/new-job', { from: id, in: 'canceled' })}>Run again for those canceled</a>}
          {mayChange() && <a class="button" href={address('/new-job', { from: id })}>Make one like it</a>}
        </div>
      </header>
      <Problem of={problem.value} />
      <section class="card progress">
        <header>
          <h2><State of={phase} text={t.run.phases[phase]} /></h2>
          <span class="hint">{typeName(now.type)}{job.cloudToDeviceMethod ? ` · ${String((job.cloudToDeviceMethod as { methodName?: string }).methodName)}` : ''}</span>
          <Stream state={stream.value} />
        </header>
        <Paused job={now} />
        {now.failureReason && <p class="notice bad">{now.failureReason}</p>}
        <JobBar counts={counts} />
        {counts && <p class="figure"><strong>{percent(endedOf(counts), counts.deviceCount)}</strong> of {count(counts.deviceCount)} devices {isOver ? '' : 'so far'}</p>}
        {counts && <Legend counts={counts} chosen={parameter('state')} onChoose={(state) => setParameters({ state, reason: '' })} />}
        <dl class="facts">
          <div><dt>{isOver ? 'Mean rate' : 'Rate'}</dt><dd>{rate(now.devicesPerSecond)} devices/s</dd></div>
          <div><dt>{isOver ? 'Took' : 'Runs for'}</dt><dd>{duration(now.elapsedSeconds)}</dd></div>
          {!isOver && <div><dt>Left</dt><dd>{duration(now.secondsLeft)}</dd></div>}
          <div><dt>Started</dt><dd><Time at={job.startTime} /></dd></div>
          {isOver && <div><dt>Ended</dt><dd><Time at={job.endTime} /></dd></div>}
        </dl>
        {hasRollout(now) && <RolloutFacts job={now} />}
        <ProgressChart samples={samples.current} all={counts?.deviceCount ?? 0} />
      </section>
      {hasRollout(now) && <Rollout job={now} />}
      {(now.failures?.length ?? 0) > 0 && (
        <section class="card">
          <header><h2>Why devices failed</h2></header>
          <ul class="plain reasons">
            {now.failures?.map((failure) => (
              <li key={`${failure.code} ${failure.description}`}><span class="number">{count(failure.count)}</span><span class="break">{failure.description} <span class="hint">{failure.code}</span></span></li>
            ))}
            {(now.otherFailures ?? 0) > 0 && <li><span class="number">{count(now.otherFailures ?? 0)}</span><span>for other reasons</span></li>}
          </ul>
        </section>
      )}
      {(now.answers?.length ?? 0) > 0 && (
        <section class="card">
          <header><h2>What devices answered</h2></header>
          <ul class="plain reasons">
            {now.answers?.map((answer) => <li key={answer.status}><span class="number">{count(answer.count)}</span><span>with status {answer.status}</span></li>)}
            {(now.otherAnswers ?? 0) > 0 && <li><span class="number">{count(now.otherAnswers ?? 0)}</span><span>with others</span></li>}
          </ul>
        </section>
      )}
      <Devices id={id} state={parameter('state')} key={`${parameter('state')} ${isOver}`} />
      {hasRollout(now) && <History job={now} />}
      <details class="card">
        <summary>Definition</summary>
        <Code text={JSON.stringify(job, null, 2)} what="definition" />
      </details>
      {isCancelling.value && (
        <Dialog title="Cancel the job?" onClose={() => { isCancelling.value = false; }}>
          <p>{count(counts?.pendingCount ?? 0)} devices that wait are not touched any more. What has been done on {count(counts ? endedOf(counts) : 0)} devices stays; {count(counts?.runningCount ?? 0)} under way may still finish.</p>
          <footer class="row end">
            <Button onClick={() => { isCancelling.value = false; }}>Let it run</Button>
            <Button kind="danger" onClick={() => { isCancelling.value = false; run(async () => { await cancelJob(id); }); }}>Cancel the job</Button>
          </footer>
        </Dialog>
      )}
    </>
  );
}

function Devices({ id, state }: { id: string; state: string }) {
  const rows = useSignal<DeviceJob[]>([]);
  const next = useSignal<string | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(true);
  const load = async (continuation: string) => {
    isBusy.value = true;
    try {
      const page = await query<DeviceJob>(jobRowsStatement(id, state), 100, continuation);
      rows.value = continuation ? [...rows.value, ...page.items] : page.items;
      next.value = page.continuation;
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  useEffect(() => void load(''), []);
  const take = async (kind: 'csv' | 'ndjson') => {
    problem.value = undefined;
    isBusy.value = true;
    try {
      const { rows: all, isWhole } = await queryAll<DeviceJob>(jobRowsStatement(id, state), exportMax);
      if (!isWhole) throw new Error(`More than ${count(exportMax)} rows. The command line takes any number: carillon job devices ${id} -o ${kind}`);
      const flat = all.map((row) => ({ deviceId: row.deviceId, moduleId: row.moduleId, status: row.status, startTimeUtc: row.startTimeUtc, endTimeUtc: row.endTimeUtc, error: row.error?.description, response: row.outcome?.deviceMethodResponse }));
      if (kind === 'csv') save(`${id}.csv`, 'text/csv', toCsv(flat));
      else save(`${id}.ndjson`, 'application/x-ndjson', toNdjson(all));
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  return (
    <section class="card flush">
      <header class="inset">
        <h2>Devices{state && `: ${state}`}</h2>
        <div class="row">
          <Button kind="quiet" icon="refresh" onClick={() => void load('')}>Refresh</Button>
          <Button kind="quiet" icon="download" disabled={isBusy.value} onClick={() => void take('csv')}>CSV</Button>
          <Button kind="quiet" icon="download" disabled={isBusy.value} onClick={() => void take('ndjson')}>NDJSON</Button>
        </div>
      </header>
      <Problem of={problem.value} />
      {rows.value.length === 0 ? (isBusy.value ? <Loading /> : <Empty title="No device is in this state." />) : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label="Devices of this job">
          <table>
            <thead><tr><th>Device</th><th>Status</th><th>Last change</th><th>Outcome</th></tr></thead>
            <tbody>
              {rows.value.map((row) => (
                <tr key={`${row.deviceId} ${row.moduleId ?? ''}`}>
                  <td><a class="id" href={address('/device', { id: row.deviceId })}>{row.deviceId}{row.moduleId && `/${row.moduleId}`}</a></td>
                  <td><State of={row.status} /></td>
                  <td><Time at={row.lastUpdatedDateTimeUtc} relative /></td>
                  <td class="cell">{row.error ? row.error.description : row.outcome?.deviceMethodResponse ? JSON.stringify(row.outcome.deviceMethodResponse) : ''}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {next.value && <div class="inset"><Button disabled={isBusy.value} onClick={() => void load(next.value ?? '')}>Load more</Button></div>}
    </section>
  );
}
