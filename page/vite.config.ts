// How the page is built: into the package, without anything that a strict Content-Security-Policy would have to allow.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const SERVICE = 'http://127.0.0.1:8000';
const ROUTES = ['/tasks', '/jobs', '/results', '/models', '/livez', '/readyz', '/docs', '/openapi.json', '/static'];

export default defineConfig({
  base: './',
  plugins: [svelte()],
  build: {
    outDir: fileURLToPath(new URL('../src/outcrop/service/web', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // data: addresses would have to be allowed
    modulePreload: { polyfill: false },
    license: { fileName: 'third-party-licences.md' },
  },
  server: { proxy: Object.fromEntries(ROUTES.map((path) => [path, SERVICE])) },
});
