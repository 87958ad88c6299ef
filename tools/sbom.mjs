#!/usr/bin/env node
// The parts that a built program consists of, as a CycloneDX 1.5 document on standard output:
//
//   tools/sbom.mjs PROGRAM VERSION
//
// Shared libraries from what the dynamic linker loads and dpkg says of it, libraries of headers from dpkg, the
// dashboard's from its lockfile. The same input gives the same bytes; SOURCE_DATE_EPOCH is its time.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [program, version] = process.argv.slice(2);
if (!program || !version) {
  console.error('usage: sbom.mjs PROGRAM VERSION');
  process.exit(2);
}
const top = dirname(dirname(fileURLToPath(import.meta.url)));
const run = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
// Compiled in; the build finds them by these packages.
const headers = ['libboost1.81-dev', 'libcli11-dev', 'libtomlplusplus-dev', 'libexpected-dev'];
// What vite puts into the dashboard; the rest of its lockfile works at build time only.
const pages = ['preact', '@preact/signals', '@preact/signals-core'];

/** The packages of files, in their order. */
function packagesOf(files) {
  // dpkg knows a file by the name it was installed under, on one side of /lib -> /usr/lib or the other.
  const names = files.map((file) => {
    const real = realpathSync(file);
    return [file, real, `/usr${real}`, real.replace(/^\/usr/, '')];
  });
  // One call, which looks through its lists once; that it does not know the other sides is no failure.
  const { stdout } = spawnSync('dpkg', ['-S', ...names.flat()], { encoding: 'utf8' });
  const owners = new Map(stdout.split('\n').map((line) => /^(.*?): (\/.*)$/.exec(line)).filter(Boolean).map(([, owner, name]) => [name, owner]));
  return names.map((sides) => {
    const known = sides.find((name) => owners.has(name));
    if (known === undefined) throw new Error(`no package has ${sides[0]}`);
    return owners.get(known);
  });
}

function debian(name) {
  const [plain, installed, architecture, source] = run('dpkg-query', '-W', '-f=${Package}\t${Version}\t${Architecture}\t${source:Package}', name).split('\t');
  return {
    type: 'library', name: plain, version: installed, 'bom-ref': `deb:${plain}`,
    purl: `pkg:deb/debian/${plain}@${encodeURIComponent(installed)}?arch=${architecture}`,
    properties: [{ name: 'debian:source', value: source }],
  };
}

const loaded = run('ldd', program).split('\n').map((line) => /(?:=> )?(\/\S+)/.exec(line)?.[1]).filter(Boolean);
const libraries = [...new Set([...packagesOf(loaded), ...headers])].map(debian);
const lock = JSON.parse(readFileSync(join(top, 'dashboard', 'package-lock.json'), 'utf8'));
const modules = pages.map((name) => {
  const entry = lock.packages[`node_modules/${name}`];
  const [algorithm, digest] = entry.integrity.split('-');
  return {
    type: 'library', name, version: entry.version, 'bom-ref': `npm:${name}`,
    purl: `pkg:npm/${name.replace('@', '%40')}@${entry.version}`,
    hashes: [{ alg: algorithm.toUpperCase().replace('SHA', 'SHA-'), content: Buffer.from(digest, 'base64').toString('hex') }],
    ...(entry.license && { licenses: [{ license: { id: entry.license } }] }),
  };
});
const components = [...libraries, ...modules].sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? Math.floor(Date.now() / 1000));
const self = {
  type: 'application', name: 'carillon', version, 'bom-ref': 'carillon', licenses: [{ license: { id: 'Apache-2.0' } }],
  hashes: [{ alg: 'SHA-256', content: createHash('sha256').update(readFileSync(program)).digest('hex') }],
};
console.log(JSON.stringify({
  bomFormat: 'CycloneDX', specVersion: '1.5', version: 1,
  metadata: { timestamp: new Date(seconds * 1000).toISOString(), component: self },
  components, dependencies: [{ ref: 'carillon', dependsOn: components.map((part) => part['bom-ref']) }],
}, null, 2));
