// A terminal of the reader's: a shell that keeps its directory, its exports and what it runs.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../lib/hub.mjs';

// No wait decides a test: these end a run in which something hangs.
const BLOCK_S = 180;
const GOODBYE_S = 15;

export class Terminal {
  constructor(name, directory, scratch, env) {
    this.name = name;
    this.scratch = scratch;
    this.output = '';
    this.blocks = 0;
    this.hasEnded = false;
    // A process group of its own, so that whatever it started ends with it.
    this.shell = spawn('/bin/bash', ['--noprofile', '--norc'], { cwd: directory, env, detached: true });
    this.shell.on('close', () => { this.hasEnded = true; });
    for (const stream of ['stdout', 'stderr']) {
      this.shell[stream].setEncoding('utf8').on('data', (text) => { this.output += text; });
    }
    this.shell.stdin.write("trap '__status=$?' ERR\n");
  }

  /** Types a block; gives what it printed once it has ended, or has printed `block.until`. */
  async type(block) {
    const file = join(this.scratch, `${this.shell.pid}-${++this.blocks}.sh`);
    writeFileSync(file, block.text);
    const from = this.output.length;
    const mark = `@@${this.blocks}@@`;
    this.shell.stdin.write(`__status=0; source ${file}; echo; echo "${mark} $__status"\n`);
    const printed = () => this.output.slice(from);
    const seen = await until(() => {
      const text = printed();
      const ended = text.match(new RegExp(`\n${mark} (\\d+)\n`));
      if (ended) return { status: Number(ended[1]), text: text.slice(0, ended.index) };
      if (block.until?.test(text)) return { status: 0, text };
      if (this.hasEnded) return { status: -1, text };
      return null;
    }, () => `line ${block.line} to end${block.until ? `, or print ${block.until}` : ''}; it printed\n${printed()}`, BLOCK_S);
    if (block.until && !block.until.test(seen.text)) throw new Error(`line ${block.line} ended without ${block.until}:\n${seen.text}`);
    return seen;
  }

  async close() {
    this.signal('SIGTERM');
    for (let waited = 0; !this.hasEnded && waited < GOODBYE_S * 20; waited++) await sleep(50);
    this.signal('SIGKILL');
  }

  signal(name) {
    try {
      process.kill(-this.shell.pid, name);
    } catch { /* the group is gone */ }
  }
}
