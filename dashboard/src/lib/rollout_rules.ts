// The rules of a rollout in sentences, with the defaults: for the review of a job, and for its page.

import { type RolloutDraft, type StopDraft, type WaveDraft, hasCap } from './rollout.ts';
import { wordsOf } from './duration.ts';
import { windowsText } from './windows.ts';
import { t } from '../texts.ts';

/** What a rule is about, and what it says. */
export type Rule = [name: string, says: string];

const doing = (what: string) => t.rules.doing[what || 'pause'] ?? what;

export function stopText({ failed, after, kinds, then }: StopDraft): string {
  const of = wordsOf(kinds).map((kind) => t.job.kinds[kind] ?? kind).join(', ');
  return [failed.endsWith('%') ? t.rules.stopShare(failed) : t.rules.stopCount(failed), of && t.rules.stopKinds(of), after && t.rules.stopAfter(after)].filter(Boolean).join(' ') + t.rules.arrow + doing(then);
}

/** When a wave has passed, and what follows then or otherwise. */
export function waveText(wave: WaveDraft): string {
  const held = wave.soak && wave.soak !== '0s' ? t.rules.soak(wave.soak) : '';
  const gate = wave.gate === 'manual' ? t.rules.gate : '';
  const within = wave.within ? t.rules.within(wave.within) : '';
  return [t.rules.pass(wave.ended || '95%', wave.succeeded || '95%'), held, gate, within].filter(Boolean).join(', ') + t.rules.otherwise(doing(wave.otherwise));
}

function successText(draft: RolloutDraft, isMethod: boolean): string {
  if (isMethod) {
    const status = wordsOf(draft.okStatus);
    return status.includes('*') ? t.rules.anyAnswer : t.rules.answers(status.join(', ') || '200-299');
  }
  if (draft.undoOf) return t.rules.undone;
  const way = t.rules.confirmed[draft.confirmBy] ?? '';
  return draft.confirmBy ? way + t.rules.confirmWithin(draft.confirmWithin || '1h') : way;
}

function offlineText(draft: RolloutDraft, isMethod: boolean): string {
  const then = draft.offline || (hasCap(draft, isMethod) ? 'wait' : 'write');
  return `${t.rules.offline[then] ?? then}${then === 'wait' && draft.offlineTtl ? t.rules.atMost(draft.offlineTtl) : ''}`;
}

function orderText(draft: RolloutDraft): string {
  if (draft.order === 'spread') return t.rules.spread(wordsOf(draft.spread).join(', '));
  return t.rules.order[draft.order || (draft.waves.length > 0 ? 'random' : 'asStored')] ?? draft.order;
}

export function rulesOf(draft: RolloutDraft, isMethod: boolean): Rule[] {
  const r = t.rules;
  const hasLongDeadline = draft.waves.length > 0 || draft.rate !== '' || draft.windows !== undefined || (!isMethod && (draft.confirmBy !== '' || draft.offline === 'wait'));
  const rules: (Rule | undefined)[] = [
    draft.afterJob ? [r.names.after, r.after(draft.afterJob, draft.afterEnded || '95%', draft.afterSucceeded || '95%')] : undefined,
    [r.names.success, successText(draft, isMethod)],
    [r.names.pace, [draft.rate ? r.rate(draft.rate) : r.noRate, draft.maxInFlight && hasCap(draft, isMethod) && r.cap(draft.maxInFlight)].filter(Boolean).join(', ')],
    [r.names.order, orderText(draft)],
    [r.names.stop, draft.stop.map(stopText).join('; ') || r.noStop],
    isMethod ? [r.names.retry, draft.attempts ? r.retry(draft.attempts, wordsOf(draft.retryOn).join(', ') || 'rejected', draft.backoffFrom || '5s', draft.backoffTo || '5m') : r.noRetry] : undefined,
    [r.names.offline, offlineText(draft, isMethod)],
    draft.windows ? [r.names.windows, windowsText(draft.windows)] : undefined,
    [r.names.deadline, r.deadline(draft.deadline || (hasLongDeadline ? '7d' : '1h'))],
    isMethod ? undefined : [r.names.undo, draft.isFinal ? r.isFinal : r.canUndo],
    draft.success || draft.successAll ? [r.names.goal, [draft.success && r.goal(draft.success), draft.successAll && r.goalAll(draft.successAll)].filter(Boolean).join(', ')] : undefined,
    [r.names.keep, r.keep(draft.keep || '30d')],
  ];
  return rules.filter((rule) => rule !== undefined);
}
