// Light, dark, or as the system has it.
export type Theme = 'auto' | 'light' | 'dark';
const KEPT = 'outcrop.theme';

class Look {
  now = $state<Theme>('auto');

  start(): void {
    this.choose((localStorage.getItem(KEPT) as Theme | null) ?? 'auto');
  }

  choose(wanted: Theme): void {
    this.now = wanted;
    localStorage.setItem(KEPT, wanted);
    if (wanted === 'auto') document.documentElement.removeAttribute('data-theme');
    else document.documentElement.dataset.theme = wanted;
  }
}

export const theme = new Look();
