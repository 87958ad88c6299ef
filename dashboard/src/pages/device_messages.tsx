// A device's page: what is sent to it, and what it sends.

import { useSignal } from '@preact/signals';
import { may, mayChange, purgeMessages, sendMessage } from '../api.ts';
import { type MessageDraft, emptyMessage, messageOf, messageProblem } from '../lib/cloud_message.ts';
import { count } from '../lib/format.ts';
import { t } from '../texts.ts';
import { Button, Dialog, Field, JsonInput, Problem, Time } from '../ui/basics.tsx';
import { LiveMessages } from '../ui/live_messages.tsx';

interface Sent { at: string; number: string; messageId: string }
const sentMax = 20;

export function DeviceMessages({ id, waiting, onChanged }: { id: string; waiting: number; onChanged: () => void }) {
  const draft = useSignal<MessageDraft>(emptyMessage);
  const sent = useSignal<Sent[]>([]);
  const problem = useSignal<unknown>(undefined);
  const purged = useSignal<number | undefined>(undefined);
  const isPurging = useSignal(false);
  const isBusy = useSignal(false);
  const m = t.messages;
  if (!may('ServiceConnect')) return <p class="notice warn">{m.right}</p>;
  const canSend = mayChange();
  const wrong = messageProblem(draft.value);
  const change = (part: Partial<MessageDraft>) => { draft.value = { ...draft.value, ...part }; };
  const run = async (work: () => Promise<void>) => {
    isBusy.value = true;
    problem.value = undefined;
    try { await work(); } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
    onChanged();
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (wrong) return;
    void run(async () => {
      const number = await sendMessage(id, messageOf(draft.value, Date.now()));
      sent.value = [{ at: new Date().toISOString(), number, messageId: draft.value.messageId }, ...sent.value].slice(0, sentMax);
    });
  };
  return (
    <>
      <form class="card" onSubmit={submit}>
        <header><h2>{m.send}</h2><span class="hint" data-testid="queue">{m.waiting(count(waiting))}</span></header>
        <Field label={m.body}><textarea class="code" name="body" rows={4} spellcheck={false} disabled={!canSend} value={draft.value.body} onInput={(event) => change({ body: event.currentTarget.value })} /></Field>
        <div class="row wrap">
          <Field label={m.messageId}><input name="message-id" maxLength={128} spellcheck={false} disabled={!canSend} value={draft.value.messageId} onInput={(event) => change({ messageId: event.currentTarget.value })} /></Field>
          <Field label={m.correlationId}><input maxLength={128} spellcheck={false} disabled={!canSend} value={draft.value.correlationId} onInput={(event) => change({ correlationId: event.currentTarget.value })} /></Field>
          <Field label={m.contentType}><input spellcheck={false} disabled={!canSend} placeholder="application/json" value={draft.value.contentType} onInput={(event) => change({ contentType: event.currentTarget.value })} /></Field>
          <Field label={m.expiry} hint={m.expiryHint}><input inputMode="numeric" disabled={!canSend} value={draft.value.expiry} placeholder="60" onInput={(event) => change({ expiry: event.currentTarget.value.trim() })} /></Field>
          <Field label={m.ack}>
            <select disabled={!canSend} value={draft.value.ack} onChange={(event) => change({ ack: event.currentTarget.value })}>
              {Object.entries(m.acks).map(([name, text]) => <option key={name} value={name}>{text}</option>)}
            </select>
          </Field>
        </div>
        <JsonInput label={m.properties} rows={2} disabled={!canSend} value={draft.value.properties} onInput={(properties) => change({ properties })} />
        {wrong && <p class="hint" role="status">{wrong}</p>}
        <Problem of={problem.value} />
        {canSend ? (
          <div class="row end wrap">
            <Button kind="danger" disabled={waiting === 0 || isBusy.value} onClick={() => { isPurging.value = true; }}>{m.purge}</Button>
            <Button type="submit" kind="primary" disabled={!!wrong || isBusy.value}>{m.queue}</Button>
          </div>
        ) : <p class="hint">{t.session.readsOnly}</p>}
        {purged.value !== undefined && <p role="status">{m.purged(count(purged.value))}</p>}
        {sent.value.length > 0 && (
          <ul class="plain" aria-label={m.sent}>
            {sent.value.map((one) => <li key={one.number} class="row wrap"><Time at={one.at} /><span>{m.sentAs(one.number)}</span><span class="id">{one.messageId}</span></li>)}
          </ul>
        )}
        {isPurging.value && (
          <Dialog title={m.purgeTitle} onClose={() => { isPurging.value = false; }}>
            <p>{m.purgeSays(count(waiting))}</p>
            <footer class="row end">
              <Button onClick={() => { isPurging.value = false; }}>{t.run.back}</Button>
              <Button kind="danger" onClick={() => { isPurging.value = false; void run(async () => { purged.value = (await purgeMessages(id)).totalMessagesPurged; }); }}>{m.purge}</Button>
            </footer>
          </Dialog>
        )}
      </form>
    </>
  );
}

export function DeviceEvents({ id }: { id: string }) {
  const from = useSignal('latest');
  if (!may('ServiceConnect')) return <p class="notice warn">{t.events.right}</p>;
  return (
    <>
      <div class="row wrap">
        <Field label={t.events.from}>
          <select value={from.value} onChange={(event) => { from.value = event.currentTarget.value; }}>
            <option value="latest">{t.events.fromNow}</option>
            <option value="60">{t.events.fromMinute}</option>
            <option value="3600">{t.events.fromHour}</option>
            <option value="earliest">{t.events.fromStart}</option>
          </select>
        </Field>
      </div>
      <LiveMessages pattern={id} device={id} from={from.value} />
    </>
  );
}
