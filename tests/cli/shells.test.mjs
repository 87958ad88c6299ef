// Shells that complete by `carillon completion`. bash and zsh complete only for somebody who types, so
// they are given a terminal (script(1)) and the key Tab.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { until } from '../lib/hub.mjs';

const binary = resolve(process.env.HUB_BINARY);
const home = mkdtempSync(join(tmpdir(), 'carillon-shells-'));
mkdirSync(join(home, 'bin'));
symlinkSync(binary, join(home, 'bin', 'carillon'));
const env = { PATH: `${join(home, 'bin')}:${process.env.PATH}`, HOME: home, XDG_CONFIG_HOME: join(home, 'config'), TERM: 'xterm', LANG: 'C.UTF-8' };
writeFileSync(join(home, 'fleet-of-mine.txt'), '');
execFileSync(binary, ['context', 'add', 'laboratory', '-l', 'HostName=h;SharedAccessKeyName=p;SharedAccessKey=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='], { env, stdio: 'ignore' });
after(() => rmSync(home, { recursive: true }));

/** What is typed, and a word that the shell makes of it: each is one way on only. */
const typed = [
  ['carillon conn', 'connection-string'],
  ['carillon device imp', 'import'],
  ['carillon job create --method-na', '--method-name'],
  ['carillon twin show -d x --output nd', 'ndjson'],
  ['carillon device create --status disa', 'disabled'],
  ['carillon device list --context lab', 'laboratory'],
  ['carillon device import fleet-of', 'fleet-of-mine.txt'],
  ['carillon -h device upd', 'update'],
  ['carillon device list -l device upd', null],
];

/** Types into a shell in a terminal. */
class Typist {
  constructor(command) {
    this.raw = '';
    this.child = spawn('script', ['-qfc', command, '/dev/null'], { env, cwd: home, detached: true });
    this.child.stdout.setEncoding('utf8').on('data', (text) => { this.raw += text; });
  }
  /** Types, waits until the terminal shows what is `wanted`, and gives all that it showed. */
  async type(text, wanted) {
    const from = this.raw.length;
    // Without colours, bells and the like.
    const shown = () => this.raw.slice(from).replace(/\x1b\[[\d;?]*[a-zA-Z]|[\x07\r]|.\x08/g, '');
    this.child.stdin.write(text);
    await until(() => wanted.test(shown()), () => `${wanted} behind ${JSON.stringify(text)}: ${JSON.stringify(shown())}`, 30);
    return shown();
  }
  close() {
    process.kill(-this.child.pid, 'SIGKILL');
  }
}

for (const [name, command, setUp] of [
  ['bash', 'bash --norc --noprofile -i', 'source <(carillon completion bash)'],
  ['zsh', 'zsh -f -i', 'autoload -U compinit && compinit -u -D; unsetopt always_last_prompt; source <(carillon completion zsh)'],
]) {
  test(`${name} completes`, async () => {
    const shell = new Typist(command);
    try {
      await shell.type(`${setUp}; echo rea""dy\n`, /ready/);
      for (const [text, word] of typed) {
        if (word) await shell.type(`${text}\t`, new RegExp(word));
        // Ctrl-U takes the line away again; by the answer of echo all of Tab's work is seen.
        const shown = await shell.type(`${word ? '' : `${text}\t`}\x15echo go""ne\n`, /gone/);
        if (!word) assert.ok(!shown.includes('update'), shown);
      }
    } finally {
      shell.close();
    }
  });
}

test('fish completes', () => {
  const complete = (text) => execFileSync('fish', ['--no-config', '-c', `carillon completion fish | source; complete -C '${text}'`], { env, cwd: home, encoding: 'utf8' })
    .split('\n').map((line) => line.split('\t')[0]);
  for (const [text, word] of typed) {
    if (word) assert.ok(complete(text).includes(word), `${text}: ${complete(text)}`);
    else assert.ok(!complete(text).includes('update'), text);
  }
});
