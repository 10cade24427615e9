// Debian's chromium for tests of HTML pages.

import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const places = [
  process.env.TRT_NODE_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** Path of a Chromium, or undefined where there is none. */
export function chromiumPath(): string | undefined {
  return places.find((place) => place !== undefined && place !== '' && existsSync(place));
}

/** How to get one. */
export const chromiumHint =
  'these tests need a browser: `apt-get install chromium`, or name one with TRT_NODE_CHROMIUM=/path/to/chromium';

/** Starts it, without a window. @throws where there is none */
export function openBrowser(): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error(chromiumHint);
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
}
