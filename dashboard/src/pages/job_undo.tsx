// Taking back what a twin job wrote, and where that was done.

import { useSignal } from '@preact/signals';
import { type Job, type JobProgress, createJob, listJobBriefs, mayRunJobs } from '../api.ts';
import { bodyOf, draftUndo } from '../lib/draft.ts';
import { count } from '../lib/format.ts';
import { address, go } from '../router.ts';
import { t } from '../texts.ts';
import { Button, Dialog, Field, Problem, useLoaded } from '../ui/basics.tsx';

/** So many of the newest jobs are looked at for those that took this one back. */
const searched = 100;

const rolloutOf = (job: JobProgress) => (job.rollout ?? {}) as { undo?: boolean; undoOf?: string };
const isOver = (job: JobProgress) => ['completed', 'failed', 'cancelled'].includes(job.status);

/** Whether the job kept what it overwrote, and is over. */
export const canUndo = (job: JobProgress) =>
  job.type === 'scheduleUpdateTwin' && job.rollout !== undefined && isOver(job) && rolloutOf(job).undo !== false && (job.attempts ?? 0) > 0;

export function UndoButton({ job }: { job: JobProgress }) {
  const isAsking = useSignal(false);
  if (!mayRunJobs() || !canUndo(job)) return null;
  return (
    <>
      <Button kind="danger" onClick={() => { isAsking.value = true; }}>{t.undo.button}</Button>
      {isAsking.value && <Undo job={job} onClose={() => { isAsking.value = false; }} />}
    </>
  );
}

function Undo({ job, onClose }: { job: JobProgress; onClose: () => void }) {
  const draft = useSignal(draftUndo(job.jobId));
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);
  const u = t.undo;
  const id = draft.value.id;
  const create = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    problem.value = undefined;
    try {
      await createJob(id, bodyOf(draft.value));
      go(address('/job', { id }));
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  return (
    <Dialog title={u.title} onClose={onClose}>
      <form onSubmit={(event) => void create(event)}>
        <p>{u.says(count(job.attempts ?? 0))}</p>
        <p class="hint">{u.conflicts}</p>
        <Field label={t.newJob.jobId} hint={t.newJob.jobIdHint}>
          <input name="job-id" required maxLength={64} pattern="[A-Za-z0-9'\-]+" spellcheck={false} value={id} onInput={(event) => { draft.value = { ...draft.value, id: event.currentTarget.value }; }} />
        </Field>
        <Problem of={problem.value} />
        <footer class="row end wrap">
          <Button onClick={onClose}>{t.run.back}</Button>
          <a class="button" href={address('/new-job', { undo: job.jobId })}>{u.carefully}</a>
          <Button type="submit" kind="danger" disabled={isBusy.value}>{u.button}</Button>
        </footer>
      </form>
    </Dialog>
  );
}

/** What this job took back, or which jobs took it back. */
export function UndoneBy({ job, definition }: { job: JobProgress; definition: Job }) {
  const { undoOf } = rolloutOf(job);
  const by = useLoaded(async () => {
    if (!canUndo(job)) return [];
    const { items } = await listJobBriefs({}, searched);
    return items.filter((one) => one.undoOf === definition.jobId).map((one) => one.jobId);
  });
  return (
    <>
      {undoOf && <p class="notice">{t.undo.takesBack} <a class="id" href={address('/job', { id: undoOf })}>{undoOf}</a></p>}
      {by.value?.map((id) => <p key={id} class="notice">{t.undo.takenBackBy} <a class="id" href={address('/job', { id })}>{id}</a></p>)}
    </>
  );
}
