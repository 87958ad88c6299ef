import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Policy, getPolicy, listPolicies, mayAll, mayChange, renewPolicyKey, session, refreshSession } from '../api.ts';
import { address } from '../router.ts';
import { Button, Code, Dialog, Field, Loading, Problem, Time, useLoaded, setTitle } from '../ui/basics.tsx';
import { t } from '../texts.ts';

export function HubPage() {
  useEffect(() => { setTitle(t.common.hub); }, []);
  const who = session.value;
  if (!who) return null;
  return (
    <>
      <header class="page"><h1>{t.common.hub}</h1></header>
      <dl class="facts">
        <div><dt>{t.hub.hostName}</dt><dd class="break">{who.hostName}</dd></div>
        <div><dt>{t.hub.version}</dt><dd>{who.version}</dd></div>
        <div><dt>{t.hub.signedInBy}</dt><dd>{who.policy}</dd></div>
        <div><dt>{t.hub.sessionEnds}</dt><dd><Time at={who.expiresTime} relative /></dd></div>
      </dl>
      <ul class="plain places">
        <li><a href={address('/health')}>{t.health.title}</a> <span class="hint">{t.health.hint}</span></li>
        <li><a href={address('/settings')}>{t.settings.title}</a> <span class="hint">{t.settings.hint}</span></li>
        <li><a href={address('/routes')}>{t.routes.title}</a> <span class="hint">{t.routes.hint}</span></li>
        {mayAll() && <li><a href={address('/audit')}>{t.audit.title}</a> <span class="hint">{t.audit.hint}</span></li>}
      </ul>
      {mayAll() ? <Policies host={who.hostName} /> : (
        <section class="card">
          <header><h2>{t.hub.policies}</h2></header>
          <p class="hint">{t.hub.needsAll(who.policy, who.rights.join(', '))}</p>
        </section>
      )}
    </>
  );
}

function Policies({ host }: { host: string }) {
  const list = useLoaded(listPolicies);
  const shown = useSignal<Policy | undefined>(undefined);
  const renewing = useSignal<string | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const reveal = async (name: string) => {
    problem.value = undefined;
    try { shown.value = await getPolicy(name); } catch (refusal) { problem.value = refusal; }
  };
  return (
    <section class="card flush">
      <header class="inset"><h2>{t.hub.policies}</h2></header>
      <Problem of={list.problem ?? problem.value} retry={list.reload} />
      {!list.value ? list.isLoading && <Loading /> : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label={t.hub.policies}>
          <table>
            <thead><tr><th>{t.common.policy}</th><th>{t.hub.rights}</th><th>{t.hub.keys}</th></tr></thead>
            <tbody>
              {list.value.map((policy) => (
                <tr key={policy.keyName}>
                  <td><span class="id">{policy.keyName}</span></td>
                  <td>{policy.rights}</td>
                  <td>
                    <div class="row">
                      <Button kind="quiet" aria-label={t.hub.showKeysOf(policy.keyName)} onClick={() => void reveal(policy.keyName)}>{t.common.show}</Button>
                      {mayChange() && <Button kind="quiet" aria-label={t.hub.renewOf(policy.keyName)} onClick={() => { renewing.value = policy.keyName; }}>{t.hub.renew}</Button>}
                    </div>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {shown.value && (
        <Dialog title={t.hub.keysOf(shown.value.keyName)} onClose={() => { shown.value = undefined; }} wide>
          <p class="hint">{t.hub.keysHint}</p>
          <Field label={t.common.connectionString}><Code what={t.common.connectionStringNamed} text={`HostName=${host};SharedAccessKeyName=${shown.value.keyName};SharedAccessKey=${shown.value.primaryKey ?? ''}`} /></Field>
          <Field label={t.common.primaryKey}><Code what={t.common.primaryKeyNamed} text={shown.value.primaryKey ?? ''} /></Field>
          <Field label={t.common.secondaryKey}><Code what={t.common.secondaryKeyNamed} text={shown.value.secondaryKey ?? ''} /></Field>
        </Dialog>
      )}
      {renewing.value !== undefined && <Renew policy={renewing.value} onClose={() => { renewing.value = undefined; }} onDone={(policy) => { renewing.value = undefined; shown.value = policy; }} />}
    </section>
  );
}

function Renew({ policy, onClose, onDone }: { policy: string; onClose: () => void; onDone: (renewed: Policy) => void }) {
  const problem = useSignal<unknown>(undefined);
  const renew = async (key: 'primary' | 'secondary' | 'swap') => {
    problem.value = undefined;
    try {
      const renewed = await renewPolicyKey(policy, key);
      onDone(renewed);
      // It may have been the key that this session stands on.
      void refreshSession();
    } catch (refusal) { problem.value = refusal; }
  };
  return (
    <Dialog title={t.hub.renewOf(policy)} onClose={onClose}>
      <p>{t.hub.renewSays} {session.value?.policy === policy && t.hub.renewSaysThis}</p>
      <p class="hint">{t.hub.renewHint}</p>
      <Problem of={problem.value} />
      <footer class="row end wrap">
        <Button onClick={onClose}>{t.common.cancel}</Button>
        <Button onClick={() => void renew('swap')}>{t.hub.swapTwo}</Button>
        <Button kind="danger" onClick={() => void renew('secondary')}>{t.hub.renewSecondary}</Button>
        <Button kind="danger" onClick={() => void renew('primary')}>{t.hub.renewPrimary}</Button>
      </footer>
    </Dialog>
  );
}
