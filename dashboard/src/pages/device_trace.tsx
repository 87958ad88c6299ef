// Live trace of one device: what it sends and what it is sent, for diagnosis.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type TraceEvent, ApiError, createTrace, deleteTrace, may, mayChange, takeTraceEvents } from '../api.ts';
import { toNdjson } from '../lib/csv.ts';
import { count } from '../lib/format.ts';
import { t } from '../texts.ts';
import { Button, Empty, Field, Problem, Time, save } from '../ui/basics.tsx';

const everyMs = 1000;
const shownMax = 1000;
const lengths = [60, 300, 900, 3600];

export function DeviceTrace({ id }: { id: string }) {
  const seconds = useSignal(300);
  const trace = useSignal<string | undefined>(undefined);
  const events = useSignal<TraceEvent[]>([]);
  const dropped = useSignal(0);
  const problem = useSignal<unknown>(undefined);
  // What is left running would take one of the hub's few places.
  const running = useRef<string | undefined>(undefined);
  running.current = trace.value;
  useEffect(() => () => { if (running.current) void deleteTrace(running.current).catch(() => {}); }, []);
  useEffect(() => {
    const mine = trace.value;
    if (!mine) return undefined;
    let isOver = false;
    const look = async () => {
      while (!isOver) {
        try {
          const taken = await takeTraceEvents(mine);
          if (isOver) return;
          events.value = [...events.value, ...taken.events].slice(-shownMax);
          dropped.value += taken.dropped;
          if (taken.isOver) { trace.value = undefined; return; }
          problem.value = undefined;
        } catch (refusal) {
          problem.value = refusal;
          // The hub knows it no more, as after a restart.
          if (refusal instanceof ApiError && refusal.status === 404) { trace.value = undefined; return; }
        }
        await new Promise((resolve) => { setTimeout(resolve, everyMs); });
      }
    };
    void look();
    return () => { isOver = true; };
  }, [trace.value]);
  if (!may('ServiceConnect')) return <p class="notice warn">{t.trace.right}</p>;
  const run = (work: () => Promise<void>) => {
    problem.value = undefined;
    work().catch((refusal: unknown) => { problem.value = refusal; });
  };
  const begin = () => run(async () => {
    events.value = [];
    dropped.value = 0;
    trace.value = (await createTrace(id, seconds.value)).traceId;
  });
  const end = () => run(async () => {
    const mine = trace.value ?? '';
    trace.value = undefined;
    await deleteTrace(mine);
  });
  return (
    <section class="card flush">
      <header class="inset">
        <p class="hint">{t.trace.says}</p>
        <div class="row wrap">
          {!trace.value && (
            <Field label={t.trace.length}>
              <select disabled={!mayChange()} value={String(seconds.value)} onChange={(event) => { seconds.value = Number(event.currentTarget.value); }}>
                {lengths.map((n) => <option key={n} value={String(n)}>{t.trace.minutes(n / 60)}</option>)}
              </select>
            </Field>
          )}
        </div>
        <div class="row wrap">
          {trace.value ? <Button onClick={end}>{t.trace.end}</Button> : mayChange() && <Button kind="primary" onClick={begin}>{t.trace.begin}</Button>}
          <Button kind="quiet" icon="download" disabled={events.value.length === 0} onClick={() => save(`${id}.ndjson`, 'application/x-ndjson', toNdjson(events.value))}>NDJSON</Button>
          <span class="hint" role="status">{trace.value ? t.trace.running : ''}{dropped.value > 0 && ` ${t.trace.dropped(count(dropped.value))}`}</span>
        </div>
        {!mayChange() && <p class="hint">{t.session.readsOnly}</p>}
      </header>
      <Problem of={problem.value} />
      {events.value.length === 0 ? <Empty title={trace.value ? t.trace.waiting : t.trace.none} /> : (
        <div class="table-scroll trace" tabIndex={0} role="region" aria-label={t.trace.title}>
          <table>
            <thead><tr><th>{t.connections.when}</th><th>{t.trace.identity}</th><th>{t.connections.what}</th><th>{t.trace.members}</th></tr></thead>
            <tbody>{events.value.map((event, i) => <Row key={i} event={event} />)}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Row({ event: { time, identity, event, ...members } }: { event: TraceEvent }) {
  return (
    <tr>
      <td><Time at={time} /></td>
      <td><span class="id">{identity}</span></td>
      <td><code>{event}</code></td>
      <td class="break">{Object.entries(members).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' · ')}</td>
    </tr>
  );
}
