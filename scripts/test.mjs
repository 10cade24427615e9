// npm test: the stages below in turn, a table of what each took, and the sum of all tests in the last line.
// `node scripts/test.mjs unit package` runs those alone, after what they need. A stage that only checks counts as one test.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { checkFormat, checkTidy } from './clang-tools.mjs';
import { countTap } from './count-tap.mjs';
import { realLibraries } from './real-libraries.mjs';
import { root, run } from './run.mjs';
import { tritonPython } from './triton-client.mjs';

const results = path.join(root, 'build', 'test-results');
const passed = { passed: 1, failed: 0, skipped: 0 };
const skipped = { passed: 0, failed: 0, skipped: 1 };

/** `extra`: only when asked for by name. */
const stages = {
  compile: { run: () => (run('npm', ['run', '--silent', 'compile']), passed) },
  native: { needs: ['compile'], run: () => native('build') },
  prettier: { run: () => (run('prettier', ['--check', '--log-level=warn', '.']), passed) },
  'clang-format': { run: () => (checkFormat() === undefined ? skipped : passed) },
  eslint: { run: () => (run('eslint', ['.']), passed) },
  typecheck: { run: () => (run('tsc', ['-p', 'tsconfig.json']), passed) },
  'clang-tidy': { needs: ['compile'], run: tidy },
  unit: { needs: ['compile'], run: () => vitest('unit') },
  lifecycle: { needs: ['compile'], run: () => vitest('lifecycle') },
  libraries: { needs: ['compile'], run: libraries },
  clients: { needs: ['compile'], run: clients },
  examples: { needs: ['compile'], run: examples },
  types: { needs: ['compile'], run: types },
  package: { needs: ['compile'], run: packaged },
  sanitize: { extra: true, needs: ['compile'], run: sanitize },
  gpu: { extra: true, needs: ['compile'], run: gpu },
};
const groups = { lint: ['prettier', 'clang-format', 'eslint', 'clang-tidy'] };

function configure(folder, options = []) {
  run('cmake', ['-S', '.', '-B', folder, '-DTRT_NODE_TESTS=ON', ...options], { quiet: true });
}

/** The C++ tests, each a program of its own. */
function native(folder, { options, env } = {}) {
  configure(folder, options);
  run('cmake', ['--build', folder]);
  const report = path.join(results, `native-${folder}.xml`);
  // Passed tests' output is kept too, for countJunit.
  const output = ['--output-on-failure', '--test-output-size-passed', '1000000'];
  const ctest = ['--test-dir', folder, ...output, '--output-junit', report];
  return counted(report, countJunit, () => run('ctest', ctest, { env }));
}

function vitest(project, { suffix = '', env } = {}) {
  const report = path.join(results, `${project}${suffix}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  return counted(report, countVitest, () => {
    run('vitest', ['run', '--project', project, ...reporters], { env });
  });
}

/** NVIDIA's own lean and dispatch runtimes, as far as they go without a GPU, through the addon. */
function libraries() {
  const paths = realLibraries();
  if (paths === undefined) return skipped;
  return vitest('libraries', { env: { TRT_NODE_TEST_LIBRARIES: paths.join(':') } });
}

/** Python's tritonclient, unchanged, against `trt-node serve`; test/clients has the tests. */
function clients() {
  const python = tritonPython();
  if (python === undefined) return skipped;
  const report = path.join(results, 'clients.json');
  mkdirSync(results, { recursive: true });
  return counted(report, JSON.parse, () => {
    run(python, ['test/clients/run.py', report], { env: { PYTHONDONTWRITEBYTECODE: '1' } });
  });
}

/** The five systems of examples/, with the small models; Python's clients are part of them. */
function examples() {
  if (tritonPython() === undefined) return skipped;
  const report = path.join(results, 'examples.json');
  mkdirSync(results, { recursive: true });
  const env = { TRT_NODE_RUNTIME: 'reference', TRT_NODE_PYTHON: tritonPython() };
  return counted(report, JSON.parse, () => {
    run('node', ['scripts/examples.mjs', '--small', `--report=${report}`], { env });
  });
}

/** Minutes long, so only in CI and when asked for (`npm run lint`, `node scripts/test.mjs clang-tidy`). */
async function tidy() {
  if (!process.env.CI && process.argv.length <= 2) {
    console.log('Not checked here: clang-tidy takes minutes; CI and `npm run lint` run it.');
    return skipped;
  }
  configure('build');
  return (await checkTidy()) === undefined ? skipped : passed;
}

/** test/types against dist/, as a consumer's compiler resolves it under each of the two module resolutions. */
function types() {
  const files = readdirSync(path.join(root, 'test/types')).filter((file) => file.endsWith('.ts'));
  for (const resolution of ['node16', 'bundler']) {
    run('tsc', ['-p', `test/types/tsconfig.${resolution}.json`]);
  }
  return { ...passed, passed: 2 * files.length };
}

function packaged() {
  run('npm', ['run', '--silent', 'prebuild']);
  return vitest('package');
}

/** test/gpu, bundled as for a machine without devDependencies. */
function gpu() {
  const folder = path.join(root, 'build', 'gpu-tests');
  run('node', ['scripts/gpu/bundle-tests.mjs', folder]);
  const files = readdirSync(folder).filter((file) => file.endsWith('.test.mjs'));
  const report = path.join(results, 'gpu.tap');
  mkdirSync(results, { recursive: true });
  const reporters = ['--test-reporter=spec', '--test-reporter-destination=stdout'].concat([
    '--test-reporter=tap',
    `--test-reporter-destination=${report}`,
  ]);
  return counted(report, countTap, () => {
    const paths = files.map((file) => path.join(folder, file));
    run('node', ['--test', '--test-concurrency=1', ...reporters, ...paths]);
  });
}

/** Everything native again under AddressSanitizer and UBSan. Node.js itself leaks at exit, so only the C++ tests look for leaks. */
function sanitize() {
  const options = ['-DCMAKE_BUILD_TYPE=RelWithDebInfo', '-DTRT_NODE_SANITIZE=address,undefined'];
  const env = { UBSAN_OPTIONS: 'print_stacktrace=1' };
  const sums = [native('build-asan', { options, env: { ...env, ASAN_OPTIONS: 'detect_leaks=1' } })];
  const asan = run('g++', ['-print-file-name=libasan.so'], { quiet: true }).trim();
  Object.assign(env, {
    ASAN_OPTIONS: 'detect_leaks=0',
    LD_PRELOAD: asan,
    TRT_NODE_BINDING: path.join(root, 'build-asan/Release/trt_node.node'),
  });
  for (const project of ['unit', 'lifecycle']) {
    sums.push(vitest(project, { suffix: '-asan', env }));
  }
  return sums.reduce(add);
}

/** Runs tests that leave a report, and counts what it says even when some failed. */
function counted(report, count, runTests) {
  rmSync(report, { force: true });
  let error;
  try {
    runTests();
  } catch (thrown) {
    error = thrown;
  }
  if (!existsSync(report)) throw error ?? new Error(`${report} was not written`);
  const sum = count(readFileSync(report, 'utf8'));
  if (error && sum.failed === 0) throw error;
  if (sum.passed + sum.failed === 0) throw new Error('no test was run');
  return sum;
}

function countVitest(report) {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(report);
  return {
    passed: numPassedTests,
    failed: numFailedTests,
    skipped: numPendingTests + numTodoTests,
  };
}

/** Of each C++ test program the cases, from its last line ("11 passed, 0 failed"); one that died before it is one failure. */
function countJunit(report) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const [, attributes, output] of report.matchAll(/<testcase([^>]*)>(.*?)<\/testcase>/gs)) {
    const line = /^(\d+) passed, (\d+) failed/m.exec(output);
    const ran = attributes.includes('status="run"');
    sum.passed += Number(line?.[1] ?? (ran ? 1 : 0));
    sum.failed += ran ? Number(line?.[2] ?? 0) : Math.max(1, Number(line?.[2] ?? 0));
  }
  return sum;
}

function add(a, b) {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

function selected(names) {
  if (names.length === 0) return Object.keys(stages).filter((name) => !stages[name].extra);
  const asked = names.flatMap((name) => groups[name] ?? [name]);
  const unknown = asked.find((name) => !(name in stages));
  if (unknown !== undefined) {
    const known = [...Object.keys(stages), ...Object.keys(groups)].join(', ');
    throw new Error(`no stage is called ${unknown}; there are ${known}`);
  }
  return [...new Set(asked.flatMap((name) => [...(stages[name].needs ?? []), name]))];
}

const rows = [];
let total = { passed: 0, failed: 0, skipped: 0 };
const broken = new Set();
for (const name of selected(process.argv.slice(2))) {
  console.log(`\n── ${name}`);
  const start = performance.now();
  let sum;
  try {
    const need = stages[name].needs?.find((other) => broken.has(other));
    if (need) throw new Error(`not run, for ${need} failed`);
    sum = await stages[name].run();
  } catch (error) {
    console.error(`${name}: ${error.message}`);
    sum = { passed: 0, failed: 1, skipped: 0 };
  }
  if (sum.failed > 0) broken.add(name);
  total = add(total, sum);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  rows.push({ stage: name, result: sum.failed > 0 ? 'FAILED' : 'ok', ...sum, seconds });
}
console.log();
console.table(Object.fromEntries(rows.map(({ stage, ...row }) => [stage, row])));
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(broken.size > 0 ? 1 : 0);
