// Templates: jobs that are made again, by hand or by the clock.

import { useSignal } from '@preact/signals';
import { type JobTemplate, deleteTemplate, listTemplates, mayRunJobs, putTemplate, runTemplate } from '../api.ts';
import { address, go } from '../router.ts';
import { t } from '../texts.ts';
import { Button, Dialog, Field, JsonInput, Problem, Time, useLoaded } from '../ui/basics.tsx';
import { NamedList, Removal } from '../ui/named_list.tsx';

interface Parameter { type: string; default?: unknown }
const parametersOf = (template: JobTemplate) => Object.entries((template.parameters ?? {}) as Record<string, Parameter>);
const cronOf = (template: JobTemplate) => (template.repeat as { cron?: string; zone?: string } | null | undefined) ?? {};
/** What a PUT takes of it. */
const contentOf = ({ name: _name, createdBy: _by, next: _next, waiting: _waiting, runs: _runs, ...content }: JobTemplate) => content;
const example = {
  parameters: { site: { type: 'text' } },
  job: { type: 'scheduleDeviceMethod', cloudToDeviceMethod: { methodName: 'restart' }, queryCondition: 'tags.site = ${site}', rollout: { pace: { rate: '10/s' } } },
};

export function Templates() {
  const list = useLoaded(listTemplates);
  const editing = useSignal<JobTemplate | 'new' | undefined>(undefined);
  const running = useSignal<JobTemplate | undefined>(undefined);
  const removing = useSignal<string | undefined>(undefined);
  const s = t.templates;
  const done = () => { editing.value = undefined; removing.value = undefined; list.reload(); };
  return (
    <NamedList list={list} title={s.title} heading={<p class="hint">{s.hint}</p>}
      make={mayRunJobs() ? { text: s.make, onClick: () => { editing.value = 'new'; } } : undefined}
      none={{ title: s.none, hint: s.noneHint }}
      head={<><th>{s.name}</th><th>{s.jobs}</th><th>{s.parameters}</th><th>{s.repeats}</th><th>{s.next}</th><th>{s.last}</th>{mayRunJobs() && <th>{t.routes.actions}</th>}</>}
      row={(template) => {
        const { cron, zone } = cronOf(template);
        const last = template.runs?.[0];
        return (
          <tr key={template.name}>
            <td><span class="id">{template.name}</span></td>
            <td>{template.jobs?.length ?? 1}</td>
            <td class="break">{parametersOf(template).map(([name]) => name).join(', ') || '–'}</td>
            <td>{cron ? <><code>{cron}</code> <span class="hint">{zone}</span></> : '–'}</td>
            <td>{template.next ? <Time at={template.next} /> : '–'}</td>
            <td>{last?.jobId ? <a class="id" href={address('/job', { id: last.jobId })}>{last.jobId}</a> : last?.missed ?? '–'}</td>
            {mayRunJobs() && (
              <td>
                <div class="row">
                  <Button kind="quiet" aria-label={s.runOf(template.name)} onClick={() => { running.value = template; }}>{s.run}</Button>
                  <Button kind="quiet" aria-label={s.changeOf(template.name)} onClick={() => { editing.value = template; }}>{s.change}</Button>
                  <Button kind="quiet" icon="close" aria-label={t.device.deleteOf(template.name)} title={t.common.remove} onClick={() => { removing.value = template.name; }} />
                </div>
              </td>
            )}
          </tr>
        );
      }}>
      {editing.value && <Edit stored={editing.value === 'new' ? undefined : editing.value} onClose={() => { editing.value = undefined; }} onDone={done} />}
      {running.value && <Run template={running.value} onClose={() => { running.value = undefined; }} />}
      {removing.value !== undefined && <Remove name={removing.value} onClose={() => { removing.value = undefined; }} onDone={done} />}
    </NamedList>
  );
}

function Edit({ stored, onClose, onDone }: { stored: JobTemplate | undefined; onClose: () => void; onDone: () => void }) {
  const name = useSignal(stored?.name ?? '');
  const text = useSignal(JSON.stringify(stored ? contentOf(stored) : example, null, 2));
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);
  const s = t.templates;
  const write = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    problem.value = undefined;
    try {
      await putTemplate(name.value, JSON.parse(text.value) as object);
      onDone();
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  return (
    <Dialog title={stored ? s.changeOf(stored.name) : s.make} onClose={onClose} wide>
      <form onSubmit={(event) => void write(event)}>
        {!stored && <Field label={s.name} hint={s.nameHint}><input name="template" required maxLength={64} spellcheck={false} autocomplete="off" value={name.value} onInput={(event) => { name.value = event.currentTarget.value.trim(); }} /></Field>}
        <JsonInput label={s.content} hint={s.contentHint} rows={18} value={text.value} onInput={(value: string) => { text.value = value; }} />
        <Problem of={problem.value} />
        <footer class="row end"><Button onClick={onClose}>{t.common.cancel}</Button><Button type="submit" kind="primary" disabled={isBusy.value}>{stored ? t.common.save : t.common.create}</Button></footer>
      </form>
    </Dialog>
  );
}

/** A value as the template wants it. */
function valueOf(type: string, text: string): unknown {
  if (type === 'number') return Number(text);
  if (type === 'boolean') return text === 'true';
  return type === 'json' ? (JSON.parse(text) as unknown) : text;
}
const shownOf = (value: unknown) => (value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value));

function Run({ template, onClose }: { template: JobTemplate; onClose: () => void }) {
  const job = useSignal(`${template.name}-1`);
  const parameters = parametersOf(template);
  const values = useSignal<Record<string, string>>(Object.fromEntries(parameters.map(([name, one]) => [name, shownOf(one.default)])));
  const problem = useSignal<unknown>(undefined);
  const isBusy = useSignal(false);
  const s = t.templates;
  const run = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    problem.value = undefined;
    try {
      const given = Object.fromEntries(parameters.map(([name, one]) => [name, valueOf(one.type, values.value[name] ?? '')]));
      const made = await runTemplate(template.name, job.value, given);
      go(address('/job', { id: made.jobs[0]?.jobId ?? job.value }));
    } catch (refusal) { problem.value = refusal; }
    isBusy.value = false;
  };
  return (
    <Dialog title={s.runOf(template.name)} onClose={onClose}>
      <form onSubmit={(event) => void run(event)}>
        <Field label={s.job} hint={(template.jobs?.length ?? 1) > 1 ? s.jobHintMany : ''}><input name="job" required maxLength={64} spellcheck={false} autocomplete="off" value={job.value} onInput={(event) => { job.value = event.currentTarget.value.trim(); }} /></Field>
        {parameters.map(([name, one]) => (
          <Field key={name} label={name} hint={s.types[one.type]}>
            <input name={`parameter-${name}`} required={one.type !== 'text'} spellcheck={false} autocomplete="off" value={values.value[name] ?? ''} onInput={(event) => { values.value = { ...values.value, [name]: event.currentTarget.value }; }} />
          </Field>
        ))}
        <Problem of={problem.value} />
        <footer class="row end"><Button onClick={onClose}>{t.common.cancel}</Button><Button type="submit" kind="primary" disabled={isBusy.value}>{s.run}</Button></footer>
      </form>
    </Dialog>
  );
}

function Remove({ name, onClose, onDone }: { name: string; onClose: () => void; onDone: () => void }) {
  return (
    <Removal title={t.templates.removeAsk} remove={() => deleteTemplate(name).then(onDone)} onClose={onClose}>
      {t.templates.removeSays(name)}
    </Removal>
  );
}
