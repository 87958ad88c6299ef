// When a device of a twin job has succeeded: when its twin is written, or when it did what was written.

import { parseObject } from '../lib/json.ts';
import type { RolloutDraft } from '../lib/rollout.ts';
import { t } from '../texts.ts';
import { Field, JsonInput } from './basics.tsx';

const ways = ['', 'reported', 'acknowledged', 'condition'];

export function ConfirmForm({ draft, change }: { draft: RolloutDraft; change: (part: Partial<RolloutDraft>) => void }) {
  const r = t.rollout;
  const by = draft.confirmBy;
  return (
    <section aria-label={r.confirm}>
      <h2>{r.confirm}</h2>
      <div class="row wrap">
        <Field label={r.confirmBy} hint={r.confirmHints[by]}>
          <select name="confirm" value={by} onChange={(event) => change({ confirmBy: event.currentTarget.value })}>
            {ways.map((way) => <option key={way} value={way}>{r.confirmWays[way]}</option>)}
          </select>
        </Field>
        {by && (
          <Field label={r.confirmWithin} hint={r.confirmWithinHint}>
            <input name="confirm-within" spellcheck={false} autocomplete="off" placeholder="1h" value={draft.confirmWithin} onInput={(event) => change({ confirmWithin: event.currentTarget.value.trim() })} />
          </Field>
        )}
      </div>
      {by === 'condition' && (
        <Field label={r.confirmCondition} hint={r.confirmConditionHint}>
          <textarea class="code" name="confirm-condition" rows={2} spellcheck={false} value={draft.confirmCondition} onInput={(event) => change({ confirmCondition: event.currentTarget.value })} />
        </Field>
      )}
      {(by === 'reported' || by === 'acknowledged') && (
        <JsonInput label={r.confirmMap} hint={r.confirmMapHint} rows={3} value={draft.confirmMap} error={draft.confirmMap.trim() ? parseObject(draft.confirmMap).error : undefined} onInput={(confirmMap) => change({ confirmMap })} />
      )}
    </section>
  );
}
