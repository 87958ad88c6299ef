import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { may } from '../api.ts';
import { parameter, setParameters } from '../router.ts';
import { t } from '../texts.ts';
import { Field, setTitle } from '../ui/basics.tsx';
import { LiveMessages } from '../ui/live_messages.tsx';

export function EventsPage() {
  const typed = useSignal(parameter('device'));
  const text = useSignal('');
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => { setTitle(t.events.title); return () => clearTimeout(timer.current); }, []);
  const type = (pattern: string) => {
    typed.value = pattern;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setParameters({ device: pattern.trim() }), 400);
  };
  const from = parameter('from') || 'latest';
  return (
    <>
      <header class="page"><h1>{t.events.title}</h1></header>
      {!may('ServiceConnect') ? <p class="notice warn">{t.events.right}</p> : (
        <>
          <div class="row wrap card-row">
            <Field label={t.events.devices} hint={t.events.devicesHint}><input name="device" maxLength={128} spellcheck={false} autocomplete="off" value={typed.value} onInput={(event) => type(event.currentTarget.value)} /></Field>
            <Field label={t.events.holding} hint={t.events.holdingHint}><input name="text" spellcheck={false} autocomplete="off" value={text.value} onInput={(event) => { text.value = event.currentTarget.value; }} /></Field>
            <Field label={t.events.from}>
              <select value={from} onChange={(event) => setParameters({ from: event.currentTarget.value })}>
                <option value="latest">{t.events.fromNow}</option>
                <option value="60">{t.events.fromMinute}</option>
                <option value="3600">{t.events.fromHour}</option>
                <option value="earliest">{t.events.fromStart}</option>
              </select>
            </Field>
          </div>
          <LiveMessages pattern={parameter('device')} from={from} text={text.value} />
        </>
      )}
    </>
  );
}
