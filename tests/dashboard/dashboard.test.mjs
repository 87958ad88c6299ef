// The dashboard in a browser, against the real hub and a simulated fleet.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { Hub, until } from '../lib/hub.mjs';
import { Browser } from './browser.mjs';
import { hostile } from './pages.mjs';
import { ask, startFleet } from './support.mjs';

const hub = Hub.fromEnvironment();
const pictures = process.env.DASHBOARD_PICTURES ?? join(hub.directory, 'pictures');
const devices = 500;
const longId = `x${'-long'.repeat(25)}:%`;
const oddId = "a'$(b)+#?*!%2E,=@;";
let browser;
let page;
let endFleet;

const rest = (...request) => ask(hub, ...request);

before(async () => {
  await hub.start();
  for (const id of [longId, oddId]) await hub.ok('device', 'create', '--device-id', id);
  await rest('PATCH', `/twins/${encodeURIComponent(oddId)}`, {
    tags: Object.fromEntries(hostile.map((text, i) => [`t${i}`, text])), properties: { desired: { html: hostile[0], interval: 60 } },
  });
  endFleet = await startFleet(hub, devices, '--fail-percent', '10', '--telemetry-every', '2s');
  browser = await Browser.open(hub, pictures);
  page = browser.page;
});

after(async () => {
  await browser?.close();
  await endFleet?.();
  await hub.stop();
});

test('the first load is at most 150 KB compressed, and all of it from the hub', async () => {
  const root = `https://${hub.address}/ui/`;
  const index = await fetch(root, { headers: { 'Accept-Encoding': 'gzip' } });
  const names = [...(await index.text()).matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => new URL(match[1], root).pathname);
  assert.ok(names.length >= 3 && names.every((name) => name.startsWith('/ui/assets/')), names.join());
  let bytes = Number(index.headers.get('content-length'));
  for (const name of names) {
    const file = await fetch(`https://${hub.address}${name}`, { headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(file.status, 200);
    bytes += Number(file.headers.get('content-length'));
  }
  console.log(`first load: ${bytes} bytes`);
  assert.ok(bytes <= 150 * 1024, `${bytes} bytes`);
});

test('a wrong key is refused, and the right one enters for reading only', async () => {
  browser.expect(/401/);
  await browser.go('/');
  await browser.picture('sign-in');
  await page.getByRole('tab', { name: 'Policy and key' }).click();
  await page.getByLabel('Key', { exact: true }).fill('AAAA');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText('not one of its keys').waitFor();
  await browser.signIn({ change: false });
  await page.getByText('reads only').waitFor();
  assert.equal(await page.getByRole('link', { name: 'Make a job' }).count(), 0);
  const cookies = await browser.context.cookies();
  assert.deepEqual(cookies.map(({ name, httpOnly, secure, sameSite }) => [name, httpOnly, secure, sameSite]), [['__Host-carillon', true, true, 'Strict']]);
  assert.equal(await page.evaluate(() => document.cookie), '', 'no script sees the session');
  browser.expect();
  browser.quiet();
});

test('the overview shows the fleet, live', async () => {
  browser.expect(/401/);
  await browser.signIn();
  browser.expect();
  assert.equal(await page.getByTestId('registered').textContent(), String(devices + 2));
  assert.equal(await page.getByTestId('connected').textContent(), String(devices));
  await page.getByRole('status').getByText('live').waitFor();
  await rest('PUT', '/devices/one-more', {});
  await until(async () => (await page.getByTestId('registered').textContent()) === String(devices + 3), 'the number to change');
  browser.quiet();
});

test('devices are found by their ids and by conditions, and paged', async () => {
  await page.getByRole('link', { name: 'Devices', exact: true }).click();
  await page.getByTestId('count').getByText(`${devices + 3} devices`).waitFor();
  const drawn = await page.locator('.virtual tbody tr').count();
  assert.ok(drawn < 100, `${drawn} rows are drawn of 200 that are loaded`);
  await page.locator('.virtual').evaluate((list) => { list.scrollTop = list.scrollHeight; });
  await until(async () => {
    await page.locator('.virtual').evaluate((list) => { list.scrollTop = list.scrollHeight; });
    return page.getByRole('link', { name: longId }).count();
  }, 'the last device');
  await browser.picture('devices');
  await page.getByLabel('Id begins with').fill('sim-0000');
  await page.getByTestId('count').getByText('100 devices').waitFor();
  await page.getByRole('link', { name: 'sim-000000' }).waitFor(); // another list begins at its beginning
  await page.getByLabel('Id begins with').fill('sim-00001');
  await page.getByTestId('count').getByText('10 devices').waitFor();
  await page.getByRole('button', { name: 'Add a condition' }).click();
  await page.getByLabel('Path').fill('tags.t0');
  await page.getByLabel('Value').fill(hostile[0]);
  await page.getByLabel('Id begins with').fill('');
  await page.getByTestId('count').getByText('1 device').waitFor();
  await page.getByRole('link', { name: oddId }).click();
  await page.getByRole('heading', { name: oddId }).waitFor();
  browser.quiet();
});

test('a twin is edited, and a change by another client in between is shown and merged', async () => {
  const path = `/twins/${encodeURIComponent(oddId)}`;
  const tags = page.getByLabel('Tags');
  assert.ok((await tags.inputValue()).includes('onerror'));
  await tags.fill('{"floor": 3,}');
  await page.getByText('This is not JSON: line 1').waitFor();
  await tags.fill('{"floor": 3}');
  await browser.picture('device');
  await page.getByRole('button', { name: 'Review and save' }).click();
  await page.getByRole('dialog').getByText('removed').first().waitFor();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await until(async () => JSON.stringify((await rest('GET', path)).tags) === '{"floor":3}', 'the tags to be written');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByLabel('Desired properties').fill('{"interval": 10}');
  await rest('PATCH', path, { properties: { desired: { theirs: 1 } } });
  browser.expect(/412/);
  await page.getByRole('button', { name: 'Review and save' }).click();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('dialog', { name: 'This twin was changed elsewhere' }).waitFor();
  await page.getByRole('button', { name: 'Apply mine on top' }).click();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await until(async () => {
    const { desired } = (await rest('GET', path)).properties;
    return desired.interval === 10 && desired.theirs === 1 && desired.html === undefined;
  }, 'both changes to be there');
  browser.expect();
  browser.quiet();
});

test('keys are shown on demand, which the log records; a method is called', async () => {
  await page.getByRole('tab', { name: 'Identity' }).click();
  await page.getByRole('button', { name: 'Show the keys' }).click();
  await page.getByText(`DeviceId=${oddId};SharedAccessKey=`).first().waitFor();
  assert.match(hub.log(), /keys shown in the dashboard policy=iothubowner .*path=\/devices\/a/);
  await browser.go('/device?id=sim-000001');
  await page.getByRole('tab', { name: 'Method' }).click();
  await page.getByLabel('Method', { exact: true }).fill('reboot');
  await page.getByRole('button', { name: 'Call', exact: true }).click();
  await page.getByText(/The device answered with status/).waitFor();
  browser.quiet();
});

test('a job is made in steps, watched to its end, and its failures opened', async () => {
  await browser.go('/new-job');
  await page.getByLabel('Which devices').fill("STARTSWITH(deviceId, 'sim-')");
  await page.getByTestId('target-count').getByText(String(devices)).waitFor();
  await browser.picture('new-job-target');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('tab', { name: 'Call a method' }).click();
  await page.getByLabel('Method', { exact: true }).fill('lock');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByLabel('Job id').fill('from-the-page');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByText('carillon job create --job-id from-the-page').waitFor();
  await page.getByTestId('plan').waitFor();
  await browser.picture('new-job-review');
  await page.getByRole('button', { name: 'Run the job' }).click();
  await page.getByRole('heading', { name: 'completed' }).waitFor();
  await page.getByText(`of ${devices} devices`).waitFor();
  await page.getByText('with status 500').first().waitFor();
  await page.getByRole('group', { name: 'Devices by state' }).getByRole('button', { name: 'succeeded' }).click();
  await page.getByRole('link', { name: 'sim-000000' }).waitFor();
  await browser.picture('job');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'CSV' }).click();
  assert.equal((await download).suggestedFilename(), 'from-the-page.csv');
  browser.quiet();
});

test('a job is followed across a restart of the hub, and cancelled', async () => {
  const later = new Date(Date.now() + 3600_000).toISOString();
  await rest('PUT', '/jobs/v2/later', { type: 'scheduleUpdateTwin', updateTwin: { etag: '*', tags: { a: 1 } }, queryCondition: '*', startTime: later });
  await browser.go('/job?id=later');
  await page.getByRole('heading', { name: 'scheduled' }).waitFor();
  browser.expect(/ERR_|Failed to load/);
  await hub.stop();
  await page.getByText('connection lost').waitFor();
  await hub.start();
  await page.getByRole('status').getByText('live').waitFor();
  await page.getByRole('button', { name: 'Cancel the job' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click();
  await page.getByRole('heading', { name: 'cancelled' }).waitFor();
  browser.expect();
  await page.getByRole('navigation').getByRole('link', { name: 'Jobs' }).click();
  await page.getByRole('link', { name: 'from-the-page' }).waitFor();
  await browser.picture('jobs');
  await page.getByRole('navigation').getByRole('link', { name: 'Overview' }).click();
  await page.getByRole('heading', { name: 'Ended last' }).waitFor();
  await page.locator('.spark polyline').first().waitFor({ state: 'attached' });
  await browser.picture('overview');
  browser.quiet();
});

test('a configuration is made, seen to reach its devices, changed and deleted', async () => {
  await page.getByRole('navigation').getByRole('link', { name: 'Configurations' }).click();
  await page.getByText('There are no configurations yet').waitFor();
  await page.getByRole('link', { name: 'Make a configuration' }).click();
  await page.getByLabel('Configuration id').fill('speed');
  await page.getByLabel('Priority').fill('7');
  await page.getByLabel('Which devices').fill("tags.speed LIKE 'x'");
  await page.getByLabel('What it sets, by path').fill('{"deviceContent":{"properties.desired.speed":3}}');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('alert').getByText(/^Condition: /).waitFor();
  await page.getByLabel('Which devices').fill("STARTSWITH(deviceId, 'sim-0000')");
  await page.getByLabel('Metrics').fill('{"all": "SELECT deviceId FROM devices"}');
  assert.equal(await page.getByRole('alert').count(), 0);
  await browser.picture('new-configuration');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('heading', { name: 'speed' }).waitFor();
  await until(async () => {
    await page.getByRole('button', { name: 'Refresh' }).click();
    return (await page.getByTestId('applied').textContent()) === '100';
  }, 'the configuration to be counted');
  await page.getByRole('cell', { name: String(devices + 3) }).waitFor();
  await browser.picture('configuration');
  await page.getByRole('link', { name: 'The devices where it is in force' }).click();
  await page.getByTestId('count').getByText('100 devices').waitFor();
  await page.goBack();
  await page.getByRole('button', { name: 'Change it' }).click();
  await page.getByLabel('Which devices').fill("deviceId = 'sim-000007'");
  await page.getByRole('button', { name: 'Save' }).click();
  await until(async () => (await rest('GET', '/twins/sim-000008')).properties.desired.speed === undefined, 'the setting to be taken back');
  await page.getByRole('navigation').getByRole('link', { name: 'Configurations' }).click();
  await page.getByRole('link', { name: 'speed' }).waitFor();
  await browser.picture('configurations');
  await page.getByRole('link', { name: 'speed' }).click();
  await page.getByRole('button', { name: 'Delete it' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('There are no configurations yet').waitFor();
  await until(async () => (await rest('GET', '/twins/sim-000007')).properties.desired.speed === undefined, 'the setting to go');
  browser.quiet();
});

test('modules of a device are made, shown and deleted', async () => {
  await browser.go('/device?id=sim-000003');
  await page.getByRole('tab', { name: 'Modules' }).click();
  await page.getByText('This device has no modules').waitFor();
  await page.getByLabel('New module').fill('filter');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('button', { name: 'Show the twin of filter' }).click();
  await page.getByRole('dialog').getByText('"moduleId": "filter"').waitFor();
  await page.getByRole('button', { name: 'Close' }).click();
  await browser.picture('modules');
  await page.getByRole('button', { name: 'Delete filter' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('This device has no modules').waitFor();
  browser.quiet();
});

test('a file of devices is imported, its refused lines told; all devices are exported; rows are chosen for a job', async () => {
  await browser.go('/devices');
  await page.getByRole('button', { name: 'Import' }).click();
  const lines = Array.from({ length: 230 }, (_, i) => (i % 2 ? `imp-${i}` : JSON.stringify({ id: `imp-${i}`, tags: { row: i } })));
  lines.splice(5, 0, '{"id": 5}', 'not an id');
  browser.expect(/400/);
  await page.getByLabel('File').setInputFiles({ name: 'fleet.txt', mimeType: 'text/plain', buffer: Buffer.from(lines.join('\n')) });
  await page.getByRole('dialog').getByRole('button', { name: 'Import' }).click();
  await page.getByTestId('import').getByText('230 written, 2 refused').waitFor();
  await page.getByRole('cell', { name: 'not an id' }).waitFor();
  browser.expect();
  await browser.picture('import');
  const refused = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Refused lines' }).click();
  assert.equal((await refused).suggestedFilename(), 'refused.ndjson');
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
  assert.equal((await rest('GET', '/twins/imp-228')).tags.row, 228);
  const whole = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  const exported = readFileSync(await (await whole).path(), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(exported.length, devices + 3 + 230);
  assert.ok(exported.every((entry) => !entry.authentication?.symmetricKey?.primaryKey), 'without keys');
  await page.getByLabel('Id begins with').fill('imp-');
  await page.getByTestId('count').getByText('230 devices').waitFor();
  // The count may be there before the rows, and rows that come take back what was chosen among those before.
  const labels = () => page.locator('tbody .choice input').evaluateAll((boxes) => boxes.map((box) => box.getAttribute('aria-label')));
  await until(async () => (await labels()).every((label) => label.startsWith('Choose imp-')), 'the rows of the filter');
  await page.getByLabel('Choose imp-0').check();
  await page.getByLabel('Choose imp-10', { exact: true }).check();
  await browser.picture('devices-chosen');
  await page.getByRole('link', { name: 'Job for 2 chosen' }).click();
  await page.getByTestId('target-count').getByText('2').waitFor();
  assert.equal(await page.getByLabel('Which devices').inputValue(), "deviceId IN ['imp-0', 'imp-10']");
  await browser.go('/devices');
  await page.getByRole('button', { name: 'Import' }).click();
  await page.getByLabel('File').setInputFiles({ name: 'gone.txt', mimeType: 'text/plain', buffer: Buffer.from(lines.filter((line) => line.includes('imp-')).map((line) => (line.startsWith('{') ? JSON.parse(line).id : line)).join('\n')) });
  await page.getByLabel('Lines without an importMode').selectOption('delete');
  await page.getByRole('dialog').getByRole('button', { name: 'Import' }).click();
  await page.getByTestId('import').getByText('230 written, 0 refused').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
  await page.getByTestId('count').getByText(`${devices + 3} devices`).waitFor();
  browser.quiet();
});

test('a query is run, and its error pointed at', async () => {
  await page.getByRole('link', { name: 'Queries' }).click();
  await page.getByLabel('Statement').fill('SELECT status, COUNT() AS devices FROM devices GROUP BY status');
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByRole('cell', { name: String(devices + 3) }).waitFor();
  await page.getByTestId('cost').getByText(`evaluated on ${devices + 3} rows, one after the other`).waitFor();
  await browser.picture('queries');
  await page.getByLabel('Statement').fill("SELECT deviceId FROM devices WHERE deviceId = 'sim-000007'");
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByTestId('cost').getByText('evaluated on 1 row, found by the ids that it names').waitFor();
  browser.expect(/400/);
  await page.getByLabel('Statement').fill("SELECT * FROM devices WHERE tags.a LIKE 'b'");
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByRole('alert').getByText(/Line 1:/).waitFor();
  browser.expect();
  browser.quiet();
});

test('a query over 100,000 devices is paged, and says that a column found its rows', async () => {
  const all = 100_000;
  const file = join(hub.directory, 'many.ndjson');
  writeFileSync(file, Array.from({ length: all }, (_, n) => JSON.stringify({ id: `many-${n}`, importMode: 'create', tags: { site: n % 100 } })).join('\n'));
  await hub.ok('device', 'import', file);
  await browser.go('/queries');
  const found = page.getByRole('status').filter({ hasText: 'rows so far' });
  const examined = async () => Number(/evaluated on ([\d,]+) rows?, found by columns/.exec(await page.getByTestId('cost').textContent())?.[1].replaceAll(',', '') ?? all);
  await page.getByLabel('Statement').fill('SELECT deviceId, tags.site FROM devices WHERE tags.site = 7 AND IS_DEFINED(tags.site)');
  // The first time its columns are made.
  await until(async () => {
    await page.getByRole('button', { name: 'Run' }).click();
    await found.getByText('100', { exact: true }).waitFor();
    return (await examined()) < 1000;
  }, 'columns to find the rows');
  for (const rows of ['200', '300']) {
    await page.getByRole('button', { name: 'Load more' }).click();
    await found.getByText(rows, { exact: true }).waitFor();
  }
  assert.ok((await examined()) < 3000, 'far fewer than all');
  assert.equal(await page.locator('tbody tr').count(), 300);
  await browser.go('/devices?q=many-');
  await page.getByTestId('count').getByText('100,000 devices').waitFor();
  browser.quiet();
});

test('a link of the command line signs in once, for reading unless it says otherwise', async () => {
  await browser.forget();
  const url = (await hub.ok('dashboard', '--print')).trim();
  assert.match(url, /^https:\/\/127\.43\.17\.1\/ui\/sign-in#[0-9a-f]{32}$/);
  browser.expect(/401/);
  await page.goto(url);
  await page.getByText('reads only').waitFor();
  assert.equal(new URL(page.url()).hash, '', 'the code is gone from the address');
  await browser.forget();
  await page.goto(url);
  await page.getByRole('alert').getByText('used before').waitFor();
  await page.goto((await hub.ok('dashboard', '--print', '--change')).trim());
  await page.reload();
  await page.getByText('may change').waitFor();
  browser.expect();
  browser.complaints.length = 0;
});

test('keys of policies are shown to an owner, which the log records, and renewed', async () => {
  browser.expect(/401/);
  await browser.signIn();
  browser.expect();
  await page.getByRole('navigation').getByRole('link', { name: 'Hub' }).click();
  const row = page.getByRole('row', { name: /^service / });
  await row.getByRole('button', { name: 'Show the keys of service' }).click();
  const dialog = page.getByRole('dialog');
  const before = await dialog.getByLabel('secondary key', { exact: true }).textContent();
  assert.match(hub.log(), /keys shown in the dashboard policy=iothubowner .*path=\/carillon\/policies\/service/);
  await page.getByRole('button', { name: 'Close' }).click();
  await browser.picture('hub');
  await row.getByRole('button', { name: 'Renew a key of service' }).click();
  await page.getByRole('button', { name: 'Renew the secondary' }).click();
  await page.getByRole('dialog', { name: 'Keys of service' }).waitFor();
  const after = await dialog.getByLabel('secondary key', { exact: true }).textContent();
  assert.notEqual(after, before);
  assert.equal((await rest('GET', '/carillon/policies/service')).secondaryKey, after);
  browser.expect(/401/);
  await browser.signIn({ policy: 'service' });
  await browser.go('/hub');
  await page.getByText('needs every right').waitFor();
  browser.expect();
  browser.quiet();
});

test('a request that lacks the token, and one of a session without the right, change nothing', async () => {
  browser.expect(/401/);
  await browser.signIn();
  const put = (headers) => page.evaluate(async (fields) => (await fetch('/devices/forged?api-version=2021-04-12', { method: 'PUT', body: '{}', headers: fields })).status, headers);
  assert.equal(await put({}), 401);
  assert.equal(await put({ 'X-Carillon-CSRF': '0'.repeat(64) }), 401);
  await browser.signIn({ policy: 'registryRead' });
  await browser.go('/device?id=sim-000001');
  // It sees the twin by a query, and may not write it.
  await page.getByText('lacks ServiceConnect').waitFor();
  assert.ok(await page.getByLabel('Tags').isDisabled());
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  assert.deepEqual(await browser.context.cookies(), []);
  browser.expect();
  browser.quiet();
});
