/** What a hub serves of its data, without what a start changes. */
export async function describe(hub) {
  const lines = async (...args) => (await hub.ok(...args, '-o', 'ndjson')).trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const byId = (rows, id) => rows.sort((a, b) => (JSON.stringify(a[id]) + (a.moduleId ?? '') < JSON.stringify(b[id]) + (b.moduleId ?? '') ? -1 : 1));
  const identities = byId((await hub.ok('device', 'export', '-')).trim().split('\n').map((line) => JSON.parse(line)), 'id');
  const jobs = byId(await lines('job', 'list'), 'jobId');
  const deviceJobs = byId(await lines('query', 'SELECT * FROM devices.jobs'), 'jobId');
  const configurations = byId(await lines('configuration', 'list'), 'id');
  return { identities, jobs, deviceJobs, configurations };
}
