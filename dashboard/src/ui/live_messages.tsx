// Messages of devices as they come.

import { useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type DeviceMessage, type StreamState, followMessages } from '../api.ts';
import { toNdjson } from '../lib/csv.ts';
import { count } from '../lib/format.ts';
import { Recent } from '../lib/recent.ts';
import { address } from '../router.ts';
import { t } from '../texts.ts';
import { Button, Empty, Stream, Time, save } from './basics.tsx';

const shownMax = 500;
const everyMs = 500;
const bodyShown = 2000;

interface Props {
  /** With `*` and `?`, unless it is `device`, the id of one. */
  pattern: string;
  device?: string;
  /** `latest`, `earliest` or seconds back. */
  from: string;
  /** Only messages that hold this. */
  text?: string;
}

const keyOf = (message: DeviceMessage) => `${message.partition}-${message.sequenceNumber}`;

export function LiveMessages({ pattern, device, from, text = '' }: Props) {
  const stream = useSignal<StreamState>('connecting');
  const shown = useSignal<DeviceMessage[]>([]);
  const skipped = useSignal(0);
  const all = useSignal(0);
  const isHeld = useSignal(false);
  const recent = useRef(new Recent<DeviceMessage>(shownMax));
  const wanted = useRef(text);
  wanted.current = text.toLowerCase();
  useEffect(() => {
    recent.current = new Recent<DeviceMessage>(shownMax);
    shown.value = [];
    skipped.value = 0;
    all.value = 0;
    const begin = /^\d+$/.test(from) ? new Date(Date.now() - Number(from) * 1000).toISOString() : from;
    return followMessages(pattern, begin, (message) => {
      // An id may hold what stands for any text.
      if (device !== undefined && message.deviceId !== device) return;
      if (wanted.current && !JSON.stringify(message).toLowerCase().includes(wanted.current)) return;
      recent.current.add(message);
    }, (state) => { stream.value = state; });
  }, [pattern, device, from]);
  useSignalEffect(() => {
    if (isHeld.value) return undefined;
    const take = () => {
      if (recent.current.isEmpty) return;
      const next = recent.current.take(shown.peek());
      all.value += next.added + next.skipped;
      skipped.value += next.skipped;
      shown.value = next.items;
    };
    take();
    const timer = setInterval(take, everyMs);
    return () => clearInterval(timer);
  });
  return (
    <section class="card flush">
      <header class="inset">
        <Stream state={stream.value} />
        <span class="hint" data-testid="messages">{t.events.seen(count(all.value))}{skipped.value > 0 && `, ${t.events.skipped(count(skipped.value))}`}</span>
        <div class="row">
          <Button kind="quiet" onClick={() => { isHeld.value = !isHeld.value; }}>{isHeld.value ? t.events.goOn : t.events.hold}</Button>
          <Button kind="quiet" icon="close" onClick={() => { shown.value = []; }}>{t.events.clear}</Button>
          <Button kind="quiet" icon="download" disabled={shown.value.length === 0} onClick={() => save('messages.ndjson', 'application/x-ndjson', toNdjson([...shown.value].reverse()))}>NDJSON</Button>
        </div>
      </header>
      {shown.value.length === 0 ? <Empty title={t.events.none}>{t.events.noneHint}</Empty> : (
        <ol class="messages" tabIndex={0} aria-label={t.events.title}>
          {shown.value.map((message) => <Message key={keyOf(message)} message={message} isNamed={device === undefined} />)}
        </ol>
      )}
    </section>
  );
}

function Message({ message, isNamed }: { message: DeviceMessage; isNamed: boolean }) {
  const body = message.bodyFormat === 'json' ? JSON.stringify(message.body) : String(message.body);
  const properties = Object.entries({ ...message.systemProperties, ...message.properties });
  return (
    <li>
      <p class="row wrap">
        <Time at={message.enqueuedTime} />
        {isNamed && message.deviceId !== undefined && <a class="id" href={address('/device', { id: message.deviceId })}>{message.deviceId}</a>}
        {message.moduleId && <span class="id">{message.moduleId}</span>}
        <span class="hint">{t.events.place(String(message.partition), String(message.sequenceNumber))}{message.bodyFormat === 'base64' && t.events.base64}</span>
      </p>
      <code class="break">{body.length > bodyShown ? `${body.slice(0, bodyShown)} …` : body}</code>
      {properties.length > 0 && <p class="hint break">{properties.map(([name, value]) => `${name}=${value ?? ''}`).join(' · ')}</p>}
    </li>
  );
}
