import { useEffect } from 'preact/hooks';
import { type Setting, getSettings } from '../api.ts';
import { address, parameter, setParameters } from '../router.ts';
import { t } from '../texts.ts';
import { Button, Empty, Field, Loading, Problem, useLoaded, setTitle } from '../ui/basics.tsx';

type Value = Setting['value'];

const textOf = (value: Value | undefined): string => {
  if (value === null || value === undefined) return '–';
  if (Array.isArray(value)) return value.length > 0 ? value.join(', ') : '–';
  return String(value);
};

export function SettingsPage() {
  const found = useLoaded(getSettings);
  useEffect(() => { setTitle(t.settings.title); }, []);
  const s = t.settings;
  const isOnlySet = parameter('set') !== '';
  const text = parameter('q').toLowerCase();
  const shown = found.value?.settings
    .filter((one) => !isOnlySet || one.source !== 'default')
    .filter((one) => !text || JSON.stringify(one).toLowerCase().includes(text)) ?? [];
  return (
    <>
      <p class="crumb"><a href={address('/hub')}>{t.common.hub}</a></p>
      <header class="page"><h1>{s.title}</h1></header>
      <p class="hint">{s.hint}</p>
      <Problem of={found.problem} retry={found.reload} />
      <section class="card flush">
        <header class="inset">
          <Field label={s.holding}><input type="search" name="text" spellcheck={false} value={parameter('q')} onInput={(event) => setParameters({ q: event.currentTarget.value })} /></Field>
          <label class="check"><input type="checkbox" checked={isOnlySet} onChange={(event) => setParameters({ set: event.currentTarget.checked ? '1' : '' })} />{s.onlySet}</label>
          <Button kind="quiet" icon="refresh" onClick={found.reload}>{t.common.refresh}</Button>
        </header>
        {!found.value ? found.isLoading && <Loading /> : shown.length === 0 ? <Empty title={s.none} /> : (
          <div class="table-scroll" tabIndex={0} role="region" aria-label={s.title}>
            <table>
              <thead><tr><th>{s.key}</th><th>{s.value}</th><th>{s.source}</th><th>{s.byDefault}</th><th>{s.takesEffect}</th></tr></thead>
              <tbody>{shown.map((one) => <Row key={one.key} one={one} />)}</tbody>
            </table>
          </div>
        )}
      </section>
    </>
  );
}

function Row({ one }: { one: Setting }) {
  const s = t.settings;
  return (
    <tr>
      <td><code>{one.key}</code></td>
      <td class="break">
        {one.isHidden ? <em>{s.hidden}</em> : textOf(one.value)}
        {one.inForce !== undefined && <span class="hint"> · {s.inForce(textOf(one.inForce))}</span>}
        {one.nextStart !== undefined && <p class="hint">{s.nextStart(textOf(one.nextStart))}</p>}
      </td>
      <td class="break">{s.sources[one.source] ?? one.source}{one.place && <span class="hint break"> · {one.place}</span>}</td>
      <td class="break">{textOf(one.default)}</td>
      <td class="nowrap">{s.effects[one.takesEffect]}</td>
    </tr>
  );
}
