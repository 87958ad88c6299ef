// Budgets: how many devices all jobs together may have at risk.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Budget, deleteBudget, listBudgets, mayAll, mayChange, putBudget } from '../api.ts';
import { count } from '../lib/format.ts';
import { t } from '../texts.ts';
import { Button, Dialog, Field, Problem, useLoaded } from '../ui/basics.tsx';
import { NamedList, Removal } from '../ui/named_list.tsx';

const mayWrite = () => mayChange() && mayAll();

export function Budgets() {
  const list = useLoaded(listBudgets);
  const editing = useSignal<Budget | 'new' | undefined>(undefined);
  const removing = useSignal<Budget | undefined>(undefined);
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) list.reload(); }, 5000);
    return () => clearInterval(timer);
  }, []);
  const b = t.budgets;
  const done = () => { editing.value = removing.value = undefined; list.reload(); };
  return (
    <NamedList list={list} title={b.title} heading={<p class="hint">{b.hint}</p>}
      make={mayWrite() ? { text: b.make, onClick: () => { editing.value = 'new'; } } : undefined}
      none={{ title: b.none, hint: b.noneHint }}
      head={<><th>{b.name}</th><th class="number">{b.atRisk}</th><th>{b.max}</th><th>{b.per}</th><th>{t.common.condition}</th><th>{b.jobs}</th><th>{b.soak}</th>{mayWrite() && <th>{t.routes.actions}</th>}</>}
      row={(budget) => (
        <tr key={budget.name}>
          <td><span class="id">{budget.name}</span></td>
          <td class="number">{count(budget.atRisk)}</td>
          <td>{budget.max === 0 ? b.nothing : String(budget.max)}</td>
          <td><code>{budget.per ?? '–'}</code></td>
          <td class="break"><code>{budget.devices}</code></td>
          <td>{b.kinds[budget.jobs]}</td>
          <td>{budget.soak}</td>
          {mayWrite() && (
            <td>
              <div class="row">
                <Button kind="quiet" aria-label={b.changeOf(budget.name)} onClick={() => { editing.value = budget; }}>{b.change}</Button>
                <Button kind="quiet" icon="close" aria-label={t.device.deleteOf(budget.name)} title={t.common.remove} onClick={() => { removing.value = budget; }} />
              </div>
            </td>
          )}
        </tr>
      )}>
      {editing.value && <Edit stored={editing.value === 'new' ? undefined : editing.value} onClose={() => { editing.value = undefined; }} onDone={done} />}
      {removing.value && <Remove budget={removing.value} onClose={() => { removing.value = undefined; }} onDone={done} />}
    </NamedList>
  );
}

function Edit({ stored, onClose, onDone }: { stored: Budget | undefined; onClose: () => void; onDone: () => void }) {
  const name = useSignal(stored?.name ?? '');
  const draft = useSignal({
    max: stored ? String(stored.max) : '', per: stored?.per ?? '', devices: stored?.devices ?? '*', jobs: stored?.jobs ?? 'all', soak: stored?.soak ?? '0s',
  });
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);
  const b = t.budgets;
  const change = (part: Partial<typeof draft.value>) => { draft.value = { ...draft.value, ...part }; };
  const write = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    problem.value = undefined;
    const { max, per, devices, jobs, soak } = draft.value;
    try {
      await putBudget(name.value, { max: /^\d+$/.test(max) ? Number(max) : max, devices, jobs, soak, ...(per && { per }) });
      onDone();
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  return (
    <Dialog title={stored ? b.changeOf(stored.name) : b.make} onClose={onClose}>
      <form onSubmit={(event) => void write(event)}>
        {!stored && <Field label={b.name} hint={b.nameHint}><input name="budget" required maxLength={64} spellcheck={false} autocomplete="off" value={name.value} onInput={(event) => { name.value = event.currentTarget.value.trim(); }} /></Field>}
        <Field label={b.max} hint={b.maxHint}><input name="max" required spellcheck={false} autocomplete="off" placeholder="5" value={draft.value.max} onInput={(event) => change({ max: event.currentTarget.value.trim() })} /></Field>
        <Field label={b.per} hint={b.perHint}><input name="per" spellcheck={false} autocomplete="off" placeholder="tags.site" value={draft.value.per} onInput={(event) => change({ per: event.currentTarget.value.trim() })} /></Field>
        <Field label={t.common.condition} hint={b.devicesHint}><textarea class="code" name="devices" rows={2} required spellcheck={false} value={draft.value.devices} onInput={(event) => change({ devices: event.currentTarget.value })} /></Field>
        <Field label={b.jobs}>
          <select name="jobs" value={draft.value.jobs} onChange={(event) => change({ jobs: event.currentTarget.value as Budget['jobs'] })}>
            {(['all', 'methods', 'twins'] as const).map((kind) => <option key={kind} value={kind}>{b.kinds[kind]}</option>)}
          </select>
        </Field>
        <Field label={b.soak} hint={b.soakHint}><input name="soak" required spellcheck={false} autocomplete="off" value={draft.value.soak} onInput={(event) => change({ soak: event.currentTarget.value.trim() })} /></Field>
        <Problem of={problem.value} />
        <footer class="row end"><Button onClick={onClose}>{t.common.cancel}</Button><Button type="submit" kind="primary" disabled={isBusy.value}>{stored ? t.common.save : t.common.create}</Button></footer>
      </form>
    </Dialog>
  );
}

function Remove({ budget, onClose, onDone }: { budget: Budget; onClose: () => void; onDone: () => void }) {
  return (
    <Removal title={t.budgets.removeAsk} remove={() => deleteBudget(budget.name).then(onDone)} onClose={onClose}>
      {budget.max === 0 ? t.budgets.removeSaysHeld(budget.name) : t.budgets.removeSays(budget.name)}
    </Removal>
  );
}
