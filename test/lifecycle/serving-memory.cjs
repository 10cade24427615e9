// The child of serving-memory.test.ts: node --expose-gc serving-memory.cjs REPOSITORY. Prints memory in MiB as JSON.
const { ModelRepository } = require('trt-node');

const [folder] = process.argv.slice(2);
const x = Float32Array.from({ length: 64 }, (_, index) => ((index * 7919) % 1000) / 1000 - 0.5);

async function used() {
  for (let turn = 0; turn < 3; turn++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const mib = (bytes) => Math.round(bytes / 2 ** 20);
  return { rss: mib(rss), heap: mib(heapUsed), external: mib(external + arrayBuffers) };
}

/** `count` requests from 64 callers; each thousandth answer is looked at. */
async function requests(repository, count) {
  let left = count;
  const caller = async () => {
    while (left-- > 0) {
      const outputs = await repository.infer('mlp', { x });
      if (left % 1000 === 0 && Math.abs(outputs.y.data[0] - 0.04531991) > 1e-5) {
        throw new Error(`wrong answer ${outputs.y.data[0]}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 64 }, caller));
}

async function run() {
  const repository = await ModelRepository.open(folder, { runtime: 'reference' });
  await requests(repository, 20_000);
  const before = await used();
  await requests(repository, 100_000);
  const after = await used();
  await repository.close();
  return { before, after };
}

run().then((result) => {
  console.log(JSON.stringify(result));
});
