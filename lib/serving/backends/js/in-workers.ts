// InWorkers: runs a js model in worker threads, one for each instance; tensors are copied once each way.

import path from 'node:path';
import { fromWorker, type WorkerError } from '../workers/worker-instance.js';
import { packTensor, unpackStrings } from '../workers/tensor-message.js';
import { WorkerPool } from '../workers/worker-pool.js';
import type { HostRequest } from './requests.js';
import type { JsRunner, RawResponse, RunnerParts } from './runner.js';

/** An output as assets/worker.cjs sends it. */
interface OutputMessage {
  readonly data?: unknown;
  readonly bytes?: Uint8Array;
  readonly lengths?: Uint32Array;
  readonly shape?: unknown;
  readonly datatype?: unknown;
  readonly dtype?: unknown;
}

type ResponseMessage =
  | { readonly outputs: Readonly<Record<string, OutputMessage>>; readonly parameters?: unknown }
  | { readonly error: WorkerError };

function rawResponse(message: ResponseMessage): RawResponse {
  if ('error' in message) return { error: fromWorker(message.error) };
  const outputs = Object.entries(message.outputs).map(([name, output]) => {
    const { bytes, lengths, ...rest } = output;
    if (bytes === undefined || lengths === undefined) return [name, rest] as const;
    return [name, { ...rest, data: unpackStrings(bytes, lengths) }] as const;
  });
  return { outputs: Object.fromEntries(outputs), parameters: message.parameters };
}

/** @internal */
export class InWorkers implements JsRunner {
  readonly #pool: WorkerPool;

  private constructor(pool: WorkerPool) {
    this.#pool = pool;
  }

  /** @returns Rejects with ERR_TRT_MODEL_LOAD when the module cannot be loaded or initialized */
  static async start(parts: RunnerParts): Promise<InWorkers> {
    const { source, file, config, settings, context } = parts;
    const { name, version, folder } = source;
    const options = Array.from({ length: settings.instances }, (_, instance) => ({
      model: name,
      file: path.join(__dirname, 'assets', 'worker.cjs'),
      workerData: { file, context: { name, version, config, folder, instance } },
      timeoutMs: settings.timeoutMs,
      maxRestarts: settings.maxRestarts,
      log: context.log.bind(context),
    }));
    return new InWorkers(await WorkerPool.start(options));
  }

  get free(): number {
    return this.#pool.free;
  }

  get broken(): Error | undefined {
    return this.#pool.broken;
  }

  get onFree(): (() => void) | undefined {
    return this.#pool.onFree;
  }

  set onFree(callback: (() => void) | undefined) {
    this.#pool.onFree = callback;
  }

  async execute(
    requests: readonly HostRequest[],
    instance: number | undefined,
  ): Promise<readonly RawResponse[]> {
    const transfer: ArrayBuffer[] = [];
    const messages = requests.map(({ signal, inputs, ...about }) => ({
      about,
      inputs: Object.fromEntries(
        Object.entries(inputs).map(([name, tensor]) => [name, packTensor(tensor, transfer)]),
      ),
      aborted: signal?.aborted,
    }));
    const answer = await this.#pool.run(async (worker) => {
      const stops = requests.map(({ signal }, index) => {
        const cancel = (): void => {
          worker.post({ kind: 'cancel', index });
        };
        signal?.addEventListener('abort', cancel, { once: true });
        return () => signal?.removeEventListener('abort', cancel);
      });
      try {
        return await worker.run({ kind: 'execute', requests: messages }, transfer);
      } finally {
        for (const stop of stops) stop();
      }
    }, instance);
    return (answer as ResponseMessage[]).map(rawResponse);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
