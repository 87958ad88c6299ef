// A terminal for tests: a program runs in a pseudo terminal (by `script` of util-linux), and what it writes is
// drawn as today's terminals do, which fold lines anew when they get another width.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './hub.mjs';

/** The screen, without a height: what leaves a real one at its top stays here. Text, CR, LF, and the sequences A, K and J. */
export class Screen {
  constructor(width) {
    this.width = width;
    this.lines = [[]]; // Each as it was written, however many rows it takes.
    this.line = 0;
    this.column = 0; // Within the line, not the row.
    this.rest = '';
    this.drawn = 0; // How often what is below was cleared, which ends each drawing of a block.
  }

  #rowsOf(line) {
    return Math.max(1, Math.ceil(line.length / this.width));
  }

  /** The cursor in rows: of all, and from the left. */
  #place() {
    let row = 0;
    for (let i = 0; i < this.line; ++i) row += this.#rowsOf(this.lines[i]);
    return [row + Math.floor(this.column / this.width), this.column % this.width];
  }

  #moveTo(row, column) {
    let left = Math.max(0, row);
    for (let i = 0; ; ++i) {
      if (i === this.lines.length) this.lines.push([]);
      const rows = this.#rowsOf(this.lines[i]);
      if (left < rows) {
        this.line = i;
        this.column = left * this.width + column;
        return;
      }
      left -= rows;
    }
  }

  write(text) {
    const input = [...(this.rest + text)];
    this.rest = '';
    for (let i = 0; i < input.length; ++i) {
      const c = input[i];
      if (c === '\r') {
        this.#moveTo(this.#place()[0], 0);
      } else if (c === '\n') {
        const [row, column] = this.#place();
        this.#moveTo(row + 1, column);
      } else if (c === '\x1b') {
        const sequence = /^\x1b\[(\d*)([A-Za-z])/.exec(input.slice(i, i + 12).join(''));
        if (!sequence) {
          this.rest = input.slice(i).join('');
          if (this.rest.length > 12) throw new Error(`no sequence: ${JSON.stringify(this.rest)}`);
          return;
        }
        this.#obey(sequence[2], Number(sequence[1] || 0));
        i += sequence[0].length - 1;
      } else if (c < ' ') {
        throw new Error(`a control character that this terminal does not know: ${JSON.stringify(c)}`);
      } else {
        const line = this.lines[this.line];
        while (line.length < this.column) line.push(' ');
        line[this.column++] = c;
      }
    }
  }

  #obey(command, number) {
    const line = this.lines[this.line];
    const [row, column] = this.#place();
    if (command === 'A') {
      this.#moveTo(row - Math.max(1, number), column);
    } else if (command === 'K' && number === 0) {
      const end = (Math.floor(this.column / this.width) + 1) * this.width;
      // What is behind the row goes on as a line of its own: a row that was erased is not folded any more.
      if (line.length > end) this.lines.splice(this.line + 1, 0, line.splice(end));
      line.length = Math.min(line.length, this.column);
    } else if (command === 'J' && number === 0) {
      line.length = Math.min(line.length, this.column);
      this.lines.length = this.line + 1;
      ++this.drawn;
    } else {
      throw new Error(`a sequence that this terminal does not know: ${number}${command}`);
    }
  }

  /** The rows as they are seen. */
  rows() {
    return this.lines.flatMap((line) => {
      const rows = [];
      for (let i = 0; i < this.#rowsOf(line); ++i) {
        rows.push(line.slice(i * this.width, (i + 1) * this.width).join('').trimEnd());
      }
      return rows;
    });
  }

  text() {
    return this.rows().join('\n');
  }
}

const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;

/** A program in a terminal of `width` columns, below a line of another program. */
export class Terminal {
  static above = 'what was there before';

  constructor(width, words, env = {}) {
    this.screen = new Screen(width);
    this.directory = mkdtempSync(join(tmpdir(), 'carillon-terminal-'));
    const name = join(this.directory, 'tty');
    const command = `tty > ${quoted(name)}; stty rows 24 cols ${width}; echo ${quoted(Terminal.above)}; exec ${words.map(quoted).join(' ')}`;
    this.child = spawn('script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'],
      { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, SHELL: '/bin/sh', ...env } });
    this.child.stdout.setEncoding('utf8').on('data', (text) => this.screen.write(text));
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code) => {
        this.name = existsSync(name) ? readFileSync(name, 'utf8').trim() : '';
        rmSync(this.directory, { recursive: true, force: true });
        resolve(code);
      });
    });
    this.tty = name;
  }

  /** Types. */
  type(text) {
    this.child.stdin.write(text);
  }

  /** Waits until the screen has `pattern`, and gives its text. */
  until(pattern) {
    return until(() => (pattern.test(this.screen.text()) ? this.screen.text() : null),
      () => `${pattern} on the terminal:\n${this.screen.text()}`);
  }

  /** Another width, while the program is quiet. */
  resize(width) {
    this.screen.width = width;
    const { status, stderr } = spawnSync('stty', ['-F', readFileSync(this.tty, 'utf8').trim(), 'cols', String(width)]);
    if (status !== 0) throw new Error(String(stderr));
  }

  kill() {
    this.child.kill();
  }
}
