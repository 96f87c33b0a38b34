// The page's three languages: English comes with the shell, the others when they are chosen.
import english from '../messages/en.json';

export const LANGUAGES = { en: 'English', ru: 'Русский', pt: 'Português' } as const;
export type Language = keyof typeof LANGUAGES;
type Forms = Partial<Record<Intl.LDMLPluralRule, string>>;
type Catalogue = Record<string, string | Forms>;
export type Key = keyof typeof english;

const KEPT = 'outcrop.language';
const loaders: Record<Language, () => Promise<{ default: Catalogue }>> = {
  en: async () => ({ default: english }),
  ru: () => import('../messages/ru.json'),
  pt: () => import('../messages/pt.json'),
};

function first(): Language {
  const wished = [localStorage.getItem(KEPT) ?? '', ...navigator.languages].map((tag) => tag.slice(0, 2));
  return (wished.find((tag) => tag in LANGUAGES) as Language | undefined) ?? 'en';
}

class Spoken {
  now = $state<Language>('en');
  messages = $state.raw<Catalogue>(english);

  async choose(wanted: Language): Promise<void> {
    const { default: messages } = await loaders[wanted]();
    this.messages = messages;
    this.now = wanted;
    document.documentElement.lang = wanted === 'pt' ? 'pt-BR' : wanted;
    localStorage.setItem(KEPT, wanted);
  }

  start(): Promise<void> {
    return this.choose(first());
  }
}

export const language = new Spoken();

/** The sentence of a key; `{n}` and other names are filled in, and `n` picks the plural form. */
export function t(key: Key, given: Record<string, string | number> = {}): string {
  const found = language.messages[key] ?? (english as Catalogue)[key] ?? key;
  let text: string;
  if (typeof found === 'string') text = found;
  else text = found[new Intl.PluralRules(language.now).select(Number(given.n ?? 0))] ?? found.other ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = given[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? new Intl.NumberFormat(language.now).format(value) : value;
  });
}

/** A word of the service (a measurement, an assumption, a class) in the reader's language, or as it came. */
export function word(kind: 'name' | 'assumption' | 'class' | 'unit' | 'room' | 'roomtitle', text: string): string {
  const found = language.messages[`${kind}.${text}`];
  return typeof found === 'string' ? found : text;
}

/** Whether `word` had to leave it in English, so that it can be marked as such. */
export const foreign = (kind: string, text: string): 'en' | undefined =>
  language.now === 'en' || `${kind}.${text}` in language.messages ? undefined : 'en';
