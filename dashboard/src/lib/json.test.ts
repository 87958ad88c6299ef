import { expect, test } from 'vitest';
import { applyPatch, changesBetween, leaves, parseObject, patchBetween, withoutMetadata } from './json.ts';

const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

test('a patch turns one document into the other', () => {
  const cases: [object, object, object][] = [
    [{ a: 1 }, { a: 1 }, {}],
    [{ a: 1, b: 2 }, { a: 1 }, { b: null }],
    [{ a: { x: 1, y: 2 } }, { a: { x: 1, z: 3 } }, { a: { y: null, z: 3 } }],
    [{ a: [1, 2] }, { a: [2, 1] }, { a: [2, 1] }],
    [{ a: { b: 1 } }, { a: 5 }, { a: 5 }],
    [{ a: 5 }, { a: { b: 1 } }, { a: { b: 1 } }],
  ];
  for (const [from, to, patch] of cases) {
    const made = patchBetween(from as never, to as never);
    expect(plain(made)).toEqual(patch);
    expect(plain(applyPatch(from as never, made))).toEqual(to);
  }
});

test('names that a script knows are names like others', () => {
  const hostile = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') as never;
  const patch = patchBetween({}, hostile);
  expect(JSON.stringify(patch)).toBe('{"__proto__":{"polluted":true},"constructor":1}');
  expect(JSON.stringify(applyPatch({}, patch))).toBe('{"__proto__":{"polluted":true},"constructor":1}');
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('changes and values are named by their paths', () => {
  expect(changesBetween({ a: { b: 1, 'c d': 2 } }, { a: { b: 2 } })).toEqual([
    { path: 'a.b', before: 1, after: 2 }, { path: 'a.[[c d]]', before: 2, after: undefined },
  ]);
  expect(leaves({ a: { b: 1 }, c: {}, d: [1] })).toEqual([['a.b', 1], ['c', {}], ['d', [1]]]);
  expect(plain(withoutMetadata({ a: 1, $metadata: {}, $version: 3 }))).toEqual({ a: 1 });
});

test('text that is not an object is refused with its position', () => {
  expect(parseObject('{"a": 1}').value).toEqual({ a: 1 });
  expect(parseObject('[1]').error).toMatch(/must be an object/);
  expect(parseObject('').error).toMatch(/is empty/);
  expect(parseObject('{\n  "a": x\n}').error).toMatch(/line 2|not JSON/);
});
