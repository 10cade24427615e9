// The version of this package.

import { readFileSync } from 'node:fs';
import path from 'node:path';

/** As package.json, beside dist/ (and lib/), has it. */
export function packageVersion(): string {
  const manifest = path.join(__dirname, '..', 'package.json');
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
