// The command line in this process: what it prints and its exit status.

import { expect, vi } from 'vitest';
import { main } from '../../lib/cli/main.js';

export interface CliResult {
  status: number;
  stdout: string;
  stderr: string;
}

/** Runs `trt-node WORDS`; words with spaces are given as an array. */
export async function cli(words: string | readonly string[]): Promise<CliResult> {
  const result = { status: 0, stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      result[name] += String(chunk);
      return true;
    }),
  );
  try {
    const list = typeof words === 'string' ? words.split(' ') : words;
    result.status = await main(list.filter((word) => word !== ''));
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return result;
}

/** The JSON that `trt-node WORDS --json` prints, which must be all of stdout. */
export async function cliJson(
  words: string | readonly string[],
): Promise<{ status: number; stderr: string; data: Record<string, unknown> }> {
  const list = typeof words === 'string' ? words.split(' ') : words;
  const { status, stdout, stderr } = await cli([...list, '--json']);
  return { status, stderr, data: JSON.parse(stdout) as Record<string, unknown> };
}

/** Two lines on stderr: what, and what to do. */
export function expectTwoLines(
  result: CliResult,
  status: number,
  what: string,
  hint: string,
): void {
  const lines = result.stderr.trimEnd().split('\n');
  expect(lines, result.stderr).toHaveLength(2);
  expect(lines[0]).toContain(what);
  expect(lines[1]).toContain(hint);
  expect(result.status).toBe(status);
}
