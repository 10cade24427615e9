// Refits an engine from whatever sources there are.

import { InvalidArgumentError, isTensorRTError } from '../errors.js';
import type { NativeEngine, NativeRefitter } from '../native.js';
import { planBytes } from '../plan.js';
import type { Tensor } from '../tensor.js';
import { nearest } from '../validate.js';
import { type RefitOptions, checkReadable, openSources } from './sources.js';

/** What a refit did. */
export interface RefitResult {
  /** Names of the weights that were given. */
  readonly refitted: readonly string[];
  /** Names in files that the engine has no weights for, or that `mapName` left out. */
  readonly ignored: readonly string[];
}

const mostNames = 10;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, mostNames).map((name) => `'${name}'`);
  const more = names.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** The engine's weights, and those that were set. */
class Weights {
  readonly #refitter: NativeRefitter;
  readonly #who: string;
  readonly all: readonly string[];
  readonly #known: ReadonlySet<string>;
  readonly set = new Set<string>();

  constructor(refitter: NativeRefitter, who: string) {
    this.#refitter = refitter;
    this.#who = who;
    this.all = refitter.allWeights();
    this.#known = new Set(this.all);
  }

  has(name: string): boolean {
    return this.#known.has(name);
  }

  /** @throws ERR_TRT_UNKNOWN_TENSOR, ERR_TRT_DTYPE_MISMATCH, ERR_TRT_LENGTH_MISMATCH, and what TensorRT says */
  give(name: string, tensor: Tensor, from: string): void {
    if (!this.has(name)) throw this.#unknown(name);
    const expected = prototypeOf(this.#refitter, name);
    const what = `${this.#who}: ${from}`;
    if (expected !== undefined && expected.dtype !== tensor.dtype) {
      throw new InvalidArgumentError(
        'ERR_TRT_DTYPE_MISMATCH',
        `${what}: expected ${expected.count} elements of ${expected.dtype} for the weights '${name}', got ${tensor.dtype}`,
        `Convert them to ${expected.dtype}.`,
      );
    }
    if (expected !== undefined && expected.count !== tensor.size) {
      throw new InvalidArgumentError(
        'ERR_TRT_LENGTH_MISMATCH',
        `${what}: expected ${expected.count} elements of ${expected.dtype} for the weights '${name}', got ${tensor.size}`,
        'Give weights of the structure that the plan was built with.',
      );
    }
    this.#refitter.setNamedWeights(name, tensor.dtype, tensor.data, 0, tensor.size);
    this.set.add(name);
  }

  #unknown(name: string): InvalidArgumentError {
    const near = nearest(name, this.all);
    return new InvalidArgumentError(
      'ERR_TRT_UNKNOWN_TENSOR',
      `${this.#who}: expected the name of refittable weights of this engine (${listed(this.all)}), got '${name}'`,
      near === undefined
        ? 'Use a name that `trt-node refit PLAN --dumpRefit` lists.'
        : `Did you mean '${near}'?`,
    );
  }
}

/** What weights must be like; undefined where this TensorRT does not tell (8). @internal */
export function prototypeOf(
  refitter: NativeRefitter,
  name: string,
): { dtype: string; count: number } | undefined {
  try {
    return refitter.weightsPrototype(name);
  } catch (error) {
    if (isTensorRTError(error) && error.code === 'ERR_TRT_UNSUPPORTED') return undefined;
    throw error;
  }
}

/** Whether a refit that failed with `error` may have left the engine with weights of both kinds. @internal */
export function leavesEngineUndefined(error: unknown): boolean {
  return (
    isTensorRTError(error) &&
    error.code === 'ERR_TRT_REFIT' &&
    error.call === 'IRefitter::refitCudaEngine' &&
    error.missingWeights.length === 0
  );
}

/**
 * Refits. Nothing may run in the engine meanwhile; `exclusively` is given the part for which that matters.
 *
 * @internal
 */
export async function refitEngine(
  engine: NativeEngine,
  options: RefitOptions,
  who: string,
  exclusively: (refit: () => Promise<void>) => Promise<void> = (refit) => refit(),
): Promise<RefitResult> {
  const refitter = engine.createRefitter();
  try {
    const { onnx, weights = {}, mapName = (name: string): string => name } = options;
    const target = new Weights(refitter, who);
    const ignored: string[] = [];
    if (onnx !== undefined) {
      if (typeof onnx === 'string') {
        await checkReadable(onnx);
        await refitter.refitFromFile(onnx);
      } else {
        await refitter.refitFromBytes(planBytes(onnx, `${who}: onnx`), '');
      }
      for (const name of target.all) {
        if (refitter.namedWeights(name) !== undefined) target.set.add(name);
      }
    }
    for (const source of await openSources(options)) {
      try {
        for (const name of source.names) {
          const mapped = mapName(name);
          if (mapped !== undefined && target.has(mapped)) {
            target.give(mapped, await source.read(name), `'${name}'`);
          } else {
            ignored.push(name);
          }
        }
      } finally {
        await source.close();
      }
    }
    for (const [name, tensor] of Object.entries(weights)) target.give(name, tensor, 'weights');
    if (target.set.size === 0) {
      throw new InvalidArgumentError(
        'ERR_TRT_INVALID_ARGUMENT',
        `${who}: expected weights of this engine (${listed(target.all)}), got ${ignored.length === 0 ? 'none' : listed(ignored)}`,
        'Give weights by the names that the engine has, or map their names with mapName.',
      );
    }
    await exclusively(() => refitter.refitCudaEngine());
    return { refitted: [...target.set], ignored };
  } finally {
    refitter.close();
  }
}
