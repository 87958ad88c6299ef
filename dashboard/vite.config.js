import { defineConfig } from 'vite';

// Served under /ui/, with the assets under /ui/assets/ named by their content, and found relative to the page, which
// may be behind a proxy that puts a folder in front. Nothing is inlined: the hub's
// content policy lets the page load files of the hub and nothing else.
export default defineConfig({
  base: './',
  publicDir: false,
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    emptyOutDir: true,
  },
  // A machine that is busy with a whole build takes its time.
  test: { include: ['src/**/*.test.ts'], testTimeout: 120_000 },
});
