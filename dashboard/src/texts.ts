// What the page says.

export { en as t } from './texts/en.ts';
/** For numbers and times. */
export const locale = 'en-GB';
