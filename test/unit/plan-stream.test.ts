// Plans that come in pieces: iterables, readers, streams; what fails on the way; never the whole plan at once.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { open, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable, pipeline } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { type PlanInput, Runtime, Session } from 'trt-node';
import { expectError } from '../helpers/expect-error.js';
import { ramp } from '../helpers/known-answers.js';
import { injectFaults, reference, referencePlan } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

const x = ramp(8 * 64);

async function* chunks(plan: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < plan.length; at += size) {
    await Promise.resolve();
    yield plan.subarray(at, at + size);
  }
}

async function answers(source: PlanInput): Promise<void> {
  await using session = await Session.load(source, reference);
  await using plain = await Session.load(await referencePlan('mlp'), reference);
  expect((await session.run({ x })).y!.data).toEqual((await plain.run({ x })).y!.data);
}

describe('sources', () => {
  test('async iterables in chunks of any size', async () => {
    const plan = await referencePlan('mlp');
    for (const size of [1, 7, 100, 4096, plan.length, 10 * plan.length]) {
      await answers(chunks(plan, size));
    }
  }, 30_000);

  test('plain iterables, Node streams, web streams, buffers that are used again', async () => {
    const plan = await referencePlan('mlp');
    await answers([plan.subarray(0, 100), plan.subarray(100)]);
    await answers(Readable.from(chunks(plan, 1000)));
    await answers(new Blob([plan]).stream() as PlanInput);
    const one = new Uint8Array(512);
    await answers(
      (async function* () {
        for await (const chunk of chunks(plan, one.length)) {
          one.set(chunk);
          yield one.subarray(0, chunk.length);
        }
      })(),
    );
  });

  test('a FileHandle, and a reader of one’s own', async () => {
    const plan = await referencePlan('mlp');
    const file = path.join(tempFolder(), 'mlp.plan');
    await writeFile(file, plan);
    await using handle = await open(file);
    await answers(handle);
    let at = 0;
    await answers({
      read: (into: Uint8Array) => {
        const part = plan.subarray(at, at + Math.min(into.length, 333));
        into.set(part);
        at += part.length;
        return part.length;
      },
    });
  });

  test('at the low level, several at once', async () => {
    const plan = await referencePlan('mlp');
    using runtime = new Runtime(reference);
    const engines = await Promise.all(
      [10_000, 3000, 1000].map((size) => runtime.deserializeEngineAsync(chunks(plan, size))),
    );
    for (const engine of engines) expect(engine.inputs.length).toBe(1);
  });

  test('is pulled no faster than it is read', async () => {
    const plan = await referencePlan('mlp');
    let pulled = 0;
    // Nobody reads while the deserialization fails: what is pulled is bounded all the same.
    const endless = (async function* () {
      yield plan.subarray(0, 600);
      for (;;) {
        pulled += 2 ** 20;
        yield new Uint8Array(2 ** 20);
      }
    })();
    using runtime = new Runtime(reference);
    injectFaults('deserialize');
    await expectError(() => runtime.deserializeEngineAsync(endless), 'ERR_TRT_DESERIALIZE');
    expect(pulled).toBeLessThan(64 * 2 ** 20);
  });
});

describe('failures', () => {
  test('the source’s own error is the cause, wherever it comes', async () => {
    const plan = await referencePlan('mlp');
    for (const good of [0, 10, 1000, plan.length]) {
      const cause = new Error('the line went dead');
      let returned = false;
      const source = (async function* () {
        try {
          if (good > 0) yield plan.subarray(0, good);
          await Promise.resolve();
          throw cause;
        } finally {
          returned = true;
        }
      })();
      const error = await expectError(
        () => Session.load(source, reference),
        'ERR_TRT_FILE',
        'the line went dead',
      );
      expect(error.cause).toBe(cause);
      expect(returned).toBe(true);
    }
  });

  test('what is no plan, what ends too soon, what are no bytes', async () => {
    const plan = await referencePlan('mlp');
    const load = (source: unknown) => () => Session.load(source as PlanInput, reference);
    await expectError(load([]), 'ERR_TRT_INVALID_PLAN', 'empty');
    await expectError(
      load([Buffer.from('hello, world')]),
      'ERR_TRT_INVALID_PLAN',
      'no TensorRT plan',
    );
    await expectError(load(chunks(plan.subarray(0, 20), 7)), 'ERR_TRT_INVALID_PLAN', 'truncated');
    await expectError(
      load(chunks(plan.subarray(0, plan.length - 1), 1000)),
      'ERR_TRT_INVALID_PLAN',
      `${plan.length} bytes`,
      `${plan.length - 1}`,
    );
    await expectError(load(['text']), 'ERR_TRT_INVALID_ARGUMENT', 'chunks of bytes');
    await expectError(load({ read: () => -1 }), 'ERR_TRT_INVALID_ARGUMENT', 'read:');
    await expectError(load({}), 'ERR_TRT_INVALID_ARGUMENT');
    await expectError(load(42), 'ERR_TRT_INVALID_ARGUMENT');
  });

  test('an abort lets go of a source that never answers', async () => {
    const plan = await referencePlan('mlp');
    const controller = new AbortController();
    let returned!: () => void;
    const letGo = new Promise<void>((resolve) => {
      returned = resolve;
    });
    const source = {
      [Symbol.asyncIterator]() {
        let first = true;
        return {
          next: (): Promise<IteratorResult<Uint8Array>> => {
            if (!first) return new Promise<never>(() => undefined);
            first = false;
            return Promise.resolve({ done: false, value: plan.subarray(0, 100) });
          },
          return: (): Promise<IteratorResult<Uint8Array>> => {
            returned();
            return Promise.resolve({ done: true, value: undefined });
          },
        };
      },
    };
    const loading = expectError(
      () => Session.load(source, { ...reference, signal: controller.signal }),
      'ERR_TRT_ABORTED',
    );
    setTimeout(() => {
      controller.abort();
    }, 30);
    await loading;
    await letGo;
  });

  test('a synchronous load of the same runtime does not wait for the stream that it feeds', async () => {
    const plan = await referencePlan('mlp');
    using runtime = new Runtime(reference);
    let go!: () => void;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let begun!: () => void;
    const beginning = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const loading = runtime.deserializeEngineAsync(
      (async function* () {
        yield plan.subarray(0, 1000);
        begun();
        await gate;
        yield plan.subarray(1000);
      })(),
    );
    await beginning;
    // The reading thread takes what there is and waits for more, holding the runtime.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await expectError(
      () => runtime.deserializeEngine(plan),
      'ERR_TRT_INVALID_ARGUMENT',
      'Await that load first',
    );
    go();
    (await loading).close();
    runtime.deserializeEngine(plan).close();
  });
});

describe('encrypted', () => {
  const key = randomBytes(32);
  const iv = randomBytes(12);

  async function encrypted(): Promise<{ bytes: Buffer; tag: Buffer }> {
    const cipher = createCipheriv('aes-256-gcm', key, iv);
    const bytes = Buffer.concat([cipher.update(await referencePlan('mlp')), cipher.final()]);
    return { bytes, tag: cipher.getAuthTag() };
  }

  function decrypting(bytes: Buffer, tag: Buffer): Readable {
    const decipher = createDecipheriv('aes-256-gcm', key, iv).setAuthTag(tag);
    return pipeline(Readable.from(chunks(bytes, 1000)), decipher, () => undefined);
  }

  test('AES-256-GCM with Node’s crypto', async () => {
    const { bytes, tag } = await encrypted();
    await answers(decrypting(bytes, tag));
  });

  test('a wrong tag, told only at the very end, fails the loading', async () => {
    const { bytes, tag } = await encrypted();
    tag[0]! ^= 1;
    await expectError(
      () => Session.load(decrypting(bytes, tag), reference),
      'ERR_TRT_FILE',
      /authenticate/i,
    );
  });
});
