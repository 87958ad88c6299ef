// Was it what it should be? Reads what the hub says now and what the door printed; prints a line
// for each finding and exits 1 if one is wrong.
//
//   node check.js METHOD_JOB.json TWIN_JOB.json TWIN.json DEVICE_JOBS.json DOOR.log
'use strict';

const { readFileSync } = require('node:fs');

const [methodJob, twinJob, twin, rows] = process.argv.slice(2, 6).map((file) => JSON.parse(readFileSync(file, 'utf8')));
const door = readFileSync(process.argv[6], 'utf8');
const answer = rows[0]?.outcome?.deviceMethodResponse;
const counts = (job) => {
  const s = job.deviceJobStatistics;
  return [s.deviceCount, s.failedCount, s.succeededCount, s.runningCount, s.pendingCount].join();
};

const findings = [
  ['the method job is completed, for its one device', methodJob.status === 'completed' && counts(methodJob) === '1,0,1,0,0'],
  ['the twin job is completed, for its one device', twinJob.status === 'completed' && counts(twinJob) === '1,0,1,0,0'],
  ['the door was called once and locked', door.split('lockDoor was called').length === 2 && /^locked$/m.test(door)],
  ["the hub has the door's answer", answer?.status === 200 && answer.payload.locked === true],
  ['the twin has the new desired properties', twin.properties.desired.building === '43' && twin.properties.desired.floor === 3],
  ['the door has reported them back', twin.properties.reported.building === '43' && twin.properties.reported.floor === 3],
];
for (const [claim, holds] of findings) console.log(`${holds ? 'yes' : 'NO '}  ${claim}`);
process.exit(findings.every(([, holds]) => holds) ? 0 : 1);
