// The container's files by the rules that linters of Dockerfiles have, and by what the program needs: no engine builds it here.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../../', import.meta.url));
const read = (name) => readFileSync(`${top}packaging/container/${name}`, 'utf8');
const compose = read('compose.yaml');

/** Instructions as [word, rest], lines that go on joined, by stage. */
const stages = [];
for (const line of read('Dockerfile').replace(/\\\n\s*/g, '').split('\n')) {
  const found = /^([A-Z]+)\s+(.*)$/.exec(line);
  if (!found) { assert.match(line, /^(#.*)?$/, 'neither an instruction nor a comment'); continue; }
  if (found[1] === 'FROM') stages.push([]);
  stages.at(-1).push([found[1], found[2]]);
}
const last = stages.at(-1);
const of = (stage, word) => stage.filter(([name]) => name === word).map(([, rest]) => rest);

test('a validator of Dockerfiles finds nothing', () => {
  const { validate } = createRequire(import.meta.url)('dockerfile-utils');
  assert.deepEqual(validate(read('Dockerfile'), {}).map(({ message, range }) => `${range.start.line + 1}: ${message}`), []);
  assert.equal(validate('FROM debian:12-slim\nRUNN true\n', {}).length, 1, 'it does find faults');
});

test('it is built in one stage and run in another, as a user, with a check of its health', () => {
  assert.equal(stages.length, 2);
  for (const stage of stages) assert.match(of(stage, 'FROM')[0], /^debian:12-slim( AS \w+)?$/, 'the release that packages are for');
  assert.deepEqual(of(last, 'USER'), ['carillon']);
  const words = last.map(([word]) => word);
  assert.ok(words.lastIndexOf('RUN') < words.indexOf('USER'), 'nothing is installed as that user');
  assert.match(of(last, 'HEALTHCHECK')[0], /--interval=.* --timeout=.* --start-period=.* CMD \[/);
  for (const word of ['ENTRYPOINT', 'CMD']) assert.ok(Array.isArray(JSON.parse(of(last, word)[0])), `${word} without a shell gets signals`);
  assert.deepEqual(JSON.parse(of(last, 'HEALTHCHECK')[0].replace(/.*?CMD /, '')).slice(0, 2), ['carillon', 'health']);
});

test('packages are installed without recommended ones, and their lists do not stay', () => {
  for (const run of stages.flatMap((stage) => of(stage, 'RUN')).filter((one) => one.includes('apt-get'))) {
    assert.match(run, /apt-get update && apt-get install -y --no-install-recommends /);
    assert.match(run, /rm -rf \/var\/lib\/apt\/lists\/\*/);
    assert.doesNotMatch(run, /sudo|apt-get upgrade|curl|wget/);
  }
  assert.deepEqual(stages.flatMap((stage) => of(stage, 'ADD')), []);
});

test('it holds each library that the program is linked with, and no other', () => {
  const needed = [...execFileSync('readelf', ['-d', process.env.HUB_BINARY], { encoding: 'utf8' }).matchAll(/NEEDED.*\[(.*)\]/g)].map(([, name]) => name);
  const base = /^(lib(c|m|gcc_s|stdc\+\+|asan|ubsan|tsan)\.so|ld-linux)/; // In every image, or of a build for tests.
  const file = execFileSync('ldd', [process.env.HUB_BINARY], { encoding: 'utf8' });
  const packages = new Set(needed.filter((name) => !base.test(name)).map((name) => {
    const path = file.split('\n').map((line) => line.trim().split(' ')).find(([library]) => library === name)[2];
    const owner = execFileSync('sh', ['-c', 'dpkg -S "$(readlink -f "$1")" 2>/dev/null || dpkg -S "*/$(basename "$(readlink -f "$1")")"', 'sh', path], { encoding: 'utf8' });
    return owner.split(':')[0];
  }));
  assert.ok(packages.size > 5);
  const install = of(last, 'RUN').find((run) => run.includes('apt-get install'));
  const listed = /--no-install-recommends ([^&]*)/.exec(install)[1].trim().split(/\s+/).filter((name) => name.startsWith('lib'));
  assert.deepEqual([...packages].sort(), listed.sort());
});

test('the ports are those of the hub, and the composition takes away what it does not need', () => {
  assert.deepEqual(of(last, 'EXPOSE')[0].split(' '), ['443', '5671', '8883']);
  for (const port of ['443', '5671', '8883']) assert.ok(compose.includes(`- '0.0.0.0:${port}:${port}'`), port);
  for (const line of ['read_only: true', 'cap_drop:\n      - ALL', 'no-new-privileges:true', 'stop_grace_period:']) assert.ok(compose.includes(line), line);
  assert.doesNotMatch(compose, /\t/);
  assert.match(compose, /not run/i);
});
