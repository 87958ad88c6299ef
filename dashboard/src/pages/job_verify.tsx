// Whether the log of a job is as it was written: the hub checks its hashes.

import { useSignal } from '@preact/signals';
import { type JobVerification, verifyJob } from '../api.ts';
import { shellWord } from '../lib/draft.ts';
import { count } from '../lib/format.ts';
import { t } from '../texts.ts';
import { Button, Code, Field, Problem, State, Time } from '../ui/basics.tsx';

const tones: Record<JobVerification['verdict'], string> = { intact: 'passed', broken: 'failed', notChained: 'pending' };

export function VerifyLog({ id }: { id: string }) {
  const seal = useSignal('');
  const found = useSignal<JobVerification | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);
  const v = t.verify;
  const verify = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    problem.value = undefined;
    found.value = undefined;
    try { found.value = await verifyJob(id, seal.value.trim()); } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  return (
    <details class="card">
      <summary>{v.title}</summary>
      <form onSubmit={(event) => void verify(event)}>
        <p class="hint">{v.says}</p>
        <Field label={v.seal} hint={v.sealHint}>
          <input name="seal" pattern="\s*[0-9A-Fa-f]{64}\s*" spellcheck={false} autocomplete="off" value={seal.value} onInput={(event) => { seal.value = event.currentTarget.value; }} />
        </Field>
        <div class="row"><Button type="submit" disabled={isBusy.value}>{v.check}</Button></div>
      </form>
      <Problem of={problem.value} />
      {found.value && <Found of={found.value} />}
    </details>
  );
}

function Found({ of }: { of: JobVerification }) {
  const v = t.verify;
  return (
    <div role="status">
      <p><State of={tones[of.verdict]} text={v.verdicts[of.verdict]} /> <span class="hint">{v.counts(count(of.events), count(of.seals))}</span></p>
      {of.faults.length > 0 && <ul class="plain">{of.faults.map((fault, i) => <li key={i} class="break">{fault.sequence !== undefined && <span class="hint">{v.place(fault.part === undefined ? '' : String(fault.part), String(fault.sequence))} </span>}{fault.what}</li>)}</ul>}
      {of.previous && <p class="hint">{v.previous[of.previous.state]} · {v.keptUntil} <Time at={of.previous.keptUntil} /></p>}
      {of.seal && (
        <>
          <p class="hint">{v.keep}</p>
          <Code what={v.newest} text={of.seal} />
          <Code what={t.common.command} text={`carillon job verify ${shellWord(of.jobId)} --seal ${of.seal}`} />
        </>
      )}
    </div>
  );
}
