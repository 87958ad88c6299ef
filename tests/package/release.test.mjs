// What goes with the packages: the list of parts has each library of the program, and it and the source archive are the same
// bytes wherever they are made.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../../', import.meta.url));
const bytes_max = 1 << 28;
const run = (command, args, env) => execFileSync(command, args, { maxBuffer: bytes_max, env: { ...process.env, ...env } });
const sbom = (env) => run(process.execPath, [`${top}tools/sbom.mjs`, process.env.HUB_BINARY, '9.9'], env).toString();

test('the list of parts names each package that the program is linked with, what is compiled in, and the dashboard\'s', () => {
  const text = sbom({ SOURCE_DATE_EPOCH: '1700000000' });
  assert.equal(sbom({ SOURCE_DATE_EPOCH: '1700000000', TZ: 'Asia/Tokyo', LC_ALL: 'C' }), text);
  const list = JSON.parse(text);
  assert.deepEqual([list.bomFormat, list.metadata.timestamp, list.metadata.component.version], ['CycloneDX', '2023-11-14T22:13:20.000Z', '9.9']);
  const names = list.components.map(({ name }) => name);
  const loaded = run('ldd', [process.env.HUB_BINARY]).toString();
  const parts = [['libssl.so', 'libssl3'], ['librocksdb.so', 'librocksdb7.8'], ['libpq.so', 'libpq5'], ['librdkafka.so', 'librdkafka1'],
    ['libnats.so', 'libnats3.4'], ['libnghttp2.so', 'libnghttp2-14'], ['libjemalloc.so', 'libjemalloc2'], ['libfmt.so', 'libfmt9'], ['libspdlog.so', 'libspdlog1.10']];
  for (const [file, name] of parts) if (loaded.includes(file)) assert.ok(names.includes(name), name);
  assert.ok(names.includes('libc6') && names.length > 15);
  for (const name of ['libboost1.81-dev', 'libtomlplusplus-dev', 'preact']) assert.ok(names.includes(name), name);
  for (const part of list.components) assert.ok(part.version && part.purl.startsWith('pkg:'), part.name);
  assert.deepEqual(list.dependencies[0].dependsOn, list.components.map((part) => part['bom-ref']));
});

test('the source archive is the last commit, byte by byte the same', (t) => {
  if (spawnSync('git', ['-C', top, 'rev-parse', 'HEAD']).status !== 0) return t.skip('no repository');
  const archive = (umask, env) => run('sh', ['-c', `umask ${umask}; exec "$0" --source`, `${top}tools/package.sh`], env);
  const made = archive('022', {});
  assert.ok(made.length > 100_000);
  assert.ok(archive('077', { TZ: 'Asia/Tokyo', LC_ALL: 'C' }).equals(made));
  const names = execFileSync('tar', ['-tzf', '-'], { input: made, maxBuffer: bytes_max }).toString().split('\n').filter((name) => name !== '');
  assert.ok(names.every((name) => /^carillon-[\d.]+\//.test(name)));
  assert.ok(names.some((name) => name.endsWith('/CMakeLists.txt')) && !names.some((name) => name.includes('node_modules/')));
});
