// The status page: one HTML text that is the same for every server, and the Content-Security-Policy that lets it run its own script only.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileError } from '../../errors.js';

/** A page or file with the headers that it needs. */
export interface StaticPage {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

function asset(name: string): string {
  const file = path.join(__dirname, 'assets', name);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw fileError('read', file, error);
  }
}

function hash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

function build(): StaticPage {
  const style = ['status.css', 'charts.css'].map(asset).join('\n');
  const script = ['format.js', 'charts.js', 'models.js', 'status.js'].map(asset).join('\n');
  const body = asset('status.html')
    .replace('<style></style>', () => `<style>${style}</style>`)
    .replace('<script></script>', () => `<script>${script}</script>`);
  const policy = [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    body,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy.join('; '),
      'cache-control': 'no-cache',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
  };
}

let page: StaticPage | undefined;

/**
 * The page for `/`. It has no data in it, and so nothing secret and nothing from outside: its script fetches `status.json` beside it, and shows names
 * and reasons as text.
 *
 * @throws ERR_TRT_FILE when a part of this package is missing
 */
export function statusPage(): StaticPage {
  page ??= build();
  return page;
}
