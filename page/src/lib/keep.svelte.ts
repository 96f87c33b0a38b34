// What this tab remembers between two views: pictures that were sent from here, so that they need not be fetched again.


const files = new Map<string, File[]>();

export const kept = {
  files: (id: string): File[] => files.get(id) ?? [],
  keep(id: string, sent: File[]): void {
    files.set(id, sent);
    if (files.size > 8) files.delete(files.keys().next().value!);
  },

};

class Said {
  text = $state('');
  bad = $state(false);
  #timer = 0;

  /** Say something to everybody, screen readers too. */
  say(text: string, bad = false): void {
    this.text = text;
    this.bad = bad;
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => (this.text = ''), bad ? 12000 : 5000);
  }
}

export const said = new Said();
