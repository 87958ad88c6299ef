// The back end: orders two jobs over the door and looks at them until they end. Runs on the 2016
// preview packages, whose jobs take an array of device ids.
//
//   node office.js DEVICE METHOD_JOB TWIN_JOB
'use strict';

const { JobClient } = require('azure-iothub');

const [device, methodJob, twinJob] = process.argv.slice(2);
const jobs = JobClient.fromConnectionString(process.env.OFFICE_CONNECTION_STRING);
const lookEveryMs = 1000;
const longestSeconds = 300;
const soon = new Date(Date.now() + 2500);

function accepted(what) {
  return (error, job) => {
    if (error) {
      console.error(`the hub refuses to ${what}: ${error.message}`);
      process.exit(1);
    }
    console.log(`ordered: ${what}, job ${job.jobId} is ${job.status}`);
    follow(job.jobId);
  };
}

function follow(id) {
  jobs.getJob(id, (error, job) => {
    if (error) {
      console.error(`Job: ${id} - ${error.message}`);
      process.exit(1);
    }
    console.log(`Job: ${id} - status: ${job.status}`);
    if (job.status === 'completed') return;
    if (job.status === 'failed' || job.status === 'cancelled') process.exit(1);
    setTimeout(follow, lookEveryMs, id);
  });
}

jobs.scheduleDeviceMethod(methodJob, [device],
  { methodName: 'lockDoor', payload: { force: true }, timeoutInSeconds: 45 },
  soon, longestSeconds, accepted('lock the door in a moment'));

jobs.scheduleTwinUpdate(twinJob, [device],
  { etag: '*', properties: { desired: { building: '43', floor: 3 } } },
  new Date(), longestSeconds, accepted('tell it where it is'));
