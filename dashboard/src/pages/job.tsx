import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type Job, type JobProgress, type StreamState, cancelJob, follow, getJob, mayRunJobs } from '../api.ts';
import { count, duration, percent, rate } from '../lib/format.ts';
import { address, parameter, setParameters } from '../router.ts';
import { Button, Code, Dialog, Empty, Loading, Problem, State, Stream, Time, useLoaded, setTitle } from '../ui/basics.tsx';
import { JobBar, Legend, ProgressChart, endedOf } from '../ui/progress.tsx';
import { History, Paused, Rollout, RolloutActions, RolloutFacts, Rules, hasRollout } from './job_rollout.tsx';
import { Approval, ApprovedBy, awaitsApproval } from './job_approval.tsx';
import { Causes } from './job_causes.tsx';
import { JobDevices } from './job_devices.tsx';
import { UndoButton, UndoneBy } from './job_undo.tsx';
import { VerifyLog } from './job_verify.tsx';
import { typeName } from './jobs.tsx';
import { t } from '../texts.ts';

const samplesMax = 600;

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
    setTitle(id);
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
  if (job?.status === 'unknown') return <Empty title={t.job.noSuchJob(id)}><a href={address('/jobs')}>{t.common.allJobs}</a></Empty>;
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
  const phase = now.paused && !isOver ? 'paused' : now.phase ?? (awaitsApproval(now) ? 'approval' : now.status);
  // Grouped and explained once nothing changes; the plain list is of a job that runs.
  const hasCauses = (counts?.failedCount ?? 0) > 0 && (isOver || !!now.paused);
  const run = (work: () => Promise<void>) => {
    problem.value = undefined;
    work().catch((refusal: unknown) => { problem.value = refusal; });
  };

  return (
    <>
      <p class="crumb"><a href={address('/jobs')}>{t.common.jobs}</a></p>
      <header class="page">
        <h1 class="id">{id}</h1>
        <div class="row wrap">
          {hasRollout(now) && <RolloutActions job={now} />}
          <UndoButton job={now} />
          {mayRunJobs() && !isOver && <Button kind="danger" onClick={() => { isCancelling.value = true; }}>{t.job.cancelJob}</Button>}
          {mayRunJobs() && isOver && (counts?.failedCount ?? 0) > 0 && <a class="button" href={address('/new-job', { from: id, in: 'failed' })}>{t.job.runAgainFailed}</a>}
          {mayRunJobs() && isOver && (counts?.canceledCount ?? 0) > 0 && <a class="button" href={address('/new-job', { from: id, in: 'canceled' })}>{t.job.runAgainCanceled}</a>}
          {mayRunJobs() && <a class="button" href={address('/new-job', { from: id })}>{t.job.makeOneLikeIt}</a>}
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
        {isOver && hasRollout(now) && <UndoneBy job={now} definition={job as Job} />}
        {now.failureReason && <p class="notice bad">{now.failureReason}</p>}
        <JobBar counts={counts} />
        {counts && <p class="figure">{t.job.figure(<strong>{percent(endedOf(counts), counts.deviceCount)}</strong>, counts.deviceCount, count(counts.deviceCount))}</p>}
        {counts && <Legend counts={counts} chosen={parameter('state')} onChoose={(state) => setParameters({ state, kind: '' })} />}
        <dl class="facts">
          <div><dt>{isOver ? t.job.meanRate : t.job.rate}</dt><dd>{t.job.perSecond(rate(now.devicesPerSecond))}</dd></div>
          <div><dt>{isOver ? t.job.took : t.job.runsFor}</dt><dd>{duration(now.elapsedSeconds)}</dd></div>
          {!isOver && <div><dt>{t.job.left}</dt><dd>{duration(now.secondsLeft)}</dd></div>}
          <div><dt>{now.status === 'scheduled' ? t.newJob.starts : t.common.started}</dt><dd><Time at={job.startTime} /></dd></div>
          <ApprovedBy job={now} />
          {isOver && <div><dt>{t.common.ended}</dt><dd><Time at={job.endTime} /></dd></div>}
        </dl>
        {hasRollout(now) && <RolloutFacts job={now} />}
        <ProgressChart samples={samples.current} all={counts?.deviceCount ?? 0} />
      </section>
      {awaitsApproval(now) && <Approval job={now} definition={job as Job} />}
      {hasRollout(now) && <Rollout job={now} definition={job as Job} />}
      {(now.failures?.length ?? 0) > 0 && !hasCauses && (
        <section class="card">
          <header><h2>{t.job.whyDevicesFailed}</h2></header>
          <ul class="plain reasons">
            {now.failures?.map((failure) => (
              <li key={`${failure.code} ${failure.description}`}><span class="number">{count(failure.count)}</span><span class="break">{failure.description} <span class="hint">{failure.code}</span></span></li>
            ))}
            {(now.otherFailures ?? 0) > 0 && <li><span class="number">{count(now.otherFailures ?? 0)}</span><span>{t.job.otherReasons}</span></li>}
          </ul>
        </section>
      )}
      {hasCauses && <Causes id={id} isOver={isOver} key={`${now.status} ${now.revision ?? 0}`} />}
      {(now.answers?.length ?? 0) > 0 && (
        <section class="card">
          <header><h2>{t.job.devicesAnswered}</h2></header>
          <ul class="plain reasons">
            {now.answers?.map((answer) => <li key={answer.status}><span class="number">{count(answer.count)}</span><span>{t.job.withStatus(answer.status)}</span></li>)}
            {(now.otherAnswers ?? 0) > 0 && <li><span class="number">{count(now.otherAnswers ?? 0)}</span><span>{t.job.withOthers}</span></li>}
          </ul>
        </section>
      )}
      <JobDevices id={id} job={now} key={`${parameter('state')} ${parameter('kind')} ${parameter('wave')} ${isOver}`} />
      {hasRollout(now) && <Rules job={now} />}
      {hasRollout(now) && <History job={now} />}
      {hasRollout(now) && <VerifyLog id={id} />}
      <details class="card">
        <summary>{t.job.definition}</summary>
        <Code text={JSON.stringify(job, null, 2)} what={t.job.definitionNamed} />
      </details>
      {isCancelling.value && (
        <Dialog title={t.job.cancelJobAsk} onClose={() => { isCancelling.value = false; }}>
          <p>{t.job.cancelSays(count(counts?.pendingCount ?? 0), count(counts ? endedOf(counts) : 0), count(counts?.runningCount ?? 0))}</p>
          <footer class="row end">
            <Button onClick={() => { isCancelling.value = false; }}>{t.job.letItRun}</Button>
            <Button kind="danger" onClick={() => { isCancelling.value = false; run(async () => { await cancelJob(id); }); }}>{t.job.cancelJob}</Button>
          </footer>
        </Dialog>
      )}
    </>
  );
}
