// What tests of jobs share, whichever SDK made the job.

import assert from 'node:assert/strict';
import { call, until } from './hub.mjs';

let made = 0;
/** A job id that is new in this run. */
export const newJob = (name) => `${name}-${process.pid}-${++made}`;

/** The statistics of a job, checked: the parts always make up the whole. */
export function counts(job) {
  const s = job.deviceJobStatistics;
  if (!s) return null;
  const sum = s.pendingCount + s.runningCount + s.succeededCount + s.failedCount + (s.canceledCount ?? 0);
  assert.equal(s.deviceCount, sum, `the counts of ${job.jobId} do not add up: ${JSON.stringify(s)}`);
  return [s.deviceCount, s.failedCount, s.succeededCount, s.runningCount, s.pendingCount];
}

/** Looks at a job until `wanted(job)`; every look must add up. */
export function watch(jobs, id, wanted, what) {
  let last;
  return until(async () => {
    last = value(await call(jobs, 'getJob', id));
    counts(last);
    return wanted(last) ? last : null;
  }, () => `${id} to be ${what}; it is ${JSON.stringify(last)}`);
}

export const isOver = (job) => ['completed', 'failed', 'cancelled'].includes(job.status);
export const end = (jobs, id) => watch(jobs, id, isOver, 'over');

/** Today's SDK wraps an answer when it has no callback; with one it gives the body itself. */
export const value = (answer) => answer?.responseBody ?? answer;

/** All rows of a paged query, and the sizes of its pages. */
export async function pages(query) {
  const rows = [];
  const sizes = [];
  while (query.hasMoreResults) {
    const page = await call(query, 'next');
    rows.push(...page);
    sizes.push(page.length);
    if (sizes.length > 1000) throw new Error('the pages do not end');
  }
  return { rows, sizes };
}
