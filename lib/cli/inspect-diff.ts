// trt-node inspect FILE --diff=OTHER: what differs. Exit status as diff(1): 0 the same, 1 different.

import { diff } from '../inspect/diff.js';
import { diffText } from '../inspect/diff-text.js';
import type { DiffOptions } from '../inspect/diff.js';
import { type Output, reportError } from './command.js';

/** Compares, prints, and returns the exit status. */
export async function inspectDiff(
  file: string,
  other: string,
  options: DiffOptions & { wide: boolean },
  output: Output,
): Promise<number> {
  const { wide, ...rest } = options;
  const { a, b, diff: found } = await diff(file, other, rest);
  output.text(`first:  ${file}\nsecond: ${other}`);
  output.text(diffText(found, { wide }));
  const error = [a, b].map((info) => (info.kind === 'plan' ? info.error : undefined)).find(Boolean);
  if (error !== undefined) return reportError('trt-node inspect', error, output);
  output.data({ a: file, b: other, ...found });
  return found.same ? 0 : 1;
}
