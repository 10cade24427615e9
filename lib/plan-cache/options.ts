// What Session.load takes for ONNX models, besides what it takes for plans.

import { type BuildOptions, buildOptionNames } from '../build/build.js';
import { describe, invalidArgument } from '../errors.js';
import { type LogOptions, logOptionNames } from '../log.js';
import { type PlatformOptions, platformOptionNames } from '../platform.js';

/** How a model is built that {@link Session.load} is given instead of a plan, and where the plan is kept. For plans these options are refused. */
export interface ModelOptions extends Omit<
  BuildOptions,
  | 'onnx'
  | 'saveEngine'
  | 'device'
  | 'signal'
  | 'gpuAllocator'
  | keyof PlatformOptions
  | keyof LogOptions
> {
  /**
   * Where plans are kept: a folder, made if it is missing, for this user alone. Default: `trt-node` in XDG_CACHE_HOME, else in `~/.cache`. `false`: nowhere, the
   * model is built at each load. See docs/plan-cache.md.
   */
  cacheDir?: string | false | undefined;
  /** Most bytes of plans to keep: after a build, those used longest ago are removed, whoever built them. Default: no limit. */
  cacheMaxBytes?: number | undefined;
}

/** Of sessions as well; a limit of the session's memory is none of the builder's. */
const shared: readonly string[] = [
  ...platformOptionNames,
  ...logOptionNames,
  'device',
  'signal',
  'gpuAllocator',
];

/** Names of {@link ModelOptions}. */
export const modelOptionNames: readonly string[] = [
  ...buildOptionNames.filter(
    (name) => !shared.includes(name) && name !== 'onnx' && name !== 'saveEngine',
  ),
  'cacheDir',
  'cacheMaxBytes',
];

/** Refuses options that only a model can be loaded with. @throws ERR_TRT_INVALID_ARGUMENT */
export function refuseModelOptions(options: object, plan: unknown): void {
  const given = Object.entries(options).find(
    ([name, value]) => value !== undefined && modelOptionNames.includes(name),
  );
  if (given === undefined) return;
  const what = typeof plan === 'string' ? `'${plan}'` : 'what was given';
  throw invalidArgument(
    `Session.load: '${given[0]}' is an option for ONNX models, but ${what} is no ONNX model (got ${describe(given[1])})`,
    given[0] === 'refit' && typeof given[1] === 'object'
      ? 'A plan gets other weights by refitFrom: { refitFrom: { onnx: … } }, or by session.refit().'
      : 'A plan is built already: leave the option out, or give the ONNX model.',
  );
}
