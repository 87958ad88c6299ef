// What is made from the commands: docs/cli.md, the manual page, and what an installation holds.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const binary = resolve(process.env.HUB_BINARY);
const run = (...args) => execFileSync(binary, args, { encoding: 'utf8' });

/** Every command, found by following `--help`. */
function commands(path = []) {
  const help = run(...path, '--help');
  const listed = help.split(/^Subcommands:$/m)[1] ?? '';
  const below = [...listed.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => [...path, name]);
  return below.flatMap((command) => [command, ...commands(command)]);
}
const all = commands();

test('docs/cli.md is what the program says', () => {
  const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
  assert.ok(page === run('reference', 'markdown'), 'it is stale: carillon reference markdown > docs/cli.md');
});

test('the reference and the manual page have every command', () => {
  assert.ok(all.length > 40, `${all.length} commands`);
  const page = run('reference', 'markdown');
  const manual = run('reference', 'man').replaceAll('\\-', '-');
  for (const command of all.map((path) => path.join(' '))) {
    assert.ok(page.includes(`# carillon ${command}\n`), `docs/cli.md: ${command}`);
    assert.ok(manual.includes(`.SH ${command}\n`), `manual page: ${command}`);
  }
});

test('every command has a help that says what it is for', () => {
  for (const command of all) {
    const help = run(...command, '--help');
    assert.match(help, /\S/);
    assert.match(help, /--help/);
  }
});

test('the manual page is sound', () => {
  const { stdout, stderr, status } = spawnSync('groff', ['-man', '-Tutf8', '-Kutf8', '-ww'], { input: run('reference', 'man'), encoding: 'utf8' });
  assert.equal(status, 0);
  assert.equal(stderr, '');
  assert.match(stdout, /the hub cannot be reached or is not trusted/);
});

test('an installation has the program, the page and the completions', () => {
  const prefix = mkdtempSync(join(tmpdir(), 'carillon-install-'));
  execFileSync('cmake', ['--install', process.env.BUILD_DIR, '--component', 'program', '--prefix', prefix], { stdio: 'pipe' });
  // Below the prefix too: a test that runs as root would write over the machine's own settings.
  const settings = join(prefix, 'etc/carillon/carillon.toml');
  assert.match(readFileSync(settings, 'utf8'), /hostnames/);
  writeFileSync(settings, 'bind = "192.0.2.1"\n');
  execFileSync('cmake', ['--install', process.env.BUILD_DIR, '--component', 'program', '--prefix', prefix], { stdio: 'pipe' });
  assert.equal(readFileSync(settings, 'utf8'), 'bind = "192.0.2.1"\n', 'what an operator has written stays');
  for (const file of ['share/man/man1/carillon.1', 'share/bash-completion/completions/carillon',
    'share/zsh/site-functions/_carillon', 'share/fish/vendor_completions.d/carillon.fish']) {
    assert.ok(statSync(join(prefix, file)).size > 1000, file);
  }
  assert.match(execFileSync(join(prefix, 'bin', 'carillon'), ['--version'], { encoding: 'utf8' }), /^carillon \d/);
  assert.ok(existsSync(prefix));
  rmSync(prefix, { recursive: true });
});
