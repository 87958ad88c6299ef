// Writes the files that Vite built as C++, so that the program needs no file beside it:
//
//   node embed.mjs DIST OUT.cpp
//
// The page says by name which assets it needs, and those names hold a hash of the content.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { constants, gzipSync } from 'node:zlib';

const [dist, out] = process.argv.slice(2);
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

function* filesIn(folder) {
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* filesIn(path);
    else yield path;
  }
}

const array = (name, bytes) => `constexpr unsigned char ${name}[] = {${[...bytes].join(',')}};\n`;
const view = (name, bytes) => (bytes.length ? `text(${name})` : '""');

let arrays = '';
let rows = '';
let number = 0;
for (const path of filesIn(dist)) {
  const type = types[extname(path)];
  if (!type) throw new Error(`${path}: no content type is known for it`);
  const plain = readFileSync(path);
  const packed = gzipSync(plain, { level: constants.Z_BEST_COMPRESSION });
  const gzip = packed.length < plain.length ? packed : Buffer.alloc(0);
  const etag = `\\"${createHash('sha256').update(plain).digest('hex').slice(0, 20)}\\"`;
  number += 1;
  arrays += array(`plain_${number}`, plain);
  if (gzip.length) arrays += array(`gzip_${number}`, gzip);
  const place = `/ui/${relative(dist, path).replaceAll('\\', '/')}`;
  rows += `        rest::WebFile{"${place}", "${type}", "${etag}", ${view(`plain_${number}`, plain)}, ${view(`gzip_${number}`, gzip)}},\n`;
}
writeFileSync(out, `// Made by the build from dashboard/.

#include "dashboard_files.hpp"

namespace carillon {
namespace {

template <std::size_t size>
std::string_view text(const unsigned char (&bytes)[size]) {
    return {reinterpret_cast<const char*>(bytes), size};
}

${arrays}
}  // namespace

std::span<const rest::WebFile> dashboard_files() {
    static const rest::WebFile files[] = {
${rows}    };
    return files;
}

}  // namespace carillon
`);
