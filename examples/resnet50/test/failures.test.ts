// What goes wrong on other people's machines is told in a sentence with what to do, and status 1.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { explain } from '../../kit/failure.ts';
import { chooseModel } from '../../kit/models.ts';
import { freePort } from '../../kit/server.ts';
import { example } from './expected.ts';

interface Ended {
  readonly status: number | string | null | undefined;
  readonly stderr: string;
}

function run(command: string, ...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: example }, (error, _, stderr) => {
      resolve({ status: error === null ? 0 : error.code, stderr });
    });
  });
}

const python = process.env.TRT_NODE_PYTHON ?? 'python3';
const tsx = ['--import', 'tsx'];

test('missing Python packages', async () => {
  // -ES: without site-packages and PYTHONPATH.
  for (const script of ['client.py', 'export.py']) {
    const { status, stderr } = await run(python, '-ES', script);
    assert.equal(status, 1, stderr);
    assert.match(stderr, /^\S+ has no numpy\.\nRun: \S+ -m pip install [^\n]+\n$/);
  }
});

test('absent weights', async () => {
  const { status, stderr } = await run(python, '-ES', 'export.py', '--weights=nowhere.pth');
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
  const { status, stderr } = await run(process.execPath, ...tsx, 'main.ts', 'nowhere.jpg');
  assert.equal(status, 1);
  assert.equal(stderr, 'There is no picture nowhere.jpg.\nGive the path of one.\n');
});

test('what is no picture, and a flag that there is not', async () => {
  for (const script of ['main.ts', 'client.ts']) {
    const args = [script, ...(script === 'client.ts' ? ['localhost'] : []), 'package.json'];
    const { status, stderr } = await run(process.execPath, ...tsx, ...args);
    assert.equal(status, 1);
    assert.match(stderr, /^\S*package\.json cannot be decoded: [^\n]+\.\nGive [^\n]+\n$/);
  }
  const { status, stderr } = await run(process.execPath, ...tsx, 'main.ts', '--wrong');
  assert.equal(status, 1);
  assert.equal(stderr, "Unknown option '--wrong'.\nThe flags are in README.md.\n");
});

test('a port in use', async () => {
  const other = createServer().listen(0);
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  try {
    const { status, stderr } = await run(
      process.execPath,
      ...tsx,
      'serve.ts',
      `--http-port=${port}`,
    );
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`${port}.*in use`));
  } finally {
    other.close();
  }
});

test('no server', async () => {
  const server = `127.0.0.1:${await freePort()}`;
  const { status, stderr } = await run(process.execPath, ...tsx, 'client.ts', server);
  assert.equal(status, 1);
  assert.match(stderr, /ECONNREFUSED.*\nIs the server running\? Start it with npm run serve/);
});
