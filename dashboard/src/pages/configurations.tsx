import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Configuration, deleteConfiguration, getConfiguration, listConfigurations, may, mayChange, putConfiguration, query, testConfigurationQueries } from '../api.ts';
import { type ConfigurationDraft, configurationBody, configurationCommand, configurationProblem, draftOf, emptyConfiguration } from '../lib/configuration.ts';
import { count } from '../lib/format.ts';
import { appliedCondition, hiddenStatement } from '../lib/query.ts';
import { address, go, guardLeaving, parameter } from '../router.ts';
import { Button, Code, Dialog, Empty, Field, JsonInput, Loading, Problem, Time, useLoaded } from '../ui/basics.tsx';

const canWrite = () => may('RegistryWrite') && mayChange();

/** Strongest first; of equal ones the newest, as the hub lays them over each other. */
const byStrength = (a: Configuration, b: Configuration) => b.priority - a.priority || b.createdTimeUtc.localeCompare(a.createdTimeUtc);

const system = (configuration: Configuration, name: string) => {
  const number = configuration.systemMetrics.results[name];
  return number === undefined ? '–' : count(number);
};

export function ConfigurationsPage() {
  const list = useLoaded(listConfigurations);
  useEffect(() => { document.title = 'Configurations · Carillon'; }, []);
  const configurations = [...(list.value ?? [])].sort(byStrength);
  return (
    <>
      <header class="page">
        <h1>Configurations</h1>
        <div class="row">
          <Button kind="quiet" icon="refresh" onClick={list.reload}>Refresh</Button>
          {canWrite() && <a class="button primary" href={address('/new-configuration')}>Make a configuration</a>}
        </div>
      </header>
      <Problem of={list.problem} retry={list.reload} />
      {!list.value ? list.isLoading && <Loading /> : configurations.length === 0 ? (
        <Empty title="There are no configurations yet.">A configuration gives desired properties to every device that matches a condition, now and later.</Empty>
      ) : (
        <div class="table-scroll card flush" tabIndex={0} role="region" aria-label="Configurations">
          <table class="jobs-table">
            <thead><tr><th>Configuration</th><th class="number">Priority</th><th>Condition</th><th class="number">Targeted</th><th class="number">Applied</th><th>Changed</th></tr></thead>
            <tbody>
              {configurations.map((one) => (
                <tr key={one.id}>
                  <td><a class="id" href={address('/configuration', { id: one.id })}>{one.id}</a></td>
                  <td class="number">{count(one.priority)}</td>
                  <td class="cell"><code title={one.targetCondition}>{one.targetCondition || <em>none</em>}</code></td>
                  <td class="number">{system(one, 'targetedCount')}</td>
                  <td class="number">{system(one, 'appliedCount')}</td>
                  <td><Time at={one.lastUpdatedTimeUtc} relative /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {configurations.length > 1 && <p class="hint">The strongest is first. Where two set the same property of a device, the upper one is in force.</p>}
    </>
  );
}

export function ConfigurationPage() {
  const id = parameter('id');
  return <OneConfiguration key={id} id={id} />;
}

function OneConfiguration({ id }: { id: string }) {
  const it = useLoaded(() => getConfiguration(id));
  const isEditing = useSignal(false);
  const isRemoving = useSignal(false);
  const problem = useSignal<unknown>(undefined);
  useEffect(() => { document.title = `${id} · Carillon`; }, []);
  if (!it.value) {
    return (
      <>
        <header class="page"><h1 class="id">{id}</h1></header>
        {it.isLoading ? <Loading /> : <Problem of={it.problem} retry={it.reload} />}
      </>
    );
  }
  const configuration = it.value;
  const isOfModules = 'moduleContent' in configuration.content;
  const remove = async () => {
    try {
      await deleteConfiguration(configuration);
      go(address('/configurations'));
    } catch (refusal) {
      isRemoving.value = false;
      problem.value = refusal;
    }
  };
  const custom = Object.entries(configuration.metrics.queries);
  return (
    <>
      <p class="crumb"><a href={address('/configurations')}>Configurations</a></p>
      <header class="page">
        <h1 class="id">{configuration.id}</h1>
        <div class="row wrap">
          <Button kind="quiet" icon="refresh" onClick={it.reload}>Refresh</Button>
          {canWrite() && !isEditing.value && <Button onClick={() => { isEditing.value = true; }}>Change it</Button>}
          {canWrite() && <Button kind="danger" onClick={() => { isRemoving.value = true; }}>Delete it</Button>}
        </div>
      </header>
      <Problem of={it.problem ?? problem.value} retry={it.reload} />
      <dl class="facts">
        <div><dt>Priority</dt><dd>{count(configuration.priority)}</dd></div>
        <div><dt>For</dt><dd>{isOfModules ? 'modules' : 'devices'}</dd></div>
        <div><dt>Targeted</dt><dd data-testid="targeted">{system(configuration, 'targetedCount')}</dd></div>
        <div><dt>Applied</dt><dd data-testid="applied">{system(configuration, 'appliedCount')}</dd></div>
        <div><dt>Created</dt><dd><Time at={configuration.createdTimeUtc} relative /></dd></div>
        <div><dt>Changed</dt><dd><Time at={configuration.lastUpdatedTimeUtc} relative /></dd></div>
      </dl>
      {isEditing.value ? (
        <Editor draft={draftOf(configuration)} of={configuration} onDone={() => { isEditing.value = false; it.reload(); }} onCancel={() => { isEditing.value = false; }} />
      ) : (
        <div class="twin">
          <section class="card">
            <header><h2>What it sets</h2></header>
            <Code text={JSON.stringify(configuration.content, null, 2)} what="content" />
          </section>
          <section class="card">
            <header><h2>For which</h2></header>
            <Code text={configuration.targetCondition || 'No condition: it selects nothing.'} what="condition" />
            {!isOfModules && configuration.targetCondition && (
              <p><a href={address('/devices', { w: appliedCondition(configuration.id), raw: '1' })}>The devices where it is in force</a></p>
            )}
            {configuration.labels && Object.keys(configuration.labels).length > 0 && (
              <><h3>Labels</h3><Code text={JSON.stringify(configuration.labels, null, 2)} what="labels" /></>
            )}
          </section>
        </div>
      )}
      {custom.length > 0 && (
        <section class="card flush">
          <header class="inset"><h2>Metrics</h2></header>
          <div class="table-scroll" tabIndex={0} role="region" aria-label="Metrics">
            <table>
              <thead><tr><th>Metric</th><th class="number">Count</th><th>Query</th></tr></thead>
              <tbody>
                {custom.map(([name, statement]) => (
                  <tr key={name}>
                    <td class="break">{name}</td>
                    <td class="number">{configuration.metrics.results[name] === undefined ? '–' : count(configuration.metrics.results[name] ?? 0)}</td>
                    <td class="break"><a href={address('/queries', { q: statement })}><code>{statement}</code></a></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
      <Devices id={configuration.id} isOfModules={isOfModules} />
      {isRemoving.value && (
        <Dialog title="Delete the configuration?" onClose={() => { isRemoving.value = false; }}>
          <p class="break">{configuration.id} goes. Each device that has its settings gets what weaker configurations set instead, or loses them.</p>
          <footer class="row end"><Button onClick={() => { isRemoving.value = false; }}>Keep it</Button><Button kind="danger" onClick={() => void remove()}>Delete</Button></footer>
        </Dialog>
      )}
    </>
  );
}

/** Where stronger configurations hide this one: the devices that an operator looks for. */
function Devices({ id, isOfModules }: { id: string; isOfModules: boolean }) {
  const hidden = useLoaded(() => query<{ deviceId: string; moduleId?: string }>(hiddenStatement(id, isOfModules), 20));
  if (!hidden.value || hidden.value.items.length === 0) return null;
  return (
    <section class="card">
      <header><h2>Selected, but hidden by stronger configurations</h2></header>
      <ul class="plain">
        {hidden.value.items.map((row) => <li key={`${row.deviceId}/${row.moduleId ?? ''}`}><a class="id" href={address('/device', { id: row.deviceId })}>{row.deviceId}{row.moduleId && ` / ${row.moduleId}`}</a></li>)}
      </ul>
      {hidden.value.continuation && <p class="hint">And more.</p>}
    </section>
  );
}

export function NewConfigurationPage() {
  useEffect(() => { document.title = 'Make a configuration · Carillon'; }, []);
  return (
    <>
      <p class="crumb"><a href={address('/configurations')}>Configurations</a></p>
      <header class="page"><h1>Make a configuration</h1></header>
      <Editor draft={{ ...emptyConfiguration, condition: parameter('condition') }}
        onDone={(id) => go(address('/configuration', { id }))} onCancel={() => go(address('/configurations'))} />
    </>
  );
}

function Editor({ draft: first, of, onDone, onCancel }: { draft: ConfigurationDraft; of?: Configuration; onDone: (id: string) => void; onCancel: () => void }) {
  const draft = useSignal(first);
  const problem = useSignal<unknown>(undefined);
  const refusals = useSignal<string[]>([]);
  const isBusy = useSignal(false);
  const set = (part: Partial<ConfigurationDraft>) => {
    draft.value = { ...draft.value, ...part };
    refusals.value = [];
  };
  const wrong = configurationProblem(draft.value);
  const isTouched = draft.value !== first;
  useEffect(() => {
    guardLeaving(isTouched ? () => confirm('Leave without saving the configuration?') : undefined);
    return () => guardLeaving(undefined);
  }, [isTouched]);
  const write = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    problem.value = undefined;
    try {
      const body = configurationBody(draft.value, of);
      // The hub says of each text what is wrong with it, before anything changes.
      const { targetConditionError, customMetricQueryErrors } = await testConfigurationQueries(body.targetCondition, body.metrics.queries);
      refusals.value = [...(targetConditionError ? [`Condition: ${targetConditionError}`] : []), ...Object.entries(customMetricQueryErrors).map(([name, text]) => `Metric ${name}: ${text}`)];
      if (refusals.value.length === 0) {
        const saved = await putConfiguration(draft.value.id, body, of?.etag);
        guardLeaving(undefined);
        onDone(saved.id);
      }
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  return (
    <form class="card" onSubmit={(event) => void write(event)}>
      <div class="row wrap">
        {!of && (
          <Field label="Configuration id" hint="Up to 128 lower-case letters, digits and + % _ * ! ' -">
            <input name="configuration-id" required maxLength={128} spellcheck={false} autocomplete="off" value={draft.value.id} onInput={(event) => set({ id: event.currentTarget.value })} />
          </Field>
        )}
        <Field label="Priority" hint="Where two set the same property, the higher one is in force">
          <input type="number" step={1} value={draft.value.priority} onInput={(event) => set({ priority: event.currentTarget.valueAsNumber })} />
        </Field>
      </div>
      <Field label="Which devices" hint={<>A condition on deviceId, tags or reported properties; <code>*</code> for all; <code>FROM devices.modules WHERE …</code> for modules</>}>
        <textarea class="code" rows={2} spellcheck={false} value={draft.value.condition} onInput={(event) => set({ condition: event.currentTarget.value })} />
      </Field>
      {of ? <p class="hint">What it sets cannot be changed: make another with a higher priority.</p> : (
        <JsonInput label="What it sets, by path" rows={6} value={draft.value.content} error={wrong?.part === 'content' ? wrong.text : undefined} onInput={(text) => set({ content: text })} />
      )}
      <JsonInput label="Metrics: queries by their names" rows={4} value={draft.value.metrics} error={wrong?.part === 'metrics' ? wrong.text : undefined} onInput={(text) => set({ metrics: text })} />
      <JsonInput label="Labels" rows={3} value={draft.value.labels} error={wrong?.part === 'labels' ? wrong.text : undefined} onInput={(text) => set({ labels: text })} />
      {!of && !wrong && <details><summary>The same by the command line</summary><Code text={configurationCommand(draft.value)} what="command" /></details>}
      {refusals.value.map((text) => <div class="notice bad" role="alert" key={text}><p>{text}</p></div>)}
      <Problem of={problem.value} />
      <footer class="row end"><Button onClick={onCancel}>Cancel</Button><Button type="submit" kind="primary" disabled={!!wrong || isBusy.value || !canWrite()}>{of ? 'Save' : 'Create'}</Button></footer>
    </form>
  );
}
