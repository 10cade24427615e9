// Slot: an execution slot of a session as JavaScript sees it: what it is prepared for and bound to, and its staging memory.

import { type TensorData, arrayLength } from '../dtype.js';
import type { NativeExecutor, NativeInput, NativeOutputTarget } from '../native.js';
import { checkMemory, sameShape, volume } from '../validate.js';
import { type DebugPlan, deliverDebugTensors } from './debug.js';
import type { ResolvedFeeds } from './feeds.js';
import type { RunSource } from './dispatcher.js';
import type { IoTable } from './io-table.js';
import type { Lane } from './lane.js';
import { type Copy, type OutputPlan, checkRoom, collectOutputs, copiesOf } from './outputs.js';
import type { ResolvedRun } from './resolved-run.js';
import type { Run, RunResult } from './run.js';

/** What a slot is prepared for. */
interface Prepared {
  readonly profile: number;
  readonly shapes: readonly (readonly number[])[];
  readonly values: readonly (readonly number[] | null)[];
  readonly outputShapes: readonly (readonly number[])[];
  readonly dataDependent: boolean;
  /** Views of the slot's pinned memory by tensor; undefined where it cannot be reached: then everything goes through submit and readOutput. */
  readonly inputs: readonly TensorData[] | undefined;
  readonly outputs: readonly (TensorData | undefined)[] | undefined;
}

/** One slot of an executor. */
export class Slot {
  readonly #table: IoTable;
  readonly #executor: NativeExecutor;
  readonly lane: Lane;
  /** In its executor, and in the session. */
  readonly index: number;
  readonly id: number;
  /** What has a run on it. */
  running: Run | RunSource | undefined;
  #prepared: Prepared | undefined;
  /** What bind was told last; undefined: it has to be told. */
  #boundInputs: NativeInput[] | undefined;
  #boundTargets: readonly NativeOutputTarget[] | undefined;
  /** The outputs that were checked against what is prepared, and what is left to do for them after a run. */
  #plan: OutputPlan | undefined;
  #copies: readonly Copy[] | undefined;
  /** Of the last run, and its inputs' views of staging memory; undefined: a buffer. */
  #version = 0;
  #staged: readonly (TensorData | undefined)[] = [];
  /** What the addon was told to watch. */
  #debug: DebugPlan | undefined;

  constructor(table: IoTable, lane: Lane, index: number, id: number) {
    this.#table = table;
    this.#executor = lane.executor;
    this.lane = lane;
    this.index = index;
    this.id = id;
  }

  /** After a failure: nothing is known of the slot any more. */
  forget(): void {
    this.#prepared = this.#boundInputs = this.#boundTargets = undefined;
    this.#plan = this.#copies = undefined;
    this.#version = 0;
  }

  #usePlan(outputs: OutputPlan, prepared: Prepared): void {
    checkRoom(outputs, prepared.outputShapes);
    this.#plan = outputs;
    this.#copies = prepared.outputs && copiesOf(outputs, prepared.outputShapes, prepared.outputs);
  }

  /**
   * Prepares and starts a run; `sync`: and waits for it.
   *
   * @throws what the addon throws, and ERR_TRT_LENGTH_MISMATCH for small targets
   */
  start(run: ResolvedRun, sync: boolean): void {
    const { feeds, profile, outputs, debug } = run;
    if (debug !== this.#debug) {
      this.#executor.setDebug(this.index, debug?.tensors ?? null);
      this.#debug = debug;
    }
    if (run.version !== 0 && run.version === this.#version && outputs === this.#plan) {
      // The same tensors as in the slot's last run: only their content is new.
      const staged = this.#staged;
      for (let index = 0; index < staged.length; index++) {
        const view = staged[index];
        if (view !== undefined) (view as Uint8Array).set(feeds.inputs[index] as Uint8Array);
      }
      if (sync) this.#executor.startSync(this.index);
      else this.#executor.start(this.index);
      return;
    }
    this.#version = 0;
    const prepared = this.#prepare(feeds, profile);
    if (this.#plan !== outputs) this.#usePlan(outputs, prepared);
    const executor = this.#executor;
    if (prepared.inputs === undefined) {
      if (sync) executor.runSync(this.index, feeds.inputs, outputs.targets);
      else executor.submit(this.index, feeds.inputs, outputs.targets);
      return;
    }
    this.#stage(feeds.inputs, prepared.inputs, outputs.targets);
    this.#version = run.version;
    this.#staged = feeds.inputs.map((input, index) =>
      ArrayBuffer.isView(input) ? prepared.inputs?.[index] : undefined,
    );
    if (sync) executor.startSync(this.index);
    else executor.start(this.index);
  }

  /** The outputs of the run that the slot completed. */
  collect(outputs: OutputPlan): RunResult {
    const results = this.#collect(outputs);
    const debug = this.#debug;
    if (debug !== undefined) {
      deliverDebugTensors(this.#executor.takeDebugTensors(this.index), debug, results);
    }
    return results;
  }

  #collect(outputs: OutputPlan): RunResult {
    const copies = this.#copies;
    if (copies !== undefined && this.#plan === outputs) {
      const results: RunResult = {};
      for (const { name, result, to, from } of copies) {
        if (from !== undefined) {
          if (to.length !== from.length) checkMemory(to, `output '${name}'`); // transferred during the run
          to.set(from);
        }
        results[name] = result;
      }
      return results;
    }
    const prepared = this.#prepared as Prepared;
    const shapes = prepared.dataDependent
      ? this.#executor.outputShapes(this.index)
      : prepared.outputShapes;
    if (prepared.dataDependent) checkRoom(outputs, shapes);
    return collectOutputs(
      this.#table,
      this.#executor,
      this.index,
      outputs,
      shapes,
      prepared.outputs,
    );
  }

  /** Copies views to staging, and binds what is not bound yet. */
  #stage(
    inputs: readonly NativeInput[],
    staging: readonly TensorData[],
    targets: readonly NativeOutputTarget[],
  ): void {
    let same = this.#boundTargets === targets;
    const bound = this.#boundInputs;
    for (let index = 0; index < inputs.length; index++) {
      const input = inputs[index] as NativeInput;
      const isView = ArrayBuffer.isView(input);
      // A view lies in staging, whichever it was.
      const binding = isView ? (staging[index] as TensorData) : input;
      if (isView) {
        // Lengths other than the staging's were refused before; one that changed since is an error here.
        const view = staging[index] as Uint8Array;
        if ((input as Uint8Array).length === view.length) view.set(input as Uint8Array);
        else same = false;
      }
      same &&= bound?.[index] === binding;
    }
    if (same) return;
    const now = inputs.map((input, index) => {
      const view = staging[index] as TensorData;
      return ArrayBuffer.isView(input) && (input as TensorData).length === view.length
        ? view
        : input;
    });
    this.#boundInputs = this.#boundTargets = undefined;
    this.#executor.bind(this.index, now, targets);
    this.#boundInputs = now;
    this.#boundTargets = targets;
  }

  #prepare(feeds: ResolvedFeeds, profile: number): Prepared {
    const known = this.#prepared;
    if (known !== undefined && matches(known, feeds, profile)) return known;
    this.forget();
    const { shapes, values } = feeds;
    const outputShapes = this.#executor.prepare(this.index, profile, shapes, values);
    const dataDependent = outputShapes.some((shape) => shape.some((extent) => extent < 0));
    const staging = this.#executor.staging(this.index);
    const prepared: Prepared = {
      profile,
      shapes: shapes.slice(),
      values: values.slice(),
      outputShapes,
      dataDependent,
      inputs: staging && this.#inputViews(staging.inputs, staging.inputOffsets, shapes),
      outputs: staging && this.#outputViews(staging.outputs, staging.outputOffsets, outputShapes),
    };
    this.#prepared = prepared;
    return prepared;
  }

  #inputViews(
    memory: ArrayBuffer,
    offsets: readonly number[],
    shapes: readonly (readonly number[])[],
  ): TensorData[] {
    return this.#table.inputs.map(({ info, onHost }, index) => {
      const length = onHost ? 0 : arrayLength(info, volume(shapes[index] ?? []));
      return new info.array(memory, onHost ? 0 : (offsets[index] ?? 0), length);
    });
  }

  #outputViews(
    memory: ArrayBuffer,
    offsets: readonly number[],
    shapes: readonly (readonly number[])[],
  ): (TensorData | undefined)[] {
    return this.#table.outputs.map(({ info }, index) => {
      const shape = shapes[index] ?? [];
      if (shape.some((extent) => extent < 0)) return undefined;
      return new info.array(memory, offsets[index] ?? 0, arrayLength(info, volume(shape)));
    });
  }
}

function matches(prepared: Prepared, feeds: ResolvedFeeds, profile: number): boolean {
  if (prepared.profile !== profile) return false;
  for (let index = 0; index < feeds.shapes.length; index++) {
    if (!sameShape(prepared.shapes[index] ?? [], feeds.shapes[index] ?? [])) return false;
    const values = feeds.values[index];
    if (values !== null && values !== undefined && !sameShape(prepared.values[index] ?? [], values))
      return false;
  }
  return true;
}
