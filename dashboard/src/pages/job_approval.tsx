// A job that waits until other policies have approved it: why it does, and the decision.

import { useSignal } from '@preact/signals';
import { type Job, type JobProgress, ApiError, decideJob, listApprovalRules, may, mayChange, session } from '../api.ts';
import { approvalProblem, approvalRuleText } from '../lib/approval.ts';
import { count } from '../lib/format.ts';
import { t } from '../texts.ts';
import { Button, Code, Dialog, Field, Problem, useLoaded } from '../ui/basics.tsx';

type Asked = NonNullable<JobProgress['approval']>;
type Decision = 'approve' | 'deny';

export const awaitsApproval = (job: JobProgress) => job.status === 'scheduled' && (job.approval?.missing ?? 0) > 0;

const givenBy = ({ given }: Asked) => given.map(({ by, says }) => (says ? `${by} (${says})` : by)).join(', ');

/** Of a job that was approved, and of one that some policies have approved. */
export function ApprovedBy({ job: { approval } }: { job: JobProgress }) {
  if (!approval?.given.length) return null;
  return <div><dt>{t.approval.givenBy}</dt><dd class="break">{givenBy(approval)}</dd></div>;
}

export function Approval({ job, definition }: { job: JobProgress; definition: Job }) {
  const deciding = useSignal<{ what: Decision; asked: Asked } | undefined>(undefined);
  const rules = useLoaded(listApprovalRules);
  const asked = job.approval as Asked;
  const a = t.approval;
  const policy = session.value?.policy ?? '';
  const refusal = !may('JobApprove') ? a.right : !mayChange() ? a.readsOnly : approvalProblem(asked, policy, rules.value ?? []);
  return (
    <section class="card" aria-label={a.title}>
      <header>
        <h2>{a.title}</h2>
        {!refusal && rules.value && (
          <div class="row wrap">
            <Button kind="primary" onClick={() => { deciding.value = { what: 'approve', asked }; }}>{a.approve}</Button>
            <Button kind="danger" onClick={() => { deciding.value = { what: 'deny', asked }; }}>{a.deny}</Button>
          </div>
        )}
      </header>
      <dl class="facts">
        <div><dt>{t.common.devices}</dt><dd>{count(asked.deviceCount)}</dd></div>
        <div><dt>{a.createdBy}</dt><dd class="break">{asked.createdBy}</dd></div>
        <div><dt>{a.missing}</dt><dd>{count(asked.missing)}</dd></div>
      </dl>
      <ul class="plain">
        {asked.rules.map((name) => {
          const rule = rules.value?.find((one) => one.name === name);
          return <li key={name} class="break">{a.by(name)}{rule && `: ${approvalRuleText(rule)}`}</li>;
        })}
      </ul>
      <Problem of={rules.problem} retry={rules.reload} />
      <Code text={JSON.stringify(workOf(definition), null, 2)} what={a.does} />
      <p class="hint break">{a.hash} <code>{asked.hash}</code></p>
      {refusal && <p class="hint">{refusal}</p>}
      {deciding.value && <Decide id={job.jobId} what={deciding.value.what} asked={deciding.value.asked} onClose={() => { deciding.value = undefined; }} />}
    </section>
  );
}

/** What a job does to its devices, without its times. */
const workOf = ({ cloudToDeviceMethod, updateTwin, queryCondition, rollout }: Job & { rollout?: object }) => ({ queryCondition, cloudToDeviceMethod, updateTwin, rollout });

/** Decides on what was shown when the dialog was opened, whatever comes meanwhile. */
function Decide({ id, what, asked, onClose }: { id: string; what: Decision; asked: Asked; onClose: () => void }) {
  const why = useSignal('');
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);
  const a = t.approval;
  const decide = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    problem.value = undefined;
    try {
      await decideJob(id, what, asked.hash, why.value);
      onClose();
    } catch (refusal) {
      problem.value = refusal instanceof ApiError && refusal.status === 412 ? new Error(a.stale) : refusal;
    }
    isBusy.value = false;
  };
  return (
    <Dialog title={what === 'approve' ? a.approveAsk : a.denyAsk} onClose={onClose}>
      <form onSubmit={(event) => void decide(event)}>
        <p>{what === 'deny' ? a.denySays : asked.missing > 1 ? a.approveSaysMore(asked.missing - 1) : a.approveSays(count(asked.deviceCount))}</p>
        <Field label={t.run.why} hint={t.run.whyHint}><input name="why" maxLength={256} value={why.value} onInput={(event) => { why.value = event.currentTarget.value; }} /></Field>
        <Problem of={problem.value} />
        <footer class="row end"><Button onClick={onClose}>{t.run.back}</Button><Button type="submit" kind={what === 'approve' ? 'primary' : 'danger'} disabled={isBusy.value}>{what === 'approve' ? a.approve : a.deny}</Button></footer>
      </form>
    </Dialog>
  );
}
