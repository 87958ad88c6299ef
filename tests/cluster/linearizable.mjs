// Whether a history of conditional updates and reads of one twin could have been carried out one after another, each at a
// moment between its call and its answer.
//
// Each update writes a value of its own, and says on which state (by its etag) it builds. So the states form a chain, the
// order is given, and what is left to check is that it is one chain, and that it agrees with when calls and answers were.

/**
 * `first` is the etag of the state before all. An operation is
 *   { kind: 'update', on, value, call, answer, outcome: 'done' | 'refused' | 'unknown', etag? }   etag: of the new state
 *   { kind: 'read', call, answer, etag, value }                                                    value: null before all updates
 * Times are numbers; what is unknown has no answer. Gives the first thing that is wrong, or null.
 */
export function findAnomaly(first, operations) {
  const updates = operations.filter(({ kind }) => kind === 'update');
  const reads = operations.filter(({ kind }) => kind === 'read');
  const byValue = new Map(updates.map((each) => [each.value, each]));
  if (byValue.size !== updates.length) return 'two updates write the same value';

  // What was carried out, and the etag of its state: as answered, or as read.
  const states = new Map([[first, null]]);
  const note = (etag, update) => {
    if (states.has(etag)) return states.get(etag) === update ? null : `two states have the etag ${etag}`;
    states.set(etag, update);
    return null;
  };
  const etagOf = new Map();
  const carriedOut = (update, etag) => {
    if (etagOf.has(update)) return etagOf.get(update) === etag ? null : `${update.value} has two etags`;
    etagOf.set(update, etag);
    return note(etag, update);
  };
  for (const update of updates.filter(({ outcome }) => outcome === 'done')) {
    const fault = carriedOut(update, update.etag);
    if (fault) return fault;
  }
  for (const read of reads) {
    const update = read.value === null ? null : byValue.get(read.value);
    if (update === undefined) return `${read.value} was read, and nobody wrote it`;
    if (update === null) {
      if (read.etag !== first) return `nothing was read at etag ${read.etag}`;
      continue;
    }
    if (update.outcome === 'refused') return `${read.value} was refused, and read`;
    const fault = carriedOut(update, read.etag);
    if (fault) return fault;
  }
  // A state that others build on is there, whoever made it: one of the updates whose outcome is unknown.
  for (const update of etagOf.keys()) {
    if (!states.has(update.on)) return `${update.value} builds on etag ${update.on}, which no answer and no read has shown`;
  }

  // One chain.
  const next = new Map();
  for (const update of etagOf.keys()) {
    if (next.has(update.on)) return `${update.value} and ${next.get(update.on).value} were both carried out on etag ${update.on}`;
    next.set(update.on, update);
  }
  const chain = [];
  for (let etag = first; next.has(etag) && chain.length <= updates.length; etag = etagOf.get(next.get(etag))) chain.push(next.get(etag));
  if (chain.length !== etagOf.size) return `${etagOf.size} updates were carried out, and the chain has ${chain.length}`;

  // It agrees with time: nothing is behind what was called after its answer.
  const place = new Map(chain.map((update, i) => [update, i + 1]));
  const at = (etag) => (etag === first ? 0 : place.get(states.get(etag)));
  const answered = [...chain.filter(({ answer }) => answer !== undefined).map((update) => ({ ...update, at: place.get(update) })),
    ...reads.map((read) => ({ ...read, at: at(read.etag) }))].sort((a, b) => a.answer - b.answer);
  const called = [...chain.map((update) => ({ ...update, at: place.get(update), least: place.get(update) - 1 })),
    ...reads.map((read) => ({ ...read, at: at(read.etag), least: at(read.etag) }))].sort((a, b) => a.call - b.call);
  let i = 0;
  let known = null; // Of those answered before the call the one furthest on.
  for (const operation of called) {
    for (; i < answered.length && answered[i].answer < operation.call; i += 1) {
      if (known === null || answered[i].at > known.at) known = answered[i];
    }
    if (known !== null && known.at > operation.least) {
      return `${operation.kind} of ${operation.value ?? 'nothing'} (state ${operation.at}) was called after state ${known.at} was known`;
    }
  }

  // A refusal is right if the state was another one at some moment of the call: not, if it was there all along.
  for (const update of updates.filter(({ outcome }) => outcome === 'refused')) {
    if (!states.has(update.on)) return `${update.value} names etag ${update.on}, which no answer and no read has shown`;
    const maker = states.get(update.on);
    const wasThereBefore = maker === null || (maker.answer !== undefined && maker.answer < update.call);
    const follower = next.get(update.on);
    const wasThereAfter = follower === undefined || follower.call > update.answer;
    if (wasThereBefore && wasThereAfter) return `${update.value} was refused, and etag ${update.on} was there all along`;
  }
  return null;
}
