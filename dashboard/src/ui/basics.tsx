// The parts that pages are made of.

import { useSignal, useSignalEffect } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError, type StreamState } from '../api.ts';
import { ago, isNever, localTime } from '../lib/format.ts';
import { t } from '../texts.ts';

const icons = {
  events: 'M4 5h16v11H9l-5 4z',
  overview: 'M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-4H4zM14 8h6V4h-6z',
  devices: 'M8 3h8a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zM11 18h2',
  jobs: 'M4 7l2 2 3-4M4 17l2 2 3-4M13 7h7M13 17h7',
  queries: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l4 4',
  configurations: 'M4 7h9M17 7h3M15 4v6M4 17h3M11 17h9M9 14v6',
  enrollments: 'M8 15.5a3.5 3.5 0 1 1 3.3-4.7H21V14h-2.5v3H15v-3h-3.7A3.5 3.5 0 0 1 8 15.5zM8 12v.1',
  hub: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12L4 7.5',
  plus: 'M12 5v14M5 12h14',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5',
  moon: 'M20 14.5A8 8 0 1 1 9.5 4a6.5 6.5 0 0 0 10.5 10.5z',
  auto: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18',
  leave: 'M14 4H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h8M10 12h11M18 9l3 3-3 3',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  check: 'M5 12l5 5 9-10',
  warning: 'M12 4L2.5 20h19zM12 10v4M12 17v.5',
  close: 'M6 6l12 12M18 6L6 18',
  refresh: 'M20 12a8 8 0 1 1-2.5-5.8M20 3v4h-4',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
} as const;

export type IconName = keyof typeof icons;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={icons[name]} />
    </svg>
  );
}

export function Bell() {
  return (
    <svg class="bell" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M16 6a7 7 0 0 0-7 7v5.5L7 22h18l-2-3.5V13a7 7 0 0 0-7-7ZM13 24a3 3 0 0 0 6 0Z" />
    </svg>
  );
}

type ButtonProps = JSX.IntrinsicElements['button'] & { kind?: 'primary' | 'danger' | 'quiet'; icon?: IconName };

export function Button({ kind, icon, children, class: more, ...rest }: ButtonProps) {
  return (
    <button type="button" class={`button ${kind ?? ''} ${more ?? ''}`} {...rest}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

export function Field({ label, hint, error, children }: { label: string; hint?: ComponentChildren; error?: string | undefined; children: ComponentChildren }) {
  return (
    <label class={`field ${error ? 'wrong' : ''}`}>
      <span class="label">{label}</span>
      {children}
      {hint && <span class="hint">{hint}</span>}
      {error && <span class="error" role="alert">{error}</span>}
    </label>
  );
}

export const setTitle = (text: string) => { document.title = `${text} · Carillon`; };

export const textOf = (problem: unknown) => (problem instanceof Error ? problem.message : String(problem));

export function Problem({ of, retry }: { of: unknown; retry?: () => void }) {
  if (!of) return null;
  const isRefused = of instanceof ApiError && of.status === 401;
  return (
    <div class="notice bad" role="alert">
      <Icon name="warning" />
      <div>
        <p>{textOf(of)}</p>
        {isRefused && <p class="hint">{t.basics.needsMore}</p>}
      </div>
      {retry && <Button onClick={retry} icon="refresh">{t.basics.tryAgain}</Button>}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="title">{title}</p>
      {children && <div class="hint">{children}</div>}
    </div>
  );
}

export const Loading = ({ what = t.basics.loading }: { what?: string }) => <p class="loading" role="status">{what} …</p>;

const tones: Record<string, string> = {
  Connected: 'good', enabled: 'good', completed: 'good', succeeded: 'good', running: 'live', Disconnected: 'calm', pending: 'calm',
  scheduled: 'calm', queued: 'calm', disabled: 'warn', cancelled: 'warn', canceled: 'warn', failed: 'bad',
  assigned: 'good', open: 'live', soaking: 'live', gate: 'warn', approval: 'warn', paused: 'warn', passed: 'good',
};

/** A word with a dot of its colour; the word says it all. */
export const State = ({ of, text }: { of: string; text?: string | undefined }) => <span class={`state ${tones[of] ?? 'calm'}`}>{text ?? t.states[of] ?? of}</span>;

/** Whether what is shown is of now. */
export const Stream = ({ state }: { state: StreamState }) => <span class={`stream ${state}`} role="status">{t.stream[state]}</span>;

/** Seconds that pass, for what says how long ago something was. */
export function useNow(): number {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => { now.value = Date.now(); }, 5000);
    return () => clearInterval(timer);
  }, []);
  return now.value;
}

/** In the viewer's time zone, with UTC on hover. */
export function Time({ at, relative = false }: { at: string | undefined; relative?: boolean }) {
  const now = useNow();
  if (!at || isNever(at)) return <span class="hint">{t.basics.never}</span>;
  return <time dateTime={at} title={t.basics.bothTimes(localTime(at), at)}>{relative ? ago(at, now) : localTime(at)}</time>;
}

export function Copy({ text, what }: { text: string; what: string }) {
  const isDone = useSignal(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    isDone.value = true;
    setTimeout(() => { isDone.value = false; }, 1500);
  };
  return <Button kind="quiet" icon={isDone.value ? 'check' : 'copy'} onClick={() => void copy()} aria-label={t.basics.copy(what)} title={t.basics.copy(what)} />;
}

/** The browser's own modal dialog: it keeps the focus and is closed by Escape. */
export function Dialog({ title, onClose, children, wide = false }: { title: string; onClose: () => void; children: ComponentChildren; wide?: boolean }) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    element.current?.showModal();
  }, []);
  return (
    <dialog ref={element} class={wide ? 'wide' : ''} aria-label={title} onClose={onClose} onCancel={onClose}>
      <header>
        <h2>{title}</h2>
        <Button kind="quiet" icon="close" onClick={onClose} aria-label={t.common.close} />
      </header>
      {children}
    </dialog>
  );
}

/** A few lines of JSON to be written by hand; the tab key indents, Escape and then tab leaves. */
export function JsonInput({ label, hint, value, onInput, error, rows = 8, disabled = false }: { label: string; hint?: string; value: string; onInput: (text: string) => void; error?: string | undefined; rows?: number; disabled?: boolean }) {
  return (
    <label class={`field ${error ? 'wrong' : ''}`}>
      <span class="label">{label}</span>
      <textarea class="code" rows={rows} value={value} spellcheck={false} disabled={disabled} aria-invalid={!!error}
        onInput={(event) => onInput(event.currentTarget.value)} />
      {hint && <span class="hint">{hint}</span>}
      {error && <span class="error" role="alert">{error}</span>}
    </label>
  );
}

export function Code({ text, what }: { text: string; what: string }) {
  return (
    <div class="copyable">
      <pre class="code" tabIndex={0} aria-label={what}>{text}</pre>
      <Copy text={text} what={what} />
    </div>
  );
}

/** Calls `load` at once and whenever a signal that it reads changes; gives what came last. */
export function useLoaded<T>(load: () => Promise<T>) {
  const state = useSignal<{ value?: T; problem?: unknown; isLoading: boolean }>({ isLoading: true });
  const turn = useRef(0);
  const again = useSignal(0);
  useSignalEffect(() => {
    void again.value;
    const mine = ++turn.current;
    const last = state.peek();
    state.value = { ...last, isLoading: true };
    load().then(
      (value) => { if (mine === turn.current) state.value = { value, isLoading: false }; },
      (problem: unknown) => { if (mine === turn.current) state.value = { ...last, problem, isLoading: false }; },
    );
  });
  useEffect(() => () => { turn.current = -1; }, []);
  return { ...state.value, reload: () => { again.value++; } };
}

export function save(name: string, type: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
