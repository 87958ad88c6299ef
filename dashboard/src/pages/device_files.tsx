import { deviceFiles, may } from '../api.ts';
import { bytes, count } from '../lib/format.ts';
import { t } from '../texts.ts';
import { Button, Empty, Loading, Problem, Time, useLoaded } from '../ui/basics.tsx';

/** The files that a device has uploaded. Notifications of them are left to back ends: who receives one takes it from the others. */
export function DeviceFiles({ id }: { id: string }) {
  const found = useLoaded(async () => (may('ServiceConnect') ? deviceFiles(id) : undefined));
  const f = t.files;
  if (!may('ServiceConnect')) return <p class="notice warn">{f.right}</p>;
  const list = found.value;
  return (
    <section class="card flush">
      <header class="inset">
        <p class="hint">{f.says}</p>
        <Button kind="quiet" icon="refresh" onClick={found.reload}>{t.common.refresh}</Button>
      </header>
      <Problem of={found.problem} retry={found.reload} />
      {!list ? found.isLoading && <Loading /> : !list.isOn ? <Empty title={f.off}>{f.offHint}</Empty> : list.files.length === 0 ? <Empty title={f.none}>{f.noneHint}</Empty> : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label={f.title}>
          <table>
            <thead><tr><th>{f.name}</th><th class="number">{f.size}</th><th>{f.changed}</th></tr></thead>
            <tbody>
              {list.files.map((file) => (
                <tr key={file.name}><td class="break"><span class="id">{file.name}</span></td><td class="number" title={`${count(file.bytes)} B`}>{bytes(file.bytes)}</td><td><Time at={file.lastModified} /></td></tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {list && !list.isWhole && <p class="inset hint">{f.more}</p>}
    </section>
  );
}
