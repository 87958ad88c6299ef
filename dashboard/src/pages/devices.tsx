import { computed, useComputed, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError, createDevice, getDevice, may, mayChange, mayRunJobs, query } from '../api.ts';
import { count } from '../lib/format.ts';
import { type Clause, type Operator, condition, countStatement, idsCondition, listStatement } from '../lib/query.ts';
import { windowOf } from '../lib/virtual.ts';
import { address, go, parameter, setParameters } from '../router.ts';
import { ExportButton, ImportDialog } from './transfer.tsx';
import { Button, Dialog, Empty, Field, Loading, Problem, State, Time, useLoaded, setTitle } from '../ui/basics.tsx';
import { t } from '../texts.ts';

const pageSize = 200;
const rowHeight = 40;
/** Pixels below which the list is scrolled sideways: without further columns, and of each of them. */
const leastWidth = 640;
const columnWidth = 130;
/** As many ids as a condition holds with ease; more are better said by a condition. */
const chosenMax = 200;
interface Row { deviceId: string; status: string; connectionState: string; lastActivityTime: string; [column: string]: unknown }

const operators: [Operator, string][] = [
  ['=', t.devices.is], ['!=', t.devices.isNot], ['<', '<'], ['<=', '≤'], ['>', '>'], ['>=', '≥'], ['starts', t.devices.begins], ['defined', t.devices.isThere], ['missing', t.devices.isMissing],
];

/** What is asked for stands in the address: `q` an id's beginning, `c` clauses, `w` a condition by hand, `cols`. */
const clauses = computed<Clause[]>(() => {
  try {
    const read = JSON.parse(parameter('c') || '[]') as unknown;
    return Array.isArray(read) ? read.map(([path, operator, value]: [string, Operator, string]) => ({ path: String(path), operator, value: String(value) })) : [];
  } catch { return []; }
});
const isRaw = computed(() => parameter('w') !== '' || parameter('raw') === '1');
const wanted = computed(() => (isRaw.value ? parameter('w') : condition(parameter('q'), clauses.value)));
const columns = computed(() => parameter('cols').split(',').map((path) => path.trim()).filter(Boolean));

const setClauses = (next: Clause[]) =>
  setParameters({ c: next.length ? JSON.stringify(next.map(({ path, operator, value }) => [path, operator, value])) : '' });

export function DevicesPage() {
  const rows = useSignal<Row[]>([]);
  const continuation = useSignal('');
  const problem = useSignal<unknown>(undefined);
  const state = useSignal<'loading' | 'more' | 'idle'>('loading');
  const isCreating = useSignal(false);
  const isImporting = useSignal(false);
  /** Rows that were chosen by hand, for a job. */
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const turn = useRef(0);
  const again = useSignal(0);
  const statement = useComputed(() => listStatement(wanted.value, columns.value));
  const total = useLoaded(async () => {
    void again.value;
    const { items } = await query<{ n: number }>(countStatement(wanted.value), 1);
    return items[0]?.n ?? 0;
  });

  useEffect(() => { setTitle(t.common.devices); }, []);
  useEffect(() => {
    const mine = ++turn.current;
    state.value = 'loading';
    // Not at each key that is pressed.
    const timer = setTimeout(() => {
      query<Row>(statement.value, pageSize).then((page) => {
        if (mine !== turn.current) return;
        rows.value = page.items;
        continuation.value = page.continuation;
        problem.value = undefined;
        state.value = 'idle';
      }, (refusal: unknown) => {
        if (mine !== turn.current) return;
        rows.value = [];
        continuation.value = '';
        problem.value = refusal;
        state.value = 'idle';
      });
    }, 150);
    return () => clearTimeout(timer);
  }, [statement.value, again.value]);

  const more = async () => {
    if (state.value !== 'idle' || !continuation.value) return;
    const mine = turn.current;
    state.value = 'more';
    try {
      const page = await query<Row>(statement.value, pageSize, continuation.value);
      if (mine !== turn.current) return;
      rows.value = [...rows.value, ...page.items];
      continuation.value = page.continuation;
    } catch (refusal) { problem.value = refusal; }
    if (mine === turn.current) state.value = 'idle';
  };

  return (
    <>
      <header class="page">
        <h1>{t.common.devices}</h1>
        <div class="row wrap">
          {may('RegistryRead') && <ExportButton onProblem={(refusal) => { problem.value = refusal; }} />}
          {may('RegistryWrite') && mayChange() && <Button onClick={() => { isImporting.value = true; }}>{t.common.importIt}</Button>}
          {may('RegistryWrite') && mayChange() && <Button icon="plus" onClick={() => { isCreating.value = true; }}>{t.devices.createDevice}</Button>}
          {mayRunJobs() && <a class="button primary" href={address('/new-job', { condition: chosen.value.size ? idsCondition([...chosen.value]) : wanted.value || '*' })}>{chosen.value.size ? t.devices.jobForChosen(count(chosen.value.size)) : t.devices.jobForThese}</a>}
        </div>
      </header>
      <section class="card search" aria-label={t.common.whichDevices}>
        {isRaw.value ? (
          <Field label={t.common.condition} hint={t.devices.conditionHint}>
            <textarea class="code" rows={2} spellcheck={false} value={parameter('w')} onInput={(event) => setParameters({ w: event.currentTarget.value, raw: '1' })} />
          </Field>
        ) : (
          <>
            <Field label={t.devices.idBegins}>
              <input type="search" name="prefix" spellcheck={false} value={parameter('q')} onInput={(event) => setParameters({ q: event.currentTarget.value })} />
            </Field>
            {clauses.value.map((clause, i) => <ClauseRow key={i} clause={clause} at={i} />)}
          </>
        )}
        <div class="row wrap">
          {!isRaw.value && <Button kind="quiet" icon="plus" onClick={() => setClauses([...clauses.value, { path: 'tags.', operator: '=', value: '' }])}>{t.devices.addCondition}</Button>}
          <Button kind="quiet" onClick={() => setParameters(isRaw.value ? { w: '', raw: '' } : { w: wanted.value, raw: '1', q: '', c: '' })}>{isRaw.value ? t.devices.useBuilder : t.devices.writeHand}</Button>
          <label class="inline">{t.devices.columns} <input name="columns" placeholder="tags.building, properties.reported.fw" spellcheck={false} value={parameter('cols')} onChange={(event) => setParameters({ cols: event.currentTarget.value })} /></label>
        </div>
        {!isRaw.value && wanted.value && <code class="statement">WHERE {wanted.value}</code>}
      </section>
      <p class="hint" role="status" data-testid="count">{total.value === undefined ? (total.isLoading ? t.devices.counting : '') : t.devices.count(total.value, count(total.value))}</p>
      <Problem of={problem.value} retry={() => { again.value++; }} />
      {rows.value.length > 0 ? <List key={statement.value} rows={rows.value} chosen={chosen.value} onChoose={(next) => { chosen.value = next; }} onEnd={() => void more()} isMore={state.value === 'more'} /> : state.value === 'loading' ? <Loading /> : !problem.value && (
        <Empty title={wanted.value ? t.devices.noneSo : t.devices.none}>
          {wanted.value ? t.devices.noneSoHint : t.devices.noneHint(<code>carillon simulate -n 100 --create</code>)}
        </Empty>
      )}
      {isImporting.value && <ImportDialog onClose={() => { isImporting.value = false; again.value++; }} />}
      {isCreating.value && <Create onClose={() => { isCreating.value = false; }} />}
    </>
  );
}

function ClauseRow({ clause, at }: { clause: Clause; at: number }) {
  const change = (part: Partial<Clause>) => setClauses(clauses.value.map((one, i) => (i === at ? { ...one, ...part } : one)));
  const hasValue = clause.operator !== 'defined' && clause.operator !== 'missing';
  return (
    <div class="clause" role="group" aria-label={t.devices.conditionNumber(at + 1)}>
      <input aria-label={t.common.path} list="paths" spellcheck={false} value={clause.path} onInput={(event) => change({ path: event.currentTarget.value })} />
      <select aria-label={t.devices.comparison} value={clause.operator} onChange={(event) => change({ operator: event.currentTarget.value as Operator })}>
        {operators.map(([operator, name]) => <option key={operator} value={operator}>{name}</option>)}
      </select>
      {hasValue && <input aria-label={t.devices.value} spellcheck={false} value={clause.value} onInput={(event) => change({ value: event.currentTarget.value })} />}
      <Button kind="quiet" icon="close" aria-label={t.devices.removeCondition} onClick={() => setClauses(clauses.value.filter((_, i) => i !== at))} />
      <datalist id="paths">
        {['tags.', 'properties.desired.', 'properties.reported.', 'connectionState', 'status', 'lastActivityTime', 'version'].map((path) => <option key={path} value={path} />)}
      </datalist>
    </div>
  );
}

/** Only the rows that are seen are drawn; the next page is fetched before its place comes into sight. */
function List({ rows, chosen, onChoose, onEnd, isMore }: { rows: Row[]; chosen: ReadonlySet<string>; onChoose: (chosen: ReadonlySet<string>) => void; onEnd: () => void; isMore: boolean }) {
  const element = useRef<HTMLDivElement>(null);
  const view = useSignal({ top: 0, height: 600 });
  const look = () => {
    const box = element.current;
    if (!box) return;
    view.value = { top: box.scrollTop, height: box.clientHeight };
    if (box.scrollTop + box.clientHeight * 3 > rows.length * rowHeight) onEnd();
  };
  useEffect(look, [rows.length]);
  const choose = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id) && next.size < chosenMax) next.add(id);
    onChoose(next);
  };
  const { first, last } = windowOf(rows.length, rowHeight, view.value.top, view.value.height);
  return (
    <div class="table-scroll virtual card flush" ref={element} onScroll={look} tabIndex={0} role="region" aria-label={t.common.devices}>
      <table class="fixed" aria-rowcount={rows.length} style={{ minWidth: `${leastWidth + columnWidth * columns.value.length}px` }}>
        <thead><tr><th class="choice">{chosen.size > 0 ? <Button kind="quiet" icon="close" aria-label={t.devices.chooseNone} title={t.devices.chooseNone} onClick={() => onChoose(new Set())} /> : <span class="hidden-text">{t.devices.chosen}</span>}</th><th class="id-column">{t.common.device}</th><th>{t.common.connection}</th><th>{t.common.status}</th><th>{t.common.lastSeen}</th>{columns.value.map((path) => <th key={path}>{path}</th>)}</tr></thead>
        <tbody>
          {first > 0 && <tr class="spacer" aria-hidden="true" style={{ height: `${first * rowHeight}px` }} />}
          {rows.slice(first, last).map((row, i) => (
            <tr key={row.deviceId} aria-rowindex={first + i + 1}>
              <td class="choice"><input type="checkbox" aria-label={t.devices.choose(row.deviceId)} checked={chosen.has(row.deviceId)} onChange={() => choose(row.deviceId)} /></td>
              <td><a class="id" title={row.deviceId} href={address('/device', { id: row.deviceId })}>{row.deviceId}</a></td>
              <td><State of={row.connectionState} /></td>
              <td><State of={row.status} /></td>
              <td><Time at={row.lastActivityTime} relative /></td>
              {columns.value.map((path, n) => <td key={path} class="cell">{row[`c${n}`] === undefined ? <span class="hint">–</span> : typeof row[`c${n}`] === 'string' ? String(row[`c${n}`]) : JSON.stringify(row[`c${n}`])}</td>)}
            </tr>
          ))}
          {last < rows.length && <tr class="spacer" aria-hidden="true" style={{ height: `${(rows.length - last) * rowHeight}px` }} />}
        </tbody>
      </table>
      {isMore && <Loading what={t.devices.loadingMore} />}
    </div>
  );
}

function Create({ onClose }: { onClose: () => void }) {
  const id = useSignal('');
  const kind = useSignal<'sas' | 'selfSigned' | 'certificateAuthority'>('sas');
  const thumbprint = useSignal('');
  const problem = useSignal<unknown>(undefined);
  const create = async (event: Event) => {
    event.preventDefault();
    problem.value = undefined;
    const authentication = kind.value === 'selfSigned'
      ? { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: thumbprint.value.trim(), secondaryThumbprint: null } }
      : { type: kind.value };
    try {
      await createDevice(id.value, { status: 'enabled', authentication });
      go(address('/device', { id: id.value }));
    } catch (refusal) {
      problem.value = refusal;
      // An answer that was lost looks like a refusal; then the device is there.
      if (refusal instanceof ApiError && refusal.status === 0) void getDevice(id.value).catch(() => {});
    }
  };
  return (
    <Dialog title={t.devices.createDevice} onClose={onClose}>
      <form onSubmit={(event) => void create(event)}>
        <Field label={t.devices.deviceId} hint={t.devices.idHint}>
          <input name="device-id" required maxLength={128} spellcheck={false} autocomplete="off" value={id.value} onInput={(event) => { id.value = event.currentTarget.value; }} />
        </Field>
        <Field label={t.devices.proof}>
          <select value={kind.value} onChange={(event) => { kind.value = event.currentTarget.value as 'sas'; }}>
            <option value="sas">{t.devices.keysHubMakes}</option>
            <option value="selfSigned">{t.devices.certificateOwn}</option>
            <option value="certificateAuthority">{t.devices.certificateAuthority}</option>
          </select>
        </Field>
        {kind.value === 'selfSigned' && (
          <Field label={t.devices.thumbprint} hint={t.devices.thumbprintHint}>
            <input required spellcheck={false} value={thumbprint.value} onInput={(event) => { thumbprint.value = event.currentTarget.value; }} />
          </Field>
        )}
        <Problem of={problem.value} />
        <footer class="row end"><Button onClick={onClose}>{t.common.cancel}</Button><Button type="submit" kind="primary">{t.common.create}</Button></footer>
      </form>
    </Dialog>
  );
}
