// Durations and lists as a rollout writes them.

const durationForm = /^(0s|[1-9]\d{0,8}(ms|s|m|h|d))$/;

/** `90s` in seconds; none of what is no duration. */
export function secondsOf(text: string): number | undefined {
  if (!durationForm.test(text)) return undefined;
  const unit = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }[text.replace(/^\d+/, '') as 'ms' | 's' | 'm' | 'h' | 'd'];
  return Number.parseInt(text, 10) * unit;
}

export const wordsOf = (text: string) => text.split(/[\s,]+/).filter(Boolean);
