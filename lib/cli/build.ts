// trt-node build: an ONNX model to a plan, with trtexec's flag names.

import { statSync } from 'node:fs';
import { type BuildOptions, build } from '../build/build.js';
import type { BuildProfile } from '../build/profile.js';
import { type OnnxInfo, parseOnnx } from '../inspect/onnx.js';
import type { LogFunction } from '../log.js';
import { openPlatform } from '../platform.js';
import { readBytes } from '../read-bytes.js';
import { hardwareCompatibilityLevels, profilingVerbosities } from '../runtime/engine-info.js';
import { versionText } from '../runtime/runtime.js';
import { calibrationFromFlags } from './build-calibration.js';
import { addsHalfForDla, configOptions } from './build-config.js';
import { buildFlags } from './build-flags.js';
import { networkOptions } from './build-network.js';
import { buildProfiles } from './build-profiles.js';
import { type Command, type Output, platformOptions, severityMarks } from './command.js';
import {
  type ParsedFlags,
  UsageError,
  choiceFlag,
  flagValue,
  hasFlag,
  integerFlag,
} from './flags.js';
import { ProgressBar } from './progress-bar.js';

/** trtexec's words (layer_names_only, ampere+) and ours. */
const verbosityWords = new Map([
  ['layer_names_only', profilingVerbosities[0]],
  ['none', profilingVerbosities[1]],
  ['detailed', profilingVerbosities[2]],
]);
const compatibilityWords = new Map([
  ['none', hardwareCompatibilityLevels[0]],
  ['ampere+', hardwareCompatibilityLevels[1]],
  ['samecomputecapability', hardwareCompatibilityLevels[2]],
]);

async function readModel(path: string): Promise<OnnxInfo | undefined> {
  const bytes = await readBytes(path);
  try {
    return parseOnnx(bytes);
  } catch {
    return undefined; // TensorRT's parser says better what is wrong
  }
}

async function optionsOf(
  parsed: ParsedFlags,
  onnx: string,
  warnings: string[],
): Promise<BuildOptions> {
  const model = await readModel(onnx);
  const profiles = buildProfiles(parsed, model, warnings) as BuildProfile[];
  const platform = platformOptions(parsed);
  const int8 = hasFlag(parsed, 'best') || hasFlag(parsed, 'int8');
  return {
    ...platform,
    onnx,
    profiles,
    saveEngine: flagValue(parsed, 'saveEngine'),
    best: hasFlag(parsed, 'best'),
    fp16: hasFlag(parsed, 'fp16') || addsHalfForDla(parsed, platform, warnings),
    bf16: hasFlag(parsed, 'bf16'),
    int8: hasFlag(parsed, 'int8'),
    calibration: calibrationFromFlags(parsed, model, int8, warnings),
    fp8: hasFlag(parsed, 'fp8'),
    tf32: !hasFlag(parsed, 'noTF32'),
    stronglyTyped: hasFlag(parsed, 'stronglyTyped'),
    refit: hasFlag(parsed, 'refit') || hasFlag(parsed, 'stripAllWeights'),
    versionCompatible: hasFlag(parsed, 'versionCompatible'),
    excludeLeanRuntime: hasFlag(parsed, 'excludeLeanRuntime'),
    ...configOptions(parsed, warnings),
    ...networkOptions(parsed, model, warnings),
    builderOptimizationLevel: integerFlag(parsed, 'builderOptimizationLevel', 0, 5),
    maxAuxStreams: integerFlag(parsed, 'maxAuxStreams'),
    profilingVerbosity: choiceFlag(parsed, 'profilingVerbosity', verbosityWords),
    hardwareCompatibilityLevel: choiceFlag(
      parsed,
      'hardwareCompatibilityLevel',
      compatibilityWords,
    ),
    timingCacheFile: flagValue(parsed, 'timingCacheFile'),
  };
}

async function run(parsed: ParsedFlags, output: Output): Promise<number> {
  const onnx = flagValue(parsed, 'onnx');
  const saveEngine = flagValue(parsed, 'saveEngine');
  if (onnx === undefined || saveEngine === undefined || parsed.positionals.length > 0) {
    const missing = onnx === undefined ? '--onnx' : '--saveEngine';
    throw new UsageError(
      parsed.positionals.length > 0
        ? `build takes no file without a flag, got ${JSON.stringify(parsed.positionals[0])}`
        : `build needs ${missing}`,
      `Write trt-node build --onnx=${onnx ?? parsed.positionals[0] ?? 'MODEL'} --saveEngine=${saveEngine ?? 'PLAN'}.`,
    );
  }
  const warnings: string[] = [];
  const options = await optionsOf(parsed, onnx, warnings);
  for (const warning of warnings) output.note(`warning: ${warning}`);
  const verbose = hasFlag(parsed, 'verbose');
  const bar = output.json || verbose ? undefined : new ProgressBar(process.stderr);
  const log: LogFunction = (severity, message) => {
    if (severity === 'warning') warnings.push(message);
    else if (!verbose) return; // errors come back with the error that they lead to
    const line = `[${severityMarks[severity]}] ${message}`;
    if (bar === undefined) output.note(line);
    else bar.note(line);
  };
  const controller = new AbortController();
  const onInterrupt = (): void => {
    controller.abort(new Error('interrupted'));
  };
  process.once('SIGINT', onInterrupt);
  const start = performance.now();
  let plan: Uint8Array;
  try {
    plan = await build({
      ...options,
      log,
      logSeverity: verbose ? 'verbose' : 'warning',
      progress:
        bar &&
        ((progress) => {
          bar.update(progress);
        }),
      signal: controller.signal,
    });
  } finally {
    process.removeListener('SIGINT', onInterrupt);
    bar?.close();
  }
  const seconds = (performance.now() - start) / 1000;
  const { kind, version } = openPlatform(options);
  const maker = kind === 'reference' ? 'the CPU reference runtime' : 'TensorRT';
  output.text(
    `Wrote ${saveEngine}: ${plan.length} bytes in ${seconds.toFixed(1)} s, built by ${maker} ${versionText(version)}`,
  );
  output.data({
    plan: saveEngine,
    bytes: statSync(saveEngine).size,
    seconds,
    runtime: kind,
    version: versionText(version),
    profiles: options.profiles,
    warnings,
  });
  return 0;
}

export const buildCommand: Command = {
  name: 'build',
  usage: '--onnx=MODEL --saveEngine=PLAN [flags]',
  summary: "Build a plan from an ONNX model, with trtexec's flags",
  flags: buildFlags,
  notes:
    'Shapes are written as name:1x3x224x224,other:1x8. Shape flags before the first --profile=N belong to profile 0. For shape tensors the numbers are values.\n' +
    'A plan runs on the kind of GPU that it was built on and on no other: build where you deploy.',
  run,
};
