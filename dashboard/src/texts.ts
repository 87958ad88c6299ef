// What the page says.

export { en as t } from './texts/en.ts';
