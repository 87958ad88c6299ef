import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ApiError, type Device, type DeviceJob, type MethodResult, type Twin, createModule, deleteDevice, deleteModule, getDevice, getModuleTwin, getTwin, invokeMethod, listModules, may, mayChange, patchTwin, query, session, updateDevice } from '../api.ts';
import { type Change, type JsonObject, applyPatch, changesBetween, leaves, isEqual, parseObject, parseValue, patchBetween, withoutMetadata } from '../lib/json.ts';
import { deviceJobsStatement } from '../lib/query.ts';
import { address, go, guardLeaving, parameter } from '../router.ts';
import { t } from '../texts.ts';
import { DeviceEvents, DeviceMessages } from './device_messages.tsx';
import { Button, Code, Dialog, Empty, Field, JsonInput, Loading, Problem, State, Time, useLoaded } from '../ui/basics.tsx';

const pretty = (value: unknown) => JSON.stringify(value ?? {}, null, 2);

export function DevicePage() {
  const id = parameter('id');
  // Another device is another page, with none of this one's state.
  return <OneDevice key={id} id={id} />;
}

function OneDevice({ id }: { id: string }) {
  const twin = useLoaded(() => getTwin(id));
  const tab = useSignal<'twin' | 'method' | 'messages' | 'events' | 'identity' | 'modules' | 'jobs'>('twin');
  useEffect(() => {
    document.title = `${id} · Carillon`;
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
  return (
    <>
      <p class="crumb"><a href={address('/devices')}>Devices</a></p>
      <header class="page">
        <h1 class="id">{it.deviceId}</h1>
        <Button kind="quiet" icon="refresh" onClick={twin.reload}>Refresh</Button>
      </header>
      <dl class="facts">
        <div><dt>Connection</dt><dd><State of={it.connectionState} /></dd></div>
        <div><dt>Status</dt><dd><State of={it.status} /></dd></div>
        <div><dt>Last seen</dt><dd><Time at={it.lastActivityTime} relative /></dd></div>
        <div><dt>Authentication</dt><dd>{it.authenticationType}</dd></div>
        <div><dt>Twin version</dt><dd>{it.version}</dd></div>
        {it.modelId && <div><dt>Model</dt><dd class="break">{it.modelId}</dd></div>}
      </dl>
      <div class="tabs" role="tablist" aria-label="Parts of the device">
        {([['twin', 'Twin'], ['method', 'Method'], ['messages', t.messages.send], ['events', t.events.title], ['identity', 'Identity'], ['modules', 'Modules'], ['jobs', 'Jobs']] as const).map(([name, label]) => (
          <button type="button" role="tab" key={name} aria-selected={tab.value === name} onClick={() => { tab.value = name; }}>{label}</button>
        ))}
      </div>
      <Problem of={twin.problem} retry={twin.reload} />
      {/* What is being written stays while another part is looked at. */}
      <div hidden={tab.value !== 'twin'}><TwinEditor twin={it} onSaved={twin.reload} /></div>
      {tab.value === 'method' && <MethodCall id={id} isConnected={it.connectionState === 'Connected'} />}
      {tab.value === 'messages' && <DeviceMessages id={id} waiting={it.cloudToDeviceMessageCount} onChanged={twin.reload} />}
      {tab.value === 'events' && <DeviceEvents id={id} />}
      {tab.value === 'identity' && <Identity id={id} onChanged={twin.reload} />}
      {tab.value === 'modules' && <Modules device={id} />}
      {tab.value === 'jobs' && <Jobs id={id} />}
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
    guardLeaving(isChanged ? () => confirm('Leave without saving the twin?') : undefined);
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
          <JsonInput label="Tags" value={tags.value} rows={8} disabled={!canWrite} error={parsed.tags.error} onInput={(text) => { tags.value = text; }} />
          <JsonInput label="Desired properties" value={desired.value} rows={12} disabled={!canWrite} error={parsed.desired.error} onInput={(text) => { desired.value = text; }} />
          <Problem of={problem.value} />
          {canWrite ? (
            <div class="row end">
              <Button disabled={!isChanged} onClick={() => show(twin, writableOf(twin))}>Discard</Button>
              <Button kind="primary" disabled={!isChanged || !isRight} onClick={compare}>Review and save</Button>
            </div>
          ) : <p class="hint">{may('ServiceConnect') ? 'This session only reads.' : `The policy ${session.value?.policy ?? ''} lacks ServiceConnect, which writing twins needs.`}</p>}
        </section>
        <section class="card">
          <header><h2>Reported properties</h2></header>
          <pre class="code" tabIndex={0} aria-label="Reported properties">{pretty(withoutMetadata(twin.properties.reported as JsonObject))}</pre>
        </section>
      </div>
      <Differences twin={twin} />
      {review.value && (
        <Dialog title="What will change" onClose={() => { review.value = undefined; }} wide>
          <Changes of={review.value} />
          <footer class="row end"><Button onClick={() => { review.value = undefined; }}>Back</Button><Button kind="primary" disabled={review.value.length === 0} onClick={() => void write()}>Save</Button></footer>
        </Dialog>
      )}
      {conflict.value && <Conflict base={before} theirs={conflict.value} onMerge={merge} onTake={(theirs) => { conflict.value = undefined; show(theirs, writableOf(theirs)); onSaved(); }} onClose={() => { conflict.value = undefined; }} />}
    </>
  );
}

function Conflict({ base, theirs, onMerge, onTake, onClose }: { base: Writable; theirs: Twin; onMerge: (theirs: Twin) => void; onTake: (theirs: Twin) => void; onClose: () => void }) {
  return (
    <Dialog title="This twin was changed elsewhere" onClose={onClose} wide>
      <p>Nothing of yours was saved. Since you began, this changed:</p>
      <Changes of={changesBetween({ ...base }, { ...writableOf(theirs) })} />
      <footer class="row end wrap">
        <Button onClick={onClose}>Go on editing</Button>
        <Button kind="danger" onClick={() => onTake(theirs)}>Take theirs, drop mine</Button>
        <Button kind="primary" onClick={() => onMerge(theirs)}>Put mine on top</Button>
      </footer>
    </Dialog>
  );
}

function Changes({ of }: { of: Change[] }) {
  if (of.length === 0) return <p class="hint">Nothing differs.</p>;
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Changes">
      <table class="changes">
        <thead><tr><th>Path</th><th>Before</th><th>After</th></tr></thead>
        <tbody>
          {of.map((change) => (
            <tr key={change.path}>
              <td class="break">{change.path}</td>
              <td class="before">{change.before === undefined ? <em>not there</em> : JSON.stringify(change.before)}</td>
              <td class="after">{change.after === undefined ? <em>removed</em> : JSON.stringify(change.after)}</td>
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
      <header><h2>Desired, and not reported so</h2></header>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Differences">
        <table class="changes">
          <thead><tr><th>Path</th><th>Desired</th><th>Reported</th></tr></thead>
          <tbody>
            {open.map(([path, value]) => (
              <tr key={path}><td class="break">{path}</td><td class="after">{JSON.stringify(value)}</td><td class="before">{reported.has(path) ? JSON.stringify(reported.get(path)) : <em>not reported</em>}</td></tr>
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
        {!isConnected && <p class="notice warn">The device is not connected, so that a call fails at once.</p>}
        <div class="row wrap">
          <Field label="Method"><input name="method" required maxLength={100} spellcheck={false} disabled={!canCall} value={name.value} onInput={(event) => { name.value = event.currentTarget.value; }} /></Field>
          <Field label="Seconds to answer"><input type="number" min={5} max={300} disabled={!canCall} value={timeout.value} onInput={(event) => { timeout.value = event.currentTarget.valueAsNumber; }} /></Field>
        </div>
        <JsonInput label="Payload" rows={5} disabled={!canCall} value={payload.value} error={parsed.error} onInput={(text) => { payload.value = text; }} />
        {canCall ? <div class="row end"><Button type="submit" kind="primary" disabled={isBusy.value || !!parsed.error}>{isBusy.value ? 'Calling …' : 'Call'}</Button></div> : <p class="hint">Calling needs ServiceConnect, and a session that may change.</p>}
      </form>
      {calls.value.map((one) => (
        <section class="card answer" key={one.at.getTime()}>
          <header><h2 class="id">{one.name}</h2><span class="hint"><Time at={one.at.toISOString()} /> · {one.seconds.toFixed(1)} s</span></header>
          {one.result ? <><p>The device answered with status <strong>{one.result.status}</strong>.</p><Code text={pretty(one.result.payload)} what="answer" /></> : <Problem of={one.problem} />}
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
      <header><h2>Keys and connection string</h2></header>
      <Problem of={problem.value} />
      {!device.value ? (
        may('RegistryRead') ? <><p>Who has a key of a device can act as this device. That you looked is recorded in the hub's log.</p><Button onClick={reveal}>Show the keys</Button></> : <p class="hint">Keys need RegistryRead.</p>
      ) : login ? (
        <>
          <Field label="Connection string"><Code text={login} what="connection string" /></Field>
          <Field label="Primary key"><Code text={keys?.primaryKey ?? ''} what="primary key" /></Field>
          <Field label="Secondary key"><Code text={keys?.secondaryKey ?? ''} what="secondary key" /></Field>
          <h3>In a program</h3>
          <Code what="Node.js" text={`const { Client } = require('azure-iot-device');\nconst { Mqtt } = require('azure-iot-device-mqtt');\nconst client = Client.fromConnectionString('${login}', Mqtt);`} />
        </>
      ) : <Code text={pretty(device.value.authentication)} what="authentication" />}
      {canWrite && (
        <footer class="row wrap danger-zone">
          <Button onClick={toggle}>Enable or disable</Button>
          <Button kind="danger" onClick={() => { isRemoving.value = true; }}>Delete the device</Button>
        </footer>
      )}
      {isRemoving.value && (
        <Dialog title="Delete the device?" onClose={() => { isRemoving.value = false; }}>
          <p class="break">{id}, its keys, twin and modules go, and cannot be brought back. If it is connected, its connection ends.</p>
          <footer class="row end"><Button onClick={() => { isRemoving.value = false; }}>Keep it</Button><Button kind="danger" onClick={() => run(async () => { await deleteDevice(id); go(address('/devices')); })}>Delete</Button></footer>
        </Dialog>
      )}
    </section>
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
      {modules.value.length === 0 ? <Empty title="This device has no modules.">Modules are programs of one device, each with its own keys and twin.</Empty> : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label="Modules">
          <table>
            <thead><tr><th>Module</th><th>Connection</th><th>Last seen</th><th>Managed by</th><th>Twin</th></tr></thead>
            <tbody>
              {modules.value.map((module) => (
                <tr key={module.moduleId}>
                  <td><span class="id">{module.moduleId}</span></td>
                  <td><State of={module.connectionState} /></td>
                  <td><Time at={module.lastActivityTime} relative /></td>
                  <td>{module.managedBy ?? ''}</td>
                  <td>
                    <div class="row">
                      <Button kind="quiet" aria-label={`Show the twin of ${module.moduleId}`} onClick={() => run(async () => { shown.value = await getModuleTwin(device, module.moduleId); })}>Show</Button>
                      {canWrite && <Button kind="quiet" icon="close" aria-label={`Delete ${module.moduleId}`} title="Delete" onClick={() => { removing.value = module.moduleId; }} />}
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
          <Field label="New module"><input name="module-id" required maxLength={128} spellcheck={false} autocomplete="off" value={name.value} onInput={(event) => { name.value = event.currentTarget.value; }} /></Field>
          <Button type="submit" icon="plus">Create</Button>
        </form>
      )}
      {shown.value && (
        <Dialog title={`Twin of ${shown.value.moduleId ?? ''}`} onClose={() => { shown.value = undefined; }} wide>
          <Code text={pretty(shown.value)} what="twin" />
        </Dialog>
      )}
      {removing.value !== undefined && (
        <Dialog title="Delete the module?" onClose={() => { removing.value = undefined; }}>
          <p class="break">{removing.value}, its keys and its twin go, and cannot be brought back.</p>
          <footer class="row end"><Button onClick={() => { removing.value = undefined; }}>Keep it</Button><Button kind="danger" onClick={() => run(async () => { const gone = removing.value ?? ''; removing.value = undefined; await deleteModule(device, gone); modules.reload(); })}>Delete</Button></footer>
        </Dialog>
      )}
    </section>
  );
}

function Jobs({ id }: { id: string }) {
  const jobs = useLoaded(() => query<DeviceJob>(deviceJobsStatement(id), 100));
  if (!jobs.value) return jobs.isLoading ? <Loading /> : <Problem of={jobs.problem} retry={jobs.reload} />;
  if (jobs.value.items.length === 0) return <Empty title="No job has touched this device." />;
  return (
    <div class="table-scroll card flush" tabIndex={0} role="region" aria-label="Jobs of this device">
      <table>
        <thead><tr><th>Job</th><th>Status</th><th>Ended</th><th>Outcome</th></tr></thead>
        <tbody>
          {jobs.value.items.map((job) => (
            <tr key={job.jobId}><td><a class="id" href={address('/job', { id: job.jobId })}>{job.jobId}</a></td><td><State of={job.status} /></td><td><Time at={job.endTimeUtc} relative /></td><td class="cell">{job.error ? job.error.description : job.outcome?.deviceMethodResponse ? JSON.stringify(job.outcome.deviceMethodResponse) : ''}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
