// scripts/examples.mjs (npm run examples): what it cannot do is told in a sentence, before anything is run.

import { cpSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { runChild } from '../helpers/child.js';
import { tempFolder } from '../helpers/temp.js';

const script = 'scripts/examples.mjs';

test.each([
  [['lane'], /^There is no example lane: sentiment, resnet50, bert, lanes, wide-resnet\.\n$/],
  [['--fast'], /^Unknown option '--fast'/],
  [['--skip=lanes'], /^--skip=lanes means nothing/],
  [['--small', '--full'], /^--small and --full cannot both be/],
  [['--jobs=0'], /^--jobs=0 is no number from 1/],
  [['--jobs=2', '--figures'], /^--jobs=2 would spoil the figures/],
])('%o', async (args, words) => {
  const { code, stdout, stderr } = await runChild(script, { args });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(words);
});

test('packages that are not installed', async () => {
  const folder = tempFolder();
  for (const file of ['package.json', 'scripts', 'examples/lanes/package.json']) {
    cpSync(file, path.join(folder, file), { recursive: true });
  }
  const { code, stderr } = await runChild(path.join(folder, script), { args: ['lanes'] });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^examples\/lanes needs tsx, sharp, trt-node\.\nRun npm install in /);
});
