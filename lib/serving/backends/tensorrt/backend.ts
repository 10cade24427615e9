// TensorRTBackend: executes batches on the slots of a plan.

import { ServingError, asError } from '../../../errors.js';
import type { NativeInput, NativeOutputTarget, NativePlatform } from '../../../native.js';
import type {
  GatheredRun,
  GatheredSession,
  GatheredSlot,
  Staged,
} from '../../../session/gathered.js';
import type { Backend, Batch, ModelMemory } from '../../model/backend.js';
import type { ModelStatistics } from '../../model/statistics.js';
import type { PendingRequest } from '../../request.js';
import { setTurn } from '../../turn-clock.js';
import type { Arranger, BatchArrangement } from './arrange.js';
import { type Bindings, tensorOf } from './bindings.js';
import { hasDeviceInputs, onHostBatch } from '../host-batch.js';
import { backendError } from '../model-error.js';
import { gather } from './gather.js';
import { PhaseSampler } from './phases.js';
import { Splitter } from './split.js';

/** What a backend is made of. */
export interface TensorRTParts {
  readonly platform: NativePlatform;
  readonly session: GatheredSession;
  readonly bindings: Bindings;
  /** By instance group. */
  readonly arrangers: readonly Arranger[];
  readonly statistics: ModelStatistics;
  /** Size of the plan: of the weights TensorRT does not tell. */
  readonly planBytes: number;
}

/** A batch on its way through a slot. */
class BatchRun implements GatheredRun {
  readonly #backend: TensorRTBackend;
  readonly batch: Batch;
  readonly arrangement: BatchArrangement;
  readonly staged: Staged;
  readonly onDevice: readonly boolean[] | undefined;
  readonly start: number;

  constructor(
    backend: TensorRTBackend,
    batch: Batch,
    arrangement: BatchArrangement,
    staged: Staged,
    onDevice: readonly boolean[] | undefined,
    start: number,
  ) {
    this.#backend = backend;
    this.batch = batch;
    this.arrangement = arrangement;
    this.staged = staged;
    this.onDevice = onDevice;
    this.start = start;
  }

  ended(slot: GatheredSlot, error: Error | undefined): void {
    this.#backend.ended(this, slot, error);
  }
}

/** @internal */
export class TensorRTBackend implements Backend {
  readonly platform = 'tensorrt_plan';
  readonly #parts: TensorRTParts;
  readonly #session: GatheredSession;
  readonly #bindings: Bindings;
  readonly #splitter: Splitter;
  readonly #arrangers: readonly Arranger[];
  /** What each output's target is, by which of them no request of the batch wants, or wants on the device. */
  readonly #targets = new Map<string, readonly NativeOutputTarget[]>();
  readonly #allToHost: readonly ('host' | 'device')[];
  readonly #phases = new PhaseSampler();
  /** Batches for whose shapes only busy instances are. */
  readonly #parked: Batch[] = [];
  onFree: (() => void) | undefined;

  constructor(parts: TensorRTParts) {
    this.#parts = parts;
    this.#session = parts.session;
    this.#bindings = parts.bindings;
    this.#splitter = new Splitter(parts.platform, parts.bindings);
    this.#arrangers = parts.arrangers;
    this.#allToHost = parts.bindings.outputOf.map((binding, index) =>
      binding !== undefined || parts.session.table.outputs[index]?.onHost === true
        ? 'host'
        : 'device',
    );
    parts.session.onFree = () => {
      this.#freed();
    };
  }

  get free(): number {
    return Math.max(0, this.#session.free - this.#parked.length);
  }

  get broken(): Error | undefined {
    return this.#session.lost;
  }

  check(request: PendingRequest): void {
    let refusal: unknown;
    for (const arranger of this.#arrangers) {
      try {
        arranger.check(request);
        return;
      } catch (error) {
        refusal ??= error;
      }
    }
    throw asError(refusal);
  }

  execute(batch: Batch): void {
    const start = performance.now();
    const { requests } = batch;
    const onDevice = hasDeviceInputs(requests);
    if (onDevice && requests.length > 1) {
      void this.#readAndExecute(batch, start);
      return;
    }
    let slot: GatheredSlot | undefined;
    try {
      const found = this.#place(batch, onDevice ? deviceOf(requests) : undefined);
      if (found === undefined) {
        this.#parked.push(batch);
        return;
      }
      slot = found.slot;
      this.#start(batch, found.slot, found.arrangement, onDevice, start);
    } catch (error) {
      if (slot !== undefined) this.#session.giveBack(slot, error);
      this.#failed(batch, asError(error), start);
    }
  }

  memory(): ModelMemory {
    const memory = this.#session.memory();
    return {
      ...memory,
      deviceBytes: memory.deviceBytes + this.#parts.planBytes * this.#session.devices,
    };
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /** @internal */
  ended(run: BatchRun, slot: GatheredSlot, error: Error | undefined): void {
    const { batch, arrangement, staged, onDevice, start } = run;
    if (error !== undefined) {
      this.#failed(batch, error, start);
      return;
    }
    // Before anything takes time: when the loop knew.
    const timing = this.#phases.of(slot, start);
    setTurn(timing.end);
    try {
      this.#splitter.answer({ slot, staged, arrangement, requests: batch.requests, onDevice });
    } catch (failure) {
      this.#failed(batch, asError(failure), start);
      return;
    } finally {
      setTurn(0);
    }
    this.#parts.statistics.paddedItems += this.#bindings.batching
      ? arrangement.size - batch.size
      : 0;
    batch.ended({ ...timing, end: performance.now() });
  }

  /** A free slot whose group takes the batch. @returns undefined: only busy ones do. @throws when none does */
  #place(
    batch: Batch,
    device: number | undefined,
  ): { slot: GatheredSlot; arrangement: BatchArrangement } | undefined {
    const { requests, size } = batch;
    let taken = false;
    for (let group = 0; group < this.#arrangers.length; group++) {
      const arrangement = (this.#arrangers[group] as Arranger).arrange(requests, size);
      if (arrangement === undefined) continue;
      taken = true;
      const only = this.#arrangers.length === 1 ? undefined : group;
      const slot = this.#session.take(arrangement, only, device);
      if (slot !== undefined) return { slot, arrangement };
    }
    if (taken && this.#session.busy > 0) return undefined;
    if (taken) {
      throw new ServingError(
        'ERR_TRT_MODEL_BACKEND',
        `expected tensors on one of the model's devices, got one on device ${device ?? 0}`,
        'Copy it there: await tensor.toDevice(…).',
      );
    }
    throw (this.#arrangers[0] as Arranger).refusal(requests, size);
  }

  #start(
    batch: Batch,
    slot: GatheredSlot,
    arrangement: BatchArrangement,
    fromDevice: boolean,
    start: number,
  ): void {
    const { requests } = batch;
    const staged = slot.prepare(arrangement);
    gather(this.#bindings, requests, staged, fromDevice);
    let inputs: readonly NativeInput[] = staged.bindings;
    if (fromDevice) inputs = this.#deviceInputs(requests[0] as PendingRequest, staged, arrangement);
    const onDevice = this.#onDevice(requests, arrangement);
    const targets = this.#targetsOf(requests, onDevice);
    const run = new BatchRun(this, batch, arrangement, staged, onDevice, start);
    slot.start(run, inputs, targets, this.#phases.wanted(slot));
  }

  /** The only request's tensors on the device are used where they are; padded ones were read before. */
  #deviceInputs(
    request: PendingRequest,
    staged: Staged,
    arrangement: BatchArrangement,
  ): readonly NativeInput[] {
    return this.#bindings.inputs.map((binding, index) => {
      const device = tensorOf(binding, request)?.device;
      if (device === undefined) return staged.bindings[index] as NativeInput;
      if (this.#bindings.batching && arrangement.size !== request.batchSize) {
        throw new Error(`input '${binding.row.name}' on the device cannot be padded`);
      }
      return device.native;
    });
  }

  /** Which outputs stay on the device: of a request alone, where it asks for them. */
  #onDevice(
    requests: readonly PendingRequest[],
    arrangement: BatchArrangement,
  ): readonly boolean[] | undefined {
    const [request] = requests;
    const asked = request?.options.onDevice;
    if (request === undefined || asked === undefined || asked.length === 0) return undefined;
    if (
      requests.length > 1 ||
      (this.#bindings.batching && arrangement.size !== request.batchSize)
    ) {
      return undefined;
    }
    return this.#bindings.outputOf.map(
      (binding) => binding !== undefined && asked.includes(binding.row.name) && !binding.row.onHost,
    );
  }

  #targetsOf(
    requests: readonly PendingRequest[],
    onDevice: readonly boolean[] | undefined,
  ): readonly NativeOutputTarget[] {
    let all = onDevice === undefined;
    for (let at = 0; all && at < requests.length; at++) {
      all = (requests[at] as PendingRequest).wanted === undefined;
    }
    if (all) return this.#allToHost;
    const targets = this.#allToHost.map((target, index): 'host' | 'device' => {
      const binding = this.#bindings.outputOf[index];
      if (target === 'device' || binding === undefined || binding.row.onHost) return target;
      if (onDevice?.[index] === true) return 'device';
      const wanted = requests.some(
        ({ wanted: only, extraOutputs }) =>
          only === undefined ||
          only.includes(binding.given) ||
          extraOutputs?.includes(binding.row.name),
      );
      return wanted ? 'host' : 'device';
    });
    // The same array for the same targets: then nothing is bound anew.
    const key = targets.join();
    const known = this.#targets.get(key);
    if (known !== undefined) return known;
    this.#targets.set(key, targets);
    return targets;
  }

  /** Tensors of several requests on the device go through the host. */
  async #readAndExecute(batch: Batch, start: number): Promise<void> {
    // Kept until the tensors are read, so that it is there for them.
    const slot = this.#session.take(undefined, undefined, undefined);
    try {
      const onHost = await onHostBatch(batch);
      if (slot !== undefined) this.#session.giveBack(slot);
      this.execute(onHost);
    } catch (error) {
      if (slot !== undefined) this.#session.giveBack(slot);
      this.#failed(batch, asError(error), start);
    }
    this.#freed(); // the slot is free again, unless it was needed
  }

  #freed(): void {
    for (const batch of this.#parked.splice(0)) this.execute(batch);
    if (this.free > 0) this.onFree?.();
  }

  #failed(batch: Batch, cause: Error, start: number): void {
    const error = backendError(cause);
    for (const request of batch.requests) request.fail(error, 'BACKEND');
    const end = performance.now();
    batch.ended({ start, computeStart: end, computeEnd: end, end }, error);
  }
}

function deviceOf(requests: readonly PendingRequest[]): number | undefined {
  for (const tensor of requests[0]?.inputs ?? []) {
    if (tensor?.device !== undefined) return tensor.device.device;
  }
  return undefined;
}
