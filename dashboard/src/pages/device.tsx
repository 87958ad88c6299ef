import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ApiError, type Device, type DeviceJob, type MethodResult, type Twin, createModule, deleteDevice, deleteModule, getDevice, getModuleTwin, getTwin, invokeMethod, listModules, may, mayChange, patchTwin, query, session, updateDevice } from '../api.ts';
import { type Change, type JsonObject, applyPatch, changesBetween, leaves, isEqual, parseObject, parseValue, patchBetween, withoutMetadata } from '../lib/json.ts';
import { duration } from '../lib/format.ts';
import { deviceJobsStatement } from '../lib/query.ts';
import { snippets } from '../lib/snippets.ts';
import { address, go, guardLeaving, parameter } from '../router.ts';
import { t } from '../texts.ts';
import { DeviceHistory } from './audit.tsx';
import { DeviceConnections } from './device_connections.tsx';
import { DeviceFiles } from './device_files.tsx';
import { DeviceEvents, DeviceMessages } from './device_messages.tsx';
import { DeviceTokens } from './device_tokens.tsx';
import { DeviceTrace } from './device_trace.tsx';
import { Button, Code, Dialog, Empty, Field, JsonInput, Loading, Problem, State, Time, useLoaded, setTitle } from '../ui/basics.tsx';

const pretty = (value: unknown) => JSON.stringify(value ?? {}, null, 2);

export function DevicePage() {
  const id = parameter('id');
  // Another device is another page, with none of this one's state.
  return <OneDevice key={id} id={id} />;
}

function OneDevice({ id }: { id: string }) {
  const twin = useLoaded(() => getTwin(id));
  const tab = useSignal<'twin' | 'method' | 'messages' | 'events' | 'identity' | 'modules' | 'jobs' | 'files' | 'connections' | 'trace' | 'history'>('twin');
  useEffect(() => {
    setTitle(id);
    return () => guardLeaving(undefined);
  }, []);
  if (!twin.value) {
    return (
      <>
        <header class="page"><h1 class="id">{id}</h1></header>
        {twin.isLoading ? <Loading /> : <Problem of={twin.problem} retry={twin.reload} />}
      </>
    );
  }
  const it = twin.value;
  const configurations = (it.configurations ?? {}) as unknown as Record<string, { status: string }>;
  return (
    <>
      <p class="crumb"><a href={address('/devices')}>{t.common.devices}</a></p>
      <header class="page">
        <h1 class="id">{it.deviceId}</h1>
        <Button kind="quiet" icon="refresh" onClick={twin.reload}>{t.common.refresh}</Button>
      </header>
      <dl class="facts">
        <div><dt>{t.common.connection}</dt><dd><State of={it.connectionState} /></dd></div>
        <div><dt>{t.common.status}</dt><dd><State of={it.status} /></dd></div>
        <div><dt>{t.common.lastSeen}</dt><dd><Time at={it.lastActivityTime} relative /></dd></div>
        <div><dt>{t.device.authentication}</dt><dd>{it.authenticationType}</dd></div>
        <div><dt>{t.device.twinVersion}</dt><dd>{it.version}</dd></div>
        {Object.keys(configurations).length > 0 && <div><dt>{t.common.configurations}</dt><dd class="break">{Object.entries(configurations).map(([name, { status }]) => <p key={name}><a href={address('/configuration', { id: name })}>{name}</a> <span class="hint">{t.device.configured[status] ?? status}</span></p>)}</dd></div>}
        {it.modelId && <div><dt>{t.device.model}</dt><dd class="break">{it.modelId}</dd></div>}
      </dl>
      <div class="tabs" role="tablist" aria-label={t.device.partsDevice}>
        {([['twin', t.device.twin], ['method', t.common.method], ['messages', t.messages.send], ['events', t.events.title], ['identity', t.device.identity], ['modules', t.device.modules], ['jobs', t.common.jobs], ['files', t.files.title], ['connections', t.connections.title], ['trace', t.trace.title], ['history', t.audit.changes]] as const).map(([name, label]) => (
          <button type="button" role="tab" key={name} aria-selected={tab.value === name} onClick={() => { tab.value = name; }}>{label}</button>
        ))}
      </div>
      <Problem of={twin.problem} retry={twin.reload} />
      {/* What is being written stays while another part is looked at. */}
      <div hidden={tab.value !== 'twin'}><TwinEditor twin={it} onSaved={twin.reload} /></div>
      {tab.value === 'method' && <MethodCall id={id} isConnected={it.connectionState === 'Connected'} />}
      {tab.value === 'messages' && <DeviceMessages id={id} waiting={it.cloudToDeviceMessageCount} onChanged={twin.reload} />}
      {tab.value === 'events' && <DeviceEvents id={id} />}
      {tab.value === 'identity' && <><Identity id={id} onChanged={twin.reload} /><DeviceTokens id={id} /></>}
      {tab.value === 'modules' && (may('RegistryRead') ? <Modules device={id} /> : <p class="notice warn">{t.device.modulesNeed}</p>)}
      {tab.value === 'jobs' && <Jobs id={id} />}
      {tab.value === 'files' && <DeviceFiles id={id} />}
      {tab.value === 'trace' && <DeviceTrace id={id} />}
      {tab.value === 'connections' && <DeviceConnections id={id} />}
      {tab.value === 'history' && <DeviceHistory id={id} />}
    </>
  );
}

interface Writable { tags: JsonObject; desired: JsonObject }
const writableOf = (twin: Twin): Writable => ({
  tags: withoutMetadata(twin.tags as JsonObject | undefined),
  desired: withoutMetadata(twin.properties.desired as JsonObject),
});

function TwinEditor({ twin, onSaved }: { twin: Twin; onSaved: () => void }) {
  const base = useSignal(twin);
  const tags = useSignal(pretty(writableOf(twin).tags));
  const desired = useSignal(pretty(writableOf(twin).desired));
  const review = useSignal<Change[] | undefined>(undefined);
  const conflict = useSignal<Twin | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const canWrite = may('ServiceConnect') && mayChange();
  const before = writableOf(base.value);
  const parsed = { tags: parseObject(tags.value), desired: parseObject(desired.value) };
  const isRight = !parsed.tags.error && !parsed.desired.error;
  const mine = (): Writable => ({ tags: parsed.tags.value ?? {}, desired: parsed.desired.value ?? {} });
  const isChanged = !isRight || !isEqual({ ...before }, { ...mine() });

  const show = (shown: Twin, values: Writable) => {
    base.value = shown;
    tags.value = pretty(values.tags);
    desired.value = pretty(values.desired);
  };
  useEffect(() => {
    // What is being written is kept; else the editors follow the twin. Asked of the editors as they are now,
    // which may have moved on since this was drawn.
    const held = writableOf(base.value);
    const isTouched = !isEqual({ ...held }, { tags: parseObject(tags.value).value ?? null, desired: parseObject(desired.value).value ?? null });
    if (!isTouched && twin.version >= base.value.version) show(twin, writableOf(twin));
  }, [twin.etag, twin.version]);
  useEffect(() => {
    guardLeaving(isChanged ? () => confirm(t.device.leaveWithoutSaving) : undefined);
    const ask = (event: BeforeUnloadEvent) => { if (isChanged) event.preventDefault(); };
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [isChanged]);

  const patch = () => {
    const to = mine();
    const body: JsonObject = {};
    const tagPatch = patchBetween(before.tags, to.tags);
    const desiredPatch = patchBetween(before.desired, to.desired);
    if (Object.keys(tagPatch).length) body.tags = tagPatch;
    if (Object.keys(desiredPatch).length) body.properties = { desired: desiredPatch };
    return body;
  };
  const write = async () => {
    problem.value = undefined;
    try {
      const saved = await patchTwin(twin.deviceId, patch(), base.value.etag);
      review.value = undefined;
      show(saved, writableOf(saved));
      onSaved();
    } catch (refusal) {
      review.value = undefined;
      if (refusal instanceof ApiError && refusal.status === 412) conflict.value = await getTwin(twin.deviceId);
      else problem.value = refusal;
    }
  };
  const compare = () => { review.value = changesBetween({ ...before }, { ...mine() }); };
  /** My changes on top of what is there now. */
  const merge = (theirs: Twin) => {
    const now = writableOf(theirs);
    const to = mine();
    const merged = {
      tags: applyPatch(now.tags, patchBetween(before.tags, to.tags)),
      desired: applyPatch(now.desired, patchBetween(before.desired, to.desired)),
    };
    conflict.value = undefined;
    show(theirs, merged);
    review.value = changesBetween({ ...now }, { ...merged });
  };

  return (
    <>
      <div class="twin">
        <section class="card">
          <JsonInput label={t.common.tags} value={tags.value} rows={8} disabled={!canWrite} error={parsed.tags.error} onInput={(text) => { tags.value = text; }} />
          <JsonInput label={t.common.desiredProperties} value={desired.value} rows={12} disabled={!canWrite} error={parsed.desired.error} onInput={(text) => { desired.value = text; }} />
          <Problem of={problem.value} />
          {canWrite ? (
            <div class="row end">
              <Button disabled={!isChanged} onClick={() => show(twin, writableOf(twin))}>{t.device.discard}</Button>
              <Button kind="primary" disabled={!isChanged || !isRight} onClick={compare}>{t.device.reviewSave}</Button>
            </div>
          ) : <p class="hint">{may('ServiceConnect') ? t.session.readsOnly : t.device.lacksRight(session.value?.policy ?? '')}</p>}
        </section>
        <section class="card">
          <header><h2>{t.device.reportedProperties}</h2></header>
          <pre class="code" tabIndex={0} aria-label={t.device.reportedProperties}>{pretty(withoutMetadata(twin.properties.reported as JsonObject))}</pre>
        </section>
      </div>
      <Differences twin={twin} />
      {review.value && (
        <Dialog title={t.device.willChange} onClose={() => { review.value = undefined; }} wide>
          <Changes of={review.value} />
          <footer class="row end"><Button onClick={() => { review.value = undefined; }}>{t.common.back}</Button><Button kind="primary" disabled={review.value.length === 0} onClick={() => void write()}>{t.common.save}</Button></footer>
        </Dialog>
      )}
      {conflict.value && <Conflict base={before} theirs={conflict.value} onMerge={merge} onTake={(theirs) => { conflict.value = undefined; show(theirs, writableOf(theirs)); onSaved(); }} onClose={() => { conflict.value = undefined; }} />}
    </>
  );
}

function Conflict({ base, theirs, onMerge, onTake, onClose }: { base: Writable; theirs: Twin; onMerge: (theirs: Twin) => void; onTake: (theirs: Twin) => void; onClose: () => void }) {
  return (
    <Dialog title={t.device.twinChangedElsewhere} onClose={onClose} wide>
      <p>{t.device.conflict}</p>
      <Changes of={changesBetween({ ...base }, { ...writableOf(theirs) })} />
      <footer class="row end wrap">
        <Button onClick={onClose}>{t.device.goEditing}</Button>
        <Button kind="danger" onClick={() => onTake(theirs)}>{t.device.takeTheirsDrop}</Button>
        <Button kind="primary" onClick={() => onMerge(theirs)}>{t.device.putMineTop}</Button>
      </footer>
    </Dialog>
  );
}

function Changes({ of }: { of: Change[] }) {
  if (of.length === 0) return <p class="hint">{t.device.nothingDiffers}</p>;
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label={t.device.changes}>
      <table class="changes">
        <thead><tr><th>{t.common.path}</th><th>{t.device.before}</th><th>{t.device.after}</th></tr></thead>
        <tbody>
          {of.map((change) => (
            <tr key={change.path}>
              <td class="break">{change.path}</td>
              <td class="before">{change.before === undefined ? <em>{t.device.notThere}</em> : JSON.stringify(change.before)}</td>
              <td class="after">{change.after === undefined ? <em>{t.device.removed}</em> : JSON.stringify(change.after)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Desired values that the device has not reported, or reported otherwise. */
function Differences({ twin }: { twin: Twin }) {
  const reported = new Map(leaves(withoutMetadata(twin.properties.reported as JsonObject)));
  const open = leaves(withoutMetadata(twin.properties.desired as JsonObject)).filter(([path, value]) => !isEqual(reported.get(path), value));
  if (open.length === 0) return null;
  return (
    <section class="card">
      <header><h2>{t.device.openDifferences}</h2></header>
      <div class="table-scroll" tabIndex={0} role="region" aria-label={t.device.differences}>
        <table class="changes">
          <thead><tr><th>{t.common.path}</th><th>{t.device.desired}</th><th>{t.device.reported}</th></tr></thead>
          <tbody>
            {open.map(([path, value]) => (
              <tr key={path}><td class="break">{path}</td><td class="after">{JSON.stringify(value)}</td><td class="before">{reported.has(path) ? JSON.stringify(reported.get(path)) : <em>{t.device.notReported}</em>}</td></tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface Call { name: string; at: Date; result?: MethodResult; problem?: unknown; seconds: number }

function MethodCall({ id, isConnected }: { id: string; isConnected: boolean }) {
  const name = useSignal('');
  const payload = useSignal('null');
  const timeout = useSignal(30);
  const calls = useSignal<Call[]>([]);
  const isBusy = useSignal(false);
  const parsed = parseValue(payload.value);
  const canCall = may('ServiceConnect') && mayChange();
  const call = async (event: Event) => {
    event.preventDefault();
    if (parsed.error !== undefined) return;
    isBusy.value = true;
    const at = new Date();
    const done: Call = { name: name.value, at, seconds: 0 };
    try {
      done.result = await invokeMethod(id, { methodName: name.value, payload: parsed.value, responseTimeoutInSeconds: timeout.value, connectTimeoutInSeconds: 0 });
    } catch (problem) { done.problem = problem; }
    done.seconds = (Date.now() - at.getTime()) / 1000;
    calls.value = [done, ...calls.value].slice(0, 20);
    isBusy.value = false;
  };
  return (
    <>
      <form class="card" onSubmit={(event) => void call(event)}>
        {!isConnected && <p class="notice warn">{t.device.notConnected}</p>}
        <div class="row wrap">
          <Field label={t.common.method}><input name="method" required maxLength={100} spellcheck={false} disabled={!canCall} value={name.value} onInput={(event) => { name.value = event.currentTarget.value; }} /></Field>
          <Field label={t.common.secondsAnswer}><input type="number" min={5} max={300} disabled={!canCall} value={timeout.value} onInput={(event) => { timeout.value = event.currentTarget.valueAsNumber; }} /></Field>
        </div>
        <JsonInput label={t.common.payload} rows={5} disabled={!canCall} value={payload.value} error={parsed.error} onInput={(text) => { payload.value = text; }} />
        {canCall ? <div class="row end"><Button type="submit" kind="primary" disabled={isBusy.value || !!parsed.error}>{isBusy.value ? t.device.calling : t.device.call}</Button></div> : <p class="hint">{t.device.callNeeds}</p>}
      </form>
      {calls.value.map((one) => (
        <section class="card answer" key={one.at.getTime()}>
          <header><h2 class="id">{one.name}</h2><span class="hint"><Time at={one.at.toISOString()} /> · {duration(one.seconds)}</span></header>
          {one.result ? <><p>{t.device.answered(<strong>{one.result.status}</strong>)}</p><Code text={pretty(one.result.payload)} what={t.device.answer} /></> : <Problem of={one.problem} />}
        </section>
      ))}
    </>
  );
}

function Identity({ id, onChanged }: { id: string; onChanged: () => void }) {
  const device = useSignal<Device | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const isRemoving = useSignal(false);
  const run = (work: () => Promise<void>) => {
    problem.value = undefined;
    work().catch((refusal: unknown) => { problem.value = refusal; });
  };
  const reveal = () => run(async () => { device.value = await getDevice(id); });
  const toggle = () => run(async () => {
    const now = await getDevice(id);
    device.value = await updateDevice({ ...now, status: now.status === 'enabled' ? 'disabled' : 'enabled' });
    onChanged();
  });
  const keys = device.value?.authentication.symmetricKey;
  const login = keys?.primaryKey ? `HostName=${session.value?.hostName ?? ''};DeviceId=${id};SharedAccessKey=${keys.primaryKey}` : '';
  const canWrite = may('RegistryWrite') && mayChange();
  return (
    <section class="card">
      <header><h2>{t.device.keysConnectionString}</h2></header>
      <Problem of={problem.value} />
      {!device.value ? (
        may('RegistryRead') ? <><p>{t.device.keysHint}</p><Button onClick={reveal}>{t.device.showKeys}</Button></> : <p class="hint">{t.device.keysNeed}</p>
      ) : login ? (
        <>
          <Field label={t.common.connectionString}><Code text={login} what={t.common.connectionStringNamed} /></Field>
          <Field label={t.common.primaryKey}><Code text={keys?.primaryKey ?? ''} what={t.common.primaryKeyNamed} /></Field>
          <Field label={t.common.secondaryKey}><Code text={keys?.secondaryKey ?? ''} what={t.common.secondaryKeyNamed} /></Field>
          <Snippets login={login} />
        </>
      ) : <Code text={pretty(device.value.authentication)} what={t.device.authenticationNamed} />}
      {canWrite && (
        <footer class="row wrap danger-zone">
          <Button onClick={toggle}>{t.device.enableDisable}</Button>
          <Button kind="danger" onClick={() => { isRemoving.value = true; }}>{t.device.deleteDevice}</Button>
        </footer>
      )}
      {isRemoving.value && (
        <Dialog title={t.device.deleteDeviceAsk} onClose={() => { isRemoving.value = false; }}>
          <p class="break">{t.device.deleteSays(id)}</p>
          <footer class="row end"><Button onClick={() => { isRemoving.value = false; }}>{t.common.keep}</Button><Button kind="danger" onClick={() => run(async () => { await deleteDevice(id); go(address('/devices')); })}>{t.common.remove}</Button></footer>
        </Dialog>
      )}
    </section>
  );
}

function Snippets({ login }: { login: string }) {
  const chosen = useSignal(snippets[0]?.name ?? '');
  const text = snippets.find(({ name }) => name === chosen.value)?.text(login) ?? '';
  return (
    <>
      <h3>{t.device.inProgram}</h3>
      <div class="chips" role="group" aria-label={t.device.inProgram}>
        {snippets.map(({ name }) => <button type="button" key={name} aria-pressed={chosen.value === name} onClick={() => { chosen.value = name; }}>{name}</button>)}
      </div>
      <Code what={chosen.value} text={text} />
    </>
  );
}

function Modules({ device }: { device: string }) {
  const modules = useLoaded(() => listModules(device));
  const name = useSignal('');
  const shown = useSignal<Twin | undefined>(undefined);
  const removing = useSignal<string | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const canWrite = may('RegistryWrite') && mayChange();
  const run = (work: () => Promise<void>) => {
    problem.value = undefined;
    work().catch((refusal: unknown) => { problem.value = refusal; });
  };
  const create = (event: Event) => {
    event.preventDefault();
    run(async () => {
      await createModule(device, name.value);
      name.value = '';
      modules.reload();
    });
  };
  if (!modules.value) return modules.isLoading ? <Loading /> : <Problem of={modules.problem} retry={modules.reload} />;
  return (
    <section class="card flush">
      <Problem of={problem.value} />
      {modules.value.length === 0 ? <Empty title={t.device.noModules}>{t.device.noModulesHint}</Empty> : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label={t.device.modules}>
          <table>
            <thead><tr><th>{t.device.module}</th><th>{t.common.connection}</th><th>{t.common.lastSeen}</th><th>{t.device.managedBy}</th><th>{t.device.twin}</th></tr></thead>
            <tbody>
              {modules.value.map((module) => (
                <tr key={module.moduleId}>
                  <td><span class="id">{module.moduleId}</span></td>
                  <td><State of={module.connectionState} /></td>
                  <td><Time at={module.lastActivityTime} relative /></td>
                  <td>{module.managedBy ?? ''}</td>
                  <td>
                    <div class="row">
                      <Button kind="quiet" aria-label={t.device.showTwinOf(module.moduleId)} onClick={() => run(async () => { shown.value = await getModuleTwin(device, module.moduleId); })}>{t.common.show}</Button>
                      {canWrite && <Button kind="quiet" icon="close" aria-label={t.device.deleteOf(module.moduleId)} title={t.common.remove} onClick={() => { removing.value = module.moduleId; }} />}
                    </div>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {canWrite && (
        <form class="inset row wrap" onSubmit={create}>
          <Field label={t.device.newModule}><input name="module-id" required maxLength={128} spellcheck={false} autocomplete="off" value={name.value} onInput={(event) => { name.value = event.currentTarget.value; }} /></Field>
          <Button type="submit" icon="plus">{t.common.create}</Button>
        </form>
      )}
      {shown.value && (
        <Dialog title={t.device.twinOf(shown.value.moduleId ?? '')} onClose={() => { shown.value = undefined; }} wide>
          <Code text={pretty(shown.value)} what={t.device.twinNamed} />
        </Dialog>
      )}
      {removing.value !== undefined && (
        <Dialog title={t.device.deleteModule} onClose={() => { removing.value = undefined; }}>
          <p class="break">{t.device.deleteModuleSays(removing.value)}</p>
          <footer class="row end"><Button onClick={() => { removing.value = undefined; }}>{t.common.keep}</Button><Button kind="danger" onClick={() => run(async () => { const gone = removing.value ?? ''; removing.value = undefined; await deleteModule(device, gone); modules.reload(); })}>{t.common.remove}</Button></footer>
        </Dialog>
      )}
    </section>
  );
}

function Jobs({ id }: { id: string }) {
  const jobs = useLoaded(() => query<DeviceJob>(deviceJobsStatement(id), 100));
  if (!jobs.value) return jobs.isLoading ? <Loading /> : <Problem of={jobs.problem} retry={jobs.reload} />;
  if (jobs.value.items.length === 0) return <Empty title={t.device.noJobs} />;
  return (
    <div class="table-scroll card flush" tabIndex={0} role="region" aria-label={t.device.jobsDevice}>
      <table>
        <thead><tr><th>{t.common.job}</th><th>{t.common.status}</th><th>{t.common.ended}</th><th>{t.common.outcome}</th></tr></thead>
        <tbody>
          {jobs.value.items.map((job) => (
            <tr key={job.jobId}><td><a class="id" href={address('/job', { id: job.jobId })}>{job.jobId}</a></td><td><State of={job.status} /></td><td><Time at={job.endTimeUtc} relative /></td><td class="cell">{job.error ? job.error.description : job.outcome?.deviceMethodResponse ? JSON.stringify(job.outcome.deviceMethodResponse) : ''}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
