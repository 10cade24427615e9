// The package as it is shipped: packed, installed without scripts where there is no compiler, then used.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { repositoryRoot } from '../helpers/child.js';

const platform = `${process.platform}-${process.arch}`;
const folder = mkdtempSync(path.join(tmpdir(), 'trt-node-package-'));
const consumer = path.join(folder, 'consumer');
const installed = path.join(consumer, 'node_modules', 'trt-node');
/** A PATH with node and the shell alone. */
const bareEnv = { PATH: path.join(folder, 'bin'), HOME: folder };

interface Packed {
  filename: string;
  version: string;
  size: number;
  unpackedSize: number;
  files: { path: string }[];
}
let packed: Packed;

/** npm, with this process's whole environment. */
function npm(cwd: string, ...args: string[]): string {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs node in the consumer's folder with nothing else on the PATH; gives what it printed, or fails with what it said. */
function node(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: consumer,
    env: bareEnv,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}

beforeAll(() => {
  if (!existsSync(path.join(repositoryRoot, 'prebuilds', platform))) {
    throw new Error(
      'prebuilds/ is not there: npm run prebuild, or npm run test:package, which does it',
    );
  }
  mkdirSync(consumer);
  mkdirSync(bareEnv.PATH);
  symlinkSync(process.execPath, path.join(bareEnv.PATH, 'node'));
  symlinkSync('/bin/sh', path.join(bareEnv.PATH, 'sh'));
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  [packed] = JSON.parse(npm(repositoryRoot, ...pack)) as [Packed];
  writeFileSync(path.join(consumer, 'package.json'), '{ "name": "consumer", "private": true }');

  const npmCli = realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim());
  execFileSync(
    process.execPath,
    [npmCli, 'install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
      .concat(['--cache', npm(repositoryRoot, 'config', 'get', 'cache').trim()])
      .concat(path.join(folder, packed.filename)),
    { cwd: consumer, env: { ...process.env, ...bareEnv }, stdio: 'pipe' },
  );
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('it holds what it needs and nothing else', () => {
  const paths = packed.files.map((file) => file.path);
  expect(paths).toEqual(
    expect.arrayContaining([
      'CHANGELOG.md',
      'CMakeLists.txt',
      'LICENSE',
      'README.md',
      'dist/bench/assets/chart.js-LICENSE.md',
      'dist/bench/assets/chart.umd.min.js',
      'dist/bench/assets/report.css',
      'dist/bench/assets/report.js',
      'dist/cli/main.js',
      'dist/index.d.ts',
      'dist/index.js',
      'dist/inspect/graph/assets/dagre-LICENSE.txt',
      'dist/inspect/graph/assets/dagre.js',
      'dist/inspect/graph/assets/graph.css',
      'dist/inspect/graph/assets/graph.js',
      'dist/serving/backends/js/assets/worker.cjs',
      'dist/serving/backends/onnxruntime/assets/worker.cjs',
      'dist/serving/proto/grpc_service.proto',
      'dist/serving/proto/health.proto',
      'dist/serving/proto/model_config.proto',
      'dist/serving/status-page/assets/charts.css',
      'dist/serving/status-page/assets/status.css',
      'dist/serving/status-page/assets/status.html',
      'dist/serving/status-page/assets/status.js',
      `prebuilds/${platform}/libtrtnode_reference.so`,
      `prebuilds/${platform}/trt-node.glibc.node`,
      'scripts/build-from-source.mjs',
    ]),
  );
  const allowed = [
    /^(CHANGELOG\.md|CMakeLists\.txt|LICENSE|README\.md|package\.json)$/,
    /^cmake\/\w+\.cmake$/,
    /^dist\/[\w/-]+\.(js|js\.map|d\.ts)$/,
    /^dist\/(bench|inspect\/graph|serving\/status-page)\/assets\/[\w.-]+$/,
    /^dist\/serving\/backends\/(js|onnxruntime)\/assets\/worker\.cjs$/,
    /^dist\/serving\/proto\/\w+\.proto$/,
    /^native\/(core|cuda|tensorrt|executor|bench|napi|reference)\/[\w/-]+\.(h|cc|def)$/,
    /^native\/([\w-]+\/)+(CMakeLists\.txt|README\.md|[\w.-]+\.map)$/,
    /^native\/README\.md$/,
    /^prebuilds\/linux-(x64|arm64)\/(trt-node\.glibc\.node|libtrtnode_reference\.so)$/,
    /^scripts\/build-from-source\.mjs$/,
  ];
  expect(paths.filter((file) => !allowed.some((pattern) => pattern.test(file)))).toEqual([]);
});

test('it is small', () => {
  expect(packed.size).toBeLessThan(4e6);
  expect(packed.unpackedSize).toBeLessThan(13e6);
});

test('it runs no script at install and depends on six small packages', () => {
  const manifest = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
    dependencies: Record<string, string>;
  };
  for (const script of ['preinstall', 'install', 'postinstall']) {
    expect(manifest.scripts).not.toHaveProperty(script);
  }
  expect(Object.keys(manifest.dependencies)).toEqual([
    'fastify',
    'node-addon-api',
    'node-api-headers',
    'node-gyp-build',
    'prom-client',
    'protobufjs',
  ]);
});

test('require and import give the same named exports', () => {
  writeFileSync(
    path.join(consumer, 'both.mjs'),
    `import { createRequire } from 'node:module';
     import * as imported from 'trt-node';
     import { Session } from 'trt-node';
     const required = createRequire(import.meta.url)('trt-node');
     const names = Object.keys(required);
     console.log(JSON.stringify({
       names,
       same: names.every((name) => imported[name] === required[name]) && Session === required.Session,
     }));`,
  );
  const { names, same } = JSON.parse(node('both.mjs')) as { names: string[]; same: boolean };
  expect(names).toEqual(expect.arrayContaining(['Session', 'Runtime', 'Tensor']));
  expect(same).toBe(true);
});

test('importing it opens no native library', () => {
  const program = `require('trt-node'); process.report.excludeNetwork = true;
    console.log(process.report.getReport().sharedObjects.some((file) => file.includes('trt-node')))`;
  expect(node('-e', program)).toBe('false\n');
});

test('the addon and the reference runtime lie side by side and load', () => {
  const program = `
    const file = require('node-gyp-build').path(${JSON.stringify(installed)});
    console.log(file);
    require(file);`;
  const addon = node('-e', program).trim();
  expect(addon).toBe(
    path.join(realpathSync(installed), 'prebuilds', platform, 'trt-node.glibc.node'),
  );
  const library = path.join(path.dirname(addon), 'libtrtnode_reference.so');
  expect(statSync(library).size).toBeGreaterThan(100_000);
});

test('it builds and runs a model where only onnxruntime-node lies beside it', () => {
  symlinkSync(
    path.join(repositoryRoot, 'node_modules', 'onnxruntime-node'),
    path.join(consumer, 'node_modules', 'onnxruntime-node'),
  );
  writeFileSync(
    path.join(consumer, 'run.mjs'),
    `import { Session, build } from 'trt-node';
     const [onnx] = process.argv.slice(2);
     const plan = await build({
       onnx,
       runtime: 'reference',
       profiles: [{ x: { min: [1, 64], opt: [8, 64], max: [32, 64] } }],
     });
     const session = await Session.load(plan, { runtime: 'reference' });
     const x = Float32Array.from({ length: 512 }, (_, i) => ((i * 7919) % 1000) / 1000 - 0.5);
     const { y } = await session.run({ x });
     console.log(JSON.stringify({ shape: y.shape, first: y.data[0].toFixed(4) }));
     await session.close();`,
  );
  const model = path.join(repositoryRoot, 'test', 'fixtures', 'onnx', 'mlp.onnx');
  expect(JSON.parse(node('run.mjs', model))).toEqual({ shape: [8, 32], first: '0.0453' });
});

test('it serves a plan, an ONNX model and JavaScript from what the package brings, over HTTP and gRPC', () => {
  const models = path.join(consumer, 'models');
  const onnx = path.join(repositoryRoot, 'test', 'fixtures', 'onnx', 'mlp.onnx');
  for (const name of ['plan', 'onnx', 'js']) {
    mkdirSync(path.join(models, name, '1'), { recursive: true });
  }
  cpSync(onnx, path.join(models, 'onnx', '1', 'model.onnx'));
  writeFileSync(
    path.join(models, 'js', 'config.pbtxt'),
    'backend: "js" max_batch_size: 4\ninput { name: "x" data_type: TYPE_FP32 dims: [ 2 ] }\noutput { name: "y" data_type: TYPE_FP32 dims: [ 2 ] }\n',
  );
  writeFileSync(
    path.join(models, 'js', '1', 'model.js'),
    'exports.execute = (requests) => requests.map(({ inputs }) => ({ outputs: { y: inputs.x.data.map((v) => 2 * v) } }));',
  );
  writeFileSync(
    path.join(consumer, 'serve.mjs'),
    `import { build, serve } from 'trt-node';
     await build({
       onnx: 'models/onnx/1/model.onnx', saveEngine: 'models/plan/1/model.plan', runtime: 'reference',
       profiles: [{ x: { min: [1, 64], opt: [8, 64], max: [32, 64] } }],
     });
     const server = await serve('models', {
       http: { port: 0 }, grpc: { port: 0 }, metrics: { port: 0 },
       repository: { runtime: 'reference' }, settings: { log: { log_info: false } },
     });
     const at = 'http://127.0.0.1:' + server.ports.http;
     const { y } = await server.repository.infer('js', { x: new Float32Array([1, 2]) });
     const ask = (name) => fetch(at + '/v2/models/' + name + '/infer', { method: 'POST', body: JSON.stringify({
       inputs: [{ name: 'x', shape: [1, 64], datatype: 'FP32', data: Array(64).fill(0.5) }] }) }).then((answer) => answer.status);
     const page = await (await fetch(at + '/')).text();
     console.log(JSON.stringify({
       y: [...y.data], plan: await ask('plan'), onnx: await ask('onnx'), page: page.includes('<title>'),
       metrics: (await (await fetch('http://127.0.0.1:' + server.ports.metrics + '/metrics')).text()).includes('nv_inference_count'),
       grpc: server.ports.grpc > 0,
     }));
     await server.close();`,
  );
  const answer = JSON.parse(node('serve.mjs')) as unknown;
  expect(answer).toEqual({
    y: [2, 4],
    plan: 200,
    onnx: 200,
    page: true,
    metrics: true,
    grpc: true,
  });
});

test('its command runs', () => {
  const command = path.join(consumer, 'node_modules', '.bin', 'trt-node');
  expect(node(command, '--version')).toBe(`${packed.version}\n`);
});

test('bench writes its HTML report from what the package brings', () => {
  const command = path.join(consumer, 'node_modules', '.bin', 'trt-node');
  const model = path.join(repositoryRoot, 'test', 'fixtures', 'onnx', 'mlp.onnx');
  const plan = path.join(consumer, 'mlp.plan');
  const report = path.join(consumer, 'report.html');
  const shapes = '--shapes=x:8x64';
  node(command, 'build', `--onnx=${model}`, `--saveEngine=${plan}`, shapes, '--runtime=reference');
  const short = ['--runtime=reference', '--warmUp=0', '--duration=0'];
  expect(node(command, 'bench', plan, ...short, `--html=${report}`)).toContain('Throughput: ');
  expect(readFileSync(report, 'utf8')).toContain('Chart.js v');
});

test('the binaries load on Ubuntu 22.04, Debian 12 and newer', () => {
  for (const file of ['trt-node.glibc.node', 'libtrtnode_reference.so']) {
    const binary = path.join(installed, 'prebuilds', platform, file);
    const readelf = (...args: string[]) =>
      execFileSync('readelf', ['--wide', ...args, binary], { encoding: 'utf8' });
    const needed = [...readelf('--dynamic').matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(
      ([, name]) => name,
    );
    // libm, libdl and libpthread are glibc's own, libstdc++ and libgcc_s are what node itself needs.
    const known = /^(lib(c|m|dl|pthread|stdc\+\+|gcc_s)\.so\.\d|ld-linux-.*)$/;
    expect(needed.filter((name) => !known.test(name!))).toEqual([]);

    const newest = (prefix: string) =>
      Math.max(
        ...[...readelf('--version-info').matchAll(new RegExp(`${prefix}([\\d]+)`, 'g'))].map(
          ([, version]) => Number(version),
        ),
      );
    expect(newest('GLIBC_2\\.')).toBeLessThanOrEqual(35);
    expect(newest('GLIBCXX_3\\.4\\.')).toBeLessThanOrEqual(30);
  }
});

test.each([
  ['node16', 'consumer.cts'],
  ['node16', 'consumer.mts'],
  ['bundler', 'consumer.ts'],
])('its types resolve under moduleResolution %s in %s', (resolution, file) => {
  writeFileSync(
    path.join(consumer, file),
    `import { Session, type Runtime } from 'trt-node';
     export const load: (path: string) => Promise<Session> = (path) => Session.load(path);
     export function version(runtime: Runtime): string { return String(runtime); }
     // @ts-expect-error a session is not a number
     export const wrong: number = Session.load('x');`,
  );
  const module = resolution === 'node16' ? 'node16' : 'esnext';
  const tsc = path.join(repositoryRoot, 'node_modules/typescript/bin/tsc');
  const types = path.join(repositoryRoot, 'node_modules/@types');
  const options = ['--noEmit', '--strict', '--target', 'es2022', '--typeRoots', types];
  const lib = ['--lib', 'es2023,esnext.disposable', '--types', 'node'];
  const result = spawnSync(
    process.execPath,
    [tsc, ...options, ...lib, '--module', module, '--moduleResolution', resolution, file],
    { cwd: consumer, encoding: 'utf8' },
  );
  expect(result.stdout).toBe('');
  expect(result.status).toBe(0);
});

test('without a prebuilt binary the error says how to build one', () => {
  const bare = path.join(folder, 'bare');
  // As they are: npm's links in .bin would otherwise lead back into the first consumer.
  cpSync(consumer, bare, { recursive: true, verbatimSymlinks: true });
  const root = path.join(bare, 'node_modules', 'trt-node');
  rmSync(path.join(root, 'prebuilds'), { recursive: true });
  const program = `new (require('trt-node').Runtime)({ runtime: 'reference' })`;
  const failed = spawnSync(process.execPath, ['-e', program], { cwd: bare, encoding: 'utf8' });
  expect(failed.status).toBe(1);
  expect(failed.stderr).toContain('npx trt-node-build');
});

// Compiles everything once more, which takes minutes: in CI only. Not by execFileSync, as vitest's own messages would time out.
test.runIf(process.env.CI)(
  'and that command works',
  async () => {
    const bare = path.join(folder, 'bare');
    const root = path.join(bare, 'node_modules', 'trt-node');
    const command = ['--no', 'trt-node-build', '--', '-DCMAKE_CXX_FLAGS_RELEASE=-O0'];
    await promisify(execFile)('npx', command, { cwd: bare, maxBuffer: 1 << 26 });
    for (const file of ['trt_node.node', 'libtrtnode_reference.so']) {
      expect(existsSync(path.join(root, 'build', 'Release', file))).toBe(true);
    }
    const load = `require('node-gyp-build')(${JSON.stringify(root)})`;
    expect(spawnSync(process.execPath, ['-e', load], { cwd: bare }).status).toBe(0);
  },
  900_000,
);
