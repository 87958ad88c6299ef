import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Attestation, type DeviceRegistration, type Enrollment, type EnrollmentGroup, deleteEnrollment, deleteRegistration, enrollmentKeys, getRegistration, listEnrollments, listRegistrations, may, mayChange, putEnrollment } from '../api.ts';
import { type EnrollmentDraft, emptyEnrollment, enrollmentBody, enrollmentDraftOf, enrollmentProblem, idOf } from '../lib/enrollment.ts';
import { address, parameter, setParameters } from '../router.ts';
import { t } from '../texts.ts';
import { Button, Code, Dialog, Empty, Field, JsonInput, Loading, Problem, State, Time, useLoaded, setTitle } from '../ui/basics.tsx';

type Any = Enrollment | EnrollmentGroup;

export function EnrollmentsPage() {
  useEffect(() => { setTitle(t.enrollments.title); }, []);
  const isGroup = parameter('kind') !== 'individual';
  return (
    <>
      <header class="page"><h1>{t.enrollments.title}</h1></header>
      <p class="hint">{t.enrollments.hint}</p>
      <div class="tabs" role="tablist" aria-label={t.enrollments.title}>
        <button type="button" role="tab" aria-selected={isGroup} onClick={() => setParameters({ kind: '' })}>{t.enrollments.groups}</button>
        <button type="button" role="tab" aria-selected={!isGroup} onClick={() => setParameters({ kind: 'individual' })}>{t.enrollments.individual}</button>
      </div>
      {may('EnrollmentRead') ? <List isGroup={isGroup} key={String(isGroup)} /> : <p class="notice warn">{t.enrollments.right}</p>}
    </>
  );
}

function List({ isGroup }: { isGroup: boolean }) {
  const more = useSignal<Any[]>([]);
  const continuation = useSignal<string | undefined>(undefined);
  const problem = useSignal<unknown>(undefined);
  const editing = useSignal<Any | 'new' | undefined>(undefined);
  const keys = useSignal<{ id: string; attestation: Attestation } | undefined>(undefined);
  const removing = useSignal<Any | undefined>(undefined);
  const opened = useSignal<string | undefined>(undefined);
  const first = useLoaded(() => listEnrollments(isGroup, ''));
  const canWrite = may('EnrollmentWrite') && mayChange();
  const e = t.enrollments;
  const reload = () => { more.value = []; continuation.value = undefined; first.reload(); };
  const run = (work: () => Promise<void>) => {
    problem.value = undefined;
    work().catch((refusal: unknown) => { problem.value = refusal; });
  };
  const next = continuation.value ?? first.value?.continuation ?? '';
  const all = [...(first.value?.items ?? []), ...more.value];
  return (
    <section class="card flush">
      <header class="inset">
        <h2>{isGroup ? e.groups : e.individual}</h2>
        {canWrite && <Button icon="plus" onClick={() => { editing.value = 'new'; }}>{isGroup ? e.newGroup : e.newIndividual}</Button>}
      </header>
      <Problem of={first.problem ?? problem.value} retry={reload} />
      {!first.value ? first.isLoading && <Loading /> : all.length === 0 ? <Empty title={e.none}>{isGroup ? e.groupHint : e.individualHint}</Empty> : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label={e.title}>
          <table>
            <thead><tr><th>{e.id}</th><th>{e.proof}</th><th>{e.status}</th><th>{e.changed}</th><th>{e.actions}</th></tr></thead>
            <tbody>
              {all.map((one) => (
                <tr key={idOf(one)}>
                  <td><span class="id">{idOf(one)}</span></td>
                  <td>{e.proofs[one.attestation.type]}</td>
                  <td><State of={one.provisioningStatus} text={t.states[one.provisioningStatus]} /></td>
                  <td><Time at={one.lastUpdatedDateTimeUtc} relative /></td>
                  <td>
                    <div class="row">
                      {may('RegistrationStatusRead') && <Button kind="quiet" aria-label={e.recordsOf(idOf(one))} onClick={() => { opened.value = idOf(one); }}>{e.records}</Button>}
                      {canWrite && one.attestation.type === 'symmetricKey' && <Button kind="quiet" aria-label={e.keysOf(idOf(one))} onClick={() => run(async () => { keys.value = { id: idOf(one), attestation: await enrollmentKeys(isGroup, idOf(one)) }; })}>{e.keys}</Button>}
                      {canWrite && <Button kind="quiet" aria-label={e.changeOf(idOf(one))} onClick={() => { editing.value = one; }}>{e.change}</Button>}
                      {canWrite && <Button kind="quiet" icon="close" aria-label={e.removeOf(idOf(one))} title={e.remove} onClick={() => { removing.value = one; }} />}
                    </div>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {next && <div class="inset"><Button onClick={() => run(async () => { const page = await listEnrollments(isGroup, next); more.value = [...more.value, ...page.items]; continuation.value = page.continuation; })}>{e.more}</Button></div>}
      {editing.value && (
        <Edit stored={editing.value === 'new' ? undefined : editing.value} isGroup={isGroup} onClose={() => { editing.value = undefined; }}
          onSaved={(saved, isNew) => {
            editing.value = undefined;
            reload();
            if (isNew && saved.attestation.symmetricKey) keys.value = { id: idOf(saved), attestation: saved.attestation };
          }} />
      )}
      {keys.value && (
        <Dialog title={e.keysOf(keys.value.id)} onClose={() => { keys.value = undefined; }} wide>
          <p>{isGroup ? e.groupKeys : e.individualKeys}</p>
          <Field label={e.primary}><Code what={e.primary} text={keys.value.attestation.symmetricKey?.primaryKey ?? ''} /></Field>
          <Field label={e.secondary}><Code what={e.secondary} text={keys.value.attestation.symmetricKey?.secondaryKey ?? ''} /></Field>
        </Dialog>
      )}
      {removing.value && (
        <Dialog title={e.removeTitle} onClose={() => { removing.value = undefined; }}>
          <p class="break">{e.removeSays(idOf(removing.value))}</p>
          <footer class="row end">
            <Button onClick={() => { removing.value = undefined; }}>{e.keep}</Button>
            <Button kind="danger" onClick={() => run(async () => { const gone = removing.value; removing.value = undefined; if (gone) await deleteEnrollment(isGroup, idOf(gone), gone.etag); reload(); })}>{e.remove}</Button>
          </footer>
        </Dialog>
      )}
      {opened.value !== undefined && <Records id={opened.value} isGroup={isGroup} onClose={() => { opened.value = undefined; }} />}
    </section>
  );
}

function Edit({ stored, isGroup, onClose, onSaved }: { stored: Any | undefined; isGroup: boolean; onClose: () => void; onSaved: (saved: Any, isNew: boolean) => void }) {
  const draft = useSignal<EnrollmentDraft>(stored ? enrollmentDraftOf(stored) : emptyEnrollment(isGroup));
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);
  const e = t.enrollments;
  const wrong = enrollmentProblem(draft.value, !stored);
  const change = (part: Partial<EnrollmentDraft>) => { draft.value = { ...draft.value, ...part }; };
  const submit = async (event: Event) => {
    event.preventDefault();
    if (wrong) return;
    isBusy.value = true;
    problem.value = undefined;
    try { onSaved(await putEnrollment(isGroup, draft.value.id, enrollmentBody(draft.value, stored), stored?.etag), !stored); } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  return (
    <Dialog title={stored ? e.changeOf(idOf(stored)) : isGroup ? e.newGroup : e.newIndividual} onClose={onClose} wide>
      <form onSubmit={(event) => void submit(event)}>
        <div class="row wrap">
          <Field label={isGroup ? e.groupId : e.registrationId}><input name="enrollment-id" required maxLength={128} spellcheck={false} autocomplete="off" disabled={!!stored} value={draft.value.id} onInput={(event) => change({ id: event.currentTarget.value.trim() })} /></Field>
          {!isGroup && <Field label={e.deviceId} hint={e.deviceIdHint}><input maxLength={128} spellcheck={false} autocomplete="off" value={draft.value.deviceId} onInput={(event) => change({ deviceId: event.currentTarget.value.trim() })} /></Field>}
          {!isGroup && !stored && (
            <Field label={e.proof}>
              <select value={draft.value.proof} onChange={(event) => change({ proof: event.currentTarget.value as EnrollmentDraft['proof'], certificate: '' })}>
                <option value="symmetricKey">{e.proofs.symmetricKey}</option>
                <option value="x509">{e.proofs.x509}</option>
              </select>
            </Field>
          )}
        </div>
        {draft.value.proof === 'x509' && <Field label={e.certificate} hint={stored ? e.certificateStays : e.certificateHint}><textarea class="code" name="certificate" rows={5} spellcheck={false} value={draft.value.certificate} onInput={(event) => change({ certificate: event.currentTarget.value })} /></Field>}
        <div class="row wrap">
          <JsonInput label={e.tags} rows={4} value={draft.value.tags} onInput={(tags) => change({ tags })} />
          <JsonInput label={e.desired} rows={4} value={draft.value.desired} onInput={(desired) => change({ desired })} />
        </div>
        <Field label={e.again}>
          <select value={draft.value.again} onChange={(event) => change({ again: event.currentTarget.value as EnrollmentDraft['again'] })}>
            {Object.entries(e.agains).map(([name, text]) => <option key={name} value={name}>{text}</option>)}
          </select>
        </Field>
        <label class="check"><input type="checkbox" checked={draft.value.isEnabled} onChange={(event) => change({ isEnabled: event.currentTarget.checked })} /><span>{e.enabled}</span></label>
        {wrong && <p class="hint" role="status">{wrong}</p>}
        <Problem of={problem.value} />
        <footer class="row end"><Button onClick={onClose}>{t.run.back}</Button><Button type="submit" kind="primary" disabled={!!wrong || isBusy.value}>{stored ? e.save : e.create}</Button></footer>
      </form>
    </Dialog>
  );
}

/** The devices that registered by an enrollment. */
function Records({ id, isGroup, onClose }: { id: string; isGroup: boolean; onClose: () => void }) {
  const canWrite = may('RegistrationStatusWrite') && mayChange();
  const rows = useSignal<DeviceRegistration[]>([]);
  const next = useSignal('');
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(true);
  const e = t.enrollments;
  const load = async (continuation: string) => {
    isBusy.value = true;
    problem.value = undefined;
    try {
      const page = isGroup ? await listRegistrations(id, continuation) : { items: await getRegistration(id), continuation: '' };
      rows.value = continuation ? [...rows.value, ...page.items] : page.items;
      next.value = page.continuation;
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  useEffect(() => void load(''), []);
  const forget = async (row: DeviceRegistration) => {
    try { await deleteRegistration(row.registrationId, row.etag); await load(''); } catch (refusal) { problem.value = refusal; }
  };
  return (
    <Dialog title={e.recordsOf(id)} onClose={onClose} wide>
      <Problem of={problem.value} retry={() => void load('')} />
      {rows.value.length === 0 ? (isBusy.value ? <Loading /> : <Empty title={e.noRecords} />) : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label={e.records}>
          <table>
            <thead><tr><th>{e.registrationId}</th><th>{e.deviceId}</th><th>{e.hub}</th><th>{e.status}</th><th>{e.changed}</th><th>{e.actions}</th></tr></thead>
            <tbody>
              {rows.value.map((row) => (
                <tr key={row.registrationId}>
                  <td><span class="id">{row.registrationId}</span></td>
                  <td>{row.deviceId && <a class="id" href={address('/device', { id: row.deviceId })}>{row.deviceId}</a>}</td>
                  <td>{row.assignedHub}</td>
                  <td><State of={row.status} text={t.states[row.status]} />{row.errorMessage && <span class="hint break">{row.errorMessage}</span>}</td>
                  <td><Time at={row.lastUpdatedDateTimeUtc} relative /></td>
                  <td>{canWrite && <Button kind="quiet" aria-label={e.forgetOf(row.registrationId)} onClick={() => void forget(row)}>{e.forget}</Button>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {next.value && <Button disabled={isBusy.value} onClick={() => void load(next.value)}>{e.more}</Button>}
      <p class="hint">{e.forgetHint}</p>
    </Dialog>
  );
}
