// Which page is shown: the path below /ui, and what stands behind its question mark.

import { computed, signal } from '@preact/signals';

/** Where the hub is, as the browser sees it: empty, or the folder that a proxy puts in front. Scripts are in `/ui/assets/`. */
export const hubBase = new URL(import.meta.url).pathname.replace(/\/ui\/assets\/[^/]*$/, '');
const base = `${hubBase}/ui`;
const place = signal({ path: location.pathname, search: location.search });

addEventListener('popstate', () => {
  place.value = { path: location.pathname, search: location.search };
});

/** Such as `/devices`. */
export const path = computed(() => {
  const below = place.value.path.startsWith(base) ? place.value.path.slice(base.length) : '';
  return below.replace(/\/+$/, '') || '/';
});
export const parameters = computed(() => new URLSearchParams(place.value.search));
export const parameter = (name: string) => parameters.value.get(name) ?? '';

/** The address of a page; parameters that are empty are left away. */
export function address(to: string, values: Record<string, string> = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value) search.set(name, value);
  const text = search.toString();
  return `${base}${to}${text ? `?${text}` : ''}`;
}

/** A page may hold what is not saved, and ask before it is left. */
let guard: (() => boolean) | undefined;
export function guardLeaving(ask: (() => boolean) | undefined): void {
  guard = ask;
}

export function go(target: string, how: 'push' | 'replace' = 'push'): void {
  if (how === 'push' && guard && !guard()) return;
  guard = undefined;
  history[how === 'push' ? 'pushState' : 'replaceState'](null, '', target);
  place.value = { path: location.pathname, search: location.search };
  if (how === 'push') scrollTo(0, 0);
}

/** Changes parameters of the page that is shown, without a step to go back to. */
export function setParameters(values: Record<string, string>): void {
  const search = new URLSearchParams(place.peek().search);
  for (const [name, value] of Object.entries(values)) {
    if (value) search.set(name, value);
    else search.delete(name);
  }
  const text = search.toString();
  const kept = guard;
  go(`${place.peek().path}${text ? `?${text}` : ''}`, 'replace');
  guard = kept;
}

// Links within the page do not load it anew.
document.addEventListener('click', (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest?.('a');
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (link.pathname !== base && !link.pathname.startsWith(`${base}/`)) return;
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  go(link.pathname + link.search + link.hash);
});
