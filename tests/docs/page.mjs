// What a page of docs/ would have its reader do: its fenced blocks in order. What a block needs to be run
// stands in HTML comments right above it, which readers do not see:
//
//   <!-- file: door.js -->           it is the content of that file
//   <!-- from: FILE -->              it is an excerpt of that file, which has tests of its own
//   <!-- terminal: device -->        it is typed in a terminal of that name (main)
//   <!-- until: connected -->        it does not end; the reader goes on once it has printed this
//   <!-- prints: completed -->       what it prints holds this; may be repeated
//   <!-- exit: 8 -->                 it ends with this status (0)
//   <!-- not run: needs root -->     nobody runs it, and the text above it says so
//
// The patterns are regular expressions. Blocks of `text`, `json`, `toml` and the like are to be read, not done.

const runnable = new Set(['sh']);
const programs = new Set(['js', 'python', 'cpp', 'c', 'csharp', 'java', 'cmake']);
/** What the sentence above a block says if nobody runs it, in the languages of the pages. */
const confession = /not run|(n'est|ne sont) pas exécuté/i;

/** The blocks of a page; throws for one that would go unnoticed. */
export function blocksOf(markdown) {
  const lines = markdown.split('\n');
  const blocks = [];
  let comments = [];
  let said = ''; // The paragraph above.
  let isParagraph = false;
  for (let i = 0; i < lines.length; i++) {
    const comment = lines[i].match(/^<!-- ([a-z ]+): (.*) -->$/);
    const fence = lines[i].match(/^```(\w*)$/);
    if (comment) {
      comments.push([comment[1], comment[2]]);
    } else if (fence) {
      const first = i + 1;
      do i++; while (i < lines.length && lines[i] !== '```');
      blocks.push(block({ language: fence[1], line: first, text: lines.slice(first, i).join('\n') + '\n' }, comments, said));
      comments = [];
    } else if (lines[i].trim() !== '') {
      if (comments.length > 0) throw new Error(`line ${i + 1}: what is said of a block stands right above it`);
      said = isParagraph ? `${said} ${lines[i]}` : lines[i];
    }
    isParagraph = !comment && !fence && lines[i].trim() !== '';
  }
  return blocks;
}

function block(made, comments, said) {
  const where = `line ${made.line}`;
  made.terminal = 'main';
  made.prints = [];
  made.exit = 0;
  for (const [name, value] of comments) {
    if (name === 'file') made.file = value;
    else if (name === 'from') made.from = value;
    else if (name === 'terminal') made.terminal = value;
    else if (name === 'until') made.until = new RegExp(value, 'm');
    else if (name === 'prints') made.prints.push(new RegExp(value, 'm'));
    else if (name === 'exit') made.exit = Number(value);
    else if (name === 'not run') made.notRun = value;
    else throw new Error(`${where}: nothing is known of \`${name}\``);
  }
  if (made.notRun && !confession.test(said)) throw new Error(`${where}: the text above does not say that nobody runs this`);
  if (programs.has(made.language) && !made.file && !made.from && !made.notRun) throw new Error(`${where}: a program that nobody runs`);
  made.isRun = runnable.has(made.language) && !made.file && !made.notRun;
  return made;
}

/** How many commands a reader types in a block. */
export function commandsIn(text) {
  return text.replace(/\\\n/g, ' ').split('\n').filter((line) => /^[^\s#]/.test(line)).length;
}
