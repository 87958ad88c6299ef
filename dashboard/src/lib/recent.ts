// The newest of what comes faster than it can be shown.

/** Keeps the last `most` items of what was added, newest first, and counts what went before it was taken. */
export class Recent<T> {
  private waiting: T[] = [];
  private lost = 0;

  constructor(private readonly most: number) {}

  add(item: T): void {
    this.waiting.push(item);
    // In groups, so that not every item moves all others.
    if (this.waiting.length >= 2 * this.most) this.lost += this.waiting.splice(0, this.waiting.length - this.most).length;
  }

  /** Puts what came since the last time in front of `shown`; says how many these are, and how many were left out. */
  take(shown: T[]): { items: T[]; added: number; skipped: number } {
    if (this.waiting.length > this.most) this.lost += this.waiting.splice(0, this.waiting.length - this.most).length;
    const skipped = this.lost;
    const added = this.waiting.length;
    const items = [...this.waiting.reverse(), ...shown].slice(0, this.most);
    this.waiting = [];
    this.lost = 0;
    return { items, added, skipped };
  }

  get isEmpty(): boolean { return this.waiting.length === 0; }
}
