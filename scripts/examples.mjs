// npm run examples: the tests of the five systems in examples/, and a table of five rows. On a GPU with TensorRT they run the full models, which PyTorch
// exports first, and measure; elsewhere the small models that lie in the repository, on the CPU reference runtime.
// Usage: node scripts/examples.mjs [NAME…] [--small|--full] [--figures] [--skip=tests|figures] [--report=FILE.json]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { doctor } from 'trt-node';
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

process.on('uncaughtException', (error) => {
  const isFlag = String(error.code).startsWith('ERR_PARSE_ARGS_');
  console.error(isFlag ? error.message : error);
  process.exit(isFlag ? 2 : 1);
});
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    small: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    figures: { type: 'boolean', default: false },
    skip: { type: 'string' },
    report: { type: 'string' },
  },
});
const unknown = positionals.find((name) => !systems.includes(name));
if (unknown !== undefined) {
  console.error(`There is no example ${unknown}: ${systems.join(', ')}.`);
  process.exit(2);
}
if (flags.skip !== undefined && flags.skip !== 'tests' && flags.skip !== 'figures') {
  console.error(`--skip=${flags.skip} means nothing: tests or figures can be left out.`);
  process.exit(2);
}
const names = positionals.length > 0 ? positionals : systems;

const forced = process.env.TRT_NODE_RUNTIME;
const report = doctor();
const onGpu = forced === undefined || forced === 'auto' ? report.ok : forced === 'tensorrt';
const size = flags.small ? 'small' : flags.full || onGpu ? 'full' : 'small';
const place = onGpu
  ? `TensorRT ${report.tensorrt.version} on ${report.devices[0]?.name}`
  : 'CPU reference runtime';
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
  if (status !== 0 || missing.length > 0) {
    const install = missing.map((name) => wheels[name] ?? name).join(' ');
    console.error(
      status === 0
        ? `${python} has no ${missing.join(', ')}.\nRun: ${python} -m pip install ${install} (or set TRT_NODE_PYTHON to an interpreter that has them).`
        : `${python} cannot be run.\nInstall Python 3.10 or newer, or set TRT_NODE_PYTHON to an interpreter.`,
    );
    process.exit(1);
  }
}
const results = path.join(root, 'build', 'test-results');
mkdirSync(results, { recursive: true });

/** Runs a program of an example, its words going to this terminal. */
function run(folder, command, args, extra = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: folder,
    env: { ...env, ...extra },
    stdio: 'inherit',
  });
  if (error) console.error(`${command} cannot be run: ${error.message}`);
  return status === 0;
}

/** Has the full model made where it is wanted and missing. PyTorch may live in another Python than the clients: TRT_NODE_TORCH_PYTHON. */
function exported(folder) {
  if (size === 'small' || existsSync(path.join(folder, 'work/full/about.json'))) return true;
  const python = process.env.TRT_NODE_TORCH_PYTHON ?? process.env.TRT_NODE_PYTHON ?? 'python3';
  return run(folder, python, ['export.py']);
}

function tested(name, folder) {
  if (flags.skip === 'tests') return { passed: 0, failed: 0, skipped: 0 };
  const tap = path.join(results, `example-${name}.tap`);
  rmSync(tap, { force: true });
  const reporters = ['--test-reporter=spec', '--test-reporter-destination=stdout'].concat([
    '--test-reporter=tap',
    `--test-reporter-destination=${tap}`,
  ]);
  // Node.js 20 does not look for TypeScript files by itself.
  const files = readdirSync(path.join(folder, 'test')).filter((file) => file.endsWith('.test.ts'));
  const paths = files.map((file) => path.join('test', file));
  const options = ['--import', 'tsx', '--test', '--test-concurrency=1', ...reporters];
  const passed = run(folder, process.execPath, [...options, ...paths]);
  if (!existsSync(tap)) return { passed: 0, failed: 1, skipped: 0 };
  const sum = countTap(readFileSync(tap, 'utf8'));
  if (sum.passed + sum.failed === 0 || (!passed && sum.failed === 0)) sum.failed++;
  return sum;
}

/** The headline of what `figures.ts` measured; an example without a GPU measures only when asked to. */
function measured(folder) {
  if (flags.skip === 'figures' || (!onGpu && !flags.figures)) return '-';
  if (!run(folder, process.execPath, ['--import', 'tsx', 'figures.ts'])) return undefined;
  return JSON.parse(readFileSync(path.join(folder, 'work/figures.json'), 'utf8')).headline;
}

const rows = {};
const total = { passed: 0, failed: 0, skipped: 0 };
for (const name of names) {
  console.log(`\n── ${name}`);
  const folder = path.join(root, 'examples', name);
  const started = performance.now();
  const sum = exported(folder) ? tested(name, folder) : { passed: 0, failed: 1, skipped: 0 };
  const figure = sum.failed === 0 ? measured(folder) : '-';
  if (figure === undefined) sum.failed++;
  for (const key of Object.keys(total)) total[key] += sum[key];
  rows[name] = {
    system: `S${systems.indexOf(name) + 1}`,
    model: size,
    'runs on': place,
    ...sum,
    seconds: ((performance.now() - started) / 1000).toFixed(1),
    result: sum.failed === 0 ? 'ok' : 'FAILED',
    figure: figure ?? '-',
  };
}
console.log();
console.table(rows);
if (flags.report !== undefined) writeFileSync(flags.report, JSON.stringify(total));
process.exitCode = total.failed === 0 ? 0 : 1;
