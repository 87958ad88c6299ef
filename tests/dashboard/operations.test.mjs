// What a person does with a fleet from the dashboard, day by day, in a browser against the real hub.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { close, connect, ga } from '../lib/devices.mjs';
import { Hub, until } from '../lib/hub.mjs';
import { scope, token } from '../provisioning/enrolled.mjs';
import { Browser } from './browser.mjs';
import { ask, startFleet, startProxy } from './support.mjs';

process.env.CARILLON_PROVISIONING__ID_SCOPES = scope;
const hub = Hub.fromEnvironment();
const pictures = process.env.DASHBOARD_PICTURES ?? join(hub.directory, 'pictures');
const devices = 200;
const rest = (...request) => ask(hub, ...request);
let browser;
let page;
let endFleet;

before(async () => {
  await hub.start();
  endFleet = await startFleet(hub, devices, '--seed', '7', '--faulty-percent', '80', '--faulty-tenth', '3', '--telemetry-every', '1s');
  browser = await Browser.open(hub, pictures);
  page = browser.page;
  browser.expect(/401/);
  await browser.signIn();
  browser.expect();
});

after(async () => {
  await browser?.close();
  await endFleet?.();
  await hub.stop();
});

const next = () => page.getByRole('button', { name: 'Next' }).click();
const dialog = () => page.getByRole('dialog');
/** The devices of a new job, and the next step. */
async function choose(condition) {
  await page.getByLabel('Which devices').fill(condition);
  await page.getByTestId('target-count').waitFor();
  await next();
}

test('what is found of the devices does not move the button of the next step', async () => {
  await browser.go('/new-job');
  const top = async () => (await page.getByRole('button', { name: 'Next' }).boundingBox()).y;
  await page.getByLabel('Which devices').fill("tags.fleet = 'none'");
  await page.getByTestId('target-count').getByText('0', { exact: true }).waitFor();
  const before = await top();
  await page.getByLabel('Which devices').fill('*');
  await page.getByText(/^and \d+ more/).waitFor();
  assert.equal(await top(), before);
});

test('a rollout is made in the wizard, waits behind its canary, and goes on when it is promoted', async () => {
  await browser.go('/new-job');
  await choose("tags.fleet = 'sim-' AND tags.tenth < 3");
  await page.getByRole('tab', { name: 'Call a method' }).click();
  await page.getByLabel('Method', { exact: true }).fill('update');
  await next();
  await page.getByRole('tab', { name: 'Step by step' }).click();
  const canary = page.getByRole('group', { name: 'Wave 1' });
  await canary.getByLabel('Size').fill('1O');
  await page.getByRole('status').getByText('Wave 1: a number of devices').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Next' }).isDisabled());
  await canary.getByLabel('Size').fill('5');
  await canary.getByLabel('Then').selectOption('manual');
  await page.getByRole('button', { name: 'Remove wave 2' }).click();
  await page.getByText('More rules').click();
  await page.getByLabel('Goal of the job').fill('90%');
  await page.getByLabel('Note').fill('firmware 2.0');
  await browser.picture('new-job-delivery');
  await next();
  await page.getByLabel('Job id').fill('canary');
  assert.equal(await page.getByLabel('Seconds it may run').count(), 0);
  await next();
  await page.getByText('5 devices, then waits to be promoted').waitFor();
  await page.getByText('"size":5,"gate":"manual"').first().waitFor();
  await page.getByRole('button', { name: 'Run the job' }).click();
  await page.getByRole('row', { name: /waits to be promoted/ }).waitFor();
  await page.getByText('their wave is not open').waitFor();
  await browser.picture('rollout');
  await page.getByRole('button', { name: 'Promote wave 1' }).click();
  await dialog().getByText(/Wave 2 opens, with \d+ devices/).waitFor();
  await page.getByLabel('Why').fill('looks good');
  await dialog().getByRole('button', { name: 'Promote wave 1' }).click();
  await page.getByRole('heading', { name: 'completed' }).waitFor();
  await page.getByText('met (90%)').waitFor();
  await page.getByText(/Wave 1 promoted/).waitFor();
  await page.getByText('looks good').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Pause' }).count(), 0);
  browser.quiet();
});

test('a rollout is paused, changed and resumed, each with a reason that its history keeps', async () => {
  await rest('PUT', '/jobs/v2/slow', { type: 'scheduleDeviceMethod', cloudToDeviceMethod: { methodName: 'm' }, queryCondition: "tags.tenth != 3", rollout: { pace: { rate: '1/m' } } });
  await browser.go('/job?id=slow');
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByLabel('Why').fill('door 43 stays open');
  await dialog().getByRole('button', { name: 'Pause' }).click();
  await page.getByText('Paused by iothubowner').waitFor();
  await page.getByText('the job is paused').waitFor();
  await page.getByRole('button', { name: 'Change the rollout' }).click();
  const apply = dialog().getByRole('button', { name: 'Apply' });
  assert.ok(await apply.isDisabled(), 'nothing is changed yet');
  await dialog().locator('[name=rate]').fill('500/s');
  // Another client decides something in between.
  await rest('PATCH', '/carillon/jobs/slow', { rollout: { deadline: '2h' } });
  browser.expect(/412/);
  await apply.click();
  await dialog().getByText('The job has changed meanwhile').waitFor();
  browser.expect();
  await dialog().getByRole('button', { name: 'Back' }).click();
  await page.getByText('deadline: "2h"').or(page.getByText(/deadline: .* → "2h"/)).first().waitFor();
  await page.getByRole('button', { name: 'Change the rollout' }).click();
  await dialog().locator('[name=rate]').fill('500/s');
  await browser.picture('rollout-change');
  await apply.click();
  await dialog().waitFor({ state: 'detached' });
  assert.deepEqual((await rest('GET', '/carillon/jobs/slow')).rollout.pace, { rate: '500/s' });
  await page.getByRole('button', { name: 'Resume' }).click();
  await dialog().getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('heading', { name: 'completed' }).waitFor();
  await page.getByText('Resumed').waitFor();
  await page.getByText('door 43 stays open').waitFor();
  browser.quiet();
});

test('a wave that fails pauses its job; it is cancelled, and run again for the devices that were not reached', async () => {
  await rest('PUT', '/jobs/v2/bad', { type: 'scheduleDeviceMethod', cloudToDeviceMethod: { methodName: 'm' }, queryCondition: '*', rollout: { seed: 7, waves: [{ size: '50%' }, { size: 'rest' }], order: { spread: ['tags.tenth'] } } });
  await browser.go('/job?id=bad');
  await page.getByText('Paused by the hub itself').waitFor();
  await page.getByText(/Wave 1: \d+ of \d+ succeeded, needs/).first().waitFor();
  await page.getByText('The device answered with a status outside of okStatus').first().waitFor();
  // All that failed have the faulty firmware, which a tag tells.
  await page.getByRole('heading', { name: 'Failed devices by cause' }).waitFor();
  await page.getByText('tags.tenth = 3').first().waitFor();
  await page.getByRole('heading', { name: 'Failed devices by cause' }).scrollIntoViewIfNeeded();
  await browser.picture('rollout-failed');
  await page.getByRole('button', { name: 'Promote wave 1' }).click();
  await dialog().getByText('opens the next wave nevertheless').waitFor();
  await dialog().getByRole('button', { name: 'Back' }).click();
  await page.getByRole('button', { name: 'Cancel the job' }).click();
  await dialog().getByRole('button', { name: 'Cancel the job' }).click();
  await page.getByRole('heading', { name: 'cancelled' }).waitFor();
  const { failedCount, canceledCount } = (await rest('GET', '/carillon/jobs/bad')).deviceJobStatistics;
  assert.ok(failedCount > 0 && canceledCount > 0);
  await page.getByRole('link', { name: 'Run again for those canceled' }).click();
  await page.getByText('The devices of bad that are canceled').waitFor();
  await page.getByTestId('target-count').getByText(String(canceledCount)).waitFor();
  await page.getByLabel('Only those of them').fill('tags.tenth != 3');
  for (let i = 0; i < 3; i += 1) await next();
  await page.getByLabel('Job id').fill('again');
  await next();
  await page.getByRole('button', { name: 'Run the job' }).click();
  await page.getByRole('heading', { name: 'completed' }).waitFor();
  const again = (await rest('GET', '/carillon/jobs/again')).deviceJobStatistics;
  assert.equal(again.failedCount, 0);
  assert.ok(again.deviceCount > 0 && again.deviceCount < canceledCount);
  browser.quiet();
});

/** Goes through the wizard for a twin job in steps up to its review. */
async function writeTwinJob(condition, desired, id) {
  await browser.go('/new-job');
  await choose(condition);
  await page.getByLabel('Desired properties').fill(desired);
  await next();
  await page.getByRole('tab', { name: 'Step by step' }).click();
  await next();
  await page.getByLabel('Job id').fill(id);
}

test('the review shows the plan of a job, which then runs only with the devices of its plan', async () => {
  for (const n of [1, 2, 3, 4]) await rest('PUT', `/devices/planned-${n}`, {});
  await rest('PATCH', '/twins/planned-4', { properties: { desired: { interval: 5 } } });
  await rest('PUT', '/jobs/v2/busy', { type: 'scheduleUpdateTwin', updateTwin: { etag: '*', properties: { desired: { interval: 9 } } }, queryCondition: "deviceId IN ['planned-2', 'planned-3']", rollout: { offline: { then: 'wait' } } });
  await writeTwinJob("STARTSWITH(deviceId, 'planned-')", '{"interval": 5}', 'drifted');
  await next();
  const plan = page.getByTestId('plan');
  await plan.getByText(/Devices4Connected0Offline4Twins that change3Have it all already1/).waitFor();
  await page.getByRole('listitem').filter({ hasText: 'busy – properties.desired.interval, on 2 of these devices' }).waitFor();
  await page.getByText('4 devices by chance').click();
  await page.getByRole('row', { name: /planned-4 .*"interval":5/ }).waitFor();
  await page.getByLabel('Run the job only with the devices of this plan').check();
  await page.getByLabel('Share that may differ').fill('many');
  await page.getByRole('status').getByText('Share that may differ: a share such as 95%').waitFor();
  await page.getByLabel('Share that may differ').fill('10%');
  const command = await page.getByText(/^carillon job apply p-\d+ --hash [0-9a-f]{64} --drift 10% --job-id drifted$/).textContent();
  await browser.picture('new-job-plan');
  // A device comes between plan and job.
  await rest('PUT', '/devices/planned-5', {});
  await page.getByRole('button', { name: 'Run the job' }).click();
  await page.getByRole('heading', { name: 'failed' }).waitFor();
  await page.getByText('of 4 devices 0 left and 1 came, 10% of them may').first().waitFor();
  await page.getByText('Compared with the plan: 4 devices planned, 0 left since, 1 came').waitFor();
  await page.getByText('Rules in force').click();
  await page.getByText(/^p-\d+, if at most 10% of its devices have left or come since$/).waitFor();
  await browser.picture('job-drift');
  await page.getByRole('link', { name: 'Make one like it' }).click();
  for (let i = 0; i < 3; i += 1) await next();
  await page.getByLabel('Job id').fill('as-planned');
  await next();
  await plan.getByText(/Devices5.*Twins that change4/).waitFor();
  // A plan that no job carries out is deleted when the review is left.
  const left = /Plan (p-\d+)/.exec(await page.getByText(/^Plan p-\d+, kept until/).textContent())[1];
  assert.notEqual(left, command.split(' ')[3]);
  await page.getByRole('button', { name: 'Back' }).click();
  await until(async () => (await rest('GET', `/carillon/plans/${left}`).catch((problem) => problem.message)).toString().includes('404'), 'the plan to be deleted');
  await next();
  await page.getByLabel('Run the job only with the devices of this plan').check();
  await page.getByRole('button', { name: 'Run the job' }).click();
  await page.getByRole('heading', { name: 'completed' }).waitFor();
  await page.getByText('Compared with the plan: 5 devices planned, 0 left since, 0 came').waitFor();
  assert.equal((await rest('GET', '/twins/planned-5')).properties.desired.interval, 5);
  browser.quiet();
});

test('a job after another one says so, waits in the list, and starts when that has gone so far', async () => {
  await writeTwinJob("deviceId = 'planned-1'", '{"interval": 6}', 'later');
  await page.getByLabel('After the job').fill('busy');
  await page.getByLabel('Must have succeeded').fill('100%');
  await next();
  await page.getByText('busy, once 95% of its devices have ended and 100% of those succeeded').waitFor();
  await page.getByRole('button', { name: 'Run the job' }).click();
  await page.getByRole('heading', { name: 'waiting for another job' }).waitFor();
  await page.getByRole('link', { name: 'busy' }).waitFor();
  await browser.picture('job-after');
  await browser.go('/jobs?status=waiting');
  await page.getByRole('row', { name: /^later/ }).waitFor();
  await rest('PATCH', '/carillon/jobs/busy', { rollout: { deadline: '1h' } });
  await rest('POST', '/jobs/v2/busy/cancel', {});
  await browser.go('/job?id=later');
  await page.getByRole('heading', { name: 'cancelled' }).waitFor();
  browser.quiet();
});

/** A device that reports what it is told, as the simulated ones do not. */
async function startEcho(id) {
  const client = await connect(ga, await hub.device(id));
  const twin = await client.getTwin();
  const reported = new Promise((resolve, reject) => {
    twin.on('properties.desired', ({ interval }) => {
      if (interval !== undefined) twin.properties.reported.update({ interval }, (error) => (error ? reject(error) : resolve()));
    });
  });
  return { client, reported };
}

test('a twin job waits until its devices report what it wrote, says of the others why, and is taken back', async () => {
  const echo = await startEcho('echo-1');
  const targets = ['echo-1', 'sim-000001', 'sim-000002'];
  const intervals = () => Promise.all(targets.map(async (id) => (await rest('GET', `/twins/${id}`)).properties.desired.interval ?? 'none'));
  await browser.go('/new-job');
  await choose(`deviceId IN ['${targets.join("', '")}']`);
  await page.getByLabel('Desired properties').fill('{"interval": 5}');
  await next();
  await page.getByRole('tab', { name: 'Step by step' }).click();
  await page.getByLabel('A device has succeeded when').selectOption('condition');
  await page.getByRole('status').getByText('Enter the condition').waitFor();
  await page.getByLabel('A device has succeeded when').selectOption('reported');
  await page.getByLabel('Must confirm within').fill('2s');
  await page.getByLabel('Where properties are reported').fill('{"properties.desired.interval": "properties.reported.interval"}');
  await page.getByRole('group', { name: 'Wave 1' }).getByLabel('If it fails').selectOption('undo');
  await page.getByRole('group', { name: 'Stop rule 1' }).getByLabel('Then').selectOption('undo');
  await browser.picture('new-job-confirm');
  for (let n = 3; n >= 1; n -= 1) await page.getByRole('button', { name: `Remove wave ${n}` }).click();
  await page.getByRole('button', { name: 'Remove stop rule 1' }).click();
  await page.getByText('More rules').click();
  await page.getByLabel('Devices that must all succeed').fill("deviceId = 'echo-1'");
  await next();
  await page.getByLabel('Job id').fill('cfg');
  await next();
  await page.getByText('the device has reported the values that were written, within 2s').waitFor();
  await page.getByTestId('plan').waitFor();
  await browser.picture('new-job-rules');
  await page.getByRole('button', { name: 'Run the job' }).click();
  await echo.reported;
  await page.getByText('they reported nothing of it in time').waitFor();
  await page.getByText("every device with deviceId = 'echo-1' succeeds").waitFor({ state: 'attached' });
  const { succeededCount, failedCount } = (await rest('GET', '/carillon/jobs/cfg')).deviceJobStatistics;
  assert.deepEqual([succeededCount, failedCount], [1, 2]);
  assert.deepEqual(await intervals(), [5, 5, 5]);
  await page.getByRole('button', { name: 'Show all: reported nothing of it' }).click();
  await page.getByRole('row', { name: /sim-000002 failed .*reported nothing of it/ }).waitFor();
  assert.equal(await page.getByRole('row', { name: /^echo-1/ }).count(), 0);
  await browser.picture('rollout-silent');
  await page.getByRole('link', { name: 'Run again for this kind' }).click();
  await page.getByText('The devices of cfg that are failed (reported nothing of it)').waitFor();
  await page.goBack();
  await page.getByRole('button', { name: 'Take it back' }).click();
  await dialog().getByText('gives the 3 twins').waitFor();
  await browser.picture('undo');
  await dialog().getByRole('link', { name: 'In waves, with rules' }).click();
  await page.getByText('The devices whose twins were written by').waitFor();
  for (let i = 0; i < 4; i += 1) await next();
  await page.getByText(`carillon job create --job-id cfg-undo --twin-patch '{}'`).waitFor();
  await page.goBack();
  // One of the twins is changed by another client; what was written there stays.
  await rest('PATCH', '/twins/sim-000002', { properties: { desired: { interval: 7 } } });
  await page.getByRole('button', { name: 'Take it back' }).click();
  await dialog().getByRole('button', { name: 'Take it back' }).click();
  await page.getByRole('heading', { level: 1, name: 'cfg-undo' }).waitFor();
  await page.getByText('Their twins hold a value by now that the other job did not write').waitFor();
  assert.deepEqual(await intervals(), ['none', 'none', 7]);
  await page.getByText('This job takes back what another one wrote').waitFor();
  await page.getByRole('link', { name: 'cfg', exact: true }).click();
  await page.getByText('Taken back by').waitFor();
  await page.getByRole('link', { name: 'cfg-undo' }).waitFor();
  await close(echo.client);
  browser.quiet();
});

test('the log of a job is verified, by itself and by a seal that was kept elsewhere', async () => {
  await browser.go('/job?id=cfg');
  await page.locator('.timeline').getByText('Started', { exact: true }).waitFor();
  await page.getByText('Is the history as it was written?').click();
  await page.getByRole('button', { name: 'Check the log' }).click();
  await page.getByText('intact', { exact: true }).waitFor();
  await browser.picture('job-verify');
  const { seal } = await rest('GET', '/carillon/jobs/cfg/verify');
  await page.getByText(`carillon job verify cfg --seal ${seal}`).waitFor();
  await page.getByLabel('A seal that was kept elsewhere').fill('f'.repeat(64));
  await page.getByRole('button', { name: 'Check the log' }).click();
  await page.getByText('broken', { exact: true }).waitFor();
  await page.getByLabel('A seal that was kept elsewhere').fill(seal);
  await page.getByRole('button', { name: 'Check the log' }).click();
  await page.getByText('intact', { exact: true }).waitFor();
  browser.quiet();
});

test('a wave that fails takes back what was written, and the page leads to the job that did', async () => {
  await rest('PUT', '/jobs/v2/brief', {
    type: 'scheduleUpdateTwin', updateTwin: { etag: '*', properties: { desired: { interval: 9 } } }, queryCondition: "STARTSWITH(deviceId, 'sim-0000')",
    rollout: { confirm: { by: 'reported', within: '1s' }, waves: [{ size: 5, else: 'undo' }, { size: 'rest' }] },
  });
  await browser.go('/job?id=brief');
  await page.getByRole('row', { name: /Otherwise the job is cancelled and what it wrote is taken back/ }).waitFor();
  await page.getByRole('heading', { name: 'cancelled' }).waitFor();
  await page.getByRole('link', { name: 'brief-undo' }).click();
  await page.getByRole('heading', { name: 'completed' }).waitFor();
  const { deviceCount, succeededCount } = (await rest('GET', '/carillon/jobs/brief-undo')).deviceJobStatistics;
  assert.deepEqual([deviceCount, succeededCount], [5, 5]);
  browser.quiet();
});

test('scheduled jobs stand in a calendar, and on the day for which another one is written', async () => {
  const start = new Date(Date.now() + 3 * 86_400_000);
  await rest('PUT', '/jobs/v2/nightly', { type: 'scheduleUpdateTwin', updateTwin: { etag: '*', tags: { a: 1 } }, queryCondition: '*', startTime: start.toISOString() });
  await browser.go('/jobs');
  await page.getByRole('tab', { name: 'Calendar' }).click();
  await page.getByRole('heading', { name: 'Next to start' }).waitFor();
  if (start.getMonth() !== new Date().getMonth()) await page.getByRole('button', { name: 'The next month' }).click();
  const days = page.getByRole('region', { name: 'Calendar' });
  await days.getByRole('link', { name: /nightly/ }).waitFor();
  await browser.picture('calendar');
  await days.getByRole('link', { name: /nightly/ }).click();
  await page.getByRole('heading', { name: 'scheduled' }).waitFor();
  await page.getByRole('link', { name: 'Make one like it' }).click();
  await page.getByLabel('Which devices').waitFor();
  for (let i = 0; i < 3; i += 1) await next();
  const local = new Date(start.getTime() - start.getTimezoneOffset() * 60_000).toISOString().slice(0, 11);
  await page.getByLabel('Start').fill(`${local}23:59`);
  await page.getByRole('status').getByText('nightly').waitFor();
  await rest('POST', '/jobs/v2/nightly/cancel', {});
  browser.quiet();
});

test('a job with a window is made in the wizard, waits for it on its page, and runs when the window is taken away', async () => {
  // A window that does not open for hours, whatever the time is.
  const [from, until] = [8, 9].map((hours) => `${String((new Date().getUTCHours() + hours) % 24).padStart(2, '0')}:00`);
  await browser.go('/new-job');
  await choose("tags.fleet = 'sim-'");
  await page.getByLabel('Tags', { exact: true }).fill('{"night":1}');
  await next();
  await page.getByRole('tab', { name: 'All at once' }).click();
  await next();
  await page.getByText('need a job that goes step by step').waitFor();
  await page.getByRole('button', { name: 'Back' }).click();
  await page.getByRole('tab', { name: 'Step by step' }).click();
  await next();
  await page.getByLabel('Job id').fill('night');
  await page.getByRole('button', { name: 'Add a window' }).click();
  const window = page.getByRole('group', { name: 'Window 1' });
  await window.getByLabel('From').fill(from);
  await window.getByLabel('Until').fill(until);
  await window.getByText(`Open ${from}–${until}, `).waitFor();
  await page.locator('[name=zone]').fill('Nowhere or other');
  await page.getByRole('status').getByText('Time zone: a time zone such as').waitFor();
  assert.ok(await page.getByRole('button', { name: 'Next' }).isDisabled());
  await page.locator('[name=zone]').fill('Etc/UTC');
  const openings = page.getByRole('region', { name: 'Next openings' });
  await openings.getByRole('listitem').nth(3).waitFor();
  const first = new Date(await openings.getByRole('time').first().getAttribute('datetime'));
  assert.equal(first.toISOString().slice(11, 16), from);
  await browser.picture('new-job-windows');
  await next();
  await page.getByText(`"windows":{"zone":"Etc/UTC","open":[{"from":"${from}","for":"1h"}]}`).first().waitFor();
  await page.getByRole('button', { name: 'Run the job' }).click();
  await page.getByText('none of their windows is open').waitFor();
  await openings.getByRole('listitem').nth(3).waitFor();
  await page.getByText('Rules in force').click();
  await page.getByText(`devices begin only at ${from}–${until}, local time of Etc/UTC`).waitFor();
  await browser.picture('job-windows');
  await page.getByRole('button', { name: 'Change the rollout' }).click();
  await dialog().getByRole('button', { name: 'Remove window 1' }).click();
  await dialog().getByRole('button', { name: 'Apply' }).click();
  await page.getByRole('heading', { name: 'completed' }).waitFor();
  assert.equal(await openings.count(), 0);
  browser.quiet();
});

test('a message is queued for a device that is away, and the queue emptied', async () => {
  await rest('PUT', '/devices/away', {});
  await browser.go('/device?id=away');
  await page.getByRole('tab', { name: 'Send a message' }).click();
  await page.getByTestId('queue').getByText('0 waiting').waitFor();
  await page.getByLabel('Body').fill('open');
  await page.getByLabel('Message id').fill('m-1');
  await page.getByLabel('Application properties').fill('{"level": 1}');
  await page.getByText('The property level must have a text').waitFor();
  await page.getByLabel('Application properties').fill('{"level": "high"}');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.getByTestId('queue').getByText('1 waiting').waitFor();
  await browser.picture('device-send');
  const [message] = JSON.parse(`[${await hub.ok('c2d', 'receive', '-d', 'away', '-o', 'json')}]`);
  assert.equal(message.data, 'open');
  assert.ok(JSON.stringify(message).includes('"level":"high"'), JSON.stringify(message));
  await page.getByRole('button', { name: 'Empty the queue' }).click();
  await dialog().getByRole('button', { name: 'Empty the queue' }).click();
  await page.getByText('1 messages were removed').waitFor();
  await page.getByTestId('queue').getByText('0 waiting').waitFor();
  browser.quiet();
});

test('messages of devices are seen as they come, of one and of all', async () => {
  await browser.go('/device?id=sim-000004');
  await page.getByRole('tab', { name: 'Messages', exact: true }).click();
  await page.locator('.messages li').first().waitFor();
  assert.equal(await page.locator('.messages a.id').count(), 0);
  await page.getByRole('navigation').getByRole('link', { name: 'Messages' }).click();
  await page.locator('[name=device]').fill('sim-00000?');
  await until(async () => new Set(await page.locator('.messages a.id').allTextContents()).size === 10, 'messages of ten devices, and no other');
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: 'Go on' }).waitFor();
  const seen = await page.getByTestId('messages').textContent();
  await browser.picture('events');
  await rest('GET', '/carillon/overview');
  assert.equal(await page.getByTestId('messages').textContent(), seen, 'while it is held nothing moves');
  await page.getByRole('button', { name: 'Go on' }).click();
  await until(async () => (await page.getByTestId('messages').textContent()) !== seen, 'messages to go on');
  await page.getByLabel('Containing').fill('no message says this');
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.getByText('No message yet').waitFor();
  browser.quiet();
});

test('an enrollment group is made, a device registers by its key, and the page shows its record', async () => {
  await page.getByRole('navigation').getByRole('link', { name: 'Enrollments' }).click();
  await page.getByText('There are no enrollments yet').waitFor();
  await page.getByRole('button', { name: 'New group' }).click();
  await page.getByLabel('Group id').fill('pumps');
  await page.getByLabel('Tags of a new device').fill('{"site": "lab"}');
  await browser.picture('enrollment-new');
  await dialog().getByRole('button', { name: 'Create' }).click();
  await page.getByRole('dialog', { name: 'Keys of pumps' }).waitFor();
  const groupKey = await dialog().getByLabel('Primary key', { exact: true }).textContent();
  await page.getByRole('button', { name: 'Close' }).click();
  const signedBy = createHmac('sha256', Buffer.from(groupKey, 'base64')).update('pump-1').digest('base64');
  const registered = await fetch(`https://${hub.address}/${scope}/registrations/pump-1/register?api-version=2021-06-01`, { method: 'PUT', headers: { Authorization: token({ id: 'pump-1', signedBy, sr: encodeURIComponent(`${scope}/registrations/pump-1`) }) }, body: '{}' });
  assert.equal(registered.status, 202);
  await until(async () => (await rest('POST', '/devices/query', { query: "SELECT * FROM devices WHERE deviceId = 'pump-1'" })).length === 1, 'the device to be made');
  await page.getByRole('button', { name: 'Records of pumps' }).click();
  await dialog().getByRole('link', { name: 'pump-1' }).waitFor();
  await dialog().getByText('assigned', { exact: true }).waitFor();
  await browser.picture('enrollment-records');
  await page.getByRole('button', { name: 'Close' }).click();
  assert.equal((await rest('GET', '/twins/pump-1')).tags.site, 'lab');
  await page.getByRole('button', { name: 'Change pumps' }).click();
  await page.getByLabel('Devices may register').uncheck();
  await dialog().getByRole('button', { name: 'Save' }).click();
  await page.getByRole('row', { name: /pumps .*disabled/ }).waitFor();
  await page.getByRole('button', { name: 'Keys of pumps' }).click();
  assert.equal(await dialog().getByLabel('Primary key', { exact: true }).textContent(), groupKey, 'a change keeps the keys');
  await page.getByRole('button', { name: 'Close' }).click();
  await browser.picture('enrollments');
  await page.getByRole('tab', { name: 'Individual' }).click();
  await page.getByRole('button', { name: 'New individual enrollment' }).click();
  await page.getByLabel('Registration id', { exact: true }).fill('door-1');
  await page.getByLabel(/^Device id/).fill('front-door');
  await dialog().getByRole('button', { name: 'Create' }).click();
  await page.getByRole('dialog', { name: 'Keys of door-1' }).waitFor();
  await page.getByRole('button', { name: 'Close' }).click();
  browser.expect(/404/);
  await page.getByRole('button', { name: 'Records of door-1' }).click();
  await dialog().getByText('No device has registered with it yet').waitFor();
  browser.expect();
  await page.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: 'Delete door-1' }).click();
  await dialog().getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('There are no enrollments yet').waitFor();
  browser.quiet();
});

test('the audit log says who changed what, of the hub and of one device', async () => {
  await page.getByRole('navigation').getByRole('link', { name: 'Hub' }).click();
  await page.getByRole('link', { name: 'Audit log' }).click();
  await page.getByRole('row', { name: /DELETE .enrollments.{2,} door-1 204/ }).first().waitFor();
  await page.getByLabel('Containing').fill('away');
  await page.getByRole('row', { name: /iothubowner.*dashboard.*devices.*commands.*away/ }).waitFor();
  assert.equal(await page.getByRole('row', { name: /door-1/ }).count(), 0);
  await browser.picture('audit');
  await page.getByLabel('Containing').fill('');
  // A log that is longer than a page: all of it can be reached.
  await Promise.all(Array.from({ length: 120 }, (_, i) => rest('PATCH', '/twins/sim-000000', { tags: { n: i } })));
  await page.getByRole('button', { name: 'Refresh' }).click();
  await until(async () => (await page.getByRole('row', { name: /PATCH .twins.* sim-000000/ }).count()) === 100, 'the newest hundred entries');
  await page.getByRole('button', { name: 'Load older ones' }).click();
  await until(async () => {
    const numbers = await page.locator('tbody td:first-child').allTextContents();
    const read = numbers.map((text) => Number(text.replaceAll(',', '')));
    return read.at(-1) === 1 && read.every((number, i) => i === 0 || number === read[i - 1] - 1);
  }, 'older entries, without a gap and none twice');
  await page.getByRole('link', { name: 'sim-000000' }).first().click();
  await page.getByRole('tab', { name: 'Changes' }).click();
  await until(async () => (await page.getByRole('row', { name: /PATCH .twins.* sim-000000/ }).count()) === 120, 'the changes of the device');
  browser.expect(/401/);
  await browser.signIn({ policy: 'service' });
  await browser.go('/audit');
  await page.getByText('needs a policy with every right').waitFor();
  await browser.signIn();
  browser.expect();
  browser.quiet();
});

test('the page is in French once that is chosen, on every page', async () => {
  await browser.go('/');
  await page.getByRole('button', { name: 'Afficher en français' }).click();
  await page.getByRole('heading', { name: 'Vue d’ensemble' }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'fr');
  for (const [path, title] of Object.entries({
    '/devices': 'Appareils', '/events': 'Messages', '/jobs': 'Tâches', '/new-job': 'Créer une tâche', '/configurations': 'Configurations', '/new-configuration': 'Créer une configuration',
    '/enrollments': 'Inscriptions', '/queries': 'Requêtes', '/hub': 'Hub', '/device?id=away': 'away', '/job?id=canary': 'canary',
  })) {
    await browser.go(path);
    await page.getByRole('heading', { level: 1, name: title }).waitFor();
  }
  await page.getByRole('heading', { name: 'Vagues' }).waitFor();
  await page.getByText('Vague 1 validée').waitFor();
  await browser.picture('job-french');
  await page.getByRole('button', { name: 'Show in English' }).click();
  await page.getByRole('heading', { name: 'Waves' }).waitFor();
  browser.quiet();
});

test('behind a proxy that puts a folder in front, all that the page asks for is below it', async () => {
  const endProxy = await startProxy(hub, 8443, '/iot/hub');
  const root = `https://${hub.address}:8443/iot/hub`;
  const outside = [];
  const look = (request) => { if (request.url().startsWith('https:') && !request.url().startsWith(`${root}/`)) outside.push(request.url()); };
  browser.expect(/^asked https:..[^/]*:8443.iot.hub./, /401/);
  await browser.forget(); // What the page before asks is not this page's.
  page.on('request', look);
  try {
    await page.goto(`${root}/ui`);
    await page.getByLabel('Connection string of a policy').fill((await hub.local('connection-string')).trim());
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('status').getByText('live').waitFor();
    assert.equal(page.url(), `${root}/ui/`);
    await page.getByRole('navigation').getByRole('link', { name: 'Devices' }).click();
    await page.getByRole('link', { name: 'sim-000000' }).click();
    await page.getByLabel('Tags').waitFor();
    assert.equal(page.url(), `${root}/ui/device?id=sim-000000`);
    await page.reload();
    await page.getByLabel('Tags').waitFor();
    await page.goto(`${root}/ui/job?id=canary`);
    await page.getByText('Wave 1 promoted').waitFor();
    assert.deepEqual(outside, []);
  } finally {
    page.off('request', look);
    await page.goto('about:blank');
    await endProxy();
  }
  browser.quiet();
});
