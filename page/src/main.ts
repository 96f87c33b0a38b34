import { mount } from 'svelte';
import './app.css';
import App from './App.svelte';
import { language } from './lib/i18n.svelte';
import { theme } from './lib/theme.svelte';

theme.start();
await language.start();
mount(App, { target: document.getElementById('page')! });
