// Jobs that are planned, on the days of a month.

import { type Job, listJobs } from '../api.ts';
import { byDay, dayKey, monthFrom, monthKey, weeksOf } from '../lib/calendar.ts';
import { clockTime, dayName, monthName, weekdayName } from '../lib/format.ts';
import type { JsonObject } from '../lib/json.ts';
import { closingFor, windowsDraftOf } from '../lib/windows.ts';
import { address, parameter, setParameters } from '../router.ts';
import { t } from '../texts.ts';
import { Button, Empty, Loading, Problem, Time, useLoaded, useNow } from '../ui/basics.tsx';
import { FirstOpening } from '../ui/windows_form.tsx';
import { typeName } from './jobs.tsx';

const plannedMax = 1000;

async function plannedJobs(): Promise<{ jobs: Job[]; isWhole: boolean }> {
  const jobs: Job[] = [];
  let continuation = '';
  do {
    const page = await listJobs({ status: 'scheduled' }, 100, continuation);
    jobs.push(...page.items);
    continuation = page.continuation;
  } while (continuation && jobs.length < plannedMax);
  return { jobs, isWhole: !continuation };
}

const shownADay = 4;

export function Calendar() {
  const today = new Date(useNow());
  const planned = useLoaded(plannedJobs);
  const { year, month } = monthFrom(parameter('month'), today);
  if (!planned.value) return planned.isLoading ? <Loading /> : <Problem of={planned.problem} retry={planned.reload} />;
  const { jobs, isWhole } = planned.value;
  const days = byDay(jobs, (job) => job.startTime);
  const weeks = weeksOf(year, month);
  const upcoming = [...jobs].sort((a, b) => Date.parse(a.startTime) - Date.parse(b.startTime));
  const c = t.calendar;
  return (
    <>
      <Problem of={planned.problem} retry={planned.reload} />
      <section class="card flush">
        <header class="inset">
          <h2>{monthName(new Date(year, month, 1))}</h2>
          <div class="row">
            <Button kind="quiet" aria-label={c.before} onClick={() => setParameters({ month: monthKey(year, month - 1) })}>‹</Button>
            <Button kind="quiet" onClick={() => setParameters({ month: '' })}>{c.today}</Button>
            <Button kind="quiet" aria-label={c.after} onClick={() => setParameters({ month: monthKey(year, month + 1) })}>›</Button>
            <Button kind="quiet" icon="refresh" onClick={planned.reload}>{t.run.historyRefresh}</Button>
          </div>
        </header>
        <div class="table-scroll" tabIndex={0} role="region" aria-label={c.title}>
          <table class="calendar">
            <thead><tr>{weeks[0]?.map((day) => <th key={day.getDay()} scope="col">{weekdayName(day)}</th>)}</tr></thead>
            <tbody>
              {weeks.map((week) => (
                <tr key={dayKey(week[0] as Date)}>
                  {week.map((day) => {
                    const there = days.get(dayKey(day)) ?? [];
                    return (
                      <td key={dayKey(day)} class={`${day.getMonth() === month ? '' : 'outside'} ${dayKey(day) === dayKey(today) ? 'today' : ''}`}>
                        <span class="day">{day.getDate()}</span>
                        {there.slice(0, shownADay).map((job) => <a key={job.jobId} href={address('/job', { id: job.jobId })} title={job.jobId}>{clockTime(job.startTime)} {job.jobId}</a>)}
                        {there.length > shownADay && <span class="hint">{c.more(there.length - shownADay)}</span>}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
      {!isWhole && <p class="notice warn">{c.notAll(plannedMax)}</p>}
      <section class="card">
        <header><h2>{c.upcoming}</h2></header>
        {upcoming.length === 0 ? <Empty title={c.none}>{c.noneHint}</Empty> : (
          <ul class="plain">
            {upcoming.slice(0, 20).map((job) => (
              <li key={job.jobId} class="row wrap"><Time at={job.startTime} /><a class="id" href={address('/job', { id: job.jobId })}>{job.jobId}</a><span class="hint">{typeName(job.type)} · <Time at={job.startTime} relative /></span><Begins job={job} /></li>
            ))}
          </ul>
        )}
      </section>
    </>
  );
}

/** When the devices of a job begin, if it has windows. */
function Begins({ job }: { job: Job }) {
  const { windows } = (job.rollout ?? {}) as { windows?: JsonObject };
  return windows ? <FirstOpening windows={windowsDraftOf(windows)} start={Date.parse(job.startTime)} closing={closingFor(job)} /> : null;
}

/** What else is planned on the day for which a job is being written. */
export function PlannedThen({ start }: { start: string }) {
  const planned = useLoaded(plannedJobs);
  const then = new Date(start);
  if (!start || Number.isNaN(then.getTime()) || !planned.value) return null;
  const there = byDay(planned.value.jobs, (job) => job.startTime).get(dayKey(then)) ?? [];
  return (
    <div class="sample" role="status">
      <p>{there.length === 0 ? t.calendar.noneThen(dayName(then)) : t.calendar.then(dayName(then))}</p>
      {there.length > 0 && <ul class="plain">{there.map((job) => <li key={job.jobId}>{clockTime(job.startTime)} <span class="id">{job.jobId}</span></li>)}</ul>}
    </div>
  );
}
