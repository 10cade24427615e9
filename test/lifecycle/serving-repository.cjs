// The child processes of serving-repository.test.ts: `node serving-repository.cjs SCENARIO FOLDER`.
'use strict';
/* global gc */

const { readdirSync } = require('node:fs');
const { ModelRepository } = require('trt-node');

const [scenario, folder] = process.argv.slice(2);
const x = Float32Array.from({ length: 64 }, (_, index) => index / 64);
const say = (text) => console.log(text);
const { addon } = require('../../dist/load.js').loadAddon();
const openFiles = () => readdirSync('/proc/self/fd').length;
const threads = () => readdirSync('/proc/self/task').length;
const handles = () => Object.values(addon.liveHandles()).reduce((sum, count) => sum + count, 0);

async function figures() {
  for (let round = 0; round < 3; round++) await gc({ execution: 'async' });
  const { rss, heapUsed } = process.memoryUsage();
  return { rss, heap: heapUsed, files: openFiles(), threads: threads(), handles: handles() };
}

const explicit = { runtime: 'reference', controlMode: 'explicit' };

const scenarios = {
  /** 500 times loaded, asked and unloaded; memory, files and threads after the first 100 and at the end. */
  async cycles() {
    const repository = await ModelRepository.open(folder, explicit);
    const cycle = async () => {
      await repository.load('mlp');
      const { y } = await repository.infer('mlp', { x });
      if (y.data.length !== 32) throw new Error('a wrong answer');
      await repository.unload('mlp');
    };
    for (let round = 0; round < 100; round++) await cycle();
    const before = await figures();
    for (let round = 0; round < 400; round++) await cycle();
    const after = await figures();
    await repository.close();
    say(JSON.stringify({ before, after }));
  },

  /** Reloads while requests run. */
  async reloads() {
    const repository = await ModelRepository.open(folder, { ...explicit, loadModels: ['mlp'] });
    let answered = 0;
    let done = false;
    const clients = Array.from({ length: 8 }, async () => {
      while (!done) {
        await repository.infer('mlp', { x });
        answered++;
      }
    });
    let before;
    for (let round = 0; round < 50; round++) {
      const config = JSON.stringify({
        max_batch_size: 8,
        dynamic_batching: {},
        backend: 'tensorrt',
      });
      await repository.load('mlp', { config });
      if (round === 20) before = await figures();
    }
    done = true;
    await Promise.all(clients);
    const after = await figures();
    await repository.close();
    say(JSON.stringify({ before, after, answered }));
  },

  /** Nobody closes it, and nothing runs: the process ends by itself. */
  async 'open-repository'() {
    await ModelRepository.open(folder, { runtime: 'reference', controlMode: 'poll' });
    say('open');
  },
};

scenarios[scenario]().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
