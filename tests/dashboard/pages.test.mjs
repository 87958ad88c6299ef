// What holds of every page of the dashboard, and the pages of those who operate a hub, in a browser against the real hub.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { close, connect, ga } from '../lib/devices.mjs';
import { Hub, until } from '../lib/hub.mjs';
import { Browser } from './browser.mjs';
import { harmless, hostile, operations, pages } from './pages.mjs';
import { ask } from './support.mjs';

const nobody = 'http://127.0.0.1:9';
Object.assign(process.env, {
  CARILLON_STORAGE__HOSTS: nobody, CARILLON_STORAGE__IMPORT_ROOT: `/tmp/${hostile[0]}`, CARILLON_PROVISIONING__ID_SCOPES: '0ne00ABCDEF',
});
const hub = Hub.fromEnvironment();
const pictures = process.env.DASHBOARD_PICTURES ?? join(hub.directory, 'pictures');
const rest = (...request) => ask(hub, ...request);
const here = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');
let browser;
let page;
let device;

const hostileObject = Object.fromEntries(hostile.map((text, i) => [`t${i}`, text]));

/** A device that answers and sends hostile texts, and all else that may hold them. */
async function fillHub() {
  const connection = await hub.device('odd-1');
  device = await connect(ga, connection, { odd: () => [418, { says: hostile.join(' ') }] });
  const message = new ga.device.Message(JSON.stringify({ says: hostile }));
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  message.properties.add('level', hostile[0]);
  await device.sendEvent(message);
  const twin = await device.getTwin();
  await new Promise((resolve, reject) => { twin.properties.reported.update({ html: hostile }, (error) => (error ? reject(error) : resolve())); });
  await rest('PATCH', '/twins/odd-1', { tags: hostileObject, properties: { desired: { html: hostile[1] } } }, { 'User-Agent': `odd ${hostile[0]}` });
  await rest('PUT', '/devices/odd-1/modules/m', {});
  await rest('PATCH', '/twins/odd-1/modules/m', { tags: hostileObject });
  await rest('PUT', '/carillon/endpoints/archive', { type: 'file', container: 'file:telemetry', maxWaitSeconds: 1, enrichments: { note: hostile[0] } });
  await rest('PUT', '/carillon/routes/odd', { condition: `level = '${hostile[0]}'`, endpointNames: ['archive'] });
  await rest('PUT', '/configurations/odd', { id: 'odd', targetCondition: `tags.t0 = '${hostile[0]}'`, priority: 1, labels: { note: hostile[1] }, content: { deviceContent: { 'properties.desired.more': hostile[2] } } });
  await rest('PUT', '/enrollmentGroups/odd', { enrollmentGroupId: 'odd', attestation: { type: 'symmetricKey' }, initialTwin: { tags: hostileObject } });
  await rest('PUT', '/carillon/budgets/odd', { max: 1000, devices: `tags.t0 = '${hostile[0]}'` });
  await rest('PUT', '/carillon/templates/odd', { parameters: { odd: { type: 'text', default: hostile[0] } }, job: { type: 'scheduleUpdateTwin', updateTwin: { etag: '*', tags: hostileObject }, queryCondition: 'tags.t0 = ${odd}' } });
  await rest('PUT', '/jobs/v2/odd', {
    type: 'scheduleDeviceMethod', cloudToDeviceMethod: { methodName: 'odd', payload: hostile }, queryCondition: `deviceId = 'odd-1' AND tags.t0 = '${hostile[0]}'`,
    rollout: { waves: [{ size: 'rest' }], note: hostile[0] },
  });
  await until(async () => ['completed', 'failed'].includes((await rest('GET', '/jobs/v2/odd')).status), 'the job to end');
}

before(async () => {
  await hub.start();
  await fillHub();
  browser = await Browser.open(hub, pictures);
  page = browser.page;
  browser.expect(/401/);
  await browser.signIn();
  browser.expect();
});

after(async () => {
  await browser?.close();
  if (device) await close(device);
  await hub.stop();
});

const dialog = () => page.getByRole('dialog');
const link = (name) => page.getByRole('navigation').getByRole('link', { name });

// --- what is there of each page ------------------------------------------------------------------

test('every page has its row, whose tests exist', () => {
  const cases = [...here('../../dashboard/src/main.tsx').matchAll(/case '([^']+)': return/g)].map((match) => match[1]);
  assert.deepEqual(pages.map(({ path }) => path).sort(), cases.sort());
  const tests = ['dashboard', 'operations', 'pages', 'access'].map((name) => here(`${name}.test.mjs`)).join('\n');
  for (const { path, task, picture, heading, parameters } of pages) {
    assert.ok(tests.includes(`test('${task}'`) || tests.includes(`test("${task}"`), `${path}: there is no test "${task}"`);
    assert.ok(tests.includes(`browser.picture('${picture}')`), `${path}: nobody takes the picture ${picture}`);
    assert.ok(heading.length === 2 && Array.isArray(parameters), path);
  }
});

/** The first heading of a page, once it is there. */
async function open(path, heading) {
  await browser.go(path);
  await page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor();
}

const harm = 'main script, main img, main iframe, main object, [onerror], [onload], a[href^="javascript:" i]';
async function isHarmless(where) {
  assert.equal(await page.locator(harm).count(), 0, where);
  assert.equal(browser.dialogs ?? 0, 0, `${where}: a script ran`);
}

test('hostile texts in the hub stay texts, and are seen as such', async () => {
  for (const { path, at = '', heading, shows, tabs } of pages) {
    await open(path + at, heading[0]);
    if (shows) {
      await until(async () => {
        const text = await page.evaluate(() => document.querySelector('main').textContent + [...document.querySelectorAll('main input, main textarea')].map((field) => field.value).join(' '));
        return hostile.some((part) => text.includes(part) || text.includes(JSON.stringify(part).slice(1, -1)));
      }, `${path} to show a hostile text`);
    }
    await isHarmless(path);
    for (const tab of tabs ? await page.getByRole('tab').all() : []) {
      await tab.click();
      await page.getByRole('status').filter({ hasText: '…' }).first().waitFor({ state: 'detached' });
      await isHarmless(`${path} ${await tab.textContent()}`);
    }
  }
  browser.quiet();
});

test('hostile texts in an address stay texts', async () => {
  browser.expect(/status of 4\d\d/);
  // A text of each kind at its beginning, and all of them at once.
  const given = ['javascript:alert(1)', hostile.join(' ')];
  for (const { path, parameters } of pages) {
    for (const parameter of parameters) {
      for (const text of given) {
        await browser.go(`${path}?${parameter}=${encodeURIComponent(text)}`);
        await page.locator('main h1, main .empty').first().waitFor({ state: 'attached' });
        await page.waitForLoadState('load');
        await isHarmless(`${path}?${parameter}`);
      }
    }
  }
  browser.expect();
  browser.quiet();
});

test('every page is used by the keyboard alone, and shows where the focus is', async () => {
  for (const { path, at = '', heading } of pages) {
    await open(path + at, heading[0]);
    await page.getByRole('status').filter({ hasText: '…' }).first().waitFor({ state: 'detached' });
    const unreached = await page.evaluate(() => {
      const wanted = 'a[href], button, input, select, textarea, summary, [tabindex]';
      const isShown = (part) => part.checkVisibility({ visibilityProperty: true }) && !part.closest('[inert]');
      const all = [...document.querySelectorAll(wanted)].filter((part) => isShown(part) && !part.disabled);
      return all.filter((part) => part.tabIndex < 0 && part.id !== 'content').map((part) => part.outerHTML.slice(0, 120));
    });
    assert.deepEqual(unreached, [], `${path}: out of the keyboard's reach`);
    await page.evaluate(() => document.activeElement?.blur());
    const seen = new Set();
    for (let i = 0; i < 60; i += 1) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate(() => {
        const part = document.activeElement;
        if (!part || part === document.body) return undefined;
        const style = getComputedStyle(part);
        const mark = (globalThis.mark ??= new Map());
        if (!mark.has(part)) mark.set(part, mark.size);
        return { number: mark.get(part), html: part.outerHTML.slice(0, 120), isSeen: style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) > 0 };
      });
      if (!at || seen.has(at.number)) break;
      assert.ok(at.isSeen, `${path}: nothing shows that the focus is on ${at.html}`);
      seen.add(at.number);
    }
    assert.ok(seen.size > 10, `${path}: the keyboard reaches ${seen.size} parts`);
  }
  browser.quiet();
});

test('every page is there in French, and no wider than a phone', async () => {
  await browser.go('/');
  await page.evaluate(() => localStorage.setItem('language', 'fr'));
  await page.setViewportSize({ width: 390, height: 844 });
  try {
    for (const { path, at = '', heading } of pages) {
      await open(path + at, heading[1]);
      assert.equal(await page.evaluate(() => document.documentElement.lang), 'fr');
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 390, `${path} is wider than a phone in French`);
      await page.getByRole('status').filter({ hasText: '…' }).first().waitFor({ state: 'detached' });
      await page.screenshot({ path: join(pictures, `french${path.replace('/', '-').replace(/-$/, '-overview')}.png`) });
    }
  } finally {
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.evaluate(() => localStorage.setItem('language', 'en'));
    await browser.go('/');
  }
  browser.quiet();
});

// --- what is long ----------------------------------------------------------------------------------

const long = {
  '/device': `x${'-long'.repeat(25)}:%`, '/job': `j${'-long'.repeat(12)}-64`, '/configuration': `c${'-long'.repeat(25)}+%`, group: `g${'-long'.repeat(25)}.9`, name: `n${'-long'.repeat(12)}.64`,
};

test('ids of full length and long numbers leave every page its width, on a phone too', async () => {
  const number = 4_503_599_627_370_495; // The largest integer of a twin.
  await rest('PUT', `/devices/${encodeURIComponent(long['/device'])}`, {});
  await rest('PATCH', `/twins/${encodeURIComponent(long['/device'])}`, { tags: { [`k${'ey'.repeat(60)}`]: number, word: 'w'.repeat(2000) }, properties: { desired: { number } } });
  await rest('PUT', `/jobs/v2/${long['/job']}`, { type: 'scheduleUpdateTwin', updateTwin: { etag: '*', tags: { done: number } }, queryCondition: `deviceId = '${long['/device']}'`, rollout: { note: 'n'.repeat(256), waves: [{ size: 'rest' }] } });
  await rest('PUT', `/configurations/${encodeURIComponent(long['/configuration'])}`, { id: long['/configuration'], priority: 2_147_483_647, targetCondition: '*', content: { deviceContent: { 'properties.desired.word': 'w'.repeat(500) } } });
  await rest('PUT', `/enrollmentGroups/${long.group}`, { enrollmentGroupId: long.group, attestation: { type: 'symmetricKey' } });
  await rest('PUT', `/carillon/policies/${long.name}`, { rights: 'RegistryRead' });
  await rest('PUT', `/carillon/endpoints/${long.name}`, { type: 'file', container: 'file:telemetry', path: `${'p'.repeat(100)}/{partition}-{sequence}` });
  await rest('PUT', `/carillon/routes/${long.name}`, { condition: `$body.${'a'.repeat(200)} > ${number}`, endpointNames: [long.name] });
  await until(async () => (await rest('GET', `/jobs/v2/${long['/job']}`)).status === 'completed', 'the job to end');
  for (const { path, at = '' } of pages) {
    const address = long[path] ? `${path}?id=${encodeURIComponent(long[path])}` : path + (path === '/devices' ? '?cols=tags.word' : path === '/new-job' ? `?from=${long['/job']}` : at);
    await lookAt(path === '/sign-in' ? '/' : address);
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 844 });
      const wide = await page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(() => resolve(document.documentElement.scrollWidth))); }));
      await page.screenshot({ path: join(pictures, `long${path.replace('/', '-').replace(/-$/, '-overview')}-${width}.png`) });
      assert.ok(wide <= width, `${path} is ${wide} pixels wide at ${width}`);
    }
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await rest('DELETE', `/carillon/routes/${long.name}`);
  await rest('DELETE', `/carillon/endpoints/${long.name}`);
  await rest('DELETE', `/carillon/policies/${long.name}`);
  browser.quiet();
});

// --- rights ----------------------------------------------------------------------------------------

/** What a page says, and which buttons and links it has, once nothing is being loaded; it is reached as links do. */
async function lookAt(path) {
  await page.evaluate((to) => {
    history.pushState(null, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, `/ui${path}`);
  return page.evaluate(() => new Promise((resolve) => {
    const look = () => {
      const main = document.querySelector('main');
      if (main.querySelector('.loading') || !main.querySelector('h1')) return void setTimeout(look, 20);
      const parts = [...main.querySelectorAll('button, a')].map((part) => (part.getAttribute('aria-label') ?? part.textContent).trim());
      return void resolve({ heading: main.querySelector('h1').textContent, text: main.textContent, parts });
    };
    setTimeout(look, 40);
  }));
}

/** What each page shows, offers and refuses. That a page asks for nothing which is refused, the console tells. */
async function walk(policy, rights, mayChange) {
  for (const { path, at = '', heading, needs, refusal = 'This page needs a policy with', offers, warning } of pages) {
    const where = `${path} for ${policy}`;
    const isAllowed = needs(rights);
    let found;
    await until(async () => {
      found = await lookAt(path === '/sign-in' ? '/' : path + at);
      return found.text.includes(refusal) !== isAllowed && (!isAllowed || found.heading === heading[0]);
    }, `${where} to ${isAllowed ? 'be shown' : 'be refused'}`);
    for (const [name, who] of Object.entries(offers)) {
      const isOffered = isAllowed && who(rights) && (mayChange || harmless.includes(name));
      assert.equal(found.parts.includes(name), isOffered, `${where}: "${name}" ${isOffered ? 'is missing' : 'is offered'} among ${found.parts.join(', ')}`);
    }
    if (isAllowed && warning && mayChange) assert.equal(found.text.includes(warning[0]), !warning[1](rights), `${where}: ${warning[0]}`);
    assert.deepEqual(browser.complaints, [], where);
  }
}

test('each policy sees, is offered and is refused what its rights say, on every page', async () => {
  await rest('PUT', '/carillon/policies/mine', { rights: 'RegistryRead, ServiceConnect' });
  const policies = (await rest('GET', '/carillon/policies')).map(({ keyName, rights }) => [keyName, rights.split(', ')]);
  assert.deepEqual(policies.map(([name]) => name).sort(), ['device', 'iothubowner', 'mine', 'provisioningserviceowner', 'registryRead', 'registryReadWrite', 'service']);
  for (const [policy, rights] of policies) {
    browser.expect(/401/);
    await browser.signIn({ policy });
    browser.expect();
    await walk(policy, rights, true);
    browser.expect(/status of [45]\d\d/);
    for (const [method, path, who] of operations) {
      const status = await page.evaluate(async ([how, to]) => {
        const { csrfToken } = await (await fetch('/carillon/session')).json();
        const body = how === 'GET' ? {} : { body: '{}', headers: { 'X-Carillon-CSRF': csrfToken, 'Content-Type': 'application/json' } };
        return (await fetch(`${to}?api-version=2021-04-12`, { method: how, ...body })).status;
      }, [method, path]);
      assert.equal(status === 401, !who(rights), `${method} ${path} for ${policy} answers ${status}`);
    }
    browser.expect();
  }
  browser.expect(/401/);
  await browser.signIn({ change: false });
  browser.expect();
  await walk('iothubowner, reading', policies.find(([name]) => name === 'iothubowner')[1], false);
  await rest('DELETE', '/carillon/policies/mine');
  browser.expect(/401/);
  await browser.signIn();
  browser.expect();
  browser.quiet();
});

// --- the pages of those who operate the hub -------------------------------------------------------

test('settings are shown with where they come from', async () => {
  await link('Hub').click();
  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByRole('row', { name: /storage\.hosts .*http:..127\.0\.0\.1:9.* environment .*CARILLON_STORAGE__HOSTS/ }).waitFor();
  await page.getByRole('row', { name: /threads 0 · in force: \d+ default/ }).waitFor();
  await page.getByLabel('Containing').fill('telemetry.');
  await until(async () => (await page.locator('tbody tr').count()) === 2, 'the two settings of telemetry');
  await page.getByLabel('Containing').fill('');
  await page.getByLabel('Only what is set').check();
  await page.getByRole('row', { name: /data_dir .* command line/ }).waitFor();
  assert.equal(await page.getByRole('row', { name: /telemetry/ }).count(), 0);
  await page.getByLabel('Only what is set').uncheck();
  await page.getByRole('row', { name: /telemetry\.bytes_max/ }).waitFor();
  await browser.picture('settings');
  browser.quiet();
});

test('a route is made, tried, seen to deliver, and removed', async () => {
  await link('Hub').click();
  await page.getByRole('link', { name: 'Routes' }).click();
  await page.getByRole('row', { name: /odd .*archive/ }).waitFor();
  await page.getByRole('button', { name: 'New endpoint' }).click();
  await dialog().getByLabel('Name', { exact: true }).fill('hook');
  await dialog().getByLabel('Address').fill(`${nobody}/in`);
  await dialog().getByLabel('Secret').fill('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
  await dialog().getByLabel('Seconds to gather them').fill('0');
  await browser.picture('endpoint-new');
  await dialog().getByRole('button', { name: 'Create' }).click();
  await page.getByRole('row', { name: /hook .*up to date/ }).waitFor();
  await page.getByRole('button', { name: 'New route' }).click();
  await dialog().getByLabel('Name', { exact: true }).fill('warm');
  await dialog().getByLabel('Condition').fill('$body.temperature >');
  await dialog().getByLabel('hook').check();
  browser.expect(/400/);
  await dialog().getByRole('button', { name: 'Create' }).click();
  await dialog().getByRole('alert').waitFor();
  browser.expect();
  await dialog().getByLabel('Condition').fill('$body.temperature > 20');
  await dialog().getByLabel('archive').check();
  await dialog().getByRole('button', { name: 'Create' }).click();
  await page.getByRole('row', { name: /warm \$body.temperature > 20 hook, archive/ }).waitFor();
  await page.getByRole('button', { name: 'Try a message' }).click();
  await dialog().getByRole('button', { name: 'Try', exact: true }).click();
  await page.getByTestId('taken').getByText('Taken by warm').waitFor();
  await dialog().getByLabel('Body').fill('{"temperature": 20}');
  await dialog().getByRole('button', { name: 'Try', exact: true }).click();
  await page.getByTestId('taken').getByText('No route takes it').waitFor();
  await dialog().getByRole('button', { name: 'Close' }).last().click();
  const message = new ga.device.Message('{"temperature": 21}');
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  await device.sendEvent(message);
  await until(async () => (await rest('GET', '/carillon/endpoints/archive')).status.delivered > 0, 'the file to be written');
  await page.getByRole('row', { name: /hook .*failing, tried again/ }).waitFor();
  await page.getByRole('row', { name: /archive .*up to date/ }).waitFor();
  await browser.picture('routes');
  await link('Overview').click();
  await page.getByRole('link', { name: /The endpoint hook does not take messages/ }).click();
  await page.getByRole('button', { name: 'Change hook' }).click();
  await dialog().getByText('Empty: the secret stays').waitFor();
  await dialog().getByLabel('Attempts before a dead letter').fill('3');
  await dialog().getByRole('button', { name: 'Save' }).click();
  await dialog().waitFor({ state: 'detached' });
  const stored = await rest('GET', '/carillon/endpoints/hook');
  assert.deepEqual([stored.maxAttempts, stored.isSigned, stored.url], [3, true, `${nobody}/in`]);
  await page.getByRole('button', { name: 'Delete warm' }).click();
  await dialog().getByRole('button', { name: 'Delete', exact: true }).click();
  await until(async () => (await rest('GET', '/carillon/routes')).length === 1, 'the route to go');
  await page.getByRole('button', { name: 'Delete hook' }).click();
  await dialog().getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('row', { name: /hook/ }).waitFor({ state: 'detached' });
  browser.expect(/401/);
  await browser.signIn({ policy: 'service' });
  await browser.go('/routes');
  await page.getByRole('row', { name: /odd .*archive/ }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'New route' }).count(), 0);
  await page.getByText('needs every right').waitFor();
  await browser.signIn({ policy: 'registryRead' });
  await browser.go('/routes');
  await page.getByText('needs a policy with ServiceConnect').waitFor();
  await browser.signIn();
  browser.expect();
  browser.quiet();
});

test('a log of its own is made, shows what it holds, keeps its retention, and is removed', async () => {
  await browser.go('/routes');
  await page.getByRole('row', { name: /odd .*archive/ }).waitFor();
  await page.getByRole('button', { name: 'New endpoint' }).click();
  await dialog().getByLabel('Name', { exact: true }).fill('alarms');
  await dialog().getByLabel('Type').selectOption('events');
  assert.equal(await dialog().getByLabel('Address').count(), 0, 'a log has no address');
  await dialog().getByLabel('Seconds to keep a message').fill('59');
  await dialog().getByText('60 to 31,536,000 seconds.').waitFor();
  assert.ok(await dialog().getByRole('button', { name: 'Create' }).isDisabled());
  await dialog().getByLabel('Seconds to keep a message').fill('7200');
  await browser.picture('endpoint-log');
  await dialog().getByRole('button', { name: 'Create' }).click();
  await page.getByRole('row', { name: /alarms Log for Event Hubs clients .*up to date/ }).waitFor();
  await page.getByRole('button', { name: 'New route' }).click();
  await dialog().getByLabel('Name', { exact: true }).fill('to-alarms');
  await dialog().getByLabel('alarms').check();
  await dialog().getByRole('button', { name: 'Create' }).click();
  await page.getByRole('row', { name: /to-alarms .*alarms/ }).waitFor();
  await device.sendEvent(new ga.device.Message('{"alarm": true}'));
  await until(async () => (await rest('GET', '/carillon/endpoints/alarms')).status.delivered > 0, 'the message to be in the log');
  await page.getByRole('button', { name: 'Change alarms' }).click();
  assert.equal(await dialog().getByLabel('Seconds to keep a message').inputValue(), '7200');
  await dialog().getByLabel('Seconds to keep a message').fill('3600');
  await dialog().getByRole('button', { name: 'Save' }).click();
  await dialog().waitFor({ state: 'detached' });
  assert.equal((await rest('GET', '/carillon/endpoints/alarms')).retentionSeconds, 3600);
  for (const name of ['to-alarms', 'alarms']) {
    await page.getByRole('button', { name: `Delete ${name}`, exact: true }).click();
    await dialog().getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('button', { name: `Delete ${name}`, exact: true }).waitFor({ state: 'detached' });
  }
  browser.quiet();
});

test('the health of the hub is shown, and what needs attention leads to it', async () => {
  await link('Hub').click();
  await page.getByRole('link', { name: 'Health' }).click();
  await page.getByRole('heading', { name: 'Ready' }).waitFor();
  await page.getByRole('row', { name: /server-ecdsa\.pem/ }).waitFor();
  await page.getByRole('row', { name: /^0 runs/ }).waitFor();
  await page.getByText(/^\d+ of [\d,]+$/).first().waitFor();
  await browser.picture('health');
  browser.quiet();
});

test('connections of a device are shown, and a login that was refused', async () => {
  const connection = await hub.device('door-1');
  const wrong = connection.replace(/SharedAccessKey=.*/, `SharedAccessKey=${Buffer.from('wrong').toString('base64')}`);
  await assert.rejects(connect(ga, wrong));
  const door = await connect(ga, connection);
  await browser.go('/device?id=door-1');
  await page.getByRole('tab', { name: 'Connections' }).click();
  await page.getByRole('row', { name: /connected MQTT 127\./ }).waitFor();
  await page.getByRole('row', { name: /refused MQTT .*IotHubUnauthorized/ }).waitFor();
  await close(door);
  await until(async () => {
    await page.getByRole('tabpanel').or(page.locator('main')).first().getByRole('button', { name: 'Refresh' }).last().click();
    return (await page.getByRole('row', { name: /disconnected .*client disconnected/ }).count()) === 1;
  }, 'the end of the connection');
  await browser.picture('device-connections');
  browser.quiet();
});

test('devices of a job are found by why they failed, each with its whole answer', async () => {
  await browser.go('/job?id=odd');
  await page.getByLabel('Kind of failure').selectOption('timeout');
  await page.getByText('No device is in this state').waitFor();
  await page.getByLabel('Kind of failure').selectOption('rejected');
  await page.getByRole('row', { name: /odd-1 failed .*rejected/ }).waitFor();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'CSV' }).click();
  assert.match(readFileSync(await (await download).path(), 'utf8'), /^deviceId.*\r\nodd-1,,failed,rejected,418/);
  await page.getByRole('button', { name: 'Details of odd-1' }).click();
  await dialog().getByText(hostile[0]).waitFor();
  await browser.picture('job-device');
  await dialog().getByRole('button', { name: 'Close' }).last().click();
  browser.quiet();
});
