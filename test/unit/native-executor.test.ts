// The addon's executor, called directly: what lib/ never sends must be an error too, and a failed run must leave the slot usable.

import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { NativeExecutor, NativePlatform } from '../../lib/native.js';
import { openPlatform } from '../../lib/platform.js';
import { ramp } from '../helpers/known-answers.js';
import { injectFaults, reference, referencePlan } from '../helpers/reference.js';

type Inputs = Parameters<NativeExecutor['submit']>[1];
type Outputs = Parameters<NativeExecutor['submit']>[2];

const x = ramp(4 * 64);
const y = new Float32Array(4 * 32);
const cleanups: (() => unknown)[] = [];
let platform: NativePlatform;

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

class Executor {
  private readonly waiting = new Map<number, (error: Error | undefined) => void>();
  native!: NativeExecutor;

  static async create(model: string, slots = 1, timing = false): Promise<Executor> {
    const runtime = platform.createRuntime({
      device: 0,
      logSeverity: 2,
      log: undefined,
      dlaCore: -1,
      maxThreads: 0,
      engineHostCodeAllowed: false,
      temporaryDirectory: '',
      gpuAllocator: undefined,
    });
    const engine = runtime.deserializeEngine(await referencePlan(model));
    const executor = new Executor();
    executor.native = await engine.createExecutor({
      slots,
      priority: 0,
      profile: 0,
      cudaGraph: 0,
      allocationStrategy: 2,
      maxCudaGraphs: 8,
      completion: 0,
      timing,
      activations: undefined,
      onComplete: (count) => {
        for (const code of executor.native.ended.slice(0, count)) {
          const ended = code < 0 ? ~code : code;
          executor.waiting.get(ended)?.(code < 0 ? executor.native.takeError(ended) : undefined);
        }
      },
    });
    engine.close(); // the executor keeps what it needs
    runtime.close();
    cleanups.push(() => executor.native.close());
    return executor;
  }

  prepare(slot = 0, rows = 4): number[][] {
    return this.native.prepare(slot, 0, [[rows, 64]], [null]);
  }

  submit(slot: number, inputs: Inputs, outputs: Outputs): Promise<void> {
    this.native.submit(slot, inputs, outputs);
    return new Promise((resolve, reject) => {
      this.waiting.set(slot, (error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
  }

  read(slot = 0): Float32Array {
    const output = new Float32Array(4 * 32);
    this.native.readOutput(slot, 0, output);
    return output;
  }
}

/** "CODE: message" of what `body` throws, or '' */
function thrown(body: () => unknown): string {
  try {
    body();
    return '';
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return `${code ?? 'no code'}: ${message}`;
  }
}

beforeAll(async () => {
  platform = openPlatform(reference);
  const executor = await Executor.create('mlp');
  executor.prepare();
  executor.native.runSync(0, [x], ['host']);
  executor.native.readOutput(0, 0, y);
  expect(y.some((value) => value !== 0)).toBe(true);
});

describe('a slot', () => {
  test('2000 runs over two slots', async () => {
    const executor = await Executor.create('mlp', 2);
    for (let run = 0; run < 2000; run += 2) {
      const both = [0, 1].map((slot) => {
        executor.prepare(slot);
        return executor.submit(slot, [x], ['host']);
      });
      await Promise.all(both);
    }
    expect(executor.read(0)).toEqual(y);
    expect(executor.read(1)).toEqual(y);
  });

  test('steady state allocates nothing', async () => {
    const executor = await Executor.create('mlp');
    const before = executor.native.memory();
    for (const rows of [1, 32, 7, 31]) {
      executor.prepare(0, rows);
      await executor.submit(0, [new Float32Array(rows * 64)], ['host']);
    }
    expect(executor.native.memory()).toEqual(before);
  });

  test('shapes come from a cache as long as nothing changes, and cannot be spoilt', async () => {
    const executor = await Executor.create('mlp');
    const shapes = executor.prepare();
    expect(shapes).toEqual([[4, 32]]);
    expect(executor.prepare()).toBe(shapes);
    expect(Object.isFrozen(shapes) && Object.isFrozen(shapes[0])).toBe(true);
    expect(executor.prepare(0, 5)).toEqual([[5, 32]]);
    expect(executor.prepare()).toEqual([[4, 32]]);
  });

  test('is refused while a run is in flight', async () => {
    injectFaults('delay=50');
    const executor = await Executor.create('mlp');
    executor.prepare();
    const run = executor.submit(0, [x], ['host']);
    for (const call of [
      () => executor.prepare(),
      () => {
        executor.native.submit(0, [x], ['host']);
      },
      () => {
        executor.native.runSync(0, [x], ['host']);
      },
      () => executor.read(),
      () => executor.native.outputShapes(0),
      () => executor.native.takeDeviceOutput(0, 0),
    ]) {
      expect(thrown(call)).toMatch(/^ERR_TRT_INVALID_ARGUMENT: Slot 0 is in use/);
    }
    await run;
    expect(executor.read()).toEqual(y);
  });

  test('outputs are those of the prepared shapes, or none', async () => {
    const executor = await Executor.create('mlp');
    expect(thrown(() => executor.read())).toContain('no completed run');
    executor.prepare();
    await executor.submit(0, [x], ['host']);
    executor.prepare(0, 32); // larger than what the run wrote
    expect(thrown(() => executor.read())).toContain('no completed run');
    expect(thrown(() => executor.native.readOutput(0, 0, new Float32Array(32 * 32)))).toContain(
      'no completed run',
    );
  });

  test.each(['alloc', 'pinned', 'copy', 'enqueue', 'launch', 'sticky=700'])(
    'is usable after a failure: %s',
    async (fault) => {
      const executor = await Executor.create('mlp');
      executor.prepare();
      injectFaults(fault);
      let message = '';
      try {
        // 'device' allocates in the slot's thread.
        await executor.submit(0, [x], ['device']);
      } catch (error) {
        message = (error as Error).message;
      }
      if (fault !== 'pinned') expect(message).not.toBe('');
      injectFaults('');
      executor.prepare();
      await executor.submit(0, [x], ['host']);
      expect(executor.read()).toEqual(y);
      executor.native.runSync(0, [x], ['host']);
      expect(executor.read()).toEqual(y);
    },
  );

  test('close() comes after the completions, and twice gives the same promise', async () => {
    injectFaults('delay=30');
    const executor = await Executor.create('mlp', 3);
    const order: string[] = [];
    const runs = [0, 1, 2].map((slot) => {
      executor.prepare(slot);
      return executor.submit(slot, [x], ['host']).then(() => order.push('run'));
    });
    const closing = executor.native.close();
    expect(executor.native.close()).toBe(closing);
    expect(thrown(() => executor.native.slots)).toMatch(/^ERR_TRT_CLOSED/);
    expect(thrown(() => executor.prepare())).toMatch(/^ERR_TRT_CLOSED/);
    await closing.then(() => order.push('closed'));
    await Promise.all(runs);
    expect(order).toEqual(['run', 'run', 'run', 'closed']);
  });

  test('buffers may be closed while a run uses them', async () => {
    injectFaults('delay=50');
    const executor = await Executor.create('mlp');
    const pinned = platform.createPinnedBuffer(0, x.byteLength, false);
    pinned.write(x, 0);
    const device = platform.createDeviceBuffer(0, y.byteLength);
    executor.prepare();
    const run = executor.submit(0, [pinned], [device]);
    pinned.close();
    device.close();
    await run;
  });
});

describe('arguments', () => {
  test('of wrong types, lengths and kinds', async () => {
    const executor = await Executor.create('mlp');
    const { native } = executor;
    const submit = (slot: unknown, inputs: unknown, outputs: unknown) =>
      thrown(() => {
        native.submit(slot as number, inputs as Inputs, outputs as Outputs);
      });
    expect(submit(0, [x], ['host'])).toContain('without having been prepared');
    executor.prepare();
    expect(submit(1, [x], ['host'])).toContain('slot must be an integer from 0 to 0');
    expect(submit('0', [x], ['host'])).toContain('slot must be a number');
    expect(submit(0.5, [x], ['host'])).toContain('slot must be an integer');
    expect(submit(NaN, [x], ['host'])).toContain('slot must be an integer');
    expect(submit(0, undefined, undefined)).toContain('inputs must be an array');
    expect(submit(0, [], ['host'])).toContain('an element for each tensor');
    expect(submit(0, [null], ['host'])).toMatch(/^ERR_TRT_MISSING_INPUT/);
    expect(submit(0, ['x'], ['host'])).toContain('input must be a DeviceBuffer');
    expect(submit(0, [{}], ['host'])).toContain('input must be a DeviceBuffer');
    expect(submit(0, [x.subarray(1)], ['host'])).toMatch(/^ERR_TRT_LENGTH_MISMATCH/);
    expect(submit(0, [new Uint8Array(new SharedArrayBuffer(1024))], ['host'])).toMatch(
      /^ERR_TRT_INVALID_BUFFER/,
    );
    expect(submit(0, [x], ['hosts'])).toContain("output must be 'host', 'device' or a buffer");
    expect(submit(0, [x], [x])).toContain('output must be a DeviceBuffer');
    const small = platform.createDeviceBuffer(0, 4);
    cleanups.push(() => {
      small.close();
    });
    expect(submit(0, [small], ['host'])).toMatch(/^ERR_TRT_LENGTH_MISMATCH.*device buffer has 4/);
    expect(submit(0, [x], [small])).toMatch(/^ERR_TRT_LENGTH_MISMATCH.*device buffer has 4/);
    expect(thrown(() => native.prepare(0, 0, [[4, 64], [1]], [null, null]))).toContain(
      'each input',
    );
    expect(thrown(() => native.prepare(0, 9, [[4, 64]], [null]))).toContain('profile 9');
    expect(thrown(() => native.prepare(0, 0, [new Array<number>(9).fill(1)], [null]))).toMatch(
      /^ERR_TRT_RANK_MISMATCH/,
    );
    native.prepare(0, 0, [[4, 64]], [null]);
    native.runSync(0, [new DataView(x.buffer, 0, x.byteLength)], ['host']);
    expect(executor.read()).toEqual(y);
  });

  test('a view whose memory goes while the arguments are read', async () => {
    const executor = await Executor.create('mlp');
    executor.prepare();
    const victim = new Float32Array(x);
    // Reading the second array runs this, after the first was read.
    const outputs = new Proxy(['host'], {
      get(target, key) {
        if (key === '0') structuredClone(victim.buffer, { transfer: [victim.buffer] });
        return Reflect.get(target, key) as unknown;
      },
    }) as Outputs;
    const message = thrown(() => {
      executor.native.submit(0, [victim], outputs);
    });
    expect(message).toMatch(/^ERR_TRT_INVALID_BUFFER.*detached|outputs must be an array/);
    const closing = Object.defineProperty([], 0, {
      get: () => {
        void executor.native.close();
        return 'host';
      },
    }) as Outputs;
    expect(
      thrown(() => {
        executor.native.submit(0, [x], closing);
      }),
    ).toMatch(/^ERR_TRT_CLOSED/);
  });

  test('a getter that calls the executor again', async () => {
    const executor = await Executor.create('mlp');
    executor.prepare();
    const nested = Object.defineProperty([], 0, {
      get: () => {
        executor.native.runSync(0, [x], ['host']);
        return x;
      },
    }) as Inputs;
    executor.native.runSync(0, nested, ['host']);
    expect(executor.read()).toEqual(y);
  });
});

test('a slot is timed, or not, run by run, each with a graph of its own', async () => {
  const executor = await Executor.create('mlp', 1, true);
  const { native } = executor;
  const times = new Float64Array(7);
  executor.prepare();
  for (const timed of [true, false, true, false]) {
    native.setTimed(0, timed);
    for (let run = 0; run < 3; run++) {
      await executor.submit(0, [x], ['host']);
      native.readOutput(0, 0, y);
      expect(y.every(Number.isFinite)).toBe(true);
      if (timed) {
        native.timing(0, times);
        expect(times.every((time, index) => index === 0 || Number.isFinite(time))).toBe(true);
      } else {
        expect(() => {
          native.timing(0, times);
        }).toThrow('was not timed');
      }
    }
  }
  expect(native.stats().graphCaptures).toBe(2);
});
