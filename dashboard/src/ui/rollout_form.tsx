// The rules of a rollout as fields: for a job that is being made, and for one that runs.

import { type RolloutDraft, type StopDraft, type WaveDraft, emptyStop, emptyWave, hasCap } from '../lib/rollout.ts';
import { t } from '../texts.ts';
import { Button, Field } from './basics.tsx';
import { ConfirmForm } from './confirm_form.tsx';

interface Props {
  draft: RolloutDraft;
  isMethod: boolean;
  change: (part: Partial<RolloutDraft>) => void;
  /** Only what may change while the job runs. */
  isRunning?: boolean;
}

export function Text({ label, hint, value, set, name, placeholder, list }: { label: string; hint?: string; value: string; set: (text: string) => void; name?: string; placeholder?: string; list?: string }) {
  return (
    <Field label={label} hint={hint}>
      <input name={name} spellcheck={false} autocomplete="off" value={value} placeholder={placeholder} list={list} onInput={(event) => set(event.currentTarget.value.trim())} />
    </Field>
  );
}

export function Choice({ label, hint, value, set, options }: { label: string; hint?: string; value: string; set: (value: string) => void; options: [string, string][] }) {
  return (
    <Field label={label} hint={hint}>
      <select value={value} onChange={(event) => set(event.currentTarget.value)}>
        {options.map(([name, text]) => <option key={name} value={name}>{text}</option>)}
      </select>
    </Field>
  );
}

const Check = ({ label, value, set }: { label: string; value: boolean; set: (value: boolean) => void }) => (
  <label class="check"><input type="checkbox" checked={value} onChange={(event) => set(event.currentTarget.checked)} /><span>{label}</span></label>
);

/** What was written into twins can be taken back; a method cannot. */
const undoing = (isMethod: boolean): [string, string][] => (isMethod ? [] : [['undo', t.rollout.takeBack]]);

function Wave({ wave, n, isLast, isMethod, change, remove }: { wave: WaveDraft; n: number; isLast: boolean; isMethod: boolean; change: (part: Partial<WaveDraft>) => void; remove: () => void }) {
  const r = t.rollout;
  return (
    <fieldset class="rule">
      <legend>{r.wave(n)}</legend>
      <div class="row wrap">
        <Text label={r.size} hint={r.sizeHint} value={wave.size} set={(size) => change({ size })} />
        <Text label={r.passSucceeded} value={wave.succeeded} placeholder="95%" set={(succeeded) => change({ succeeded })} />
        <Text label={r.passEnded} value={wave.ended} placeholder="95%" set={(ended) => change({ ended })} />
        <Choice label={r.otherwise} value={wave.otherwise === 'pause' ? '' : wave.otherwise} set={(otherwise) => change({ otherwise })} options={[['', r.pause], ['cancel', r.cancel], ...undoing(isMethod), ['go', r.goOn]]} />
        <Text label={r.within} value={wave.within} set={(within) => change({ within })} />
        {!isLast && <Text label={r.soak} hint={r.soakHint} value={wave.soak} placeholder="0s" set={(soak) => change({ soak })} />}
        {!isLast && <Choice label={r.gate} value={wave.gate === 'manual' ? 'manual' : ''} set={(gate) => change({ gate })} options={[['', r.gateAuto], ['manual', r.gateManual]]} />}
        {isLast && wave.size !== 'rest' && <Text label={r.grow} hint={r.growHint} value={wave.grow} set={(grow) => change({ grow })} />}
        <Button kind="quiet" icon="close" aria-label={r.removeWave(n)} title={r.removeWave(n)} onClick={remove} />
      </div>
    </fieldset>
  );
}

function Stop({ rule, n, isMethod, change, remove }: { rule: StopDraft; n: number; isMethod: boolean; change: (part: Partial<StopDraft>) => void; remove: () => void }) {
  const r = t.rollout;
  return (
    <fieldset class="rule">
      <legend>{r.stopRule} {n}</legend>
      <div class="row wrap">
        <Text label={r.failed} hint={r.failedHint} value={rule.failed} set={(failed) => change({ failed })} />
        <Text label={r.after} hint={r.afterHint} value={rule.after} set={(after) => change({ after })} />
        <Choice label={r.then} value={rule.then === 'pause' ? '' : rule.then} set={(then) => change({ then })} options={[['', r.pause], ['cancel', r.cancel], ...undoing(isMethod)]} />
        <Field label={r.kinds} hint={r.kindsHint}><input spellcheck={false} value={rule.kinds} onInput={(event) => change({ kinds: event.currentTarget.value })} /></Field>
        <Button kind="quiet" icon="close" aria-label={r.removeStop(n)} title={r.removeStop(n)} onClick={remove} />
      </div>
    </fieldset>
  );
}

/** What becomes of a device that is not connected when its turn comes. */
function Offline({ draft, isMethod, change }: { draft: RolloutDraft; isMethod: boolean; change: Props['change'] }) {
  const r = t.rollout;
  const waits = draft.offline === 'wait' || (draft.offline === '' && hasCap(draft, isMethod));
  const options: [string, string][] = [['', hasCap(draft, isMethod) ? r.offlineWaits : r.offlineWrites], ['wait', r.offlineWait], ['skip', r.offlineSkip]];
  if (!isMethod) options.push(['write', r.offlineWrite]);
  return (
    <div class="row wrap">
      <Choice label={r.offline} hint={r.offlineHint} value={draft.offline} set={(offline) => change({ offline, offlineTtl: '' })} options={options} />
      {waits && <Text label={r.offlineTtl} hint={r.offlineTtlHint} value={draft.offlineTtl} set={(offlineTtl) => change({ offlineTtl, offline: offlineTtl ? 'wait' : draft.offline })} />}
    </div>
  );
}

export function RolloutForm({ draft, isMethod, change, isRunning = false }: Props) {
  const r = t.rollout;
  const wave = (at: number, part: Partial<WaveDraft>) => change({ waves: draft.waves.map((one, i) => (i === at ? { ...one, ...part } : one)) });
  const rule = (at: number, part: Partial<StopDraft>) => change({ stop: draft.stop.map((one, i) => (i === at ? { ...one, ...part } : one)) });
  // A new wave comes before the one that takes the rest.
  const addWave = () => {
    const { waves } = draft;
    const added = { ...emptyWave, size: '10%' };
    change({ waves: waves.at(-1)?.size === 'rest' ? [...waves.slice(0, -1), added, emptyWave] : [...waves, waves.length === 0 ? { ...emptyWave, size: '1%' } : emptyWave] });
  };
  return (
    <div class="rules">
      {!isMethod && !isRunning && !draft.undoOf && <ConfirmForm draft={draft} change={change} />}
      <section aria-label={r.waves}>
        <h2>{r.waves}</h2>
        <p class="hint">{r.wavesHint}</p>
        {draft.waves.map((one, i) => (
          <Wave key={i} wave={one} n={i + 1} isLast={i === draft.waves.length - 1} isMethod={isMethod} change={(part) => wave(i, part)} remove={() => change({ waves: draft.waves.filter((_, at) => at !== i) })} />
        ))}
        {draft.waves.length < 20 && <div class="row"><Button icon="plus" onClick={addWave}>{r.addWave}</Button></div>}
      </section>
      <section aria-label={r.stop}>
        <h2>{r.stop}</h2>
        <p class="hint">{r.stopHint}</p>
        {draft.stop.map((one, i) => (
          <Stop key={i} rule={one} n={i + 1} isMethod={isMethod} change={(part) => rule(i, part)} remove={() => change({ stop: draft.stop.filter((_, at) => at !== i) })} />
        ))}
        {draft.stop.length < 8 && <div class="row"><Button icon="plus" onClick={() => change({ stop: [...draft.stop, emptyStop] })}>{r.addStop}</Button></div>}
      </section>
      <section aria-label={r.pace}>
        <h2>{r.pace}</h2>
        <div class="row wrap">
          <Text name="rate" label={r.rate} hint={r.rateHint} value={draft.rate} set={(rate) => change({ rate })} />
          {hasCap(draft, isMethod) && <Text name="in-flight" label={r.maxInFlight} hint={isMethod ? r.maxInFlightHint : r.maxInFlightTwinsHint} value={draft.maxInFlight} set={(maxInFlight) => change({ maxInFlight })} />}
          <Text name="deadline" label={r.deadline} hint={r.deadlineHint} value={draft.deadline} set={(deadline) => change({ deadline })} />
        </div>
        {isMethod && draft.maxInFlight && <Check label={r.steady} value={draft.isSteady} set={(isSteady) => change({ isSteady })} />}
      </section>
      <details open={isRunning && (!!draft.attempts || !!draft.success)}>
        <summary>{r.more}</summary>
        {!isRunning && (
          <div class="row wrap">
            <Choice label={r.order} hint={r.orderHint} value={draft.order} set={(order) => change({ order })} options={[['', r.orderDefault], ['asStored', r.orderStored], ['random', r.orderRandom], ['spread', r.orderSpread]]} />
            {draft.order === 'spread' && <Field label={r.spread} hint={r.spreadHint}><input spellcheck={false} value={draft.spread} onInput={(event) => change({ spread: event.currentTarget.value })} /></Field>}
            <Text label={r.seed} hint={r.seedHint} value={draft.seed} set={(seed) => change({ seed })} />
          </div>
        )}
        <div class="row wrap">
          <Text label={r.success} hint={r.successHint} value={draft.success} set={(success) => change({ success })} />
          {!isRunning && <Field label={r.successAll} hint={r.successAllHint}><input name="success-all" spellcheck={false} value={draft.successAll} onInput={(event) => change({ successAll: event.currentTarget.value })} /></Field>}
          {isMethod && !isRunning && <Field label={r.okStatus} hint={r.okStatusHint}><input spellcheck={false} value={draft.okStatus} onInput={(event) => change({ okStatus: event.currentTarget.value })} /></Field>}
        </div>
        {isMethod && (
          <div class="row wrap">
            <Text label={r.attempts} hint={r.attemptsHint} value={draft.attempts} set={(attempts) => change({ attempts })} />
            {draft.attempts && (
              <>
                <Field label={r.retryOn} hint={r.retryOnHint}><input spellcheck={false} value={draft.retryOn} onInput={(event) => change({ retryOn: event.currentTarget.value })} /></Field>
                <Text label={r.backoffFrom} value={draft.backoffFrom} placeholder="5s" set={(backoffFrom) => change({ backoffFrom })} />
                <Text label={r.backoffTo} value={draft.backoffTo} placeholder="5m" set={(backoffTo) => change({ backoffTo })} />
                <Text label={r.backoffFactor} value={draft.backoffFactor} placeholder="2" set={(backoffFactor) => change({ backoffFactor })} />
                <Check label={r.repeatable} value={draft.isRepeatable} set={(isRepeatable) => change({ isRepeatable })} />
              </>
            )}
          </div>
        )}
        {!isRunning && <Offline draft={draft} isMethod={isMethod} change={change} />}
        {!isRunning && !isMethod && <Check label={r.isFinal} value={draft.isFinal} set={(isFinal) => change({ isFinal })} />}
        {!isRunning && (
          <div class="row wrap">
            <Field label={r.note} hint={r.noteHint}><input name="note" value={draft.note} onInput={(event) => change({ note: event.currentTarget.value })} /></Field>
            <Text label={r.keep} hint={r.keepHint} value={draft.keep} placeholder="30d" set={(keep) => change({ keep })} />
          </div>
        )}
      </details>
    </div>
  );
}
