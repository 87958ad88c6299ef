import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type AuditEntry, listAudit, mayAll, session } from '../api.ts';
import { count } from '../lib/format.ts';
import { address, parameter, setParameters } from '../router.ts';
import { t } from '../texts.ts';
import { Button, Code, Empty, Field, Loading, Problem, Time, setTitle } from '../ui/basics.tsx';

const pageSize = 100;
/** So many of the newest entries are searched for one device. */
const searched = 1000;

export function AuditPage() {
  useEffect(() => { setTitle(t.audit.title); }, []);
  return (
    <>
      <p class="crumb"><a href={address('/hub')}>{t.common.hub}</a></p>
      <header class="page"><h1>{t.audit.title}</h1></header>
      <p class="hint">{t.audit.hint}</p>
      {mayAll() ? <Log /> : <p class="notice warn">{t.audit.right(session.value?.policy ?? '')}</p>}
    </>
  );
}

/** The entries with numbers up to `last`, newest first, and where the log begins and ends. */
async function newestUpTo(last: number | undefined, size: number) {
  const end = last ?? (await listAudit(0, 1)).last;
  const page = await listAudit(Math.max(0, end - size), size);
  return { ...page, entries: page.entries.filter((entry) => entry.sequence <= end).reverse() };
}

function Log() {
  const entries = useSignal<AuditEntry[]>([]);
  const ends = useSignal<{ first: number; last: number; head: string } | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(true);
  const load = async (before: number | undefined) => {
    isBusy.value = true;
    problem.value = undefined;
    try {
      const page = await newestUpTo(before, pageSize);
      entries.value = before === undefined ? page.entries : [...entries.value, ...page.entries];
      ends.value = page;
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  useEffect(() => void load(undefined), []);
  const text = parameter('q').toLowerCase();
  const shown = text ? entries.value.filter((entry) => JSON.stringify(entry).toLowerCase().includes(text)) : entries.value;
  const oldest = entries.value.at(-1)?.sequence ?? 0;
  const hasMore = ends.value !== undefined && oldest > ends.value.first;
  return (
    <>
      <Problem of={problem.value} retry={() => void load(undefined)} />
      <section class="card flush">
        <header class="inset">
          <Field label={t.audit.holding} hint={t.audit.holdingHint}><input type="search" name="text" spellcheck={false} value={parameter('q')} onInput={(event) => setParameters({ q: event.currentTarget.value })} /></Field>
          <Button kind="quiet" icon="refresh" onClick={() => void load(undefined)}>{t.common.refresh}</Button>
        </header>
        {shown.length === 0 ? (isBusy.value ? <Loading /> : <Empty title={t.audit.none} />) : <Entries of={shown} />}
        <div class="inset row wrap">
          {hasMore && <Button disabled={isBusy.value} onClick={() => void load(oldest - 1)}>{t.audit.older}</Button>}
          {ends.value && <span class="hint">{t.audit.shown(count(shown.length), count(ends.value.last - ends.value.first + (ends.value.last > 0 ? 1 : 0)))}</span>}
        </div>
      </section>
      {ends.value && ends.value.head && (
        <details class="card">
          <summary>{t.audit.chain}</summary>
          <p class="hint">{t.audit.chainHint}</p>
          <Code what={t.common.command} text={`carillon audit verify --head ${ends.value.head}`} />
        </details>
      )}
    </>
  );
}

function Entries({ of }: { of: AuditEntry[] }) {
  const a = t.audit;
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label={a.title}>
      <table>
        <thead><tr><th class="number">{a.number}</th><th>{a.when}</th><th>{a.who}</th><th>{a.what}</th><th>{a.target}</th><th class="number">{a.status}</th></tr></thead>
        <tbody>
          {of.map((entry) => (
            <tr key={entry.sequence}>
              <td class="number">{count(entry.sequence)}</td>
              <td><Time at={entry.time} /></td>
              <td><span class="id">{entry.policy || '–'}</span><span class="hint break">{[entry.key && (a.keys[entry.key] ?? entry.key), a.vias[entry.via] ?? entry.via, entry.peer].filter(Boolean).join(' · ')}</span></td>
              <td><code>{entry.operation}</code>{entry.agent && <span class="hint agent" title={entry.agent}>{entry.agent}</span>}</td>
              <td class="break">{placeOf(entry) ? <a href={placeOf(entry)}>{entry.target}</a> : entry.target}{entry.before && entry.before === entry.after && <span class="hint"> · {a.same}</span>}</td>
              <td class="number">{entry.status ?? ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Where the thing is that an entry is about, if the dashboard shows it. */
function placeOf({ operation, target }: AuditEntry): string | undefined {
  const path = operation.split(' ')[1] ?? '';
  if (!target) return undefined;
  if (/^\/(devices|twins)\//.test(path)) return address('/device', { id: target.split('/')[0] ?? '' });
  if (/^\/(carillon\/jobs|jobs\/v2)\//.test(path)) return address('/job', { id: target });
  return path.startsWith('/configurations/') ? address('/configuration', { id: target }) : undefined;
}

/** What was changed of one device lately, of those who may read the log. */
export function DeviceHistory({ id }: { id: string }) {
  const entries = useSignal<AuditEntry[] | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const load = () => {
    problem.value = undefined;
    newestUpTo(undefined, searched).then((page) => {
      entries.value = page.entries.filter((entry) => /^\S+ \/(devices|twins)\//.test(entry.operation) && (entry.target === id || entry.target?.startsWith(`${id}/`)));
    }, (refusal: unknown) => { problem.value = refusal; });
  };
  useEffect(load, []);
  if (!mayAll()) return <p class="notice warn">{t.audit.right(session.value?.policy ?? '')}</p>;
  return (
    <section class="card flush">
      <header class="inset"><p class="hint">{t.audit.searched(count(searched))}</p><Button kind="quiet" icon="refresh" onClick={load}>{t.common.refresh}</Button></header>
      <Problem of={problem.value} retry={load} />
      {!entries.value ? !problem.value && <Loading /> : entries.value.length === 0 ? <Empty title={t.audit.noneOfDevice} /> : <Entries of={entries.value} />}
    </section>
  );
}
