// What the hub keeps by name, such as budgets: a table of it, and the question before one is removed.

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { t } from '../texts.ts';
import { Button, Dialog, Empty, Loading, Problem } from './basics.tsx';

interface NamedListProps<T> {
  list: { value?: T[]; problem?: unknown; isLoading: boolean; reload: () => void };
  title: string;
  heading: ComponentChildren;
  /** The button that makes a new one; absent for those who may not. */
  make: { text: string; onClick: () => void } | undefined;
  problem?: unknown;
  none?: { title: string; hint: string };
  /** The cells of the table's head. */
  head: ComponentChildren;
  row: (one: T) => ComponentChildren;
  /** Dialogs. */
  children?: ComponentChildren;
}

export function NamedList<T>({ list, title, heading, make, problem, none, head, row, children }: NamedListProps<T>) {
  return (
    <section class="card flush">
      <header class="inset">
        {heading}
        {make && <Button icon="plus" onClick={make.onClick}>{make.text}</Button>}
      </header>
      <Problem of={list.problem ?? problem} retry={list.reload} />
      {!list.value ? list.isLoading && <Loading /> : list.value.length === 0 && none ? <Empty title={none.title}>{none.hint}</Empty> : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label={title}>
          <table>
            <thead><tr>{head}</tr></thead>
            <tbody>{list.value.map(row)}</tbody>
          </table>
        </div>
      )}
      {children}
    </section>
  );
}

/** Asks before something is removed; what keeps it from being removed is shown in the dialog. */
export function Removal({ title, children, remove, onClose }: { title: string; children: ComponentChildren; remove: () => Promise<void>; onClose: () => void }) {
  const problem = useSignal<unknown>(undefined);
  const confirmed = async () => {
    problem.value = undefined;
    try { await remove(); } catch (refusal) { problem.value = refusal; }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p class="break">{children}</p>
      <Problem of={problem.value} />
      <footer class="row end"><Button onClick={onClose}>{t.common.keep}</Button><Button kind="danger" onClick={() => void confirmed()}>{t.common.remove}</Button></footer>
    </Dialog>
  );
}
