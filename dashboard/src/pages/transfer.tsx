import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError, exportDevices, writeDevices } from '../api.ts';
import { count } from '../lib/format.ts';
import { type Refusal, batchesOf, linesOf } from '../lib/import.ts';
import { Button, Dialog, Field, Problem, save } from '../ui/basics.tsx';
import { t } from '../texts.ts';

const refusalsMax = 10_000;
const exportMax = 200_000;
/** After a refusal that passes: the hub was asked too often, or its disk is full. */
const pauseMs = 2000;

const pause = (ms: number) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function* piecesOf(file: File): AsyncGenerator<string> {
  const reader = file.stream().getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    yield decoder.decode(value, { stream: true });
  }
  yield decoder.decode();
}

/** A file of devices, sent piece by piece; the page must stay open meanwhile. */
export function ImportDialog({ onClose }: { onClose: () => void }) {
  const file = useSignal<File | undefined>(undefined);
  const mode = useSignal('createOrUpdate');
  const state = useSignal<'ready' | 'running' | 'stopping' | 'done'>('ready');
  const written = useSignal(0);
  const refused = useSignal(0);
  const refusals = useSignal<Refusal[]>([]);
  const waits = useSignal(false);
  const problem = useSignal<unknown>(undefined);
  const isStopped = useRef(false);
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => { if (state.value === 'running') event.preventDefault(); };
    addEventListener('beforeunload', ask);
    return () => {
      removeEventListener('beforeunload', ask);
      isStopped.current = true;
    };
  }, []);
  const note = (more: Refusal[]) => {
    refused.value += more.length;
    if (more.length) refusals.value = [...refusals.value, ...more].slice(0, refusalsMax);
  };
  const send = async (entries: object[]) => {
    for (;;) {
      try {
        const result = await writeDevices(entries);
        waits.value = false;
        return result;
      } catch (refusal) {
        const isPassing = refusal instanceof ApiError && [0, 429, 503].includes(refusal.status);
        if (!isPassing || isStopped.current) throw refusal;
        waits.value = true;
        await pause(pauseMs);
      }
    }
  };
  const run = async (event: Event) => {
    event.preventDefault();
    if (!file.value) return;
    state.value = 'running';
    problem.value = undefined;
    try {
      for await (const batch of batchesOf(linesOf(piecesOf(file.value)))) {
        if (isStopped.current) break;
        note(batch.refusals);
        if (batch.lines.length === 0) continue;
        const { errors } = await send(batch.lines.map(({ entry }) => ({ importMode: mode.value, ...entry })));
        const numbers = new Map(batch.lines.map(({ number, entry }) => [`${String(entry.id)}/${String(entry.moduleId ?? '')}`, number]));
        note(errors.map((error) => ({
          number: numbers.get(`${error.deviceId}/${error.moduleId ?? ''}`) ?? 0, id: error.moduleId ? `${error.deviceId}/${error.moduleId}` : error.deviceId, text: error.errorStatus,
        })));
        written.value += batch.lines.length - errors.length;
      }
    } catch (refusal) { problem.value = refusal; }
    state.value = 'done';
  };
  const stop = () => {
    isStopped.current = true;
    state.value = 'stopping';
  };
  const isIdle = state.value === 'ready';
  return (
    <Dialog title={t.transfer.importDevices} onClose={onClose} wide>
      <form onSubmit={(event) => void run(event)}>
        <Field label={t.transfer.file} hint={t.transfer.fileHint(<code>carillon device export</code>)}>
          <input type="file" required disabled={!isIdle} onChange={(event) => { file.value = event.currentTarget.files?.[0]; }} />
        </Field>
        <Field label={t.transfer.mode} hint={t.transfer.modeHint}>
          <select disabled={!isIdle} value={mode.value} onChange={(event) => { mode.value = event.currentTarget.value; }}>
            <option value="createOrUpdate">{t.transfer.createDeviceChange}</option>
            <option value="create">{t.transfer.createDeviceRefuse}</option>
            <option value="updateTwin">{t.transfer.changeTagsDesired}</option>
            <option value="delete">{t.transfer.deleteDevice}</option>
          </select>
        </Field>
        {!isIdle && (
          <p role="status" data-testid="import">
            {t.transfer.progress(<strong>{count(written.value)}</strong>, <strong>{count(refused.value)}</strong>)}
            {waits.value && t.transfer.waits}{state.value === 'done' && t.transfer.done}
          </p>
        )}
        {refusals.value.length > 0 && (
          <div class="table-scroll" tabIndex={0} role="region" aria-label={t.transfer.refusedLines}>
            <table>
              <thead><tr><th class="number">{t.transfer.line}</th><th>{t.common.device}</th><th>{t.transfer.why}</th></tr></thead>
              <tbody>{refusals.value.slice(0, 20).map((one) => <tr key={`${one.number}/${one.id}`}><td class="number">{one.number || ''}</td><td class="break">{one.id}</td><td class="break">{one.text}</td></tr>)}</tbody>
            </table>
          </div>
        )}
        <Problem of={problem.value} />
        <footer class="row end wrap">
          {refusals.value.length > 0 && state.value === 'done' && (
            <Button icon="download" onClick={() => save('refused.ndjson', 'application/x-ndjson', refusals.value.map((one) => `${JSON.stringify(one)}\n`).join(''))}>{t.transfer.refusedLines}</Button>
          )}
          {state.value === 'running' && <Button kind="danger" onClick={stop}>{t.transfer.stop}</Button>}
          {isIdle ? <><Button onClick={onClose}>{t.common.cancel}</Button><Button type="submit" kind="primary" disabled={!file.value}>{t.common.importIt}</Button></>
            : <Button kind="primary" disabled={state.value !== 'done'} onClick={onClose}>{t.common.close}</Button>}
        </footer>
      </form>
    </Dialog>
  );
}

/** All devices with their twins, without keys, as the command line writes them. */
export function ExportButton({ onProblem }: { onProblem: (problem: unknown) => void }) {
  const done = useSignal<number | undefined>(undefined);
  const run = async () => {
    done.value = 0;
    try {
      const parts: string[] = [];
      let continuation = '';
      do {
        const page = await exportDevices(continuation);
        parts.push(page.items.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
        done.value += page.items.length;
        continuation = page.continuation;
        if (continuation && done.value >= exportMax) throw new Error(t.common.tooManyDevices(count(exportMax), 'carillon device export --exclude-keys devices.txt'));
      } while (continuation);
      save('devices.ndjson', 'application/x-ndjson', parts.join(''));
    } catch (problem) { onProblem(problem); }
    done.value = undefined;
  };
  return <Button icon="download" disabled={done.value !== undefined} onClick={() => void run()}>{done.value === undefined ? t.transfer.exportIt : t.transfer.exporting(count(done.value))}</Button>;
}
