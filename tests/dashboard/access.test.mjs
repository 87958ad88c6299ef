// Who may do what with a hub, and what single devices do: policies of one's own, tokens that are revoked, traces, uploaded files, approvals,
// and sign-in by a reverse proxy. In a browser against the real hub.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { close, connect, ga } from '../lib/devices.mjs';
import { Hub, until } from '../lib/hub.mjs';
import { Browser } from './browser.mjs';
import { hostile } from './pages.mjs';
import { ask } from './support.mjs';

const proxyHeader = 'x-forwarded-user';
Object.assign(process.env, { CARILLON_DASHBOARD__PROXY_HEADER: proxyHeader, CARILLON_DASHBOARD__PROXY_ADDRESSES: '127.0.0.1', CARILLON_DASHBOARD__PROXY_POLICY: 'registryRead' });
const hub = Hub.fromEnvironment();
const pictures = process.env.DASHBOARD_PICTURES ?? join(hub.directory, 'pictures');
const rest = (...request) => ask(hub, ...request);
let browser;
let page;

before(async () => {
  await hub.start();
  await rest('PUT', '/devices/door-1', {});
  browser = await Browser.open(hub, pictures);
  page = browser.page;
  browser.expect(/401/);
  await browser.signIn();
  browser.expect();
});

after(async () => {
  await browser?.close();
  await hub.stop();
});

const dialog = () => page.getByRole('dialog');
const tab = (name) => page.getByRole('tab', { name, exact: true }).click();

test('a policy of one\'s own is made, gets other rights, and is deleted; its sessions end', async () => {
  await browser.go('/hub');
  await page.getByRole('button', { name: 'New policy' }).click();
  await dialog().locator('[name=policy]').fill('night-shift');
  await dialog().getByLabel('ServiceConnect').check();
  await browser.picture('policy-new');
  await dialog().getByRole('button', { name: 'Create' }).click();
  await page.getByRole('dialog', { name: 'Keys of night-shift' }).waitFor();
  const login = await dialog().getByLabel('connection string', { exact: true }).textContent();
  await dialog().getByRole('button', { name: 'Close' }).click();
  await page.getByRole('row', { name: /night-shift RegistryRead, ServiceConnect/ }).waitFor();
  // Another client signs in with it.
  const opened = await fetch(`https://${hub.address}/carillon/session`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ connectionString: login, access: 'read' }) });
  assert.equal(opened.status, 200);
  const cookie = opened.headers.get('set-cookie').split(';')[0];
  const isSignedIn = async () => (await fetch(`https://${hub.address}/carillon/session`, { headers: { Cookie: cookie } })).status === 200;
  assert.ok(await isSignedIn());
  await page.getByRole('button', { name: 'Change the rights of night-shift' }).click();
  assert.ok(await dialog().getByLabel('ServiceConnect').isChecked());
  await dialog().getByLabel('ServiceConnect').uncheck();
  await dialog().getByRole('button', { name: 'Save' }).click();
  await page.getByRole('row', { name: /night-shift RegistryRead Show/ }).waitFor();
  assert.equal((await rest('GET', '/carillon/policies/night-shift')).rights, 'RegistryRead');
  await page.getByRole('button', { name: 'Delete night-shift' }).click();
  await dialog().getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('row', { name: /night-shift/ }).waitFor({ state: 'detached' });
  assert.ok(!await isSignedIn());
  // The last policy with every right stays.
  await page.getByRole('button', { name: 'Delete iothubowner' }).click();
  browser.expect(/400/);
  await dialog().getByRole('button', { name: 'Delete', exact: true }).click();
  await dialog().getByRole('alert').waitFor();
  browser.expect();
  await dialog().getByRole('button', { name: 'Keep it' }).click();
  browser.quiet();
});

test('the tokens of a device are revoked and accepted again', async () => {
  const lost = await connect(ga, await hub.device('lost-1'));
  await browser.go('/device?id=lost-1');
  await tab('Identity');
  browser.expect(/404/);
  await page.getByRole('button', { name: 'Are its tokens revoked?' }).click();
  await page.getByTestId('revocation').getByText('Every valid token is accepted').waitFor();
  browser.expect();
  await page.getByRole('button', { name: 'Revoke its tokens' }).click();
  await dialog().getByLabel('Seconds for which the device makes its tokens').fill('7200');
  await browser.picture('device-tokens');
  await dialog().getByRole('button', { name: 'Revoke its tokens' }).click();
  await page.getByTestId('revocation').getByText('Revoked: tokens that expire up to').waitFor();
  const { tokensRefusedUpTo } = await rest('GET', '/carillon/devices/lost-1/revocation');
  assert.ok(Math.abs(Date.parse(tokensRefusedUpTo) - Date.now() - 7_200_000) < 60_000, tokensRefusedUpTo);
  await page.getByRole('button', { name: 'Accept them again' }).click();
  await page.getByTestId('revocation').getByText('Every valid token is accepted').waitFor();
  await close(lost);
  browser.quiet();
});

test('a trace shows what a device does, and ends when its page is left', async () => {
  const login = await hub.device('odd-2');
  await browser.go('/device?id=odd-2');
  await tab('Trace');
  await page.getByText('No trace runs').waitFor();
  await page.getByRole('button', { name: 'Start the trace' }).click();
  await page.getByText('Nothing has happened yet').waitFor();
  const device = await connect(ga, login);
  await device.sendEvent(new ga.device.Message('x'.repeat(77)));
  await page.getByRole('row', { name: /odd-2 connected/ }).first().waitFor();
  await page.getByRole('row', { name: /odd-2 telemetry .*accepted=true/ }).waitFor();
  await browser.picture('device-trace');
  await close(device);
  await page.getByRole('row', { name: /odd-2 disconnected/ }).waitFor();
  const ended = page.waitForRequest((request) => request.method() === 'DELETE' && request.url().includes('/carillon/traces/'));
  await tab('Twin');
  await ended;
  browser.quiet();
});

test('files that a device has uploaded are listed', async () => {
  const login = await hub.device('cam-1');
  await browser.go('/device?id=cam-1');
  await tab('Files');
  await page.getByText('This device has uploaded no file').waitFor();
  const device = await connect(ga, login);
  const folder = mkdtempSync(join(tmpdir(), 'carillon-upload-'));
  const file = join(folder, 'picture');
  writeFileSync(file, 'p'.repeat(3072));
  const { createReadStream } = await import('node:fs');
  await device.uploadToBlob(`logs/${hostile[0].replaceAll('/', '')}`, createReadStream(file), 3072);
  await close(device);
  rmSync(folder, { recursive: true });
  await page.getByRole('main').getByRole('button', { name: 'Refresh' }).last().click();
  await page.getByRole('row', { name: /logs.*onerror.* 3 KiB/ }).waitFor();
  assert.equal(await page.locator('main img').count(), 0);
  await browser.picture('device-files');
  browser.quiet();
});

/** Asks the hub as the page does, with the session of the page. */
const asPage = (method, path, body) => page.evaluate(async ([how, to, what]) => {
  const { csrfToken } = await (await fetch('/carillon/session')).json();
  return (await fetch(`${to}?api-version=2021-04-12`, { method: how, body: JSON.stringify(what), headers: { 'X-Carillon-CSRF': csrfToken, 'Content-Type': 'application/json' } })).status;
}, [method, path, body]);

async function enter(policy, change = true) {
  browser.expect(/401/);
  await browser.signIn({ policy, change });
  browser.expect();
}

test('a job that needs an approval waits until a policy that did not make it approves or rejects it', async () => {
  const order = (why) => ({ type: 'scheduleUpdateTwin', updateTwin: { etag: '*', tags: { fw: hostile[0] } }, queryCondition: "deviceId = 'door-1'", rollout: { note: why } });
  await rest('PUT', '/carillon/approval-rules/firmware', { when: { touches: ['tags.fw'], lacks: ['waves'] } });
  await rest('PUT', '/carillon/policies/release', { rights: 'RegistryRead, RegistryWrite, JobApprove' });
  await rest('PUT', '/jobs/v2/fw-1', order('by the owner'));
  const [waits, approve, reject] = [page.getByRole('heading', { name: 'waiting for approval' }), page.getByRole('button', { name: 'Approve' }), page.getByRole('button', { name: 'Reject' })];
  // The owner made it, and has no right to approve it.
  await browser.go('/');
  await page.getByText('fw-1 waits for approval').waitFor();
  await browser.go('/jobs');
  await page.getByRole('button', { name: 'waiting for approval' }).click();
  await page.getByRole('link', { name: 'fw-1' }).click();
  await waits.waitFor();
  await page.getByText('Demanded by the rule firmware: writes tags.fw, has no waves. 1 approval').waitFor();
  await page.getByText('sign in with a policy that has JobApprove').waitFor();
  assert.deepEqual([await approve.count(), await reject.count()], [0, 0]);
  assert.equal(await page.locator('main img').count(), 0);
  await enter('release', false);
  await browser.go('/job?id=fw-1');
  await page.getByText('sign in again, with changes allowed').waitFor();
  assert.equal(await approve.count(), 0);
  await enter('release');
  // Its own job it may not decide on.
  assert.equal(await asPage('PUT', '/jobs/v2/fw-2', order('by release')), 200);
  await browser.go('/job?id=fw-2');
  await page.getByText('release made this job, and so cannot approve it').waitFor();
  assert.equal(await approve.count(), 0);
  await browser.go('/job?id=fw-1');
  await approve.waitFor();
  await browser.picture('job-approval');
  await approve.click();
  await page.getByLabel('Why').fill('CHG-1181');
  // The job changes while the dialog is open, so another one would be approved.
  await rest('PATCH', '/carillon/jobs/fw-1', { rollout: { deadline: '2h' } });
  browser.expect(/412/);
  await dialog().getByRole('button', { name: 'Approve' }).click();
  await dialog().getByText('have changed meanwhile').waitFor();
  browser.expect();
  await dialog().getByRole('button', { name: 'Back' }).click();
  await until(async () => (await page.locator('main').textContent()).includes((await rest('GET', '/carillon/jobs/fw-1')).approval.hash), 'the new hash');
  await approve.click();
  await page.getByLabel('Why').fill('CHG-1181');
  await browser.picture('job-approve');
  await dialog().getByRole('button', { name: 'Approve' }).click();
  await page.getByRole('heading', { name: 'completed' }).waitFor();
  await page.getByText('Approved by').waitFor();
  await page.getByRole('listitem').filter({ hasText: 'Approved · release · CHG-1181' }).waitFor();
  // Another one rejects.
  await rest('PUT', '/jobs/v2/fw-3', order('once more'));
  await browser.go('/job?id=fw-3');
  await reject.click();
  await dialog().getByText('touches no device').waitFor();
  await dialog().getByRole('button', { name: 'Reject' }).click();
  await page.getByRole('heading', { name: 'cancelled' }).waitFor();
  await page.getByRole('listitem').filter({ hasText: 'Rejected · release' }).waitFor();
  await rest('POST', '/jobs/v2/fw-2/cancel', {});
  await rest('DELETE', '/carillon/approval-rules/firmware');
  await rest('DELETE', '/carillon/policies/release');
  await enter('iothubowner');
  browser.quiet();
});

test('a budget is made, changed and deleted, and holds a job meanwhile', async () => {
  await browser.go('/jobs');
  await tab('Budgets');
  await page.getByText('There are no budgets.').waitFor();
  await page.getByRole('button', { name: 'New budget' }).click();
  await dialog().locator('[name=budget]').fill('freeze');
  await dialog().locator('[name=max]').fill('0');
  await browser.picture('budget-new');
  await dialog().getByRole('button', { name: 'Create' }).click();
  await page.getByRole('cell', { name: 'nothing begins' }).waitFor();
  await rest('PUT', '/jobs/v2/held', { type: 'scheduleUpdateTwin', updateTwin: { etag: '*', tags: { a: 1 } }, queryCondition: "deviceId = 'door-1'" });
  await until(async () => (await rest('GET', '/jobs/v2/held')).deviceJobStatistics?.pendingCount === 1, 'the job to begin');
  await page.getByRole('button', { name: 'Change the budget freeze' }).click();
  await dialog().locator('[name=max]').fill('2%');
  assert.equal((await rest('GET', '/jobs/v2/held')).status, 'running');
  assert.equal((await rest('GET', '/twins/door-1')).tags?.a, undefined, 'nothing begins');
  await dialog().locator('[name=per]').fill('tags.site');
  await dialog().locator('[name=jobs]').selectOption('methods');
  await dialog().getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: '2%' }).waitFor();
  assert.equal((await rest('GET', '/carillon/budgets/freeze')).per, 'tags.site');
  await until(async () => (await rest('GET', '/jobs/v2/held')).status === 'completed', 'the job to go on');
  await browser.picture('budgets');
  browser.expect(/400/);
  await page.getByRole('button', { name: 'Change the budget freeze' }).click();
  await dialog().locator('[name=max]').fill('200%');
  await dialog().getByRole('button', { name: 'Save' }).click();
  await dialog().getByRole('alert').waitFor();
  browser.expect();
  await dialog().getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Delete freeze' }).click();
  await dialog().getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('There are no budgets.').waitFor();
  browser.quiet();
});

test('a template is made, run with its values, and deleted', async () => {
  await browser.go('/jobs?view=templates');
  await page.getByText('There are no templates.').waitFor();
  await page.getByRole('button', { name: 'New template' }).click();
  await dialog().locator('[name=template]').fill('set-site');
  await dialog().locator('textarea').fill(JSON.stringify({
    parameters: { site: { type: 'text' }, level: { type: 'number', default: 3 } },
    job: { type: 'scheduleUpdateTwin', updateTwin: { etag: '*', tags: { site: '${site}', level: '${level}' } }, queryCondition: "deviceId = 'door-1'" },
  }));
  await browser.picture('template-new');
  await dialog().getByRole('button', { name: 'Create' }).click();
  await page.getByRole('button', { name: 'Run the template set-site' }).click();
  await dialog().locator('[name=job]').fill('site-1');
  await dialog().locator('[name=parameter-site]').fill(hostile[0]);
  await browser.picture('template-run');
  await dialog().getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByRole('heading', { name: 'site-1' }).waitFor();
  await until(async () => (await rest('GET', '/twins/door-1')).tags.level === 3, 'the value to be written');
  assert.equal((await rest('GET', '/twins/door-1')).tags.site, hostile[0]);
  await browser.go('/jobs?view=templates');
  await browser.picture('templates');
  await page.getByRole('button', { name: 'Delete set-site' }).click();
  await dialog().getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('There are no templates.').waitFor();
  browser.quiet();
});

test('a user that a reverse proxy names signs in without a key, with the rights of its policy', async () => {
  const person = `ada ${hostile[0]}`;
  await browser.forget();
  browser.expect(/401/);
  await browser.go('/');
  await page.getByRole('tab', { name: 'Connection string' }).waitFor();
  assert.equal(await page.getByRole('tab', { name: 'Proxy' }).count(), 0, 'no proxy names a user');
  await page.setExtraHTTPHeaders({ [proxyHeader]: person });
  try {
    await browser.go('/');
    await page.getByRole('tab', { name: 'Proxy', selected: true }).waitFor();
    await page.getByText(person).waitFor();
    assert.equal(await page.locator('main img').count(), 0);
    await browser.picture('sign-in-proxy');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('registryRead · reads only').waitFor();
    await until(() => /proxy/.test(hub.log()) && hub.log().includes('ada'), 'the log to name the person');
    await page.getByRole('navigation').getByRole('link', { name: 'Devices' }).click();
    await page.getByRole('link', { name: 'door-1' }).waitFor();
  } finally {
    await page.setExtraHTTPHeaders({});
  }
  browser.expect();
  browser.quiet();
});
