// What goes wrong on other people's machines is told in a sentence with what to do, and status 1.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { explain } from '../../kit/failure.ts';
import { chooseModel } from '../../kit/models.ts';
import { type Ended, runProgram, runTsx } from '../../kit/program.ts';
import { freePort, takenPort } from '../../kit/server.ts';
import { example } from './expected.ts';

const python = process.env.TRT_NODE_PYTHON ?? 'python3';
const runPython = (...args: string[]): Promise<Ended> => runProgram(python, args, { cwd: example });
const run = (...args: string[]): Promise<Ended> => runTsx(args, { cwd: example });

test('missing Python packages', async () => {
  // -ES: without site-packages and PYTHONPATH.
  for (const script of ['client.py', 'export.py']) {
    const { status, stderr } = await runPython('-ES', script);
    assert.equal(status, 1, stderr);
    assert.match(stderr, /^\S+ has no numpy\.\nRun: \S+ -m pip install [^\n]+\n$/);
  }
});

test('absent weights', async () => {
  const { status, stderr } = await runPython('-ES', 'export.py', '--weights=nowhere.pth');
  assert.equal(status, 1);
  assert.match(stderr, /^There is no file nowhere\.pth\.\nGive the path/);
});

test('the full model is wanted, and not there', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'trt-node-resnet50-'));
  const before = process.env.TRT_NODE_EXAMPLES_MODEL;
  process.env.TRT_NODE_EXAMPLES_MODEL = 'full';
  try {
    chooseModel(pathToFileURL(path.join(folder, 'main.ts')).href);
    assert.fail('it is not there');
  } catch (error) {
    assert.match(explain(error) ?? '', /full model is not in .*\nMake it: npm run export/);
  } finally {
    if (before === undefined) delete process.env.TRT_NODE_EXAMPLES_MODEL;
    else process.env.TRT_NODE_EXAMPLES_MODEL = before;
    rmSync(folder, { recursive: true });
  }
});

test('a picture that is not there', async () => {
  const { status, stderr } = await run('main.ts', 'nowhere.jpg');
  assert.equal(status, 1);
  assert.equal(stderr, 'There is no picture nowhere.jpg.\nGive the path of one.\n');
});

test('what is no picture, and a flag that there is not', async () => {
  for (const script of ['main.ts', 'client.ts']) {
    const args = [script, ...(script === 'client.ts' ? ['localhost'] : []), 'package.json'];
    const { status, stderr } = await run(...args);
    assert.equal(status, 1);
    assert.match(stderr, /^\S*package\.json cannot be decoded: [^\n]+\.\nGive [^\n]+\n$/);
  }
  const { status, stderr } = await run('main.ts', '--wrong');
  assert.equal(status, 1);
  assert.equal(stderr, "Unknown option '--wrong'.\nThe flags are in README.md.\n");
});

test('a port in use', async () => {
  await using taken = await takenPort();
  const { status, stderr } = await run('serve.ts', `--http-port=${taken.port}`);
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`${taken.port}.*in use`));
});

test('no server', async () => {
  const server = `127.0.0.1:${await freePort()}`;
  const { status, stderr } = await run('client.ts', server);
  assert.equal(status, 1);
  assert.match(stderr, /ECONNREFUSED.*\nIs the server running\? Start it with npm run serve/);
});
