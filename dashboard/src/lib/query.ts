// Statements of the query language, written from what a person chooses.

/** A text as the language writes it. */
export const literal = (text: string) => `'${text.replace(/[\\']/g, (c) => `\\${c}`)}'`;

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=' | 'starts' | 'defined' | 'missing';

export interface Clause {
  path: string;
  operator: Operator;
  value: string;
}

/** `5` and `true` are meant as such; quotes make a text of them. */
export function valueText(value: string): string {
  const text = value.trim();
  if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) || text === 'true' || text === 'false') return text;
  const quoted = /^(["'])(.*)\1$/s.exec(text);
  return literal(quoted ? (quoted[2] ?? '') : text);
}

export function clauseText({ path, operator, value }: Clause): string {
  switch (operator) {
    case 'starts': return `STARTSWITH(${path}, ${literal(value)})`;
    case 'defined': return `IS_DEFINED(${path})`;
    case 'missing': return `NOT IS_DEFINED(${path})`;
    default: return `${path} ${operator} ${valueText(value)}`;
  }
}

/** False for a clause that is still being written. */
export const isWhole = ({ path, operator, value }: Clause) =>
  /[^.\s]$/.test(path) && (value !== '' || operator === 'defined' || operator === 'missing');

/** All of them together; empty if there are none. */
export function condition(prefix: string, clauses: Clause[]): string {
  const parts = clauses.filter(isWhole).map(clauseText);
  if (prefix) parts.unshift(`STARTSWITH(deviceId, ${literal(prefix)})`);
  return parts.join(' AND ');
}

const where = (text: string) => (text.trim() ? ` WHERE ${text}` : '');

/** Columns get names of their own, as two paths may end alike. */
export function listStatement(condition: string, columns: string[]): string {
  const extra = columns.map((path, i) => `, ${path} AS c${i}`).join('');
  return `SELECT deviceId, status, connectionState, lastActivityTime${extra} FROM devices${where(condition)}`;
}

export const countStatement = (condition: string) => `SELECT COUNT() AS n FROM devices${where(condition)}`;

/** What became of a job's devices. */
export function jobRowsStatement(jobId: string, status: string): string {
  const more = status ? ` AND devices.jobs.status = ${literal(status)}` : '';
  return `SELECT * FROM devices.jobs WHERE devices.jobs.jobId = ${literal(jobId)}${more}`;
}

export const deviceOfJobStatement = (jobId: string, deviceId: string) =>
  `${jobRowsStatement(jobId, '')} AND devices.jobs.deviceId = ${literal(deviceId)}`;

export const deviceJobsStatement = (deviceId: string) =>
  `SELECT * FROM devices.jobs WHERE devices.jobs.deviceId = ${literal(deviceId)}`;

/** Just these devices. */
export const idsCondition = (ids: string[]) => `deviceId IN [${ids.map(literal).join(', ')}]`;

/** The twins in which something that a configuration sets is in force; ids of configurations hold no bracket. */
export const appliedCondition = (configuration: string) => `configurations.[[${configuration}]].status = 'Applied'`;

/** The twins that a configuration selects, and in which stronger ones set all that it would. */
export const hiddenStatement = (configuration: string, isOfModules: boolean) =>
  `SELECT deviceId${isOfModules ? ', moduleId FROM devices.modules' : ' FROM devices'} WHERE configurations.[[${configuration}]].status = 'Targeted'`;
