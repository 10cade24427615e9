// The status page in a real browser: live numbers that agree with the statistics, buttons, light and dark, nothing from elsewhere.

import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { statusPage } from '../../lib/serving/status-page/page.js';
import { StatusReporter } from '../../lib/serving/status-page/snapshot.js';
import { chromiumHint, chromiumPath, openBrowser } from '../helpers/browser.js';
import { StatusService } from '../helpers/status-service.js';

const hostile = '<img src=x onerror="window.hacked=1">';
const missing = chromiumPath() === undefined;
if (missing) console.warn(`Skipped: ${chromiumHint}.`);

// In CI a machine without a browser fails; elsewhere it says what was not tested.
describe.skipIf(missing && !process.env.CI)('status page', () => {
  let browser: Browser;
  let service: StatusService;
  let reporter: StatusReporter;
  let server: Server;
  let address: string;
  /** Authorization header that is asked for. */
  let wanted: string | undefined;

  beforeAll(async () => {
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser.close();
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '', method, headers } = request;
    if (url === '/') {
      const page = statusPage();
      response.writeHead(200, page.headers).end(page.body);
      return;
    }
    if (wanted !== undefined && headers.authorization !== wanted) {
      response.writeHead(401).end('{"error":"unauthorized"}');
      return;
    }
    if (url === '/status.json') {
      const json = reporter.json();
      response.writeHead(200, json.headers).end(json.body);
      return;
    }
    const match = /^\/v2\/repository\/models\/([^/]+)\/(load|unload)$/.exec(url);
    if (match === null || method !== 'POST') {
      response.writeHead(404).end();
      return;
    }
    const name = decodeURIComponent(match[1]!);
    try {
      await (match[2] === 'load' ? service.load(name) : service.unload(name));
      response.writeHead(200).end();
    } catch (error) {
      response.writeHead(400).end(JSON.stringify({ error: (error as Error).message }));
    }
  }

  beforeEach(async () => {
    wanted = undefined;
    service = new StatusService();
    reporter = new StatusReporter(service, {
      serverName: 'test server',
      devices: () => [{ index: 0, name: 'Test GPU', totalBytes: 8 * 2 ** 30, usedBytes: 2 ** 31 }],
    });
    server = createServer((request, response) => void answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    onTestFinished(() => {
      reporter.close();
      server.closeAllConnections();
      server.close();
    });
  });

  /** The page, with all that must never happen noted: errors on the console, requests to other places. */
  async function open(
    options: BrowserContextOptions = {},
  ): Promise<{ page: Page; faults: string[] }> {
    const context = await browser.newContext(options);
    onTestFinished(() => context.close());
    const page = await context.newPage();
    const faults: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
    });
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(address)) faults.push(`request to ${request.url()}`);
    });
    page.on('dialog', (dialog) => void dialog.accept());
    await page.goto(`${address}/`);
    await expect.poll(() => page.textContent('#readiness')).not.toBe('…');
    return { page, faults };
  }

  test('shows live numbers that agree with the statistics', async () => {
    const { statistics } = service.add('mlp');
    for (let index = 0; index < 10; index++) statistics.succeeded(2, 0.3);
    statistics.executed(4, 4, 0.01, 1, 0.01, { h2d: 0.1, compute: 1, d2h: 0.1, wakeup: 0.02 });
    statistics.dispatched('preferred');
    statistics.failed(1, 'REJECTED');
    const { page, faults } = await open();
    expect(await page.textContent('#server-name')).toBe('test server');
    expect(await page.textContent('#readiness')).toBe('Ready');
    expect(await page.textContent('#tile-requests')).toBe('10');
    const median = statistics.latencies.request.quantile(0.5);
    expect(await page.textContent('#tile-latency')).toBe(`${(median / 1000).toFixed(2)} ms`);
    expect(await page.textContent('#server-line')).toContain('CPU reference runtime');
    expect(await page.textContent('#memory-rows')).toContain('2 GiB of 8 GiB');

    await page.click('button.name');
    const detail = (): Promise<string | null> => page.textContent('#detail');
    expect(await detail()).toContain('preferred size');
    expect(await detail()).toContain('REJECTED');
    expect(await detail()).toContain('4 inferences in 1 batches');

    for (let index = 0; index < 30; index++) statistics.succeeded(2, 0.3);
    await expect.poll(() => page.textContent('#tile-requests'), { timeout: 10_000 }).toBe('40');
    expect(await page.getAttribute('button.name', 'aria-expanded')).toBe('true');
    expect(faults).toEqual([]);
  });

  test('the last minute leaves out what was before the page was opened', async () => {
    const { statistics } = service.add('mlp');
    for (let index = 0; index < 100; index++) statistics.succeeded(400, 1);
    const { page } = await open();
    await page.click('#period-recent');
    for (let index = 0; index < 10; index++) statistics.succeeded(0.004, 0.001);
    await expect.poll(() => page.textContent('#tile-requests'), { timeout: 10_000 }).toBe('110');
    expect(await page.textContent('#tile-latency')).toContain('µs');
    await page.click('#period-all');
    expect(await page.textContent('#tile-latency')).toContain('ms');
  });

  test('unloads and loads models in explicit mode', async () => {
    service.add('mlp');
    service.add('a/b c');
    const { page, faults } = await open();
    await page.click('button[aria-label="Unload mlp"]');
    await page.waitForSelector('button[aria-label="Load mlp"]');
    expect(await page.textContent('#models')).toContain('UNAVAILABLE');
    await page.click('button[aria-label="Load mlp"]');
    await page.waitForSelector('button[aria-label="Unload mlp"]');
    await page.click('button[aria-label="Reload a/b c"]');
    await expect.poll(() => service.calls).toEqual(['unload mlp', 'load mlp', 'load a/b c']);
    expect(faults).toEqual([]);
  });

  test('has no buttons to load and unload in the other modes', async () => {
    service.controlMode = 'poll';
    service.add('mlp');
    const { page } = await open();
    expect(await page.locator('td.actions button').count()).toBe(0);
    expect(await page.textContent('#mode')).toContain('watched');
  });

  test('says why the server is not ready, and why a load failed', async () => {
    service.readiness = { ready: false, reasons: ['device 0 is lost: CUDA_ERROR_ILLEGAL_ADDRESS'] };
    const model = service.add('mlp');
    model.state = 'UNAVAILABLE';
    model.reason = 'Invalid argument: unable to load';
    const { page } = await open();
    expect(await page.textContent('#readiness')).toBe('Not ready');
    expect(await page.textContent('#banner')).toContain('CUDA_ERROR_ILLEGAL_ADDRESS');
    expect(await page.textContent('#models')).toContain('unable to load');
    service.readiness = { ready: true, reasons: [] };
    service.load = () => Promise.reject(new Error('no plan in 1/'));
    await page.click('button[aria-label="Load mlp"]');
    await expect
      .poll(() => page.textContent('#banner'), { timeout: 10_000 })
      .toContain('no plan in 1/');
  });

  test('names and reasons from outside stay text', async () => {
    service.add(hostile);
    const bad = service.add('</script><script>window.hacked=1</script>', '1');
    bad.state = 'UNAVAILABLE';
    bad.reason = hostile;
    const { page, faults } = await open();
    await page.click('button.name >> nth=0');
    expect(await page.textContent('#detail-title')).toBe(`${hostile} · version 1`);
    expect(await page.textContent('#models')).toContain(
      '</script><script>window.hacked=1</script>',
    );
    expect(await page.locator('main img').count()).toBe(0);
    expect(await page.evaluate(`'hacked' in window`)).toBe(false);
    await page.click(`td.actions button >> nth=1`);
    await expect.poll(() => service.calls).toEqual([`unload ${hostile}`]);
    expect(faults).toEqual([]);
  });

  test('a script from elsewhere cannot run: the policy allows the page’s own only', async () => {
    const { page, faults } = await open();
    await page.evaluate(`{
      const script = document.createElement('script');
      script.textContent = 'window.hacked = 1';
      document.body.append(script);
    }`);
    expect(await page.evaluate(`'hacked' in window`)).toBe(false);
    expect(faults.join()).toContain('Content Security Policy');
  });

  test('asks for a token when the server does, and goes on with it', async () => {
    service.add('mlp');
    wanted = 'Bearer secret';
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(`${address}/`);
    await page.waitForSelector('#login:not([hidden])');
    expect(await page.locator('button.name').count()).toBe(0);
    expect(await page.isVisible('#banner')).toBe(false);
    await page.fill('#token', 'wrong');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.textContent('#banner')).toContain('does not accept this token');
    await page.fill('#token', 'secret');
    await page.keyboard.press('Enter');
    await page.waitForSelector('button.name');
    await expect.poll(() => page.isVisible('#banner')).toBe(false);
    expect(await page.textContent('#readiness')).toBe('Ready');
    expect(await page.isVisible('#login')).toBe(false);
  });

  test('light and dark: by the system, and by the button', async () => {
    const background = (page: Page): Promise<string> =>
      page.evaluate(`getComputedStyle(document.body).backgroundColor`);
    const { page: dark } = await open({ colorScheme: 'dark' });
    const { page: light } = await open({ colorScheme: 'light' });
    const [onDark, onLight] = [await background(dark), await background(light)];
    expect(onDark).not.toBe(onLight);
    await dark.click('#theme');
    expect(await dark.textContent('#theme')).toBe('Light');
    expect(await background(dark)).toBe(onLight);
    await dark.click('#theme');
    expect(await background(dark)).toBe(onDark);
    await dark.reload();
    expect(await dark.textContent('#theme')).toBe('Dark');
  });

  test('is used by keyboard, and fits a narrow screen', async () => {
    service.add('mlp');
    const { page } = await open({ viewport: { width: 360, height: 700 } });
    const overflow = await page.evaluate(`document.documentElement.scrollWidth - innerWidth`);
    expect(overflow).toBeLessThanOrEqual(0);
    await page.focus('button.name');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#detail:not([hidden])');
    // The row is updated in place, so that the focus stays where it is.
    const uptime = await page.textContent('#server-line');
    await expect.poll(() => page.textContent('#server-line')).not.toBe(uptime);
    expect(await page.evaluate(`document.activeElement.textContent`)).toBe('mlp');
    const unnamed = await page.evaluate(
      `[...document.querySelectorAll('button')].filter((each) => (each.getAttribute('aria-label') ?? each.textContent).trim() === '').length`,
    );
    expect(unnamed).toBe(0);
  });

  test.each([390, 360])(
    '%i pixels wide: states and buttons are seen without scrolling',
    async (width) => {
      service.add('mlp');
      service.add('sentence_classification_with_a_long_name', width > 360 ? '20260101' : '3');
      Object.assign(service.add('broken'), {
        state: 'UNAVAILABLE',
        reason: 'no such file '.repeat(9),
      });
      Object.assign(service.add('new_one'), { state: 'LOADING' });
      const { page } = await open({ viewport: { width, height: 800 } });
      await page.waitForSelector('td.actions button');
      const seen = await page.locator('#models .pill, #models td.actions button').all();
      expect(seen).toHaveLength(9);
      for (const each of seen) {
        const { x, width: wide } = (await each.boundingBox())!;
        const label = (await each.textContent()) ?? '';
        expect(x, label).toBeGreaterThanOrEqual(0);
        expect(x + wide, label).toBeLessThanOrEqual(width - 12);
      }
      expect(await page.evaluate(`document.documentElement.scrollWidth - innerWidth`)).toBe(0);
    },
  );

  test('says that the server is gone, and when it is back', async () => {
    const { page } = await open();
    const { port } = server.address() as AddressInfo;
    server.closeAllConnections();
    server.close();
    await expect
      .poll(() => page.textContent('#banner'), { timeout: 10_000 })
      .toContain('No answer');
    expect(await page.textContent('#readiness')).toBe('No answer');
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    await expect
      .poll(() => page.textContent('#readiness'), { timeout: 10_000 })
      .not.toBe('No answer');
    expect(await page.textContent('#banner')).not.toContain('No answer');
  });
});
