// The policies of a hub: their rights and keys, and those of one's own.

import { useSignal } from '@preact/signals';
import { type Policy, type Right, deletePolicy, getPolicy, listPolicies, mayChange, putPolicy, refreshSession, renewPolicyKey, session } from '../api.ts';
import { t } from '../texts.ts';
import { Button, Code, Dialog, Field, Problem, useLoaded } from '../ui/basics.tsx';
import { NamedList, Removal } from '../ui/named_list.tsx';

const rights: Right[] = [
  'RegistryRead', 'RegistryWrite', 'ServiceConnect', 'DeviceConnect',
  'EnrollmentRead', 'EnrollmentWrite', 'RegistrationStatusRead', 'RegistrationStatusWrite', 'JobApprove',
];
const rightsOf = (text: string) => rights.filter((right) => text.split(/, */).includes(right));

export function Policies({ host }: { host: string }) {
  const list = useLoaded(listPolicies);
  const shown = useSignal<Policy | undefined>(undefined);
  const renewing = useSignal<string | undefined>(undefined);
  const editing = useSignal<Policy | 'new' | undefined>(undefined);
  const removing = useSignal<string | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const reveal = async (name: string) => {
    problem.value = undefined;
    try { shown.value = await getPolicy(name); } catch (refusal) { problem.value = refusal; }
  };
  return (
    <NamedList list={list} title={t.hub.policies} heading={<h2>{t.hub.policies}</h2>} problem={problem.value}
      make={mayChange() ? { text: t.policies.make, onClick: () => { editing.value = 'new'; } } : undefined}
      head={<><th>{t.common.policy}</th><th>{t.hub.rights}</th><th>{t.hub.keys}</th></>}
      row={(policy) => (
        <tr key={policy.keyName}>
          <td><span class="id">{policy.keyName}</span></td>
          <td>{policy.rights}</td>
          <td>
            <div class="row">
              <Button kind="quiet" aria-label={t.hub.showKeysOf(policy.keyName)} onClick={() => void reveal(policy.keyName)}>{t.common.show}</Button>
              {mayChange() && <Button kind="quiet" aria-label={t.hub.renewOf(policy.keyName)} onClick={() => { renewing.value = policy.keyName; }}>{t.hub.renew}</Button>}
              {mayChange() && <Button kind="quiet" aria-label={t.policies.changeOf(policy.keyName)} onClick={() => { editing.value = policy; }}>{t.policies.change}</Button>}
              {mayChange() && <Button kind="quiet" icon="close" aria-label={t.device.deleteOf(policy.keyName)} title={t.common.remove} onClick={() => { removing.value = policy.keyName; }} />}
            </div>
          </td>
        </tr>
      )}>
      {shown.value && (
        <Dialog title={t.hub.keysOf(shown.value.keyName)} onClose={() => { shown.value = undefined; }} wide>
          <p class="hint">{t.hub.keysHint}</p>
          <Field label={t.common.connectionString}><Code what={t.common.connectionStringNamed} text={`HostName=${host};SharedAccessKeyName=${shown.value.keyName};SharedAccessKey=${shown.value.primaryKey ?? ''}`} /></Field>
          <Field label={t.common.primaryKey}><Code what={t.common.primaryKeyNamed} text={shown.value.primaryKey ?? ''} /></Field>
          <Field label={t.common.secondaryKey}><Code what={t.common.secondaryKeyNamed} text={shown.value.secondaryKey ?? ''} /></Field>
        </Dialog>
      )}
      {editing.value && <Edit stored={editing.value === 'new' ? undefined : editing.value} onClose={() => { editing.value = undefined; }} onDone={(policy, isNew) => { editing.value = undefined; list.reload(); if (isNew) shown.value = policy; }} />}
      {removing.value !== undefined && <Remove name={removing.value} onClose={() => { removing.value = undefined; }} onDone={() => { removing.value = undefined; list.reload(); }} />}
      {renewing.value !== undefined && <Renew policy={renewing.value} onClose={() => { renewing.value = undefined; }} onDone={(policy) => { renewing.value = undefined; shown.value = policy; }} />}
    </NamedList>
  );
}

function Renew({ policy, onClose, onDone }: { policy: string; onClose: () => void; onDone: (renewed: Policy) => void }) {
  const problem = useSignal<unknown>(undefined);
  const renew = async (key: 'primary' | 'secondary' | 'swap') => {
    problem.value = undefined;
    try {
      const renewed = await renewPolicyKey(policy, key);
      onDone(renewed);
      // It may have been the key of this session.
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

function Edit({ stored, onClose, onDone }: { stored: Policy | undefined; onClose: () => void; onDone: (policy: Policy, isNew: boolean) => void }) {
  const name = useSignal(stored?.keyName ?? '');
  const chosen = useSignal<Right[]>(stored ? rightsOf(stored.rights) : ['RegistryRead']);
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);
  const p = t.policies;
  const write = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    problem.value = undefined;
    try {
      onDone(await putPolicy(name.value, rights.filter((right) => chosen.value.includes(right)).join(', ')), !stored);
      void refreshSession();
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  return (
    <Dialog title={stored ? p.changeOf(stored.keyName) : p.make} onClose={onClose}>
      <form onSubmit={(event) => void write(event)}>
        {!stored && <Field label={p.name} hint={p.nameHint}><input name="policy" required maxLength={64} spellcheck={false} autocomplete="off" value={name.value} onInput={(event) => { name.value = event.currentTarget.value.trim(); }} /></Field>}
        <fieldset class="rule">
          <legend>{t.hub.rights}</legend>
          {rights.map((right) => (
            <label class="check" key={right}>
              <input type="checkbox" checked={chosen.value.includes(right)} onChange={(event) => { chosen.value = event.currentTarget.checked ? [...chosen.value, right] : chosen.value.filter((one) => one !== right); }} />
              <span>{right}<span class="hint"> – {p.says[right]}</span></span>
            </label>
          ))}
        </fieldset>
        {stored && <p class="hint">{p.changeSays}{session.value?.policy === stored.keyName && ` ${t.hub.renewSaysThis}`}</p>}
        <Problem of={problem.value} />
        <footer class="row end"><Button onClick={onClose}>{t.common.cancel}</Button><Button type="submit" kind="primary" disabled={isBusy.value || chosen.value.length === 0}>{stored ? t.common.save : t.common.create}</Button></footer>
      </form>
    </Dialog>
  );
}

function Remove({ name, onClose, onDone }: { name: string; onClose: () => void; onDone: () => void }) {
  const remove = async () => {
    await deletePolicy(name);
    onDone();
    void refreshSession();
  };
  return (
    <Removal title={t.policies.removeAsk} remove={remove} onClose={onClose}>
      {t.policies.removeSays(name)} {session.value?.policy === name && t.hub.renewSaysThis}
    </Removal>
  );
}
