// NVIDIA's real lean and dispatch runtimes on a machine without a GPU, each in a child process: scripts/real-libraries.mjs fetches them
// and names them in TRT_NODE_TEST_LIBRARIES.

import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runChild } from '../helpers/child.js';

const libraries = (process.env.TRT_NODE_TEST_LIBRARIES ?? '').split(':').filter(Boolean);
const hasDriver = existsSync('/proc/driver/nvidia');

interface Told {
  version: { major: number; minor: number };
  flavor: string;
  hasBuilder: boolean;
  noDriver: { code: string; message: string; hint: string };
  unchecked: { code: string; log: string[] } | null;
  lines: string[];
}

/** In a child: opens the library, asks for a runtime as users do, then past the driver check, and prints what happened. */
const program = (library: string): string => `
  const { Runtime } = require('trt-node');
  const { loadAddon } = require('./dist/load.js');
  const library = ${JSON.stringify(library)};
  const tell = ({ code, message, hint, log }) => ({ code, message, hint, log });
  const attempt = (action) => { try { action(); return null; } catch (error) { return tell(error); } };
  const { addon } = loadAddon();
  const platform = addon.openPlatform({ kind: 'tensorrt', library, onnxruntimeLibrary: '', pluginLibraries: [] });
  const { version, flavor, hasBuilder } = platform;
  const noDriver = attempt(() => new Runtime({ library }));
  const lines = [];
  const unchecked = attempt(() => platform.createRuntimeUnchecked((severity, line) => lines.push(line)));
  setTimeout(() => console.log(JSON.stringify({ version, flavor, hasBuilder, noDriver, unchecked, lines })), 100);
`;

test('there are libraries to test', () => {
  expect(libraries.length).toBeGreaterThan(0);
});

describe.each(libraries)('%s', (library) => {
  test.skipIf(hasDriver)('opens, wants a driver, and is heard by our logger', async () => {
    const { code, signal, stdout, stderr } = await runChild({ code: program(library) });
    expect({ code, signal, stderr }).toMatchObject({ code: 0, signal: null });
    const told = JSON.parse(stdout) as Told;
    const { 1: flavor, 2: major } = /libnvinfer_(\w+)\.so\.(\d+)$/.exec(library) ?? [];
    expect(told.flavor).toBe(flavor);
    expect(told.version.major).toBe(Number(major));
    expect(told.hasBuilder).toBe(false);
    expect(told.noDriver.code).toBe('ERR_TRT_NO_DRIVER');
    expect(told.noDriver.message).toContain('libcuda.so.1');
    expect(told.noDriver.hint).toContain('reference');
    // Past the check TensorRT answers junk, and says why through our logger: in the layout of its major.
    expect(told.unchecked?.code).toBe('ERR_TRT_NO_DRIVER');
    expect(told.unchecked?.log.join('\n')).toMatch(/CUDA/i);
    expect(told.lines.join('\n')).toMatch(/CUDA/i);
  });
});
