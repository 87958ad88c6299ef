// The windows of a rollout as fields, and when they open next.

import { useMemo } from 'preact/hooks';
import { openingText } from '../lib/format.ts';
import { type WindowDraft, type WindowsDraft, emptyWindow, emptyWindows, lengthBetween, nextOpenings, shownZone, untilOf, viewersZone, weekdays, windowText } from '../lib/windows.ts';
import { t } from '../texts.ts';
import { Button, Field, useNow } from './basics.tsx';
import { Choice, Text } from './rollout_form.tsx';

const openMax = 16;
const timeZones = 'time-zones';

function Window({ window, n, change, remove }: { window: WindowDraft; n: number; change: (part: Partial<WindowDraft>) => void; remove: () => void }) {
  const w = t.windows;
  const until = untilOf(window);
  const toggle = (day: string) => change({ days: weekdays.filter((one) => window.days.includes(one) !== (one === day)) });
  const says = until <= window.from ? w.saysNext : w.says;
  return (
    <fieldset class="rule">
      <legend>{w.window(n)}</legend>
      <div class="row wrap">
        <div class="chips" role="group" aria-label={w.days}>
          {weekdays.map((day) => <button type="button" key={day} aria-pressed={window.days.includes(day)} onClick={() => toggle(day)}>{w.dayNames[day]}</button>)}
        </div>
        <Field label={w.from}><input type="time" value={window.from} onInput={(event) => change({ from: event.currentTarget.value, length: lengthBetween(event.currentTarget.value, until) })} /></Field>
        <Field label={w.until}><input type="time" value={until} onInput={(event) => { if (event.currentTarget.value) change({ length: lengthBetween(window.from, event.currentTarget.value) }); }} /></Field>
        <Button kind="quiet" icon="close" aria-label={w.remove(n)} title={w.remove(n)} onClick={remove} />
      </div>
      <p class="hint">{says(windowText(window), window.length)}</p>
    </fieldset>
  );
}

/** Whose clock the windows are by. */
function Clock({ windows, set }: { windows: WindowsDraft; set: (part: Partial<WindowsDraft>) => void }) {
  const w = t.windows;
  const choose = (isOwn: boolean) => set({ isOwn, zone: isOwn ? 'tags.tz' : viewersZone(), fallback: '' });
  return (
    <div class="row wrap">
      <Choice label={w.clock} hint={w.clockHint} value={windows.isOwn ? 'own' : 'one'} set={(value) => choose(value === 'own')} options={[['one', w.one], ['own', w.own]]} />
      {windows.isOwn
        ? <Text name="zone-path" label={w.path} hint={w.pathHint} value={windows.zone} set={(zone) => set({ zone })} />
        : <Text name="zone" label={w.zone} hint={w.zoneHint} value={windows.zone} set={(zone) => set({ zone })} list={timeZones} />}
      {windows.isOwn && <Text name="zone-fallback" label={w.fallback} hint={w.fallbackHint} value={windows.fallback} set={(fallback) => set({ fallback })} list={timeZones} />}
      <datalist id={timeZones}>{Intl.supportedValuesOf('timeZone').map((zone) => <option key={zone} value={zone} />)}</datalist>
    </div>
  );
}

export function WindowsForm({ windows, set }: { windows: WindowsDraft | undefined; set: (windows: WindowsDraft | undefined) => void }) {
  const w = t.windows;
  const open = windows?.open ?? [];
  const change = (part: Partial<WindowsDraft>) => { if (windows) set({ ...windows, ...part }); };
  const remove = (at: number) => (open.length > 1 ? change({ open: open.filter((_, i) => i !== at) }) : set(undefined));
  return (
    <section class="rules" aria-label={w.title}>
      <h2>{w.title}</h2>
      <p class="hint">{w.hint}</p>
      {open.map((one, i) => (
        <Window key={i} window={one} n={i + 1} change={(part) => change({ open: open.map((other, at) => (at === i ? { ...other, ...part } : other)) })} remove={() => remove(i)} />
      ))}
      {open.length < openMax && <div class="row"><Button icon="plus" onClick={() => (windows ? change({ open: [...open, emptyWindow] }) : set(emptyWindows()))}>{w.add}</Button></div>}
      {windows && (
        <>
          <Clock windows={windows} set={change} />
          <div class="row wrap">
            <Field label={w.except} hint={w.exceptHint}><input name="except" spellcheck={false} autocomplete="off" value={windows.except} onInput={(event) => change({ except: event.currentTarget.value })} /></Field>
            <Text name="closing" label={w.closing} hint={w.closingHint} value={windows.closing} set={(closing) => change({ closing })} />
          </div>
        </>
      )}
    </section>
  );
}

const minuteMs = 60_000;

/** `closing`: how many seconds before the end of a window nothing begins, unless the windows say another time. */
function useOpenings(windows: WindowsDraft, from: number, closing: number, most: number) {
  const minute = Math.floor(from / minuteMs);
  return useMemo(() => nextOpenings(windows, shownZone(windows), minute * minuteMs, closing, most), [JSON.stringify(windows), minute, closing, most]);
}

const openingsShown = 4;

/** The next openings of windows without problems, from `start` on if that is in the future. */
export function Openings({ windows, start = 0, closing }: { windows: WindowsDraft; start?: number; closing: number }) {
  const w = t.windows;
  const now = useNow();
  const openings = useOpenings(windows, Math.max(now, start), closing, openingsShown);
  return (
    <section class="sample" aria-label={w.next}>
      <p><strong>{w.next}</strong> <span class="hint">{(windows.isOwn ? w.nextOwn : w.nextIn)(shownZone(windows))}</span></p>
      {!openings ? <p class="hint">{w.unknown}</p> : openings.length === 0 ? <p>{w.never}</p> : (
        <ul class="plain">
          {openings.map(({ from, to }) => <li key={from}><time dateTime={new Date(from).toISOString()} title={t.basics.bothTimes(openingText(from, to), new Date(from).toISOString())}>{openingText(from, to)}</time>{from <= now && now < to && <span class="hint"> · {w.openNow}</span>}</li>)}
        </ul>
      )}
    </section>
  );
}

/** In a list: when devices of a job first begin. */
export function FirstOpening({ windows, start, closing }: { windows: WindowsDraft; start: number; closing: number }) {
  const first = useOpenings(windows, start, closing, 1)?.[0];
  return first ? <span class="hint">{t.windows.begins(openingText(first.from, first.to))}</span> : null;
}
