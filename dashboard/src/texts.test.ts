/// <reference types="vite/client" />

import ts from 'typescript';
import { expect, test } from 'vitest';
import { languageOf } from './texts.ts';
import { en } from './texts/en.ts';
import { fr } from './texts/fr.ts';

/** Every text, by its path; functions are called with what names their arguments. */
function* textsOf(value: unknown, at = ''): Generator<[string, string]> {
  if (typeof value === 'string') yield [at, value];
  else if (typeof value === 'function') yield [at, said(value as (...given: unknown[]) => unknown)];
  else for (const [key, inner] of Object.entries(value as object)) yield* textsOf(inner, at ? `${at}.${key}` : key);
}

const marks = ['‹1›', '‹2›', '‹3›'];
const values = new Proxy({}, { get: (_, name) => `‹${String(name)}›` });
function said(text: (...given: unknown[]) => unknown): string {
  const isOfValues = /^\(\{/.test(text.toString());
  const result = isOfValues ? text(values) : text(...marks.slice(0, text.length));
  return Array.isArray(result) ? result.join('') : String(result);
}
const heldBy = (text: string) => [...new Set(text.match(/‹\w+›/g) ?? [])].sort();

/** Words that are the same in both. */
const same = new Set(['Configurations', 'Configuration', 'Condition', 'condition', 'Hub', 'Modules', 'Module', 'modules', 'Version', 'Type', 'Action', 'Pages', 'Messages', 'Actions', 'Note', 'messages', 'Plan', '· base64']);

test('every text is there in both languages, and holds the same', () => {
  const french = new Map(textsOf(fr));
  const english = [...textsOf(en)];
  expect([...french.keys()].sort()).toEqual(english.map(([path]) => path).sort());
  for (const [path, text] of english) {
    const other = french.get(path) ?? '';
    expect(heldBy(other), path).toEqual(heldBy(text));
    const words = text.replace(/‹\w+›/g, '').trim();
    if (!same.has(words) && /[a-z]{2}/i.test(words)) expect(other, path).not.toBe(text);
    expect(other === '', path).toBe(text === '');
  }
});

/** Attributes that a person reads or hears. */
const spoken = new Set(['label', 'title', 'hint', 'what', 'alt', 'aria-label']);
/** What people read of a program or a protocol in every language. */
const names = new Set(['Carillon', 'CSV', 'NDJSON', 'JSON', 'Node.js', 'promote', 'WHERE']);

function textsInCode(path: string, code: string): string[] {
  const source = ts.createSourceFile(path, code, ts.ScriptTarget.ES2022, true, path.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS);
  const found: string[] = [];
  const isText = (text: string) => /[A-Za-z]{2}/.test(text) && !names.has(text.trim());
  /** A sentence, or the beginning of one. */
  const isSentence = (text: string) => /^[A-Z –·]?.*[a-z]{2,} [a-z]{2,}/.test(text) && !/[=<>{}]|^(carillon|curl|SELECT|const|button|field|state|stream|table|card|copy|M\d)\b|^\s*-H|--/.test(text);
  const visit = (node: ts.Node): void => {
    if (ts.isJsxText(node) && isText(node.text)) {
      const parent = node.parent;
      if (!(ts.isJsxElement(parent) && parent.openingElement.tagName.getText() === 'code')) found.push(node.text.trim());
    } else if (ts.isStringLiteral(node)) {
      if (ts.isJsxAttribute(node.parent)) {
        if (spoken.has(node.parent.name.getText()) && isText(node.text)) found.push(node.text);
      } else if (!ts.isImportDeclaration(node.parent) && isSentence(node.text)) found.push(node.text);
    } else if (ts.isNoSubstitutionTemplateLiteral(node) || ts.isTemplateExpression(node)) {
      const text = ts.isTemplateExpression(node) ? [node.head.text, ...node.templateSpans.map((span) => span.literal.text)].join('…') : node.text;
      if (isSentence(text)) found.push(text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found.map((text) => `${path}: ${text}`);
}

test('no text is in code', () => {
  const sources = import.meta.glob<string>(['./**/*.ts', './**/*.tsx', '!./**/*.test.ts', '!./**/*.d.ts', '!./texts/*'], { query: '?raw', import: 'default', eager: true });
  expect(Object.keys(sources).length).toBeGreaterThan(30);
  expect(Object.entries(sources).flatMap(([path, code]) => textsInCode(path, code))).toEqual([]);
});

test("the language is the one chosen, else the reader's own, else English", () => {
  expect(languageOf('fr', ['en-GB'])).toBe('fr');
  expect(languageOf(null, ['de-DE', 'fr-CA', 'en'])).toBe('fr');
  expect(languageOf('tlh', ['de'])).toBe('en');
});
