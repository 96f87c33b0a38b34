// How the page is built: into the package, without anything that a strict Content-Security-Policy would have to allow.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import license from 'rollup-plugin-license';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const out = fileURLToPath(new URL('../src/outcrop/service/web', import.meta.url));

const FREE = ['MIT', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', '0BSD', 'CC0-1.0', 'Zlib'];

export default defineConfig({
  base: './',
  plugins: [
    svelte(),
    license({
      thirdParty: {
        allow: {
          test: ({ license: said }: { license: string | null }) => (said ?? '?').split(/[()\s]+|AND|OR/).filter(Boolean).every((one) => FREE.includes(one)),
          failOnUnlicensed: true,
          failOnViolation: true,
        },
        output: `${out}/third-party-licences.txt`,
      },
    }),
  ],
  build: {
    outDir: out,
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // data: addresses would have to be allowed
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: Object.fromEntries(['/tasks', '/jobs', '/results', '/models', '/livez', '/readyz', '/corrections'].map((path) => [path, 'http://127.0.0.1:8000'])) },
});
