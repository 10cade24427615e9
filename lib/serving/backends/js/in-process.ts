// InProcess: runs a js model on the thread of the repository.

import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ServingError, asError, describe } from '../../../errors.js';
import type { HostRequest } from './requests.js';
import type { JsRunner, RawResponse, RunnerParts } from './runner.js';
import type { JsContext, JsModel } from './types.js';

let loads = 0;

/** The module's exports, always from the file as it is now: Node.js would give what it has loaded before. */
async function importModel(file: string): Promise<JsModel> {
  const { cache } = createRequire(file);
  const folder = path.dirname(file) + path.sep;
  for (const loaded of Object.keys(cache)) {
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- the one way to have a CommonJS module loaded anew
    if (loaded.startsWith(folder)) delete cache[loaded];
  }
  const url = `${pathToFileURL(file).href}?load=${++loads}`;
  const exported = (await import(/* @vite-ignore */ url)) as Partial<JsModel> & {
    default?: Partial<JsModel>;
  };
  const model = typeof exported.execute === 'function' ? exported : exported.default;
  if (typeof model?.execute !== 'function') {
    throw new Error(`expected a function 'execute' among the exports of ${path.basename(file)}`);
  }
  return model as JsModel;
}

/** @internal */
export class InProcess implements JsRunner {
  onFree: (() => void) | undefined;
  readonly broken = undefined;
  readonly #model: JsModel;
  readonly #context: JsContext;
  readonly #instances: number;
  #running = 0;

  private constructor(model: JsModel, context: JsContext, instances: number) {
    this.#model = model;
    this.#context = context;
    this.#instances = instances;
  }

  /** @returns Rejects with ERR_TRT_MODEL_LOAD when the module cannot be loaded or initialized */
  static async start(parts: RunnerParts): Promise<InProcess> {
    const { source, file, config, settings } = parts;
    const { name, version } = source;
    try {
      const model = await importModel(file);
      const context: JsContext = {
        name,
        version,
        config,
        folder: source.folder ?? '',
        instance: 0,
        log: (level, message) => {
          parts.context.log(level, message);
        },
      };
      await model.initialize?.(context);
      return new InProcess(model, context, settings.instances);
    } catch (thrown) {
      const cause = asError(thrown);
      throw new ServingError(
        'ERR_TRT_MODEL_LOAD',
        `failed to load '${name}': ${cause.message}`,
        cause instanceof SyntaxError
          ? 'Mend the module; one that says `export` is best called model.mjs.'
          : "Mend the model's module as the message says, and load it again.",
        { cause },
      );
    }
  }

  get free(): number {
    return this.#instances - this.#running;
  }

  async execute(requests: readonly HostRequest[]): Promise<readonly RawResponse[]> {
    this.#running++;
    try {
      const responses: unknown = await this.#model.execute(requests, this.#context);
      if (!Array.isArray(responses)) {
        throw new Error(
          `execute() returned ${describe(responses)}, expected an array of responses`,
        );
      }
      return responses.map((response: unknown) =>
        response instanceof Error ? { error: response } : (response as RawResponse),
      );
    } finally {
      this.#running--;
      this.onFree?.();
    }
  }

  async close(): Promise<void> {
    await this.#model.finalize?.();
  }
}
