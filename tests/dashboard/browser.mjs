// Debian's Chromium, driven by playwright-core, on the dashboard of a hub of the test's own. What the page says
// on its console, what it throws and what its content policy refuses fails the test.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const fromDashboard = createRequire(new URL('../../dashboard/package.json', import.meta.url));
const { chromium } = fromDashboard('playwright-core');
const axe = readFileSync(fromDashboard.resolve('axe-core/axe.min.js'), 'utf8');

// It stays off the network: all it is asked for is the hub.
const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--ignore-certificate-errors', '--disable-dev-shm-usage',
];

export class Browser {
  /** `pictures` is a folder for screenshots. */
  static async open(hub, pictures) {
    const profile = mkdtempSync(join(tmpdir(), 'carillon-browser-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: flags,
      ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 }, acceptDownloads: true,
    });
    return new Browser(hub, context, profile, pictures);
  }

  constructor(hub, context, profile, pictures) {
    Object.assign(this, { hub, context, profile, pictures, complaints: [], allowed: [] });
    mkdirSync(pictures, { recursive: true });
    context.setDefaultTimeout(30_000);
    this.page = context.pages()[0];
    this.page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complain(`console: ${message.text()}`);
    });
    this.page.on('pageerror', (error) => this.complain(`thrown: ${error.stack}`));
    this.page.on('request', (request) => {
      const { protocol, host } = new URL(request.url());
      if (protocol === 'https:' && host !== hub.address) this.complain(`asked ${request.url()}`);
    });
    // A page under attack would open one of these.
    this.page.on('dialog', (dialog) => { this.dialogs = (this.dialogs ?? 0) + 1; void dialog.accept(); });
  }

  complain(text) {
    if (!this.allowed.some((pattern) => pattern.test(text))) this.complaints.push(text);
  }

  /** Fails if the page complained; what matches one of `patterns` is expected from here on. */
  quiet() {
    assert.deepEqual(this.complaints.splice(0), []);
  }
  expect(...patterns) {
    this.allowed = patterns;
  }

  go(path = '') {
    return this.page.goto(`https://${this.hub.address}/ui${path}`);
  }

  /** Ends the session, of a page that is left first: what it asks for behind the end would be refused. */
  async forget() {
    await this.page.goto('about:blank');
    await this.context.clearCookies();
  }

  async signIn({ policy = 'iothubowner', change = true } = {}) {
    const login = (await this.hub.local('connection-string', '--policy', policy)).trim();
    await this.forget();
    await this.go('/');
    await this.page.getByLabel('Connection string of a policy').fill(login);
    if (change) await this.page.getByLabel('Allow changes').check();
    await this.page.getByRole('button', { name: 'Sign in' }).click();
    await this.page.getByRole('navigation').waitFor();
  }

  /** A picture in each theme and on a phone. What axe-core finds fails, and a page wider than the phone. */
  async picture(name) {
    const { page } = this;
    for (const theme of ['light', 'dark']) {
      await page.evaluate((value) => { document.documentElement.dataset.theme = value; }, theme);
      await page.screenshot({ path: join(this.pictures, `${name}-${theme}.png`) });
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
      assert.deepEqual(violations.map(({ id, nodes }) => `${name} ${theme}: ${id}: ${nodes[0].html} ${nodes[0].failureSummary}`), []);
    }
    await page.setViewportSize({ width: 390, height: 844 });
    await page.evaluate(() => { document.documentElement.dataset.theme = 'light'; });
    // Once the page was laid out for it.
    const width = await page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(() => resolve(document.documentElement.scrollWidth))); }));
    await page.screenshot({ path: join(this.pictures, `${name}-phone.png`) });
    await page.setViewportSize({ width: 1280, height: 800 });
    assert.ok(width <= 390, `${name} is ${width} pixels wide on a phone`);
  }

  async close() {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true });
  }
}
