import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Configuration, deleteConfiguration, getConfiguration, listConfigurations, may, mayChange, putConfiguration, query, testConfigurationQueries } from '../api.ts';
import { type ConfigurationDraft, configurationBody, configurationCommand, configurationProblem, draftOf, emptyConfiguration } from '../lib/configuration.ts';
import { count } from '../lib/format.ts';
import { appliedCondition, hiddenStatement } from '../lib/query.ts';
import { address, go, guardLeaving, parameter } from '../router.ts';
import { Button, Code, Empty, Field, JsonInput, Loading, Problem, Time, useLoaded, setTitle } from '../ui/basics.tsx';
import { Removal } from '../ui/named_list.tsx';
import { t } from '../texts.ts';

const canWrite = () => may('RegistryWrite') && mayChange();

/** Strongest first; of equal ones the newest, as the hub lays them over each other. */
const byStrength = (a: Configuration, b: Configuration) => b.priority - a.priority || b.createdTimeUtc.localeCompare(a.createdTimeUtc);

const system = (configuration: Configuration, name: string) => {
  const number = configuration.systemMetrics.results[name];
  return number === undefined ? '–' : count(number);
};

export function ConfigurationsPage() {
  const list = useLoaded(listConfigurations);
  useEffect(() => { setTitle(t.common.configurations); }, []);
  const configurations = [...(list.value ?? [])].sort(byStrength);
  return (
    <>
      <header class="page">
        <h1>{t.common.configurations}</h1>
        <div class="row">
          <Button kind="quiet" icon="refresh" onClick={list.reload}>{t.common.refresh}</Button>
          {canWrite() && <a class="button primary" href={address('/new-configuration')}>{t.configurations.makeConfiguration}</a>}
        </div>
      </header>
      <Problem of={list.problem} retry={list.reload} />
      {!list.value ? list.isLoading && <Loading /> : configurations.length === 0 ? (
        <Empty title={t.configurations.none}>{t.configurations.noneHint}</Empty>
      ) : (
        <div class="table-scroll card flush" tabIndex={0} role="region" aria-label={t.common.configurations}>
          <table class="jobs-table">
            <thead><tr><th>{t.configurations.configuration}</th><th class="number">{t.configurations.priority}</th><th>{t.common.condition}</th><th class="number">{t.configurations.targeted}</th><th class="number">{t.configurations.applied}</th><th>{t.configurations.changed}</th></tr></thead>
            <tbody>
              {configurations.map((one) => (
                <tr key={one.id}>
                  <td><a class="id" href={address('/configuration', { id: one.id })}>{one.id}</a></td>
                  <td class="number">{count(one.priority)}</td>
                  <td class="cell"><code title={one.targetCondition}>{one.targetCondition || <em>{t.configurations.noCondition}</em>}</code></td>
                  <td class="number">{system(one, 'targetedCount')}</td>
                  <td class="number">{system(one, 'appliedCount')}</td>
                  <td><Time at={one.lastUpdatedTimeUtc} relative /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {configurations.length > 1 && <p class="hint">{t.configurations.strongestFirst}</p>}
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
  useEffect(() => { setTitle(id); }, []);
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
    await deleteConfiguration(configuration);
    go(address('/configurations'));
  };
  const custom = Object.entries(configuration.metrics.queries);
  return (
    <>
      <p class="crumb"><a href={address('/configurations')}>{t.common.configurations}</a></p>
      <header class="page">
        <h1 class="id">{configuration.id}</h1>
        <div class="row wrap">
          <Button kind="quiet" icon="refresh" onClick={it.reload}>{t.common.refresh}</Button>
          {canWrite() && !isEditing.value && <Button onClick={() => { isEditing.value = true; }}>{t.configurations.change}</Button>}
          {canWrite() && <Button kind="danger" onClick={() => { isRemoving.value = true; }}>{t.configurations.removeIt}</Button>}
        </div>
      </header>
      <Problem of={it.problem} retry={it.reload} />
      <dl class="facts">
        <div><dt>{t.configurations.priority}</dt><dd>{count(configuration.priority)}</dd></div>
        <div><dt>{t.configurations.of}</dt><dd>{isOfModules ? t.configurations.modules : t.configurations.devices}</dd></div>
        <div><dt>{t.configurations.targeted}</dt><dd data-testid="targeted">{system(configuration, 'targetedCount')}</dd></div>
        <div><dt>{t.configurations.applied}</dt><dd data-testid="applied">{system(configuration, 'appliedCount')}</dd></div>
        <div><dt>{t.configurations.created}</dt><dd><Time at={configuration.createdTimeUtc} relative /></dd></div>
        <div><dt>{t.configurations.changed}</dt><dd><Time at={configuration.lastUpdatedTimeUtc} relative /></dd></div>
      </dl>
      {isEditing.value ? (
        <Editor draft={draftOf(configuration)} of={configuration} onDone={() => { isEditing.value = false; it.reload(); }} onCancel={() => { isEditing.value = false; }} />
      ) : (
        <div class="twin">
          <section class="card">
            <header><h2>{t.configurations.sets}</h2></header>
            <Code text={JSON.stringify(configuration.content, null, 2)} what={t.configurations.content} />
          </section>
          <section class="card">
            <header><h2>{t.configurations.forWhich}</h2></header>
            <Code text={configuration.targetCondition || t.configurations.noConditionHint} what={t.configurations.condition} />
            {!isOfModules && configuration.targetCondition && (
              <p><a href={address('/devices', { w: appliedCondition(configuration.id), raw: '1' })}>{t.configurations.devicesInForce}</a></p>
            )}
            {configuration.labels && Object.keys(configuration.labels).length > 0 && (
              <><h3>{t.configurations.labels}</h3><Code text={JSON.stringify(configuration.labels, null, 2)} what={t.configurations.labelsNamed} /></>
            )}
          </section>
        </div>
      )}
      {custom.length > 0 && (
        <section class="card flush">
          <header class="inset"><h2>{t.configurations.metrics}</h2></header>
          <div class="table-scroll" tabIndex={0} role="region" aria-label={t.configurations.metrics}>
            <table>
              <thead><tr><th>{t.configurations.metric}</th><th class="number">{t.configurations.count}</th><th>{t.configurations.query}</th></tr></thead>
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
        <Removal title={t.configurations.removeAsk} remove={remove} onClose={() => { isRemoving.value = false; }}>
          {t.configurations.deleteSays(configuration.id)}
        </Removal>
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
      <header><h2>{t.configurations.hidden}</h2></header>
      <ul class="plain">
        {hidden.value.items.map((row) => <li key={`${row.deviceId}/${row.moduleId ?? ''}`}><a class="id" href={address('/device', { id: row.deviceId })}>{row.deviceId}{row.moduleId && ` / ${row.moduleId}`}</a></li>)}
      </ul>
      {hidden.value.continuation && <p class="hint">{t.configurations.more}</p>}
    </section>
  );
}

export function NewConfigurationPage() {
  useEffect(() => { setTitle(t.configurations.makeConfiguration); }, []);
  return (
    <>
      <p class="crumb"><a href={address('/configurations')}>{t.common.configurations}</a></p>
      <header class="page"><h1>{t.configurations.makeConfiguration}</h1></header>
      {!canWrite() && <p class="notice warn">{mayChange() ? t.configurations.right : t.session.readsOnly}</p>}
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
    guardLeaving(isTouched ? () => confirm(t.configurations.leaveWithoutSaving) : undefined);
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
      refusals.value = [...(targetConditionError ? [`${t.common.condition}: ${targetConditionError}`] : []), ...Object.entries(customMetricQueryErrors).map(([name, text]) => `${t.configurations.metric} ${name}: ${text}`)];
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
          <Field label={t.configurations.configurationId} hint={t.configurations.idHint}>
            <input name="configuration-id" required maxLength={128} spellcheck={false} autocomplete="off" value={draft.value.id} onInput={(event) => set({ id: event.currentTarget.value })} />
          </Field>
        )}
        <Field label={t.configurations.priority} hint={t.configurations.priorityHint}>
          <input type="number" step={1} value={draft.value.priority} onInput={(event) => set({ priority: event.currentTarget.valueAsNumber })} />
        </Field>
      </div>
      <Field label={t.common.whichDevices} hint={t.configurations.conditionHint(<code>*</code>, <code>FROM devices.modules WHERE …</code>)}>
        <textarea class="code" rows={2} spellcheck={false} value={draft.value.condition} onInput={(event) => set({ condition: event.currentTarget.value })} />
      </Field>
      {of ? <p class="hint">{t.configurations.setsStay}</p> : (
        <JsonInput label={t.configurations.setsByPath} rows={6} value={draft.value.content} error={wrong?.part === 'content' ? wrong.text : undefined} onInput={(text) => set({ content: text })} />
      )}
      <JsonInput label={t.configurations.metricsByName} rows={4} value={draft.value.metrics} error={wrong?.part === 'metrics' ? wrong.text : undefined} onInput={(text) => set({ metrics: text })} />
      <JsonInput label={t.configurations.labels} rows={3} value={draft.value.labels} error={wrong?.part === 'labels' ? wrong.text : undefined} onInput={(text) => set({ labels: text })} />
      {!of && !wrong && <details><summary>{t.configurations.sameCommandLine}</summary><Code text={configurationCommand(draft.value)} what={t.common.command} /></details>}
      {refusals.value.map((text) => <div class="notice bad" role="alert" key={text}><p>{text}</p></div>)}
      <Problem of={problem.value} />
      <footer class="row end"><Button onClick={onCancel}>{t.common.cancel}</Button><Button type="submit" kind="primary" disabled={!!wrong || isBusy.value || !canWrite()}>{of ? t.common.save : t.common.create}</Button></footer>
    </form>
  );
}
