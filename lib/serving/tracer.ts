// Tracer: writes the timestamps and tensors of sampled requests to trace files, in Triton's JSON.

import { closeSync, openSync, writeSync } from 'node:fs';
import type { Datatype } from './datatype.js';
import type { InferTensor } from './infer-tensor.js';
import type { ServerLog } from './log-settings.js';
import type { TraceSetting, TraceSettings } from './trace-settings.js';

/** JSON arrays that are complete after every write: the closing bracket is written over. */
class TraceFile {
  readonly #descriptor: number;
  #end = 0;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'w', 0o600);
    this.#end = writeSync(this.#descriptor, '[]') - 1;
  }

  add(entries: readonly string[]): void {
    const text = `${this.#end === 1 ? '' : ','}${entries.join(',')}`;
    const size = writeSync(this.#descriptor, `${text}]`, this.#end);
    this.#end += size - 1;
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Elements of a traced tensor; what follows is left out. */
const maxElements = 4096;

function elementsText(datatype: Datatype, tensor: InferTensor): string {
  if (tensor.device !== undefined) return '';
  const data = tensor.data as ArrayLike<unknown>;
  const shown = Array.from({ length: Math.min(data.length, maxElements) }, (_, index) =>
    datatype === 'BYTES' ? Buffer.from(data[index] as Uint8Array).toString() : String(data[index]),
  );
  return shown.join(',');
}

/** The trace of one request; `end` writes it. @internal */
export class Trace {
  readonly #id: number;
  readonly #setting: TraceSetting;
  readonly #write: (setting: TraceSetting, entries: readonly string[]) => void;
  readonly #entries: string[] = [];

  constructor(
    id: number,
    setting: TraceSetting,
    write: (setting: TraceSetting, entries: readonly string[]) => void,
  ) {
    this.#id = id;
    this.#setting = setting;
    this.#write = write;
  }

  /** Says which model answers. */
  request(model: string, version: string, requestId: string): void {
    this.#entries.push(
      JSON.stringify({
        id: this.#id,
        model_name: model,
        model_version: version === '' ? -1 : Number(version),
        ...(requestId === '' ? {} : { request_id: requestId }),
      }),
    );
  }

  /** Notes that `name` happened `at` (performance.now()). */
  stamp(name: string, at = performance.now()): void {
    if (!this.#setting.levels.includes('TIMESTAMPS')) return;
    const ns = Math.round(at * 1e6);
    this.#entries.push(JSON.stringify({ id: this.#id, timestamps: [{ name, ns }] }));
  }

  /** Notes a tensor, where the level asks for it: its first 4096 elements, when it is on the host. */
  tensor(
    activity: 'TENSOR_QUEUE_INPUT' | 'TENSOR_BACKEND_OUTPUT',
    name: string,
    given: InferTensor,
  ): void {
    if (!this.#setting.levels.includes('TENSORS')) return;
    const { datatype, shape } = given;
    const tensor = {
      name,
      data: elementsText(datatype, given),
      shape: shape.join(','),
      dtype: datatype,
    };
    this.#entries.push(JSON.stringify({ id: this.#id, activity, tensor }));
  }

  end(): void {
    this.#write(this.#setting, this.#entries);
  }
}

/** Makes and writes the traces of one server. @internal */
export class Tracer {
  readonly settings: TraceSettings;
  readonly #log: ServerLog;
  readonly #files = new Map<string, TraceFile>();
  /** Of settings with log_frequency: traces that wait, and the number of the next file. */
  readonly #waiting = new Map<string, { entries: string[]; traces: number; index: number }>();
  #last = 0;

  constructor(settings: TraceSettings, log: ServerLog) {
    this.settings = settings;
    this.#log = log;
  }

  /** The trace of a request of `model`, if it is one of those that are traced. */
  start(model: string): Trace | undefined {
    const setting = this.settings.sample(model);
    if (setting === undefined) return undefined;
    return new Trace(++this.#last, setting, (each, entries) => {
      this.#write(each, entries);
    });
  }

  #write(setting: TraceSetting, entries: readonly string[]): void {
    const { file, logFrequency } = setting;
    try {
      if (logFrequency === 0) this.#append(file, entries);
      else this.#collect(file, logFrequency, entries);
    } catch (error) {
      this.#log.write('error', `cannot write the trace file '${file}': ${String(error)}`);
    }
  }

  #append(path: string, entries: readonly string[]): void {
    let file = this.#files.get(path);
    if (file === undefined) {
      file = new TraceFile(path);
      this.#files.set(path, file);
    }
    file.add(entries);
  }

  #collect(path: string, frequency: number, entries: readonly string[]): void {
    let waiting = this.#waiting.get(path);
    if (waiting === undefined) {
      waiting = { entries: [], traces: 0, index: 0 };
      this.#waiting.set(path, waiting);
    }
    waiting.entries.push(...entries);
    if (++waiting.traces >= frequency) this.#flush(path, waiting);
  }

  #flush(path: string, waiting: { entries: string[]; traces: number; index: number }): void {
    const { entries } = waiting;
    waiting.entries = [];
    waiting.traces = 0;
    const file = new TraceFile(`${path}.${waiting.index++}`);
    try {
      file.add(entries);
    } finally {
      file.close();
    }
  }

  /** Writes what waits, and closes the files. */
  close(): void {
    for (const [path, waiting] of this.#waiting) {
      try {
        if (waiting.traces > 0) this.#flush(path, waiting);
      } catch (error) {
        this.#log.write('error', `cannot write the trace file '${path}': ${String(error)}`);
      }
    }
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
    this.#waiting.clear();
  }
}
