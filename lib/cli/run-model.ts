// trt-node run MODEL.onnx: how the model is built, from trtexec's flags; the plan is kept in the plan cache.

import { inspect } from '../inspect/inspect.js';
import { modelSource } from '../plan-cache/model-source.js';
import type { SessionOptions } from '../session/types.js';
import { buildProfiles } from './build-profiles.js';
import type { Output } from './command.js';
import { type Flag, type ParsedFlags, UsageError, flagValue, hasFlag } from './flags.js';

/** Flags that only a model takes. */
export const modelFlags: readonly Flag[] = [
  {
    name: 'cacheDir',
    value: 'DIR',
    help: 'Of an ONNX model: where its plan is kept (default ~/.cache/trt-node)',
  },
  { name: 'fp16', help: 'Of an ONNX model: allow float16 kernels' },
  ...Object.entries({ min: 'smallest', opt: 'optimal', max: 'largest' }).map(
    ([name, which]): Flag => ({
      name: `${name}Shapes`,
      value: 'SHAPES',
      help: `Of an ONNX model: the ${which} shapes of its profile (default: --shapes)`,
    }),
  ),
];

/** The options that build the model; none for a plan. @throws UsageError for flags of models with a plan */
export async function modelOptions(
  file: string,
  parsed: ParsedFlags,
  output: Output,
): Promise<SessionOptions> {
  if ((await modelSource(file)) === undefined) {
    const given = modelFlags.find(({ name }) => hasFlag(parsed, name));
    if (given === undefined) return {};
    throw new UsageError(
      `--${given.name} is for ONNX models, and ${file} is none`,
      'A plan is built already: leave the flag out, or give the model.',
    );
  }
  const info = await inspect(file);
  const warnings: string[] = [];
  // With shapes of its own for the profile, --shapes only says what to run with.
  const own = ['minShapes', 'optShapes', 'maxShapes'].some((name) => hasFlag(parsed, name));
  const given = parsed.given.filter(({ name }) => !own || name !== 'shapes');
  const model = info.kind === 'onnx' ? info : undefined;
  const profiles = buildProfiles({ ...parsed, given }, model, warnings);
  for (const warning of warnings) output.note(`[W] ${warning}`);
  return { profiles, cacheDir: flagValue(parsed, 'cacheDir'), fp16: hasFlag(parsed, 'fp16') };
}
