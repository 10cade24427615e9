// npm run examples: the tests of the five systems in examples/, and a table of five rows. On a GPU with TensorRT they run the full models, which PyTorch
// exports first, and measure; elsewhere the small models that lie in the repository, on the CPU reference runtime.
// Usage: node scripts/examples.mjs [NAME…] [--small|--full] [--figures] [--skip=tests|figures] [--jobs=N] [--report=FILE.json]
// --jobs: examples at a time, each of which then prints when it is done; default 2 where small models are tested and nothing is measured, else 1.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { countTap } from './count-tap.mjs';
import { root } from './run.mjs';
import { tritonPython } from './triton-client.mjs';

/** In the order of ../shared/seeds.md's systems S1 to S5. */
const systems = ['sentiment', 'resnet50', 'bert', 'lanes', 'wide-resnet'];

/** What their tests' Python clients import, and how pip calls it. */
const clientModules = {
  sentiment: ['numpy', 'tritonclient', 'tokenizers'],
  resnet50: ['numpy', 'tritonclient'],
  bert: [],
  lanes: ['numpy', 'tritonclient', 'PIL'],
  'wide-resnet': ['numpy', 'tritonclient'],
};
const wheels = { tritonclient: "'tritonclient[all]'", PIL: 'pillow' };

function end(status, sentence) {
  console.error(sentence);
  process.exit(status);
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        small: { type: 'boolean', default: false },
        full: { type: 'boolean', default: false },
        figures: { type: 'boolean', default: false },
        skip: { type: 'string' },
        jobs: { type: 'string' },
        report: { type: 'string' },
      },
    });
  } catch (error) {
    return end(
      2,
      `${error.message.split('. ')[0]}; the first lines of scripts/examples.mjs have the flags.`,
    );
  }
}

const { values: flags, positionals } = parse();
const unknown = positionals.find((name) => !systems.includes(name));
if (unknown !== undefined) end(2, `There is no example ${unknown}: ${systems.join(', ')}.`);
if (flags.skip !== undefined && flags.skip !== 'tests' && flags.skip !== 'figures') {
  end(2, `--skip=${flags.skip} means nothing: tests or figures can be left out.`);
}
if (flags.small && flags.full) end(2, '--small and --full cannot both be: leave one out.');
const names = positionals.length > 0 ? [...new Set(positionals)] : systems;
const folderOf = (name) => path.join(root, 'examples', name);

/** Of the packages that an example names those that are not installed; trt-node is there once it is built. */
function missingPackages(name) {
  const manifest = path.join(folderOf(name), 'package.json');
  const { resolve } = createRequire(manifest);
  const { dependencies } = JSON.parse(readFileSync(manifest, 'utf8'));
  return ['tsx', ...Object.keys(dependencies)].filter((dependency) => {
    try {
      return !existsSync(resolve(dependency));
    } catch (error) {
      return error.code === 'MODULE_NOT_FOUND'; // not for one that can only be imported
    }
  });
}
for (const name of names) {
  const missing = missingPackages(name);
  if (missing.length === 0) continue;
  end(1, `examples/${name} needs ${missing.join(', ')}.\nRun npm install in ${root}.`);
}
const { doctor } = await import('trt-node');

const forced = process.env.TRT_NODE_RUNTIME;
const report = doctor();
const onGpu = forced === undefined || forced === 'auto' ? report.ok : forced === 'tensorrt';
const size = flags.small ? 'small' : flags.full || onGpu ? 'full' : 'small';
const place = onGpu
  ? `TensorRT ${report.tensorrt.version} on ${report.devices[0]?.name}`
  : 'CPU reference runtime';
/** An example without a GPU measures only when asked to. */
const measures = flags.skip !== 'figures' && (onGpu || flags.figures);
const jobs = Number(flags.jobs ?? (size === 'small' && !measures ? 2 : 1));
if (!(Number.isInteger(jobs) && jobs >= 1)) end(2, `--jobs=${flags.jobs} is no number from 1.`);
if (measures && jobs > 1) {
  end(
    2,
    `--jobs=${jobs} would spoil the figures: measure one example at a time, or --skip=figures.`,
  );
}
const env = {
  ...process.env,
  TRT_NODE_RUNTIME: onGpu ? 'tensorrt' : 'reference',
  TRT_NODE_EXAMPLES_MODEL: size,
};
const clients = process.env.TRT_NODE_PYTHON ?? tritonPython();
if (clients !== undefined) env.TRT_NODE_PYTHON = clients;
if (flags.skip !== 'tests') {
  const python = env.TRT_NODE_PYTHON ?? 'python3';
  const modules = [...new Set(names.flatMap((name) => clientModules[name]))];
  const script =
    'import importlib.util as u, sys; print(*(m for m in sys.argv[1:] if not u.find_spec(m)))';
  const { status, stdout } = spawnSync(python, ['-c', script, ...modules], { encoding: 'utf8' });
  const missing = stdout?.split(/\s+/).filter((name) => name !== '') ?? [];
  const other = 'set TRT_NODE_PYTHON to an interpreter';
  if (status !== 0) {
    end(1, `${python} cannot be run.\nInstall Python 3.10 or newer, or ${other}.`);
  }
  if (missing.length > 0) {
    const install = missing.map((name) => wheels[name] ?? name).join(' ');
    end(
      1,
      `${python} has no ${missing.join(', ')}.\nRun: ${python} -m pip install ${install} (or ${other} that has them).`,
    );
  }
}
const results = path.join(root, 'build', 'test-results');
mkdirSync(results, { recursive: true });

/** An example of which the programs run: what they print goes to this terminal at once, or with others beside it when all is done. */
class Run {
  #kept = '';

  constructor(name) {
    this.name = name;
    this.folder = folderOf(name);
    this.#print(`\n── ${name}\n`);
  }

  #print(text) {
    if (jobs === 1) process.stdout.write(text);
    else this.#kept += text;
  }

  /** Whether it ended well. */
  async program(command, args) {
    const stdio = jobs === 1 ? 'inherit' : ['ignore', 'pipe', 'pipe'];
    const child = spawn(command, args, { cwd: this.folder, env, stdio });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => this.#print(text));
    }
    try {
      return (await once(child, 'close'))[0] === 0;
    } catch (error) {
      this.#print(`${command} cannot be run: ${error.message}\n`);
      return false;
    }
  }

  end() {
    process.stdout.write(this.#kept);
  }
}

/** Has the full model made where it is wanted and missing. PyTorch may live in another Python than the clients: TRT_NODE_TORCH_PYTHON. */
async function exported(run) {
  if (size === 'small' || existsSync(path.join(run.folder, 'work/full/about.json'))) return true;
  const python = process.env.TRT_NODE_TORCH_PYTHON ?? process.env.TRT_NODE_PYTHON ?? 'python3';
  return run.program(python, ['export.py']);
}

async function tested(run) {
  if (flags.skip === 'tests') return { passed: 0, failed: 0, skipped: 0 };
  const tap = path.join(results, `example-${run.name}.tap`);
  rmSync(tap, { force: true });
  const reporters = ['--test-reporter=spec', '--test-reporter-destination=stdout'].concat([
    '--test-reporter=tap',
    `--test-reporter-destination=${tap}`,
  ]);
  // Node.js 20 does not look for TypeScript files by itself.
  const files = readdirSync(path.join(run.folder, 'test'));
  const paths = files.filter((file) => file.endsWith('.test.ts')).map((file) => `test/${file}`);
  // One that hangs fails, and the others are run: the full models' plans take minutes to build.
  const timeout = `--test-timeout=${size === 'full' ? 900_000 : 480_000}`;
  const options = ['--import', 'tsx', '--test', '--test-concurrency=1', timeout, ...reporters];
  const passed = await run.program(process.execPath, [...options, ...paths]);
  if (!existsSync(tap)) return { passed: 0, failed: 1, skipped: 0 };
  const sum = countTap(readFileSync(tap, 'utf8'));
  if (!(sum.passed + sum.failed > 0)) return { passed: 0, failed: 1, skipped: 0 };
  if (!passed && sum.failed === 0) sum.failed++;
  return sum;
}

/** The headline of what `figures.ts` measured; undefined when it failed. */
async function measured(run) {
  if (!measures) return '-';
  if (!(await run.program(process.execPath, ['--import', 'tsx', 'figures.ts']))) return undefined;
  return JSON.parse(readFileSync(path.join(run.folder, 'work/figures.json'), 'utf8')).headline;
}

async function rowOf(name) {
  const run = new Run(name);
  const started = performance.now();
  const sum = (await exported(run)) ? await tested(run) : { passed: 0, failed: 1, skipped: 0 };
  const figure = sum.failed === 0 ? await measured(run) : '-';
  if (figure === undefined) sum.failed++;
  run.end();
  return {
    system: `S${systems.indexOf(name) + 1}`,
    model: size,
    'runs on': place,
    ...sum,
    seconds: ((performance.now() - started) / 1000).toFixed(1),
    result: sum.failed === 0 ? 'ok' : 'FAILED',
    figure: figure ?? '-',
  };
}

const rows = Object.fromEntries(names.map((name) => [name, undefined]));
const left = [...names];
async function worker() {
  for (let name = left.shift(); name !== undefined; name = left.shift()) {
    rows[name] = await rowOf(name);
  }
}
await Promise.all(Array.from({ length: jobs }, worker));
console.log();
console.table(rows);
const total = { passed: 0, failed: 0, skipped: 0 };
for (const row of Object.values(rows)) for (const key of Object.keys(total)) total[key] += row[key];
if (flags.report !== undefined) writeFileSync(flags.report, JSON.stringify(total));
process.exitCode = total.failed === 0 ? 0 : 1;
