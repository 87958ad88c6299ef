import { expect, test } from 'vitest';
import { completionsAt, pathsOf, shownMax } from './completion.ts';

const at = (text: string, paths: string[] = []) => completionsAt(text, text.length, paths).words;

test('a word is completed by what begins so, in any case', () => {
  expect(at('sel')).toEqual(['SELECT']);
  expect(at('SELECT * FROM devices WHERE is_de')).toEqual(['IS_DEFINED(']);
  expect(at('WHERE tags.b', ['tags.building', 'tags.b'])).toEqual(['tags.building']);
  expect(completionsAt('SELECT dev FROM', 10, []).words).toEqual(['deviceId', 'devices', 'devices.modules', 'devices.jobs']);
  expect(completionsAt('SELECT dev FROM', 10, []).from).toBe(7);
});

test('nothing is offered within a text, for a number, or before something is written', () => {
  expect(at("WHERE tags.a = 'sel")).toEqual([]);
  expect(at("WHERE tags.a = 'it\\'s' AND sel")).toEqual(['SELECT']);
  expect(at('LIMIT 5')).toEqual([]);
  expect(at('SELECT ')).toEqual([]);
  expect(at('a', Array.from({ length: 50 }, (_, i) => `a${i}`))).toHaveLength(shownMax);
});

test('paths are those of the twins, the frequent first, without what needs brackets', () => {
  expect(pathsOf([{ tags: { b: 1, a: { c: 2 } } }, { tags: { b: 2 }, properties: { reported: { $version: 1, 'x y': 1, fw: '1' } } }]))
    .toEqual(['tags.b', 'properties.reported.fw', 'tags.a.c']);
});
