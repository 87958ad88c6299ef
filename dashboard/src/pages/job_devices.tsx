// The devices of a job: by state, kind of failure and wave, and each with what became of it.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type DeviceJob, type JobDevice, type JobProgress, jobDevices, jobDevicesAddress, query, queryAll } from '../api.ts';
import { toCsv, toNdjson } from '../lib/csv.ts';
import { count } from '../lib/format.ts';
import { deviceOfJobStatement, jobRowsStatement } from '../lib/query.ts';
import { failureKinds } from '../lib/rollout.ts';
import { address, parameter, setParameters } from '../router.ts';
import { t } from '../texts.ts';
import { Button, Code, Dialog, Empty, Loading, Problem, State, Time, save } from '../ui/basics.tsx';

const pageRows = 200;
const exportMax = 200_000;
/** A filter by the word of the service, for which people read another. */
const stateNames: Record<string, string> = { completed: 'succeeded' };

export function JobDevices({ id, job }: { id: string; job: JobProgress }) {
  const rows = useSignal<JobDevice[]>([]);
  const isWhole = useSignal(true);
  const wanted = useSignal(pageRows);
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(true);
  const opened = useSignal<JobDevice | undefined>(undefined);
  const [state, kind, wave] = [parameter('state'), parameter('kind'), parameter('wave')];
  const filter = { status: state, kind, wave };
  const load = async (most: number) => {
    isBusy.value = true;
    problem.value = undefined;
    wanted.value = most;
    try {
      const found = await jobDevices(id, filter, most);
      rows.value = found.rows;
      isWhole.value = found.isWhole;
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  useEffect(() => void load(pageRows), []);
  /** With what devices answered, which the list has not; of a kind of failure or a wave as the list is. */
  const take = async (format: 'csv' | 'ndjson') => {
    if (kind || wave) {
      const link = document.createElement('a');
      link.href = jobDevicesAddress(id, filter, format);
      link.download = `${id}.${format}`;
      link.click();
      return;
    }
    problem.value = undefined;
    isBusy.value = true;
    try {
      const found = await queryAll<DeviceJob>(jobRowsStatement(id, state), exportMax);
      if (!found.isWhole) throw new Error(t.common.tooManyRows(count(exportMax), `carillon job devices ${id} -o ${format}`));
      const flat = found.rows.map((row) => ({ deviceId: row.deviceId, moduleId: row.moduleId, status: row.status, startTimeUtc: row.startTimeUtc, endTimeUtc: row.endTimeUtc, error: row.error?.description, response: row.outcome?.deviceMethodResponse }));
      if (format === 'csv') save(`${id}.csv`, 'text/csv', toCsv(flat));
      else save(`${id}.ndjson`, 'application/x-ndjson', toNdjson(found.rows));
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  const waves = job.waves ?? [];
  const hasFailures = (job.deviceJobStatistics?.failedCount ?? 0) > 0;
  return (
    <section class="card flush">
      <header class="inset">
        <h2>{t.common.devices}{state && `: ${t.states[stateNames[state] ?? state] ?? state}`}</h2>
        <div class="row wrap">
          {hasFailures && (
            <select aria-label={t.job.kind} value={kind} onChange={(event) => setParameters({ kind: event.currentTarget.value })}>
              <option value="">{t.job.anyKind}</option>
              {failureKinds.map((name) => <option key={name} value={name}>{t.job.kinds[name] ?? name}</option>)}
            </select>
          )}
          {waves.length > 0 && (
            <select aria-label={t.run.wave} value={wave} onChange={(event) => setParameters({ wave: event.currentTarget.value })}>
              <option value="">{t.job.anyWave}</option>
              {waves.map(({ n }) => <option key={n} value={String(n)}>{t.rollout.wave(n + 1)}</option>)}
            </select>
          )}
          <Button kind="quiet" icon="refresh" onClick={() => void load(wanted.value)}>{t.common.refresh}</Button>
          <Button kind="quiet" icon="download" disabled={isBusy.value} onClick={() => void take('csv')}>CSV</Button>
          <Button kind="quiet" icon="download" disabled={isBusy.value} onClick={() => void take('ndjson')}>NDJSON</Button>
        </div>
      </header>
      <Problem of={problem.value} />
      {rows.value.length === 0 ? (isBusy.value ? <Loading /> : <Empty title={state || kind || wave ? t.job.noneInState : t.progress.none} />) : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label={t.job.devicesJob}>
          <table>
            <thead><tr><th>{t.common.device}</th><th>{t.common.status}</th>{waves.length > 0 && <th class="number">{t.run.wave}</th>}<th>{t.common.started}</th><th>{t.common.ended}</th><th>{t.common.outcome}</th><th><span class="hidden-text">{t.job.details}</span></th></tr></thead>
            <tbody>
              {rows.value.map((row) => (
                <tr key={`${row.deviceId} ${row.moduleId ?? ''}`}>
                  <td><a class="id" href={address('/device', { id: row.deviceId })}>{nameOf(row)}</a></td>
                  <td><State of={row.state} />{row.attempts > 1 && <p class="hint">{t.job.attempts(count(row.attempts))}</p>}</td>
                  {waves.length > 0 && <td class="number">{row.wave === undefined ? '' : row.wave + 1}</td>}
                  <td><Time at={row.begun} relative /></td>
                  <td><Time at={row.ended} relative /></td>
                  <td class="cell">{outcomeOf(row)}</td>
                  <td><div class="row end"><Button kind="quiet" aria-label={t.job.detailsOf(nameOf(row))} onClick={() => { opened.value = row; }}>{t.job.details}</Button></div></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {!isWhole.value && <div class="inset"><Button disabled={isBusy.value} onClick={() => void load(2 * wanted.value)}>{t.common.loadMore}</Button></div>}
      {opened.value && <OneDevice id={id} row={opened.value} onClose={() => { opened.value = undefined; }} />}
    </section>
  );
}

const nameOf = ({ deviceId, moduleId }: JobDevice) => (moduleId ? `${deviceId}/${moduleId}` : deviceId);

function outcomeOf({ error, reason, status }: JobDevice): string {
  const kind = reason ? t.job.kinds[reason] ?? reason : '';
  const said = error?.description ?? (status === undefined ? '' : t.job.withStatus(status));
  return [kind, said].filter(Boolean).join(': ');
}

/** What became of one device, with its whole answer. */
function OneDevice({ id, row, onClose }: { id: string; row: JobDevice; onClose: () => void }) {
  const found = useSignal<DeviceJob | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  useEffect(() => {
    query<DeviceJob>(deviceOfJobStatement(id, row.deviceId), 100).then(
      (page) => { found.value = page.items.find((one) => (one.moduleId ?? '') === (row.moduleId ?? '')); },
      (refusal: unknown) => { problem.value = refusal; },
    );
  }, []);
  const answer = found.value?.outcome?.deviceMethodResponse;
  return (
    <Dialog title={t.job.openOf(nameOf(row))} onClose={onClose} wide>
      <dl class="facts">
        <div><dt>{t.common.status}</dt><dd><State of={row.state} /></dd></div>
        <div><dt>{t.job.attemptsMade}</dt><dd>{count(row.attempts)}</dd></div>
        {row.wave !== undefined && <div><dt>{t.run.wave}</dt><dd>{row.wave + 1}</dd></div>}
        <div><dt>{t.common.started}</dt><dd><Time at={row.begun} /></dd></div>
        <div><dt>{t.common.ended}</dt><dd><Time at={row.ended} /></dd></div>
      </dl>
      {outcomeOf(row) && <p class="break">{outcomeOf(row)}</p>}
      <Problem of={problem.value} />
      {answer && <Code text={JSON.stringify(answer, null, 2)} what={t.device.answer} />}
      <footer class="row end"><Button onClick={onClose}>{t.common.close}</Button></footer>
    </Dialog>
  );
}
