// What is drawn and tabulated, in terminals of four widths that change while it is there.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Hub, until } from '../lib/hub.mjs';
import { Terminal } from '../lib/terminal.mjs';

const hub = Hub.fromEnvironment();
const widths = [40, 60, 80, 200];
const job = '2f1c1b2e-3c4d-4e5f-8a9b-0c1d2e3f4a5b';
const env = () => ({ CARILLON_LOGIN: hub.connectionString, CARILLON_CA: hub.caFile });
const terminal = (width, ...args) => new Terminal(width, [hub.binary, ...args], env());

before(async () => {
  await hub.start();
  for (let i = 0; i < 3; ++i) await hub.ok('device', 'create', '-d', `a-device-with-a-long-name-${i}`);
  await hub.ok('job', 'create', '--job-id', 'a-job-that-fails', '--mn', 'lockDoor', '-q', '*', '--ttl', '1');
  await hub.cli('job', 'watch', 'a-job-that-fails');
  await hub.ok('job', 'create', '--job-id', job, '--mn', 'lockDoor', '-q', '*', '--ttl', '3600');
});
after(() => hub.stop());

const isWhole = (line, shown) => line.length < shown.screen.width || line.join('') === Terminal.above;

/** The block of the job stands once, below what was there before, and no line is folded. */
function check(shown) {
  const rows = shown.screen.rows();
  assert.equal(rows[0], Terminal.above.slice(0, shown.screen.width), shown.screen.text());
  assert.equal(rows.join('\n').split(job).length - 1, 1, `the block is there once:\n${shown.screen.text()}`);
  for (const line of shown.screen.lines) {
    assert.ok(isWhole(line, shown), `a line is folded:\n${shown.screen.text()}`);
  }
  assert.match(rows.join(' '), /0 done +0 failed +0 in flight +3 offline, until/, shown.screen.text());
}

for (const width of widths) {
  test(`job watch draws in its place at ${width} columns, and at the others after a resize`, async () => {
    const shown = terminal(width, 'job', 'watch', job);
    await shown.until(/offline/);
    check(shown);
    for (const next of [...widths, width]) {
      if (next === shown.screen.width) continue;
      const { drawn } = shown.screen;
      shown.resize(next);
      // What was being drawn at the resize is drawn over.
      await until(() => shown.screen.drawn > drawn && shown.screen.lines.every((line) => isWhole(line, shown)), () => shown.screen.text());
      check(shown);
    }
    shown.kill();
    await shown.ended;
  });
}

test('job watch says that it is reconnecting while the hub is away, and goes on', async () => {
  const shown = terminal(80, 'job', 'watch', job);
  await shown.until(/offline/);
  await hub.stop('SIGKILL');
  await shown.until(/the hub does not answer; reconnecting/);
  await hub.start();
  await until(() => !/reconnecting/.test(shown.screen.text()), () => shown.screen.text());
  assert.equal(shown.screen.text().split(job).length - 1, 1, shown.screen.text());
  shown.kill();
  await shown.ended;
});

test('a job that ends with failures says why, once', async () => {
  const shown = terminal(60, 'job', 'watch', 'a-job-that-fails');
  assert.equal(await shown.ended, 8);
  const text = shown.screen.text();
  assert.equal(text.split('JobRunPreconditionFailed').length - 1, 1, text);
  assert.match(text, /100 %/);
});

test('a job that fails as a whole says why, once, on a terminal and on a pipe', async () => {
  const body = JSON.stringify({ jobId: 'no-condition', type: 'scheduleUpdateTwin', queryCondition: 'tags.b =', updateTwin: { etag: '*', tags: { a: 1 } } });
  await putJob('no-condition', body);
  const shown = terminal(60, 'job', 'watch', 'no-condition');
  assert.equal(await shown.ended, 1);
  assert.equal(shown.screen.text().split('SQL query parse failed').length - 1, 1, shown.screen.text());
  const piped = await hub.cli('job', 'watch', 'no-condition');
  assert.equal((piped.stdout + piped.stderr).split('SQL query parse failed').length - 1, 1, piped.stdout + piped.stderr);
});

/** As any client may, without the checks of the command line. */
async function putJob(id, body) {
  const { request } = await import('node:https');
  const token = (await hub.ok('token')).trim();
  await new Promise((resolve, reject) => {
    const sent = request({ host: hub.address, method: 'PUT', path: `/jobs/v2/${id}?api-version=2021-04-12`,
      headers: { Authorization: token, 'Content-Type': 'application/json' } }, (answer) => {
      answer.resume();
      assert.equal(answer.statusCode, 200);
      answer.on('end', resolve);
    });
    sent.on('error', reject).end(body);
  });
}

const tables = [['job', 'list'], ['job', 'devices', 'a-job-that-fails'], ['device', 'list'], ['context', 'list'], ['query', 'SELECT * FROM devices']];
for (const width of widths) {
  test(`tables fit ${width} columns`, async () => {
    await hub.run(['context', 'remove', 'a-hub-of-ours'], env());
    await hub.ok('context', 'add', 'a-hub-of-ours', '-l', hub.connectionString, '--ca', hub.caFile);
    for (const table of tables) {
      const shown = terminal(width, ...table);
      assert.equal(await shown.ended, 0, shown.screen.text());
      const lines = shown.screen.lines.slice(1).filter((line) => !/^\(no room for/.test(line.join('')));
      assert.ok(lines.length > 1, shown.screen.text());
      for (const line of lines) assert.ok(line.length <= width, `${table.join(' ')}:\n${shown.screen.text()}`);
    }
  });
}

test('a table that has no room for a column says so, and a pipe has all', async () => {
  const shown = terminal(60, 'job', 'list');
  await shown.ended;
  assert.match(shown.screen.lines.map((line) => line.join('')).join('\n'), /\(no room for .*endTime.*-o json shows all\)/);
  const { stdout, stderr } = await hub.cli('job', 'list');
  assert.match(stdout, /^jobId +type +status +startTime +endTime +devices +succeeded +failed\n/);
  assert.equal(stderr, '');
});

const commands = ['']; // Each with its subcommands.
test('the help of each command tells of its subcommands', async () => {
  for (const command of commands) {
    const help = (await hub.run([...command.split(' ').filter(Boolean), '--help'], {})).stdout;
    const listed = /^Subcommands:\n((?: .*\n)+)/m.exec(help)?.[1] ?? '';
    for (const [, name] of listed.matchAll(/^ {2}([a-z][\w-]*)/gm)) commands.push(`${command} ${name}`.trim());
  }
  assert.ok(commands.length > 60, commands.join());
});

for (const width of widths) {
  test(`help of every command fits ${width} columns`, async () => {
    const loop = `for words in ${commands.map((words) => `'${words}'`).join(' ')}; do echo "== $words"; ${hub.binary} $words --help; done`;
    const shown = new Terminal(width, ['sh', '-c', loop], env());
    assert.equal(await shown.ended, 0);
    let command = '';
    for (const line of shown.screen.lines.map((each) => each.join('').trimEnd()).slice(1)) {
      if (line.startsWith('== ')) command = line.slice(3);
      else assert.ok(line.length <= width || !/\S\s+\S/.test(line), `carillon ${command} --help at ${width} columns: ${line}`);
    }
  });
}
