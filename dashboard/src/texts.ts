// The texts of the page, in the chosen language. A change of language loads the page anew, so that texts are
// plain values.

import { en, type Texts } from './texts/en.ts';
import { fr } from './texts/fr.ts';

export const languages = { en, fr } satisfies Record<string, Texts>;
export type Language = keyof typeof languages;
const names = Object.keys(languages) as Language[];

/** The one that was chosen, else the first of the reader's own that there is. */
export function languageOf(chosen: string | null, own: readonly string[]): Language {
  const known = (name: string | null | undefined) => names.find((one) => one === name);
  return known(chosen) ?? own.map((tag) => known(tag.slice(0, 2).toLowerCase())).find(Boolean) ?? 'en';
}

const isPage = typeof document !== 'undefined';
export const language = isPage ? languageOf(localStorage.getItem('language'), navigator.languages) : 'en';
export const t: Texts = languages[language];
/** For numbers and times. */
export const locale = { en: 'en-GB', fr: 'fr-FR' }[language];
if (isPage) document.documentElement.lang = language;

export function chooseLanguage(name: Language): void {
  localStorage.setItem('language', name);
  location.reload();
}
