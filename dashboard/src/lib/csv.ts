// Rows as files that a person takes along.

/**
 * A field of RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe in front: ids and
 * tags come from devices.
 */
export function csvField(value: unknown): string {
  if (value === undefined || value === null) return '';
  let text = typeof value === 'string' ? value : JSON.stringify(value);
  if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The columns are the members of all rows, in the order in which they come up. */
export function toCsv(rows: Record<string, unknown>[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [columns.map(csvField), ...rows.map((row) => columns.map((name) => csvField(Object.hasOwn(row, name) ? row[name] : undefined)))];
  return lines.map((fields) => `${fields.join(',')}\r\n`).join('');
}

export const toNdjson = (rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
