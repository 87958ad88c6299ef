// Import and export jobs of a hub, by plain HTTPS.

import { parts, sign, until } from '../lib/hub.mjs';

/** One call to the hub as its owner; gives `{ status, headers, body }`, the body parsed. */
export async function rest(hub, method, path, body) {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  const expires = Math.floor(Date.now() / 1000) + 3600;
  const target = `https://${hub.address}${path}${path.includes('?') ? '&' : '?'}api-version=2021-04-12`;
  const response = await fetch(target, {
    method,
    headers: { Authorization: sign(HostName, SharedAccessKey, expires, SharedAccessKeyName) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}

export const isOver = (job) => ['completed', 'failed', 'cancelled'].includes(job.status);

/** Creates a job; gives its id. */
export async function begin(hub, order) {
  const { status, body } = await rest(hub, 'POST', '/jobs/create', order);
  if (status !== 200) throw new Error(`the job is refused: ${status} ${JSON.stringify(body)}`);
  return body.jobId;
}

/** What is said of a job once it is over. */
export function ended(hub, id) {
  return until(async () => {
    const { body } = await rest(hub, 'GET', `/jobs/${id}`);
    return isOver(body) ? body : null;
  }, `job ${id} to end`);
}

export async function run(hub, order) {
  return ended(hub, await begin(hub, order));
}

/** `count` lines of devices with keys, tags and desired properties. */
export function fleet(count, prefix = 'd') {
  const lines = [];
  for (let i = 0; i < count; i++) {
    const key = (n) => Buffer.from(`${prefix}-${i}-${n}`.padEnd(32, '.')).toString('base64');
    lines.push(JSON.stringify({
      id: `${prefix}-${String(i).padStart(6, '0')}`,
      importMode: 'create',
      status: i % 10 === 0 ? 'disabled' : 'enabled',
      authentication: { symmetricKey: { primaryKey: key(1), secondaryKey: key(2) }, type: 'sas' },
      tags: { building: `b${i % 7}`, floor: i % 30 },
      properties: { desired: { interval: 60 + (i % 5), nested: { on: true } } },
    }));
  }
  return `${lines.join('\n')}\n`;
}
