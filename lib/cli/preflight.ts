// What commands tell of a plan without deserializing it: inspect --preflight, and --getPlanVersionOnly.

import { InvalidPlanError } from '../errors.js';
import { readPlanFacts } from '../inspect/plan-header.js';
import { preflight, readHead } from '../inspect/preflight.js';
import { versionWords } from '../inspect/preflight-checks.js';
import { preflightText } from '../inspect/preflight-text.js';
import { type Output, platformOptions } from './command.js';
import { type Flag, type ParsedFlags, hasFlag } from './flags.js';
import { refuseModel } from './plan-argument.js';

/** `--preflight` and `--getPlanVersionOnly`. */
export const preflightFlag: Flag = {
  name: 'preflight',
  help: 'Tell whether the plan can run here, without deserializing it; needs neither GPU nor TensorRT',
};
export const planVersionFlag: Flag = {
  name: 'getPlanVersionOnly',
  help: 'Print the version of TensorRT that built the plan, and nothing else',
};

/** Prints the report. @returns 1 for a plan that cannot run, else 0 */
export async function runPreflight(
  file: string,
  parsed: ParsedFlags,
  output: Output,
): Promise<number> {
  const report = await preflight(file, {
    ...platformOptions(parsed),
    engineHostCodeAllowed: hasFlag(parsed, 'engineHostCodeAllowed'),
  });
  output.text(preflightText(report));
  output.data({ kind: 'preflight', plan: file, ...report });
  return report.verdict === 'cannot-run' ? 1 : 0;
}

/**
 * The version of the TensorRT that built a plan.
 *
 * @throws ERR_TRT_FILE, ERR_TRT_INVALID_PLAN
 */
export async function planVersion(file: string): Promise<string> {
  const { head, bytes } = await readHead(file, 'getPlanVersionOnly');
  const version = readPlanFacts(head, bytes)?.version;
  if (version !== undefined) return versionWords(version);
  await refuseModel(file, 'getPlanVersionOnly');
  throw new InvalidPlanError(
    'ERR_TRT_INVALID_PLAN',
    `expected a plan that tells TensorRT's version, but '${file}' does not`,
    'Look at it with trt-node inspect: plans of the reference runtime and of TensorRT 8.5 and older do not tell.',
  );
}
