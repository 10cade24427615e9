// npm run figures: how long a picture takes in this process, over HTTP from TypeScript and Python, and with PyTorch; and how many a second there can be.
import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { Session } from 'trt-node';
import { writeBars } from '../kit/chart.ts';
import { ExampleError, main } from '../kit/failure.ts';
import { type FigureRow, type Latency, latencyOf, measure, writeFigures } from '../kit/figures.ts';
import { chooseModel, exampleFolder } from '../kit/models.ts';
import { runPython } from '../kit/python.ts';
import { chooseRuntime } from '../kit/runtime.ts';
import { startServer } from '../kit/server.ts';
import { classify } from './client.ts';
import { prepare } from './prepare.ts';
import { decode, normalize, preprocess, resizeAndCrop } from './preprocess.ts';

const { root, work } = exampleFolder(import.meta.url);
const picture = path.join(root, 'pictures/lighthouse.png');
const open = (): Sharp => sharp(picture, { ignoreIcc: true });

/** One way to have a picture classified: the network or the request alone, and from the file to the answer. */
interface Way {
  readonly name: string;
  readonly network: Latency;
  readonly all?: Latency | undefined;
}

/** What measure.py prints. */
interface PythonTimes {
  readonly network: readonly number[];
  readonly all?: readonly number[];
  readonly version?: string;
  readonly device?: string;
}

const milliseconds = (latency: Latency | undefined): string =>
  latency === undefined ? '-' : `${latency.p50.toFixed(2)} / ${latency.p99.toFixed(2)}`;

/** How many answers a second `callers` get, each of whom asks again when answered. */
async function throughput(
  callers: number,
  loops: number,
  call: () => Promise<unknown>,
): Promise<number> {
  let left = loops;
  const caller = async (): Promise<void> => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: callers }, call));
  const started = performance.now();
  await Promise.all(Array.from({ length: callers }, caller));
  return (loops / (performance.now() - started)) * 1000;
}

/** The same request with its numbers as text, as clients send it that know nothing of binary data. */
async function classifyByJson(server: string, tensor: Float32Array): Promise<void> {
  const response = await fetch(`http://${server}/v2/models/resnet50/infer`, {
    method: 'POST',
    body: JSON.stringify({
      inputs: [{ name: 'gpu_0/data_0', datatype: 'FP32', shape: [3, 224, 224], data: [...tensor] }],
      outputs: [{ name: 'gpu_0/softmax_1', parameters: { classification: 5 } }],
    }),
  });
  if (!response.ok) throw new Error(await response.text());
  await response.json();
}

await main(async () => {
  const model = chooseModel(import.meta.url);
  const { plan, repository } = await prepare(model);
  await using session = await Session.load(plan, { instances: 2 });
  const pixels = await decode(open());
  const input = await preprocess(open());
  const run = (tensor: Float32Array): Promise<unknown> => session.run({ 'gpu_0/data_0': tensor });

  const trial = await measure(() => run(input), 10);
  /** As many loops as take some seconds. */
  const loops = Math.min(300, Math.max(20, Math.round(3000 / (trial.p50 + 10))));
  const latency = (call: () => unknown): Promise<Latency> => measure(call, loops);

  const decoding = await latency(() => decode(open()));
  const resizing = await latency(() => normalize(resizeAndCrop(pixels)));
  const ways: Way[] = [
    {
      name: 'in process: sharp, preprocess.ts, Session',
      network: await latency(() => run(input)),
      all: await latency(async () => run(await preprocess(open()))),
    },
  ];
  const inFlight = async (
    name: string,
    one: () => Promise<unknown>,
    from: () => Promise<unknown>,
  ): Promise<FigureRow> => ({
    way: name,
    'network or request alone': Math.round(await throughput(8, loops, one)),
    'from the file': Math.round(await throughput(8, loops, from)),
  });
  const rates = [
    await inFlight(
      'in process',
      () => run(input),
      async () => run(await preprocess(open())),
    ),
  ];

  const missing: string[] = [];
  {
    await using server = await startServer(repository);
    const { http } = server;
    const ask = async (): Promise<unknown> => classify(http, await preprocess(open()));
    ways.push({
      name: 'HTTP, TypeScript client',
      network: await latency(() => classify(http, input)),
      all: await latency(ask),
    });
    ways.push({
      name: 'HTTP, TypeScript client, numbers as JSON',
      network: await measure(() => classifyByJson(http, input), Math.ceil(loops / 5)),
    });
    rates.push(await inFlight('HTTP, TypeScript client', () => classify(http, input), ask));
    await python('HTTP, Python client', ['client', http, picture], ['tritonclient', 'numpy']);
  }
  if (model.size === 'full') {
    await python(
      'Python: Pillow, torchvision, PyTorch',
      ['pytorch', picture],
      ['torch', 'torchvision', 'PIL'],
    );
  } else {
    missing.push('PyTorch is measured with the full model: npm run export.');
  }

  async function python(
    name: string,
    args: readonly string[],
    modules: readonly string[],
  ): Promise<void> {
    try {
      const text = await runPython(
        path.join(root, 'measure.py'),
        [...args, String(loops)],
        modules,
      );
      const { network, all, version, device } = JSON.parse(text) as PythonTimes;
      ways.push({
        name: version === undefined ? name : `${name} ${version} on ${device}`,
        network: latencyOf(network),
        all: all && latencyOf(all),
      });
    } catch (error) {
      if (!(error instanceof ExampleError)) throw error;
      missing.push(`${name}: ${error.message} ${error.hint}`);
    }
  }

  const [here, http] = ways as [Way, Way];
  const figures = writeFigures(
    work,
    model,
    `a picture ${here.all?.p50.toFixed(1)} ms in process (engine ${here.network.p50.toFixed(2)}), ${http.all?.p50.toFixed(1)} over HTTP`,
    {
      'One picture, milliseconds p50 / p99': ways.map(({ name, network, all }) => ({
        way: name,
        'network or request alone': milliseconds(network),
        'from the file': milliseconds(all),
      })),
      'The parts in process, milliseconds p50 / p99': [
        { part: 'decode (sharp)', time: milliseconds(decoding) },
        { part: 'resize, crop, normalize (preprocess.ts)', time: milliseconds(resizing) },
        { part: 'engine (session.run)', time: milliseconds(here.network) },
      ],
      'Pictures a second, 8 in flight': rates,
      ...(missing.length > 0 && { 'Not measured': missing.map((what) => ({ what })) }),
    },
  );
  writeBars(path.join(work, 'resnet50.svg'), {
    title: 'ResNet-50: one picture',
    unit: 'milliseconds, p50',
    groups: ways.map(({ name }) => name),
    series: {
      'from the file to five classes': ways.map(({ all }) => all?.p50 ?? null),
      'the network, or the request, alone': ways.map(({ network }) => network.p50),
    },
    caption: `${model.size} model, ${chooseRuntime().name}, ${figures.date}`,
  });
});
