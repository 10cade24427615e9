// The plan that a command works on: the one word without a flag, or trtexec's --loadEngine.

import { InvalidPlanError } from '../errors.js';
import { modelSource } from '../plan-cache/model-source.js';
import { type Flag, type ParsedFlags, UsageError, flagValue } from './flags.js';

export const loadEngineFlag: Flag = {
  name: 'loadEngine',
  value: 'PLAN',
  help: "The plan, trtexec's way",
};

/**
 * @param command - Its name.
 * @param what - What it takes, in words and as --help writes it.
 * @throws UsageError
 */
export function planArgument(
  parsed: ParsedFlags,
  command: string,
  what: { words: string; usage: string } = { words: 'plan', usage: 'PLAN' },
): string {
  const named = flagValue(parsed, 'loadEngine');
  const plans = named === undefined ? parsed.positionals : [named, ...parsed.positionals];
  const [plan] = plans;
  if (plan !== undefined && plans.length === 1) return plan;
  throw new UsageError(
    `${command} needs one ${what.words}, got ${plans.length}`,
    `Write trt-node ${command} ${what.usage}.`,
  );
}

/** For commands that work on plans only: `run` alone builds models. @throws ERR_TRT_INVALID_PLAN for an ONNX model */
export async function refuseModel(file: string, command: string): Promise<void> {
  if ((await modelSource(file)) === undefined) return;
  const plan = file.replace(/(\.onnx)?$/, '.plan');
  throw new InvalidPlanError(
    'ERR_TRT_INVALID_PLAN',
    `${command} needs a plan, and '${file}' is an ONNX model`,
    `Build it first: trt-node build --onnx=${file} --saveEngine=${plan}.`,
  );
}
