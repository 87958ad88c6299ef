// What holds for all pages: nothing in them goes unnoticed, and their links lead somewhere.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { blocksOf, commandsIn } from './page.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const pages = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'), { recursive: true }).filter((file) => file.endsWith('.md')).map((file) => join('docs', file))];

/** The anchors that a page has, as GitHub makes them of its headings. */
function anchors(text) {
  return new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading.toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')));
}

test('every link leads to a file, and to a heading in it', () => {
  const broken = [];
  for (const page of pages) {
    const text = readFileSync(join(root, page), 'utf8').replace(/^```[^]*?^```/gm, '');
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file, anchor] = target.split('#');
      const path = file === '' ? join(root, page) : join(root, dirname(page), file);
      if (!existsSync(path)) broken.push(`${page}: ${target}`);
      else if (anchor && path.endsWith('.md') && !anchors(readFileSync(path, 'utf8')).has(anchor)) broken.push(`${page}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

test('every page of docs/ is in its index', () => {
  const index = readFileSync(join(root, 'docs', 'README.md'), 'utf8');
  const missing = pages.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md')
    .filter((page) => !index.includes(`(${relative('docs', page)})`));
  assert.deepEqual(missing, []);
});

test('an excerpt stands in its file as it stands on the page', () => {
  const stale = [];
  for (const page of pages) {
    for (const { from, text, line } of blocksOf(readFileSync(join(root, page), 'utf8'))) {
      if (from && !readFileSync(join(root, from), 'utf8').includes(text)) stale.push(`${page}:${line}: ${from}`);
    }
  }
  assert.deepEqual(stale, []);
});

test('a page cannot hide a program from the runner', () => {
  assert.throws(() => blocksOf('text\n\n```js\nf();\n```\n'), /nobody runs/);
  assert.throws(() => blocksOf('In Java:\n\n<!-- not run: no JDK -->\n```java\nf();\n```\n'), /does not say/);
  assert.throws(() => blocksOf('<!-- until: x -->\ntext\n'), /right above/);
  assert.throws(() => blocksOf('<!-- colour: red -->\n```sh\nls\n```\n'), /nothing is known/);
  const [shown] = blocksOf('In Java (not run by our tests):\n\n<!-- not run: no JDK -->\n```java\nf();\n```\n');
  assert.equal(shown.isRun, false);
});

test('blocks come with what is said of them', () => {
  const text = '<!-- terminal: hub -->\n<!-- until: ready -->\n```sh\n# start\ncarillon serve \\\n    --bind x\n```\n';
  const [block] = blocksOf(text);
  assert.deepEqual([block.terminal, block.until, block.isRun, block.line], ['hub', /ready/m, true, 3]);
  assert.equal(commandsIn(block.text), 1);
});
