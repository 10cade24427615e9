// What the commands share: their flags for runtime and device, JSON output, and errors in two lines.

import { BuildError, asError, isTensorRTError } from '../errors.js';
import type { ModelError, ModelSubgraph, UnsupportedOperator } from '../model-report.js';
import type { PlatformOptions } from '../platform.js';
import {
  type Flag,
  type ParsedFlags,
  UsageError,
  flagValue,
  flagValues,
  integerFlag,
} from './flags.js';

/** One command of the command line. */
export interface Command {
  readonly name: string;
  /** After "trt-node NAME", for --help. */
  readonly usage: string;
  /** One line. */
  readonly summary: string;
  readonly flags: readonly Flag[];
  /** More text for --help. */
  readonly notes?: string;
  /** Does the work; returns the exit status. */
  run(parsed: ParsedFlags, output: Output): Promise<number>;
}

/** The flags of every command. */
export const commonFlags: readonly Flag[] = [
  {
    name: 'runtime',
    value: 'auto|tensorrt|reference',
    help: 'TensorRT (auto, the default), or the CPU reference runtime',
  },
  { name: 'json', help: 'Print JSON on stdout' },
  { name: 'help', aliases: ['h'], help: 'Print this' },
];

/** The flags of commands that open TensorRT. */
export const platformFlags: readonly Flag[] = [
  { name: 'device', value: 'N', help: 'Index of the CUDA device (default 0)' },
  {
    name: 'library',
    value: 'FILE',
    help: 'libnvinfer to use (default: TRT_NODE_LIBRARY, then a search)',
  },
  {
    name: 'dynamicPlugins',
    aliases: ['plugins', 'staticPlugins'],
    value: 'FILE',
    repeated: true,
    help: 'Plugin library to load; may be repeated',
  },
];

/** The options that {@link commonFlags} and {@link platformFlags} say. @throws UsageError */
export function platformOptions(parsed: ParsedFlags): PlatformOptions & { device: number } {
  const runtime = flagValue(parsed, 'runtime');
  const choices = ['auto', 'tensorrt', 'reference'] as const;
  const chosen = choices.find((choice) => choice === runtime);
  if (runtime !== undefined && chosen === undefined) {
    throw new UsageError(
      `--runtime needs auto, tensorrt or reference, got ${JSON.stringify(runtime)}`,
      'Write for example --runtime=reference.',
    );
  }
  return {
    runtime: chosen,
    library: flagValue(parsed, 'library'),
    pluginLibraries: flagValues(parsed, 'dynamicPlugins'),
    device: integerFlag(parsed, 'device') ?? 0,
  };
}

/** How TensorRT's own tools mark the severities of log lines. */
export const severityMarks = {
  internalError: 'F',
  error: 'E',
  warning: 'W',
  info: 'I',
  verbose: 'V',
};

/** Where a command prints. */
export interface Output {
  readonly json: boolean;
  /** Text for people; nothing with --json. */
  text(text: string): void;
  /** The result for programs; nothing without --json. */
  data(value: unknown): void;
  /** A line on stderr. */
  note(line: string): void;
}

/** Every documented field is there, null where it is not known. */
function undefinedAsNull(_key: string, value: unknown): unknown {
  return value === undefined ? null : value;
}

/** Prints to stdout and stderr. */
export function makeOutput(json: boolean): Output {
  return {
    json,
    text: (text) => {
      if (!json) process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
    },
    data: (value) => {
      if (json) process.stdout.write(`${JSON.stringify(value, undefinedAsNull, 2)}\n`);
    },
    note: (line) => {
      process.stderr.write(`${line}\n`);
    },
  };
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

/** An error in two lines on stderr, and with --json on stdout too. @returns The exit status: 2 for wrong usage, else 1 */
export function reportError(command: string, thrown: unknown, output: Output): number {
  if (thrown instanceof UsageError) {
    output.note(`${command}: ${oneLine(thrown.message)}`);
    output.note(oneLine(thrown.hint));
    output.data({ error: { code: 'USAGE', message: thrown.message, hint: thrown.hint } });
    return 2;
  }
  if (isTensorRTError(thrown)) {
    output.note(`${command}: ${oneLine(thrown.reason)} [${thrown.code}]`);
    const more = thrown.hint.includes('`log`') && !output.json ? ' --json prints the log.' : '';
    output.note(
      oneLine(thrown.hint === '' ? 'See docs/errors.md for this code.' : thrown.hint) + more,
    );
    output.data({ error: errorData(thrown) });
    return 1;
  }
  const error = asError(thrown);
  output.note(`${command}: ${oneLine(error.message)}`);
  output.note(
    'This is a fault of trt-node: please report it, with the command and TRT_NODE_DEBUG=1.',
  );
  if (process.env.TRT_NODE_DEBUG) output.note(error.stack ?? '');
  output.data({ error: { code: 'ERR_TRT_INTERNAL', message: error.message, hint: '' } });
  return 1;
}

/** An error as JSON. */
export function errorData(error: Error): {
  code: string;
  message: string;
  hint: string;
  log?: readonly string[];
  missingWeights?: readonly string[];
  modelErrors?: readonly ModelError[];
  unsupported?: readonly UnsupportedOperator[];
  subgraphs?: readonly ModelSubgraph[];
} {
  if (!isTensorRTError(error))
    return { code: 'ERR_TRT_INTERNAL', message: error.message, hint: '' };
  const { code, reason, hint, log } = error;
  const about = { code, message: reason, hint, ...(log.length > 0 && { log }) };
  if (error.code === 'ERR_TRT_REFIT' && error.missingWeights.length > 0) {
    return { ...about, missingWeights: error.missingWeights };
  }
  if (!(error instanceof BuildError) || error.modelErrors.length === 0) return about;
  const { modelErrors, unsupported, subgraphs } = error;
  return { ...about, modelErrors, unsupported, subgraphs };
}
