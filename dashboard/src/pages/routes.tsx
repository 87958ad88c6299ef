import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type MessageRoute, type RouteEndpoint, deleteEndpoint, deleteRoute, listEndpoints, listRoutes, may, mayAll, mayChange, putEndpoint, putRoute, testRoutes } from '../api.ts';
import { count } from '../lib/format.ts';
import { parseObject, parseValue } from '../lib/json.ts';
import { type EndpointDraft, type RouteDraft, emptyEndpoint, emptyRoute, endpointBody, endpointDraftOf, endpointProblem, routeBody, routeDraftOf, routeProblem } from '../lib/route.ts';
import { address } from '../router.ts';
import { t } from '../texts.ts';
import { Button, Dialog, Empty, Field, JsonInput, Loading, Problem, State, Time, useLoaded, setTitle } from '../ui/basics.tsx';

const everyMs = 5000;
const tones: Record<string, string> = { idle: 'enabled', sending: 'running', retrying: 'failed' };

export function RoutesPage() {
  useEffect(() => { setTitle(t.routes.title); }, []);
  return (
    <>
      <p class="crumb"><a href={address('/hub')}>{t.common.hub}</a></p>
      <header class="page"><h1>{t.routes.title}</h1></header>
      <p class="hint">{t.routes.hint}</p>
      {may('ServiceConnect') ? <Lists /> : <p class="notice warn">{t.routes.right}</p>}
    </>
  );
}

type Asked = { kind: 'route'; stored?: MessageRoute } | { kind: 'endpoint'; stored?: RouteEndpoint } | { kind: 'trial' } | { kind: 'removeRoute' | 'removeEndpoint'; name: string };

function Lists() {
  const routes = useLoaded(listRoutes);
  const endpoints = useLoaded(listEndpoints);
  const asked = useSignal<Asked | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const r = t.routes;
  const canWrite = mayAll() && mayChange();
  const reload = () => { routes.reload(); endpoints.reload(); };
  const close = () => { asked.value = undefined; };
  const done = () => { close(); reload(); };
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) endpoints.reload(); }, everyMs);
    return () => clearInterval(timer);
  }, []);
  const remove = async (work: () => Promise<void>) => {
    close();
    problem.value = undefined;
    try { await work(); } catch (refusal) { problem.value = refusal; }
    reload();
  };
  const ask = asked.value;
  return (
    <>
      <Problem of={problem.value} />
      <Problem of={endpoints.problem ?? routes.problem} retry={reload} />
      <section class="card flush">
        <header class="inset">
          <h2>{r.endpoints}</h2>
          {canWrite && <Button icon="plus" onClick={() => { asked.value = { kind: 'endpoint' }; }}>{r.newEndpoint}</Button>}
        </header>
        {!endpoints.value ? endpoints.isLoading && <Loading /> : endpoints.value.length === 0 ? <Empty title={r.noEndpoints}>{r.endpointsHint}</Empty> : (
          <div class="table-scroll" tabIndex={0} role="region" aria-label={r.endpoints}>
            <table>
              <thead><tr><th>{r.name}</th><th>{r.goesTo}</th><th>{t.common.status}</th><th class="number">{r.behind}</th><th class="number">{r.delivered}</th><th class="number">{r.deadLetters}</th>{canWrite && <th>{r.actions}</th>}</tr></thead>
              <tbody>{endpoints.value.map((one) => <EndpointRow key={one.name} one={one} canWrite={canWrite} onAsk={(what) => { asked.value = what; }} />)}</tbody>
            </table>
          </div>
        )}
      </section>
      <section class="card flush">
        <header class="inset">
          <h2>{r.routes}</h2>
          <div class="row wrap">
            <Button onClick={() => { asked.value = { kind: 'trial' }; }}>{r.tryOut}</Button>
            {canWrite && <Button icon="plus" disabled={!endpoints.value?.length} onClick={() => { asked.value = { kind: 'route' }; }}>{r.newRoute}</Button>}
          </div>
        </header>
        {!routes.value ? routes.isLoading && <Loading /> : routes.value.length === 0 ? <Empty title={r.noRoutes}>{r.routesHint}</Empty> : (
          <div class="table-scroll" tabIndex={0} role="region" aria-label={r.routes}>
            <table>
              <thead><tr><th>{r.name}</th><th>{t.common.condition}</th><th>{r.leadsTo}</th><th>{t.common.status}</th>{canWrite && <th>{r.actions}</th>}</tr></thead>
              <tbody>
                {routes.value.map((one) => (
                  <tr key={one.name}>
                    <td><span class="id">{one.name}</span></td>
                    <td class="break"><code>{one.condition}</code>{one.source !== 'DeviceMessages' && <p class="hint">{r.sources[one.source ?? ''] ?? one.source}</p>}</td>
                    <td class="break">{one.endpointNames.join(', ')}</td>
                    <td><State of={one.isEnabled === false ? 'disabled' : 'enabled'} /></td>
                    {canWrite && (
                      <td>
                        <div class="row">
                          <Button kind="quiet" aria-label={r.changeOf(one.name ?? '')} onClick={() => { asked.value = { kind: 'route', stored: one }; }}>{r.change}</Button>
                          <Button kind="quiet" icon="close" aria-label={r.removeOf(one.name ?? '')} title={t.common.remove} onClick={() => { asked.value = { kind: 'removeRoute', name: one.name ?? '' }; }} />
                        </div>
                      </td>
                    )}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </section>
      {!mayAll() && <p class="hint">{r.rightToChange}</p>}
      {ask?.kind === 'endpoint' && <EditEndpoint stored={ask.stored} onClose={close} onDone={done} />}
      {ask?.kind === 'route' && <EditRoute stored={ask.stored} endpoints={endpoints.value ?? []} onClose={close} onDone={done} />}
      {ask?.kind === 'trial' && <Trial onClose={close} />}
      {(ask?.kind === 'removeRoute' || ask?.kind === 'removeEndpoint') && (
        <Dialog title={ask.kind === 'removeRoute' ? r.removeRoute : r.removeEndpoint} onClose={close}>
          <p class="break">{ask.kind === 'removeRoute' ? r.removeRouteSays(ask.name) : r.removeEndpointSays(ask.name)}</p>
          <footer class="row end">
            <Button onClick={close}>{t.common.keep}</Button>
            <Button kind="danger" onClick={() => void remove(() => (ask.kind === 'removeRoute' ? deleteRoute(ask.name) : deleteEndpoint(ask.name)))}>{t.common.remove}</Button>
          </footer>
        </Dialog>
      )}
    </>
  );
}

function EndpointRow({ one, canWrite, onAsk }: { one: RouteEndpoint; canWrite: boolean; onAsk: (what: Asked) => void }) {
  const r = t.routes;
  const status = one.status;
  const name = one.name ?? '';
  return (
    <tr>
      <td><span class="id">{name}</span></td>
      <td class="break">{r.types[one.type ?? ''] ?? one.type}<span class="hint break">{one.type !== 'events' && ` · ${one.url ?? one.container}`}</span></td>
      <td>
        {status && <State of={tones[status.state] ?? 'running'} text={r.states[status.state]} />}
        {status?.lastError && <p class="hint break">{status.lastError} <Time at={status.lastErrorTime} relative /></p>}
      </td>
      <td class="number">{count(status?.eventsBehind ?? 0)}</td>
      <td class="number" title={r.lastDelivery}>{count(status?.delivered ?? 0)}<p class="hint"><Time at={status?.lastDeliveredTime} relative /></p></td>
      <td class="number">{count(status?.deadLetters ?? 0)}{(status?.missed ?? 0) > 0 && <p class="hint">{r.missed(count(status?.missed ?? 0))}</p>}</td>
      {canWrite && (
        <td>
          <div class="row">
            <Button kind="quiet" aria-label={r.changeOf(name)} onClick={() => onAsk({ kind: 'endpoint', stored: one })}>{r.change}</Button>
            <Button kind="quiet" icon="close" aria-label={r.removeOf(name)} title={t.common.remove} onClick={() => onAsk({ kind: 'removeEndpoint', name })} />
          </div>
        </td>
      )}
    </tr>
  );
}

/** A form whose work may be refused: what was refused is said, and the form stays. */
function useWork(work: () => Promise<unknown>, onDone: () => void) {
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    problem.value = undefined;
    try {
      await work();
      onDone();
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  return { problem: problem.value, isBusy: isBusy.value, submit: (event: Event) => void submit(event) };
}

function EditEndpoint({ stored, onClose, onDone }: { stored: RouteEndpoint | undefined; onClose: () => void; onDone: () => void }) {
  const draft = useSignal<EndpointDraft>(stored ? endpointDraftOf(stored) : emptyEndpoint);
  const r = t.routes;
  const it = draft.value;
  const change = (part: Partial<EndpointDraft>) => { draft.value = { ...draft.value, ...part }; };
  const wrong = endpointProblem(it);
  const work = useWork(() => putEndpoint(it.name, endpointBody(it, stored)), onDone);
  const isFile = it.type === 'file';
  const isLog = it.type === 'events';
  const isBroker = it.type === 'nats' || it.type === 'kafka';
  return (
    <Dialog title={stored ? r.changeOf(it.name) : r.newEndpoint} onClose={onClose} wide>
      <form onSubmit={work.submit}>
        <div class="row wrap">
          <Field label={r.name}><input name="endpoint" required maxLength={64} spellcheck={false} disabled={!!stored} value={it.name} onInput={(event) => change({ name: event.currentTarget.value.trim() })} /></Field>
          <Field label={r.type}>
            <select value={it.type} disabled={!!stored} onChange={(event) => change({ type: event.currentTarget.value as EndpointDraft['type'] })}>
              {Object.entries(r.types).map(([name, text]) => <option key={name} value={name}>{text}</option>)}
            </select>
          </Field>
        </div>
        {isLog && <Field label={r.retention} hint={r.retentionHint}><input name="retention" inputMode="numeric" value={it.retentionSeconds} onInput={(event) => change({ retentionSeconds: event.currentTarget.value.trim() })} /></Field>}
        {!isLog && <Field label={isFile ? r.container : r.url} hint={isFile ? r.containerHint : isBroker ? r.brokersHint : r.urlHint}><input name="place" required spellcheck={false} value={it.place} onInput={(event) => change({ place: event.currentTarget.value })} /></Field>}
        {isBroker && <Field label={it.type === 'nats' ? r.subject : r.topic} hint={it.type === 'nats' ? r.subjectHint : r.topicHint}><input name="into" spellcheck={false} value={it.into} onInput={(event) => change({ into: event.currentTarget.value.trim() })} /></Field>}
        {!isLog && (isFile
          ? <Field label={r.path} hint={r.pathHint}><input spellcheck={false} value={it.path} onInput={(event) => change({ path: event.currentTarget.value })} /></Field>
          : <Field label={r.secret} hint={stored?.isSigned || stored?.hasCredentials ? r.secretStays : isBroker ? r.loginHint : r.secretHint}><input name="secret" type="password" autocomplete="off" spellcheck={false} value={it.secret} onInput={(event) => change({ secret: event.currentTarget.value })} /></Field>)}
        {it.type === 'kafka' && (
          <Field label={r.mechanism}>
            <select name="mechanism" value={it.mechanism} onChange={(event) => change({ mechanism: event.currentTarget.value as EndpointDraft['mechanism'] })}>
              {['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'].map((name) => <option key={name} value={name}>{name}</option>)}
            </select>
          </Field>
        )}
        <div class="row wrap">
          <Field label={r.maxEvents}><input inputMode="numeric" value={it.maxEvents} onInput={(event) => change({ maxEvents: event.currentTarget.value.trim() })} /></Field>
          <Field label={r.maxWait}><input inputMode="numeric" value={it.maxWaitSeconds} onInput={(event) => change({ maxWaitSeconds: event.currentTarget.value.trim() })} /></Field>
          {!isFile && !isLog && <Field label={r.maxAttempts}><input inputMode="numeric" value={it.maxAttempts} onInput={(event) => change({ maxAttempts: event.currentTarget.value.trim() })} /></Field>}
        </div>
        <JsonInput label={r.enrichments} rows={3} value={it.enrichments} error={parseObject(it.enrichments).error} onInput={(enrichments) => change({ enrichments })} />
        {wrong && <p class="hint" role="status">{wrong}</p>}
        <Problem of={work.problem} />
        <footer class="row end"><Button onClick={onClose}>{t.common.cancel}</Button><Button type="submit" kind="primary" disabled={!!wrong || work.isBusy}>{stored ? t.common.save : t.common.create}</Button></footer>
      </form>
    </Dialog>
  );
}

function EditRoute({ stored, endpoints, onClose, onDone }: { stored: MessageRoute | undefined; endpoints: RouteEndpoint[]; onClose: () => void; onDone: () => void }) {
  const draft = useSignal<RouteDraft>(stored ? routeDraftOf(stored) : emptyRoute);
  const r = t.routes;
  const it = draft.value;
  const change = (part: Partial<RouteDraft>) => { draft.value = { ...draft.value, ...part }; };
  const wrong = routeProblem(it);
  const work = useWork(() => putRoute(it.name, routeBody(it)), onDone);
  const toggle = (name: string, isIn: boolean) => change({ endpointNames: isIn ? [...it.endpointNames, name] : it.endpointNames.filter((one) => one !== name) });
  return (
    <Dialog title={stored ? r.changeOf(it.name) : r.newRoute} onClose={onClose} wide>
      <form onSubmit={work.submit}>
        <Field label={r.source}>
          <select value={it.source} onChange={(event) => change({ source: event.currentTarget.value })}>
            {Object.entries(r.sources).map(([name, text]) => <option key={name} value={name}>{text}</option>)}
          </select>
        </Field>
        <Field label={r.name}><input name="route" required maxLength={64} spellcheck={false} disabled={!!stored} value={it.name} onInput={(event) => change({ name: event.currentTarget.value.trim() })} /></Field>
        <Field label={t.common.condition} hint={r.conditionHint}><textarea class="code" name="condition" rows={3} spellcheck={false} value={it.condition} onInput={(event) => change({ condition: event.currentTarget.value })} /></Field>
        <fieldset class="rule">
          <legend>{r.leadsTo}</legend>
          {endpoints.map(({ name = '' }) => (
            <label class="check" key={name}><input type="checkbox" checked={it.endpointNames.includes(name)} onChange={(event) => toggle(name, event.currentTarget.checked)} /><span class="break">{name}</span></label>
          ))}
        </fieldset>
        <label class="check"><input type="checkbox" checked={it.isEnabled} onChange={(event) => change({ isEnabled: event.currentTarget.checked })} />{r.inUse}</label>
        {wrong && <p class="hint" role="status">{wrong}</p>}
        <Problem of={work.problem} />
        <footer class="row end"><Button onClick={onClose}>{t.common.cancel}</Button><Button type="submit" kind="primary" disabled={!!wrong || work.isBusy}>{stored ? t.common.save : t.common.create}</Button></footer>
      </form>
    </Dialog>
  );
}

/** Which routes would take a message; nothing is sent. */
function Trial({ onClose }: { onClose: () => void }) {
  const body = useSignal('{"temperature": 21}');
  const properties = useSignal('{}');
  const device = useSignal('');
  const taken = useSignal<MessageRoute[] | undefined>(undefined);
  const r = t.routes;
  const parsed = { body: parseValue(body.value), properties: parseObject(properties.value) };
  const isRight = parsed.body.error === undefined && !parsed.properties.error;
  const work = useWork(async () => {
    const systemProperties = device.value ? { connectionDeviceId: device.value } : {};
    const { routes } = await testRoutes({ message: { body: parsed.body.value, appProperties: parsed.properties.value ?? {}, systemProperties } });
    taken.value = routes;
  }, () => {});
  return (
    <Dialog title={r.tryOut} onClose={onClose} wide>
      <form onSubmit={work.submit}>
        <p class="hint">{r.tryHint}</p>
        <JsonInput label={t.messages.body} rows={4} value={body.value} error={parsed.body.error} onInput={(text) => { body.value = text; }} />
        <JsonInput label={t.messages.properties} rows={3} value={properties.value} error={parsed.properties.error} onInput={(text) => { properties.value = text; }} />
        <Field label={t.common.device} hint={r.tryDeviceHint}><input name="device" spellcheck={false} maxLength={128} value={device.value} onInput={(event) => { device.value = event.currentTarget.value.trim(); }} /></Field>
        <Problem of={work.problem} />
        {taken.value && <p role="status" data-testid="taken" class="notice">{taken.value.length === 0 ? r.takenByNone : r.takenBy(taken.value.map((one) => one.name).join(', '))}</p>}
        <footer class="row end"><Button onClick={onClose}>{t.common.close}</Button><Button type="submit" kind="primary" disabled={!isRight || work.isBusy}>{r.tryIt}</Button></footer>
      </form>
    </Dialog>
  );
}
