import { deviceConnections } from '../api.ts';
import { t } from '../texts.ts';
import { Button, Empty, Loading, Problem, State, Time, useLoaded } from '../ui/basics.tsx';

const states: Record<string, string> = { connected: 'Connected', disconnected: 'Disconnected', refused: 'failed' };

/** When a device came and went, and when it was refused. */
export function DeviceConnections({ id }: { id: string }) {
  const found = useLoaded(() => deviceConnections(id));
  const c = t.connections;
  const history = found.value;
  return (
    <section class="card flush">
      <header class="inset">
        <p class="hint">{history?.forgottenUntil ? <>{c.forgotten} <Time at={history.forgottenUntil} /></> : c.sinceStart}</p>
        <Button kind="quiet" icon="refresh" onClick={found.reload}>{t.common.refresh}</Button>
      </header>
      <Problem of={found.problem} retry={found.reload} />
      {!history ? found.isLoading && <Loading /> : history.events.length === 0 ? <Empty title={c.none} /> : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label={c.title}>
          <table>
            <thead><tr><th>{c.when}</th><th>{c.what}</th><th>{c.how}</th><th>{c.peer}</th><th>{c.why}</th></tr></thead>
            <tbody>
              {history.events.map((event, i) => (
                <tr key={`${event.time} ${i}`}>
                  <td><Time at={event.time} /></td>
                  <td><State of={states[event.event] ?? ''} text={c.kinds[event.event]} /></td>
                  <td>{event.protocol?.toUpperCase() ?? ''}</td>
                  <td class="break">{event.peer ?? ''}</td>
                  <td class="break">{event.reason ?? ''}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
