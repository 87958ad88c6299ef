import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Policy, getPolicy, listPolicies, may, mayChange, renewPolicyKey, session, refreshSession } from '../api.ts';
import { Button, Code, Dialog, Field, Loading, Problem, Time, useLoaded } from '../ui/basics.tsx';

/** A key gives what its policy may, so seeing and renewing keys takes every right. */
const isOwner = () => may('RegistryRead') && may('RegistryWrite') && may('ServiceConnect') && may('DeviceConnect');

export function HubPage() {
  useEffect(() => { document.title = 'Hub · Carillon'; }, []);
  const who = session.value;
  if (!who) return null;
  return (
    <>
      <header class="page"><h1>Hub</h1></header>
      <dl class="facts">
        <div><dt>Host name</dt><dd class="break">{who.hostName}</dd></div>
        <div><dt>Version</dt><dd>{who.version}</dd></div>
        <div><dt>Signed in by</dt><dd>{who.policy}</dd></div>
        <div><dt>The session ends</dt><dd><Time at={who.expiresTime} relative /></dd></div>
      </dl>
      {isOwner() ? <Policies host={who.hostName} /> : (
        <section class="card">
          <header><h2>Policies</h2></header>
          <p class="hint">To see policies and renew their keys a policy needs all four rights; {who.policy} has {who.rights.join(', ')}.</p>
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
      <header class="inset"><h2>Policies</h2></header>
      <Problem of={list.problem ?? problem.value} retry={list.reload} />
      {!list.value ? list.isLoading && <Loading /> : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label="Policies">
          <table>
            <thead><tr><th>Policy</th><th>Rights</th><th>Keys</th></tr></thead>
            <tbody>
              {list.value.map((policy) => (
                <tr key={policy.keyName}>
                  <td><span class="id">{policy.keyName}</span></td>
                  <td>{policy.rights}</td>
                  <td>
                    <div class="row">
                      <Button kind="quiet" aria-label={`Show the keys of ${policy.keyName}`} onClick={() => void reveal(policy.keyName)}>Show</Button>
                      {mayChange() && <Button kind="quiet" aria-label={`Renew a key of ${policy.keyName}`} onClick={() => { renewing.value = policy.keyName; }}>Renew</Button>}
                    </div>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {shown.value && (
        <Dialog title={`Keys of ${shown.value.keyName}`} onClose={() => { shown.value = undefined; }} wide>
          <p class="hint">Who has one of them may do what the policy may. That you looked is recorded in the hub's log.</p>
          <Field label="Connection string"><Code what="connection string" text={`HostName=${host};SharedAccessKeyName=${shown.value.keyName};SharedAccessKey=${shown.value.primaryKey ?? ''}`} /></Field>
          <Field label="Primary key"><Code what="primary key" text={shown.value.primaryKey ?? ''} /></Field>
          <Field label="Secondary key"><Code what="secondary key" text={shown.value.secondaryKey ?? ''} /></Field>
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
    <Dialog title={`Renew a key of ${policy}`} onClose={onClose}>
      <p>Connections that stand on the old key end at once: back ends, devices whose tokens it signed, and dashboard sessions of this policy{session.value?.policy === policy && ', this one among them'}.</p>
      <p class="hint">To change both without an interruption: renew the secondary, give it to everybody, swap the two, and renew the secondary again.</p>
      <Problem of={problem.value} />
      <footer class="row end wrap">
        <Button onClick={onClose}>Cancel</Button>
        <Button onClick={() => void renew('swap')}>Swap the two</Button>
        <Button kind="danger" onClick={() => void renew('secondary')}>Renew the secondary</Button>
        <Button kind="danger" onClick={() => void renew('primary')}>Renew the primary</Button>
      </footer>
    </Dialog>
  );
}
