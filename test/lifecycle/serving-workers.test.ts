// Models in worker threads, loaded and unloaded again and again: no thread and no handle stays.

import { existsSync, readdirSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ModelRepository } from 'trt-node';
import { reference } from '../helpers/reference.js';
import { repositoryFolder } from '../helpers/serving-repository.js';

const tensors = `max_batch_size: 2 input [ { name: "x" data_type: TYPE_INT32 dims: [ 1 ] } ]
  output [ { name: "y" data_type: TYPE_INT32 dims: [ 1 ] } ]
  instance_group [ { count: 2 kind: KIND_CPU } ]`;

/** Handles that keep the event loop alive, and threads where the system tells. */
function held(): { resources: number; threads: number } {
  const ours = new Set(['MessagePort', 'Worker', 'Timeout', 'Immediate']);
  const resources = process.getActiveResourcesInfo().filter((name) => ours.has(name)).length;
  const tasks = '/proc/self/task';
  return { resources, threads: existsSync(tasks) ? readdirSync(tasks).length : 0 };
}

test(
  '50 loads and unloads, some with requests in flight or failing',
  { timeout: 120_000 },
  async () => {
    const execute = `exports.execute = async (requests) => {
    if (requests[0].inputs.x.data[0] === 7) process.exit(1);
    return requests.map(({ inputs: { x } }) => ({ outputs: { y: x } }));
  };`;
    const folder = await repositoryFolder({
      good: { config: `backend: "js" ${tensors}`, files: { '1/model.cjs': execute } },
      bad: {
        config: `backend: "js" ${tensors}`,
        files: { '1/model.cjs': 'exports.initialize = () => { throw new Error("no"); };' },
      },
    });
    const repository = await ModelRepository.open(folder, {
      ...reference,
      controlMode: 'explicit',
    });
    onTestFinished(() => repository.close());
    const cycle = async (round: number): Promise<void> => {
      await repository.load('good');
      const ask = (value: number) => repository.infer('good', { x: Int32Array.of(value) });
      const answers = [1, 2, 3].map(ask);
      if (round % 10 === 0) await ask(7).catch(() => undefined);
      if (round % 5 === 0) await repository.load('bad').catch(() => undefined);
      const unloading = repository.unload('good');
      for (const [index, { y }] of (await Promise.all(answers)).entries()) {
        expect(y?.data[0]).toBe(index + 1);
      }
      await unloading;
    };
    for (let round = 0; round < 3; round++) await cycle(round);
    const before = held();
    for (let round = 0; round < 50; round++) await cycle(round);
    await vi.waitFor(() => {
      const { resources, threads } = held();
      expect(resources).toBeLessThanOrEqual(before.resources + 1);
      expect(threads).toBeLessThanOrEqual(before.threads + 1);
    });
  },
);
