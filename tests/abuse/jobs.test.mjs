// Scheduled jobs of the preview that list 100,000 devices each: they may take so much of the hub's memory
// and no more, also after a restart, and a list of them is given in pages that end where they grow long.
// An honest device and back end are served meanwhile.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { Hub, parts, sign } from '../lib/hub.mjs';
import { size } from './attack.mjs';
import { Honest } from './honest.mjs';

const tried = size(8, 60);
const bytes_max = size(32, 256) * 1024 * 1024;
const page_bytes_max = 16 * 1024 * 1024; // one job that is as long as a request may be
const ids_count = 100_000;
process.env.CARILLON_JOBS__ACTIVE_BYTES_MAX = String(bytes_max);
const hub = Hub.fromEnvironment();
let honest;
before(async () => {
  await hub.start();
  honest = await Honest.begin(hub);
});
after(() => hub.stop());

/** Memory of the hub, now or at most: `VmRSS` or `VmHWM`. */
const mib = (which) =>
  Number(new RegExp(`${which}:\\s+(\\d+)`).exec(readFileSync(`/proc/${hub.process.pid}/status`, 'utf8'))[1]) / 1024;

const agent = new Agent({ keepAlive: true });
/** One call in the words of the preview, as the hub's owner. */
function call(method, path, body) {
  const { HostName, SharedAccessKeyName, SharedAccessKey } = parts(hub.connectionString);
  const authorization = sign(HostName, SharedAccessKey, Math.floor(Date.now() / 1000) + 3600, SharedAccessKeyName);
  return new Promise((resolve, reject) => {
    const asked = request({
      host: hub.address, method, path: `${path}${path.includes('?') ? '&' : '?'}api-version=2016-09-30-preview`, agent,
      headers: { authorization },
    }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => {
        const text = Buffer.concat(pieces);
        resolve({ status: answer.statusCode, bytes: text.length, body: text.length === 0 ? null : JSON.parse(text) });
      });
      answer.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Ids that share little: 64 characters, most of them unlike in any two. */
const randomIds = (job) => {
  const ids = [];
  let state = job * 2654435761 + 1;
  for (let i = 0; i < ids_count; i += 1) {
    let id = '';
    while (id.length < 64) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      id += state.toString(36).padStart(7, '0');
    }
    ids.push(id.slice(0, 64));
  }
  return ids;
};
const fleetIds = (job) => Array.from({ length: ids_count }, (_, i) =>
  `factory-hall-${job}-line-of-machines-with-a-long-name-${String(i).padStart(6, '0')}`);

const order = (jobId, deviceIds) => JSON.stringify({
  jobId, type: 'scheduleUpdateTwin', deviceIds, updateTwin: { etag: '*', tags: { a: 1 } },
  startTime: new Date(Date.now() + 3600_000).toISOString(), maxExecutionTimeInSeconds: 60,
});

/** All pages of the list; gives the number of jobs and the longest page. */
async function listAll() {
  let jobs = 0;
  let longest = 0;
  let token = '';
  for (;;) {
    const { status, bytes, body } = await call('GET', `/jobs/v2/query?pageSize=1000${token && `&continuationToken=${token}`}`);
    assert.equal(status, 200, JSON.stringify(body));
    jobs += body.items.length;
    longest = Math.max(longest, bytes);
    if (body.continuationToken === null) return { jobs, longest };
    token = body.continuationToken;
  }
}

let accepted = 0;

test('ids of one fleet take little, as they begin alike', async () => {
  const before_mib = mib('VmRSS');
  for (let i = 0; i < tried; i += 1) {
    const { status, body } = await call('PUT', `/jobs/v2/fleet-${i}`, order(`fleet-${i}`, fleetIds(i)));
    assert.equal(status, 200, JSON.stringify(body));
    accepted += 1;
  }
  console.log(`${tried} jobs of ${ids_count} ids of a fleet: from ${before_mib.toFixed(0)} to ${mib('VmRSS').toFixed(0)} MiB`);
});

test('jobs beyond the bound on bytes are refused, whatever they hold', async () => {
  let refusals = 0;
  for (let i = 0; i < tried; i += 1) {
    const { status, body } = await call('PUT', `/jobs/v2/random-${i}`, order(`random-${i}`, randomIds(i)));
    if (status === 200) {
      accepted += 1;
      continue;
    }
    assert.equal(status, 429, JSON.stringify(body));
    assert.match(body.Message, /^ErrorCode:ThrottlingMaxActiveJobCountExceeded;.*bytes/);
    refusals += 1;
  }
  console.log(`${tried} jobs of ${ids_count} other ids: ${refusals} refused, ${mib('VmRSS').toFixed(0)} MiB, peak ${mib('VmHWM').toFixed(0)} MiB`);
  assert.ok(refusals > 0);
});

test('a list of them comes in pages that are not long', async () => {
  for (const round of ['running', 'restarted']) {
    const { jobs, longest } = await listAll();
    console.log(`${round}: ${jobs} jobs listed, the longest page ${(longest / 1048576).toFixed(1)} MiB, memory ${mib('VmRSS').toFixed(0)} MiB, peak ${mib('VmHWM').toFixed(0)} MiB`);
    assert.equal(jobs, accepted);
    assert.ok(longest <= page_bytes_max, `${longest} bytes`);
    if (round === 'running') {
      await honest.end('jobs of many ids');
      await hub.stop('SIGKILL');
      await hub.start();
    }
  }
});

test('room comes back when a job has gone', async () => {
  for (let i = 0; i < accepted; i += 1) {
    const { status } = await call('POST', `/jobs/v2/random-${i}/cancel`, '');
    if (status === 404) break;
    assert.equal(status, 200);
  }
  const { status, body } = await call('PUT', '/jobs/v2/again', order('again', randomIds(77)));
  assert.equal(status, 200, JSON.stringify(body));
});
