// Which rows of a long list are drawn.

/** Rows beyond what is seen, above and below, so that scrolling meets them drawn. */
const margin = 12;

/** The rows [first, last) of `count`, each `height` high, where `top` has been scrolled past of a view `seen` high. */
export function windowOf(count: number, height: number, top: number, seen: number): { first: number; last: number } {
  const first = Math.max(0, Math.min(count, Math.floor(top / height) - margin));
  const last = Math.min(count, Math.ceil((top + seen) / height) + margin);
  return { first, last: Math.max(first, last) };
}
