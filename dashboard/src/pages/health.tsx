import { useEffect } from 'preact/hooks';
import { type HubHealth, getHealth } from '../api.ts';
import { bytes, count, milliseconds, percent } from '../lib/format.ts';
import { address } from '../router.ts';
import { t } from '../texts.ts';
import { Button, Icon, Loading, Problem, State, Time, useLoaded, setTitle } from '../ui/basics.tsx';

const everyMs = 10_000;

export function HealthPage() {
  const found = useLoaded(getHealth);
  useEffect(() => {
    setTitle(t.health.title);
    const timer = setInterval(() => { if (!document.hidden) found.reload(); }, everyMs);
    return () => clearInterval(timer);
  }, []);
  return (
    <>
      <p class="crumb"><a href={address('/hub')}>{t.common.hub}</a></p>
      <header class="page"><h1>{t.health.title}</h1><Button kind="quiet" icon="refresh" onClick={found.reload}>{t.common.refresh}</Button></header>
      <Problem of={found.problem} retry={found.reload} />
      {!found.value ? found.isLoading && <Loading /> : <Report of={found.value} />}
    </>
  );
}

function Report({ of }: { of: HubHealth }) {
  const h = t.health;
  const isReady = of.status === 'ready';
  return (
    <>
      <section class="card">
        <header><h2><State of={isReady ? 'enabled' : 'failed'} text={isReady ? h.ready : h.notReady} /></h2></header>
        {of.reasons.length > 0 && <ul class="plain">{of.reasons.map(({ check, reason }) => <li key={check + reason} class="attention"><Icon name="warning" /><span class="break">{reason}</span></li>)}</ul>}
        <dl class="facts">
          <div><dt>{t.hub.version}</dt><dd>{of.version}</dd></div>
          <div><dt>{t.common.started}</dt><dd><Time at={of.startedTime} relative /></dd></div>
          <div><dt>{h.memory}</dt><dd>{bytes(of.residentBytes)}</dd></div>
          <div><dt>{h.connections}</dt><dd>{h.of(count(of.connections.open), count(of.connections.max))}</dd></div>
        </dl>
      </section>
      <section class="card">
        <header><h2>{h.store}</h2><span class="hint">{of.store.kind === 'rocksdb' ? 'RocksDB' : 'PostgreSQL'}</span></header>
        {of.store.kind === 'rocksdb' ? (
          <dl class="facts">
            <div><dt>{h.writes}</dt><dd><State of={of.store.isStopped ? 'failed' : of.store.isSlowed ? 'disabled' : 'enabled'} text={of.store.isStopped ? h.stopped : of.store.isSlowed ? h.slowed : h.taken} /></dd></div>
            <div><dt>{h.onDisk}</dt><dd>{bytes(of.store.bytes ?? 0)}</dd></div>
            <div><dt>{h.inMemory}</dt><dd>{bytes(of.store.memoryBytes ?? 0)}</dd></div>
            {(of.store.diskBytes ?? 0) > 0 && <div><dt>{h.free}</dt><dd>{h.of(bytes(of.store.diskFreeBytes ?? 0), bytes(of.store.diskBytes ?? 0))} ({percent(of.store.diskFreeBytes ?? 0, of.store.diskBytes ?? 0)})</dd></div>}
          </dl>
        ) : <p class="hint">{h.postgres}</p>}
      </section>
      <section class="card flush">
        <header class="inset"><h2>{h.certificates}</h2></header>
        <div class="table-scroll" tabIndex={0} role="region" aria-label={h.certificates}>
          <table>
            <thead><tr><th>{h.file}</th><th>{h.ends}</th></tr></thead>
            <tbody>{of.certificates.map(({ file, endTime }) => <tr key={file}><td><code>{file}</code></td><td><Time at={endTime} /> <span class="hint"><Time at={endTime} relative /></span></td></tr>)}</tbody>
          </table>
        </div>
      </section>
      <section class="card flush">
        <header class="inset"><h2>{h.loops}</h2><span class="hint">{h.loopsHint}</span></header>
        <div class="table-scroll" tabIndex={0} role="region" aria-label={h.loops}>
          <table>
            <thead><tr><th class="number">{h.loop}</th><th>{t.common.status}</th><th class="number">{h.median}</th><th class="number">{h.p99}</th></tr></thead>
            <tbody>
              {of.loops.map((loop) => (
                <tr key={loop.loop}>
                  <td class="number">{loop.loop}</td>
                  <td><State of={loop.isStuck ? 'failed' : 'enabled'} text={loop.isStuck ? h.stuck : h.turns} /></td>
                  <td class="number">{milliseconds(loop.lagMedianSeconds)}</td>
                  <td class="number">{milliseconds(loop.lagP99Seconds)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
    </>
  );
}
