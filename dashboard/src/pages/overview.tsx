import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Job, type Overview, follow, getHealth, listAudit, listEndpoints, listJobBriefs, listJobs, may, mayAll, mayRunJobs, type StreamState } from '../api.ts';
import { attentionOf } from '../lib/attention.ts';
import { count, duration, percent, rate } from '../lib/format.ts';
import { address } from '../router.ts';
import { Empty, Icon, Loading, Problem, State, Stream, Time, useLoaded, setTitle } from '../ui/basics.tsx';
import { JobBar, Sparkline } from '../ui/progress.tsx';
import { t } from '../texts.ts';

const samples = 120;
const lookEveryMs = 30_000;
const changesShown = 8;
const changesRead = 3 * changesShown;
const approvalsShown = 8;
const rates = [
  ['connectsPerSecond', t.overview.connects],
  ['disconnectsPerSecond', t.overview.disconnects],
  ['methodsPerSecond', t.overview.methodCalls],
  ['writesPerSecond', t.overview.twinWrites],
  ['messagesPerSecond', t.overview.messages],
] as const;
type RateName = (typeof rates)[number][0];

export function OverviewPage() {
  const now = useSignal<Overview | undefined>(undefined);
  const stream = useSignal<StreamState>('connecting');
  const history = useSignal<Record<RateName, number[]>>({ connectsPerSecond: [], disconnectsPerSecond: [], methodsPerSecond: [], writesPerSecond: [], messagesPerSecond: [] });
  const runningBefore = useSignal('');
  const recent = useLoaded(() => {
    void runningBefore.value; // a job that began or ended changes the list
    return listJobs({}, 8);
  });
  const waiting = useLoaded(async () => (await listJobBriefs({ phase: 'approval' }, approvalsShown)).items);
  const health = useLoaded(getHealth);
  const endpoints = useLoaded(async () => (may('ServiceConnect') ? listEndpoints() : []));
  const changes = useLoaded(async () => {
    if (!mayAll()) return [];
    const { last } = await listAudit(0, 1);
    const { entries } = await listAudit(Math.max(0, last - changesRead), changesRead);
    // A plan is an operation that writes, and changes nothing.
    return entries.filter(({ operation }) => !operation.includes(' /carillon/plans')).slice(-changesShown).reverse();
  });

  useEffect(() => {
    const timer = setInterval(() => {
      if (document.hidden) return;
      for (const part of [waiting, health, endpoints, changes]) part.reload();
    }, lookEveryMs);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    setTitle(t.common.overview);
    return follow<Overview>('/carillon/overview/events', (document) => {
      now.value = document;
      runningBefore.value = document.runningJobs.map((job) => job.jobId).join();
      const next = { ...history.value };
      for (const [name] of rates) {
        const value = document[name];
        if (value !== null) next[name] = [...next[name], value].slice(-samples);
      }
      history.value = next;
    }, (state) => { stream.value = state; });
  }, []);

  const hub = now.value;
  const ended = (recent.value?.items ?? []).filter((job) => ['completed', 'failed', 'cancelled'].includes(job.status));
  const failing = ended.filter((job) => job.status === 'failed' || (job.deviceJobStatistics?.failedCount ?? 0) > 0);
  const attention = attentionOf(health.value, endpoints.value, Date.now());
  return (
    <>
      <header class="page">
        <h1>{t.common.overview}</h1>
        <Stream state={stream.value} />
      </header>
      {!hub ? <Loading /> : (
        <>
          <section class="tiles" aria-label={t.overview.fleetNow}>
            <a class="tile big" href={address('/devices')}>
              <span class="name">{t.overview.registeredDevices}</span>
              <span class="value" data-testid="registered">{count(hub.registeredCount)}</span>
            </a>
            <a class="tile big" href={address('/devices', { w: "connectionState = 'Connected'" })}>
              <span class="name">{t.overview.connected}</span>
              <span class="value" data-testid="connected">{count(hub.connectedCount)}</span>
              <span class="hint">{t.overview.ofRegistered(percent(Math.min(hub.connectedCount, hub.registeredCount), hub.registeredCount))}</span>
            </a>
            {rates.map(([name, label]) => (
              <div class="tile" key={name}>
                <span class="name">{label}/s</span>
                <span class="value">{rate(hub[name])}</span>
                <Sparkline values={history.value[name]} label={t.overview.lately(label)} />
              </div>
            ))}
          </section>
          <section class="card">
            <header><h2>{t.overview.runningJobs}</h2>{hub.runningJobCount > hub.runningJobs.length && <span class="hint">{t.overview.newest(count(hub.runningJobCount))}</span>}</header>
            {hub.runningJobs.length === 0 ? (
              <Empty title={t.overview.noneRunning}>{mayRunJobs() && <a href={address('/new-job')}>{t.common.makeJob}</a>}</Empty>
            ) : (
              <ul class="jobs">
                {hub.runningJobs.map((job) => (
                  <li key={job.jobId}>
                    <a class="id" href={address('/job', { id: job.jobId })}>{job.jobId}</a>
                    <JobBar counts={job.deviceJobStatistics} />
                    <span class="hint">{t.job.perSecond(rate(job.devicesPerSecond))}{job.secondsLeft != null && t.overview.left(duration(job.secondsLeft))}</span>
                  </li>
                ))}
              </ul>
            )}
          </section>
        </>
      )}
      <Problem of={recent.problem} retry={recent.reload} />
      {attention.length + failing.length + (waiting.value?.length ?? 0) > 0 && (
        <section class="card">
          <header><h2>{t.overview.needsAttention}</h2></header>
          <ul class="plain">
            {attention.map(({ key, text, page }) => <li key={key} class="attention"><Icon name="warning" /><a class="break" href={address(page)}>{text}</a></li>)}
            {waiting.value?.map(({ jobId }) => <li key={jobId} class="attention"><Icon name="warning" /><span><a class="id" href={address('/job', { id: jobId })}>{jobId}</a> {t.approval.isWaiting}</span></li>)}
            {failing.map((job) => (
              <li key={job.jobId} class="attention">
                <Icon name="warning" />
                <span><a class="id" href={address('/job', { id: job.jobId })}>{job.jobId}</a> {failureOf(job)}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {ended.length > 0 && (
        <section class="card">
          <header><h2>{t.overview.endedLast}</h2><a href={address('/jobs')}>{t.common.allJobs}</a></header>
          <ul class="jobs">
            {ended.map((job) => (
              <li key={job.jobId}>
                <a class="id" href={address('/job', { id: job.jobId })}>{job.jobId}</a>
                <JobBar counts={job.deviceJobStatistics} />
                <span class="hint"><State of={job.status} /> <Time at={job.endTime} relative /></span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {(changes.value?.length ?? 0) > 0 && (
        <section class="card">
          <header><h2>{t.overview.lastChanges}</h2><a href={address('/audit')}>{t.audit.title}</a></header>
          <ul class="plain">
            {changes.value?.map((entry) => (
              <li key={entry.sequence} class="break"><Time at={entry.time} relative /> · <span class="id">{entry.policy || t.run.hub}</span> · <code>{entry.operation}</code> {entry.target}</li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function failureOf(job: Job): string {
  const failed = job.deviceJobStatistics?.failedCount ?? 0;
  return failed > 0 ? t.overview.failed(failed, count(failed)) : `– ${job.failureReason ?? t.states.failed ?? ''}`;
}
