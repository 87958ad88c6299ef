// Rules by which jobs need an approval, in words, and which policies may give it.

import type { ApprovalRule, JobProgress } from '../api.ts';
import { t } from '../texts.ts';
import { count } from './format.ts';

export function approvalRuleText({ when, approvals, by }: ApprovalRule): string {
  const a = t.approval.rule;
  const conditions = [
    when.devicesAbove != null && a.devicesAbove(count(when.devicesAbove)), when.touches && a.touches(when.touches.join(', ')),
    when.methods && a.methods(when.methods.join(', ')), when.lacks && a.lacks(when.lacks.join(', ')),
  ].filter(Boolean);
  return `${conditions.join(', ') || a.every}. ${a.needs(approvals ?? 1, by?.join(', ') ?? '')}`;
}

const isSame = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();

/** Why a policy with the right to approve cannot decide on this job; or nothing. A rule that is deleted meanwhile takes every policy here, and the hub decides. */
export function approvalProblem({ createdBy, given, rules }: NonNullable<JobProgress['approval']>, policy: string, known: ApprovalRule[]): string | undefined {
  if (isSame(createdBy, policy)) return t.approval.isCreator(policy);
  if (given.some(({ by }) => isSame(by, policy))) return t.approval.hasGiven(policy);
  const isAsked = rules.some((name) => {
    const by = known.find((rule) => rule.name === name)?.by;
    return !by || by.some((one) => isSame(one, policy));
  });
  return isAsked ? undefined : t.approval.notAsked(policy);
}
