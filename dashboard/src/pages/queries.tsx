import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type PageCost, type Twin, query, queryAll, queryWithCost } from '../api.ts';
import { completionsAt, pathsOf } from '../lib/completion.ts';
import { toCsv, toNdjson } from '../lib/csv.ts';
import { count, duration, milliseconds } from '../lib/format.ts';
import { address, parameter, setParameters } from '../router.ts';
import { Button, Code, Empty, Field, Problem, save, textOf, setTitle } from '../ui/basics.tsx';
import { t } from '../texts.ts';

const exportMax = 200_000;
/** So many twins are looked at for the paths that are offered. */
const sampleSize = 50;
type Row = Record<string, unknown>;

const examples = [
  'SELECT * FROM devices',
  "SELECT deviceId, lastActivityTime FROM devices WHERE connectionState = 'Disconnected'",
  'SELECT status, COUNT() AS devices FROM devices GROUP BY status',
  "SELECT * FROM devices.jobs WHERE devices.jobs.status = 'failed'",
];

export function QueriesPage() {
  const statement = useSignal(parameter('q') || (examples[0] ?? ''));
  const rows = useSignal<Row[] | undefined>(undefined);
  const asked = useSignal('');
  const continuation = useSignal('');
  const seconds = useSignal(0);
  /** Of all pages so far; the dearest way counts. */
  const cost = useSignal<PageCost | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);
  const view = useSignal<'table' | 'json'>('table');
  const editor = useRef<HTMLTextAreaElement>(null);
  const caret = useSignal(0);
  const paths = useSignal<string[] | undefined>(undefined);
  const offered = completionsAt(statement.value, caret.value, paths.value ?? []);
  const learnPaths = () => {
    if (paths.value) return;
    paths.value = [];
    query<Twin>('SELECT * FROM devices', sampleSize).then((page) => { paths.value = pathsOf(page.items); }, () => { paths.value = undefined; });
  };
  const follow = (field: HTMLTextAreaElement) => { caret.value = field.selectionEnd; };
  const complete = (word: string) => {
    const end = offered.from + word.length;
    statement.value = statement.value.slice(0, offered.from) + word + statement.value.slice(caret.value);
    caret.value = end;
    requestAnimationFrame(() => {
      editor.current?.focus();
      editor.current?.setSelectionRange(end, end);
    });
  };

  const ask = async (more: boolean) => {
    isBusy.value = true;
    problem.value = undefined;
    const from = performance.now();
    if (!more) asked.value = statement.value;
    try {
      const page = await queryWithCost<Row>(asked.value, 100, more ? continuation.value : '');
      rows.value = more ? [...(rows.value ?? []), ...page.items] : page.items;
      continuation.value = page.continuation;
      cost.value = more ? sumOf(cost.value, page.cost) : page.cost;
      seconds.value = (performance.now() - from) / 1000;
      if (!more) setParameters({ q: asked.value });
    } catch (refusal) {
      problem.value = refusal;
      if (!more) rows.value = undefined;
    }
    isBusy.value = false;
  };
  useEffect(() => {
    setTitle(t.common.queries);
    if (parameter('q')) void ask(false);
  }, []);
  const take = async (kind: 'csv' | 'ndjson') => {
    isBusy.value = true;
    problem.value = undefined;
    try {
      const all = await queryAll<Row>(asked.value, exportMax);
      if (!all.isWhole) throw new Error(t.common.tooManyRows(count(exportMax), `carillon query -o ${kind}`));
      if (kind === 'csv') save('query.csv', 'text/csv', toCsv(all.rows));
      else save('query.ndjson', 'application/x-ndjson', toNdjson(all.rows));
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  const columns = [...new Set((rows.value ?? []).flatMap((row) => Object.keys(row)))];
  return (
    <>
      <header class="page"><h1>{t.common.queries}</h1></header>
      <form class="card" onSubmit={(event) => { event.preventDefault(); void ask(false); }}>
        <Field label={t.queries.statement} hint={t.queries.statementHint}>
          <textarea ref={editor} class="code" name="statement" rows={4} spellcheck={false} value={statement.value} onFocus={learnPaths}
            onInput={(event) => { statement.value = event.currentTarget.value; follow(event.currentTarget); }}
            onKeyUp={(event) => follow(event.currentTarget)} onClick={(event) => follow(event.currentTarget)}
            onKeyDown={(event) => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); void ask(false); } }} />
        </Field>
        {offered.words.length > 0 && (
          <div class="chips" role="group" aria-label={t.queries.completions}>
            {offered.words.map((word) => <button type="button" key={word} onClick={() => complete(word)}><code>{word}</code></button>)}
          </div>
        )}
        <div class="row between wrap">
          <select aria-label={t.queries.examples} value="" onChange={(event) => { statement.value = event.currentTarget.value || statement.value; event.currentTarget.value = ''; }}>
            <option value="">{t.queries.examplesText}</option>
            {examples.map((text) => <option key={text} value={text}>{text}</option>)}
          </select>
          <Button type="submit" kind="primary" disabled={isBusy.value}>{t.queries.run}</Button>
        </div>
        {problem.value ? <Place statement={asked.value} message={textOf(problem.value)} /> : null}
        <Problem of={problem.value} />
      </form>
      {rows.value && cost.value && <p class="hint" data-testid="cost">{t.queries.cost(cost.value.examined, count(cost.value.examined), t.queries.costBy[cost.value.by], milliseconds(cost.value.seconds))}</p>}
      {rows.value && (rows.value.length === 0 ? <Empty title={t.queries.nothingFound} /> : (
        <section class="card flush">
          <header class="inset">
            <p role="status">{t.queries.found(rows.value.length, <strong>{count(rows.value.length)}</strong>, continuation.value !== '')} <span class="hint">{t.queries.tookSeconds(seconds.value < 1 ? milliseconds(seconds.value) : duration(seconds.value))}</span></p>
            <div class="row">
              <Button kind="quiet" aria-pressed={view.value === 'json'} onClick={() => { view.value = view.value === 'json' ? 'table' : 'json'; }}>{view.value === 'json' ? t.queries.table : 'JSON'}</Button>
              <Button kind="quiet" icon="download" disabled={isBusy.value} onClick={() => void take('csv')}>CSV</Button>
              <Button kind="quiet" icon="download" disabled={isBusy.value} onClick={() => void take('ndjson')}>NDJSON</Button>
            </div>
          </header>
          {view.value === 'json' ? <Code text={JSON.stringify(rows.value, null, 2)} what={t.queries.rows} /> : (
            <div class="table-scroll" tabIndex={0} role="region" aria-label={t.queries.rowsTable}>
              <table>
                <thead><tr>{columns.map((name) => <th key={name}>{name}</th>)}</tr></thead>
                <tbody>
                  {rows.value.map((row, i) => (
                    <tr key={i}>{columns.map((name) => {
                      const value = Object.hasOwn(row, name) ? row[name] : undefined;
                      const text = value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
                      return <td key={name} class="cell" title={text}>{name === 'deviceId' ? <a class="id" href={address('/device', { id: text })}>{text}</a> : text}</td>;
                    })}</tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
          {continuation.value && <div class="inset"><Button disabled={isBusy.value} onClick={() => void ask(true)}>{t.common.loadMore}</Button></div>}
        </section>
      ))}
    </>
  );
}

const ways: PageCost['by'][] = ['ids', 'columns', 'rows'];
function sumOf(a: PageCost | undefined, b: PageCost | undefined): PageCost | undefined {
  if (!a || !b) return a ?? b;
  return { examined: a.examined + b.examined, by: ways[Math.max(ways.indexOf(a.by), ways.indexOf(b.by))] ?? 'rows', seconds: a.seconds + b.seconds };
}

/** Points at the place that the hub names. */
function Place({ statement, message }: { statement: string; message: string }) {
  const found = /Line (\d+):(\d+)/.exec(message);
  const line = found && statement.split('\n')[Number(found[1]) - 1];
  if (!found || line === undefined || line === null) return null;
  return <pre class="code place" aria-hidden="true">{line}{'\n'}{' '.repeat(Math.max(0, Number(found[2]) - 1))}^</pre>;
}
