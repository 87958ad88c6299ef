// Tokens of a device that was lost or whose token was stolen are refused, and accepted again.

import { useSignal } from '@preact/signals';
import { acceptTokens, may, mayChange, refuseTokens, tokensRefusedUpTo } from '../api.ts';
import { t } from '../texts.ts';
import { Button, Dialog, Field, Problem, Time } from '../ui/basics.tsx';

const lifetimeMax = 31_622_400;

export function DeviceTokens({ id }: { id: string }) {
  /** Null is that none are refused; undefined, that it was not asked for. */
  const upTo = useSignal<string | null | undefined>(undefined);
  const isAsking = useSignal(false);
  const problem = useSignal<unknown>(undefined);
  const k = t.tokens;
  if (!may('RegistryRead')) return null;
  const run = (work: () => Promise<string | null>) => {
    problem.value = undefined;
    work().then((known) => { upTo.value = known; }, (refusal: unknown) => { problem.value = refusal; });
  };
  const canWrite = may('RegistryWrite') && mayChange();
  return (
    <section class="card" aria-label={k.title}>
      <header><h2>{k.title}</h2></header>
      <Problem of={problem.value} />
      {upTo.value !== undefined && <p data-testid="revocation">{upTo.value ? <>{k.refused} <Time at={upTo.value} /></> : k.accepted}</p>}
      <footer class="row wrap">
        {upTo.value === undefined && <Button onClick={() => run(async () => (await tokensRefusedUpTo(id)) ?? null)}>{k.look}</Button>}
        {canWrite && <Button kind="danger" onClick={() => { isAsking.value = true; }}>{k.refuse}</Button>}
        {canWrite && upTo.value && <Button onClick={() => run(async () => { await acceptTokens(id); return null; })}>{k.accept}</Button>}
      </footer>
      {isAsking.value && <Refuse id={id} onClose={() => { isAsking.value = false; }} onDone={(known) => { isAsking.value = false; upTo.value = known; }} />}
    </section>
  );
}

function Refuse({ id, onClose, onDone }: { id: string; onClose: () => void; onDone: (refusedUpTo: string) => void }) {
  const seconds = useSignal(3600);
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);
  const k = t.tokens;
  const refuse = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    problem.value = undefined;
    try {
      onDone((await refuseTokens(id, seconds.value)).tokensRefusedUpTo);
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  return (
    <Dialog title={k.refuseAsk} onClose={onClose}>
      <form onSubmit={(event) => void refuse(event)}>
        <p class="break">{k.refuseSays(id)}</p>
        <Field label={k.lifetime} hint={k.lifetimeHint}><input type="number" name="lifetime" required min={0} max={lifetimeMax} value={seconds.value} onInput={(event) => { seconds.value = event.currentTarget.valueAsNumber; }} /></Field>
        <p class="hint">{k.stolenKey}</p>
        <Problem of={problem.value} />
        <footer class="row end"><Button onClick={onClose}>{t.common.cancel}</Button><Button type="submit" kind="danger" disabled={isBusy.value}>{k.refuse}</Button></footer>
      </form>
    </Dialog>
  );
}
