// Addresses inside the page, behind the #: nothing for the service to know, and links that work from any place.

export type View = 'home' | 'job' | 'result' | 'history';
export interface Place { view: View; id: string; edit: boolean; room: string }

function read(): Place {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [first = '', second = '', third = ''] = path.split('/').map(decodeURIComponent);
  const asked = new URLSearchParams(query);
  const at = { id: second, edit: third === 'correct', room: asked.get('room') ?? '' };
  if (first === 'shared' && second) return { view: 'result', ...at, id: `~${second}`, edit: false };
  if (first === 'results' && second) return { view: 'result', ...at };
  if (first === 'results' || first === 'history') return { view: 'history', ...at };
  if (first === 'jobs' && second) return { view: 'job', ...at };
  return { view: 'home', ...at, room: ['salt', 'tailings', 'flares'].includes(first) ? first : at.room };
}

class Router {
  place = $state.raw<Place>(read());

  constructor() {
    window.addEventListener('hashchange', () => (this.place = read()));
  }

  go(path: string, replace = false): void {
    if (replace) {
      history.replaceState(null, '', `#/${path}`);
      this.place = read();
    } else location.hash = `/${path}`;
  }
}

export const router = new Router();
