// The commands over the reference runtime: what they print, their JSON, their exit status, their errors in two lines.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Tensor, formatNpy, parseNpy, readNpy } from 'trt-node';
import { type CliResult, cli, cliJson, expectTwoLines } from '../helpers/cli.js';
import { ramp } from '../helpers/known-answers.js';
import { injectFaults, referencePlan } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

async function planFile(name: string): Promise<string> {
  const file = path.join(tempFolder(), `${name}.plan`);
  writeFileSync(file, await referencePlan(name));
  return file;
}

describe('usage', () => {
  test('the overview, the version, the help of each command', async () => {
    expect(await cli('--help')).toMatchObject({ status: 0, stderr: '' });
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await cli('--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
    for (const command of ['doctor', 'inspect', 'build', 'run', 'bench']) {
      expect((await cli('--help')).stdout).toContain(`\n  ${command} `);
      const { status, stdout } = await cli(`${command} --help`);
      expect(status).toBe(0);
      expect(stdout).toContain(`Usage: trt-node ${command}`);
      for (const flag of ['--json', '--help', '--runtime=auto|tensorrt|reference']) {
        expect(stdout).toContain(flag);
      }
    }
  });

  test.each([
    ['', 'no command was given', 'doctor, inspect, build, refit, run, bench'],
    ['inpsect x', 'unknown command "inpsect"', 'Did you mean inspect?'],
    ['inspect', 'inspect needs one file, got 0', 'trt-node inspect FILE'],
    ['inspect a b', 'got 2', 'trt-node inspect FILE'],
    [
      'inspect a --graph=a.png',
      '--graph needs a file that ends in .svg or .html',
      '--graph=model.html',
    ],
    ['inspect a --show=tensors', '--show needs layers, attrs or weights', '--show=layers,attrs'],
    [
      'inspect a --runtime=cpu',
      '--runtime needs auto, tensorrt or reference',
      '--runtime=reference',
    ],
    ['build --onnx=m.onnx', 'build needs --saveEngine', '--onnx=m.onnx --saveEngine=PLAN'],
    ['build --saveEngine=p', 'build needs --onnx', '--onnx=MODEL --saveEngine=p'],
    [
      'build m.onnx',
      'build takes no file without a flag, got "m.onnx"',
      '--onnx=m.onnx --saveEngine=PLAN',
    ],
    ['build --onnx=a --saveEngine=b --fp32', 'unknown flag --fp32', 'Did you mean --fp16?'],
    ['run', 'run needs one plan or ONNX model, got 0', 'trt-node run PLAN|MODEL.onnx'],
    ['run p --iterations=0', '--iterations needs an integer of at least 1', '--iterations=1'],
    ['doctor x', 'doctor takes no file, got "x"', 'trt-node doctor'],
  ])('%j is wrong usage', async (words, what, hint) => {
    expectTwoLines(await cli(words), 2, what, hint);
    const { status, data } = await cliJson(words);
    expect(status).toBe(2);
    expect(data.error).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(what) as string,
    });
  });
});

describe('build', () => {
  test('an ONNX model to a plan that runs', async () => {
    const plan = path.join(tempFolder(), 'mlp.plan');
    const built = await cli(
      `build --onnx=test/fixtures/onnx/mlp.onnx --saveEngine=${plan} --minShapes=x:1x64 --optShapes=x:8x64 --maxShapes=x:32x64 --runtime=reference`,
    );
    expect(built.stderr).toBe('');
    expect(built.stdout).toMatch(
      /^Wrote .*mlp\.plan: \d+ bytes in [\d.]+ s, built by the CPU reference runtime 10\./,
    );
    expect(readdirSync(path.dirname(plan))).toEqual(['mlp.plan']);
    const { data } = await cliJson(`run ${plan} --runtime=reference`);
    expect(data.outputs).toEqual([expect.objectContaining({ name: 'y', shape: [8, 32] })]);
  });

  test('as JSON, with profiles and warnings', async () => {
    const plan = path.join(tempFolder(), 'mlp.plan');
    const { status, data, stderr } = await cliJson(
      `build --onnx=test/fixtures/onnx/mlp.onnx --saveEngine=${plan} --profile=0 --shapes=x:1x64 --profile=1 --minShapes=x:2x64 --maxShapes=x:9x64 --workspace=64 --useCudaGraph --fp16 --runtime=reference`,
    );
    expect(status).toBe(0);
    expect(data).toMatchObject({
      plan,
      bytes: readFileSync(plan).length,
      runtime: 'reference',
      profiles: [
        { x: { min: [1, 64], opt: [1, 64], max: [1, 64] } },
        { x: { min: [2, 64], opt: [9, 64], max: [9, 64] } },
      ],
    });
    expect(data.warnings).toEqual(expect.arrayContaining([expect.stringContaining('FP16')]));
    expect(stderr).toContain('--useCudaGraph is ignored');
    expect(stderr).toContain('--workspace is obsolete, and taken as --memPoolSize=workspace:');
    const inspected = await cliJson(`inspect ${plan}`);
    expect(inspected.data.engine).toMatchObject({ numOptimizationProfiles: 2 });
  });

  test('a dynamic input without shapes gets 1, with a warning', async () => {
    const plan = path.join(tempFolder(), 'mlp.plan');
    const { status, stderr } = await cli(
      `build --onnx=test/fixtures/onnx/mlp.onnx --saveEngine=${plan} --runtime=reference`,
    );
    expect(status).toBe(0);
    expect(stderr).toContain(
      "no shapes were given for the dynamic input 'x' in profile 0: it will take 1x64 only",
    );
  });

  test('--verbose prints the log', async () => {
    const plan = path.join(tempFolder(), 'mlp.plan');
    const { stderr } = await cli(
      `build --onnx=test/fixtures/onnx/mlp.onnx --saveEngine=${plan} --shapes=x:1x64 --verbose --runtime=reference`,
    );
    expect(stderr).toMatch(/^\[[VI]\] /m);
  });

  test('what fails leaves no file', async () => {
    const folder = tempFolder();
    const build = (onnx: string, plan = path.join(folder, 'p.plan')): Promise<CliResult> =>
      cli(['build', `--onnx=${onnx}`, `--saveEngine=${plan}`, '--runtime=reference']);
    expectTwoLines(
      await build('no/such.onnx'),
      1,
      "cannot read 'no/such.onnx': ENOENT",
      'Check the path',
    );
    expectTwoLines(await build('package.json'), 1, '[ERR_TRT_PARSE]', '');
    injectFaults('build');
    expectTwoLines(
      await cli(
        `build --onnx=test/fixtures/onnx/mlp.onnx --saveEngine=${folder}/p.plan --shapes=x:1x64 --runtime=reference`,
      ),
      1,
      '[ERR_TRT_BUILD]',
      '',
    );
    injectFaults('');
    const shapes = ['--shapes=x:1x64', '--runtime=reference'];
    const nowhere = await cli([
      'build',
      '--onnx=test/fixtures/onnx/mlp.onnx',
      '--saveEngine=no/such/p.plan',
      ...shapes,
    ]);
    expectTwoLines(nowhere, 1, "cannot write 'no/such/p.plan'", 'folder exists');
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    ['--memPoolSize=workspace', 'expected a size in MiB, got ""'],
    ['--memPoolSize=space:1', 'expected workspace:MiB'],
    ['--profilingVerbosity=loud', 'layer_names_only, none, detailed'],
    ['--hardwareCompatibilityLevel=all', 'none, ampere+, samecomputecapability'],
    ['--builderOptimizationLevel=6', 'from 0 to 5'],
    ['--shapes=y:1', "the model has no input 'y', but 'x'"],
  ])('%s is wrong usage', async (flag, what) => {
    const words = `build --onnx=test/fixtures/onnx/mlp.onnx --saveEngine=/dev/null/x ${flag}`;
    const result = await cli(words);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain(what);
  });
});

describe('inspect', () => {
  test('a plan as polygraphy shows it', async () => {
    const file = await planFile('mlp');
    const { status, stdout, stderr } = await cli(`inspect ${file}`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const text = stdout.split('\n').slice(2).join('\n');
    expect(
      text.replace(/Device Memory: \d+/, 'Device Memory: 1').replace(/ \d+ Layer/, ' 3 Layer'),
    ).toBe(
      `==== TensorRT Engine ====
    Name: Unnamed Network 0 | Explicit Batch Engine

    ---- 1 Engine Input(s) ----
    {x [dtype=float32, shape=(-1, 64)]}

    ---- 1 Engine Output(s) ----
    {y [dtype=float32, shape=(-1, 32)]}

    ---- Memory ----
    Device Memory: 1 bytes

    ---- 2 Profile(s) (2 Tensor(s) Each) ----
    - Profile: 0
        Tensor: x          (Input), Index: 0 | Shapes: min=(1, 64), opt=(8, 64), max=(32, 64)
        Tensor: y         (Output), Index: 1 | Shape: (-1, 32)

    - Profile: 1
        Tensor: x          (Input), Index: 0 | Shapes: min=(33, 64), opt=(64, 64), max=(256, 64)
        Tensor: y         (Output), Index: 1 | Shape: (-1, 32)

    ---- 3 Layer(s) Per Profile ----
`,
    );
    expect(stdout).toMatch(
      /^Plan: \d+ bytes, built by the CPU reference runtime.*\nInspected by: the CPU reference runtime 10\./,
    );
  });

  test('values of shape tensors, and layers', async () => {
    const file = await planFile('reshape_by_input');
    const { stdout } = await cli(`inspect ${file} --show=layers`);
    expect(stdout).toContain('Values: min=(1, 1), opt=(4, 4), max=(64, 64)');
    expect(stdout).toMatch(/^ {4}Layer 0 {4}\| /m);
    const table = await cli(`inspect ${file} --layers`);
    expect(table.stdout).toMatch(/^---- 1 Layer\(s\) ----\n\n# {2}Name/m);
    expect(table.stdout).toContain('--profilingVerbosity=detailed');
  });

  test('a plan as JSON', async () => {
    const file = await planFile('nonzero');
    const { status, data } = await cliJson(`inspect ${file} --layers --runtime=reference`);
    expect(status).toBe(0);
    expect(data).toMatchObject({
      kind: 'plan',
      header: { runtime: 'reference', bytes: readFileSync(file).length },
      runtime: 'reference',
      error: null,
    });
    const engine = data.engine as Record<string, unknown[]>;
    expect(engine.inputs).toEqual([expect.objectContaining({ name: 'x', shape: [-1, 8] })]);
    expect(engine.outputs).toEqual([
      expect.objectContaining({ name: 'y', dtype: 'int64', shape: [2, -1] }),
    ]);
    expect(engine.layers!.length).toBeGreaterThan(0);
  });

  test('an ONNX model', async () => {
    const { status, stdout } = await cli('inspect test/fixtures/onnx/mlp.onnx');
    expect(status).toBe(0);
    expect(stdout).toContain('==== ONNX Model ====');
    const { data } = await cliJson('inspect test/fixtures/onnx/mlp.onnx');
    expect(data).toMatchObject({ kind: 'onnx', name: 'mlp', numNodes: 3 });
  });

  test('of a plan that cannot be deserialized here, the header and the reason', async () => {
    const file = 'test/fixtures/plans/mlp.plan';
    const result = await cli(`inspect ${file} --runtime=reference`);
    expectTwoLines(result, 1, '[ERR_TRT_PLAN_RUNTIME]', '');
    expect(result.stdout).toBe(
      'Plan: 202820 bytes, built by TensorRT 10.6.0.26, for compute capability 9.0\n',
    );
    const { status, data } = await cliJson(`inspect ${file} --runtime=reference`);
    expect(status).toBe(1);
    expect(data).toMatchObject({
      header: {
        runtime: 'tensorrt',
        version: '10.6.0.26',
        computeCapability: [9, 0],
        bytes: 202820,
      },
      engine: null,
      error: { code: 'ERR_TRT_PLAN_RUNTIME' },
    });
    const missing = await cli(`inspect ${file} --library=/no/such/libnvinfer.so`);
    expectTwoLines(missing, 1, '[ERR_TRT_LIBRARY_NOT_FOUND]', '');
    expect(missing.stderr).not.toContain("runtime: 'reference'"); // which could not read this plan either
  });

  test('what is neither', async () => {
    expectTwoLines(await cli('inspect package.json'), 1, '[ERR_TRT_INVALID_PLAN]', 'right file');
    expectTwoLines(await cli('inspect no/such/file'), 1, '[ERR_TRT_FILE]', 'Check the path');
  });
});

describe('run', () => {
  test('on random data, the same for the same seed', async () => {
    const file = await planFile('mlp');
    const run = async (flags: string): Promise<Record<string, unknown>> =>
      (await cliJson(`run ${file} --runtime=reference ${flags}`)).data;
    const first = await run('--seed=1');
    expect(first).toMatchObject({
      plan: file,
      runtime: 'reference',
      inputs: [{ name: 'x', dtype: 'float32', shape: [8, 64], source: 'random' }],
      outputs: [{ name: 'y', dtype: 'float32', shape: [8, 32], nan: 0, inf: 0, file: null }],
      timing: { iterations: 1 },
    });
    expect((await run('--seed=1')).outputs).toEqual(first.outputs);
    expect((await run('--seed=2')).outputs).not.toEqual(first.outputs);
    expect(await run('--shapes=x:64x64 --iterations=3')).toMatchObject({
      outputs: [{ shape: [64, 32] }],
      timing: { iterations: 3 },
    });
    const [output] = first.outputs as { mean: number }[];
    expect(output?.mean).toBeCloseTo(1 / 32, 5);
  });

  test('prints a summary', async () => {
    const file = await planFile('mlp');
    const { status, stdout } = await cli(`run ${file} --runtime=reference`);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Runtime: the CPU reference runtime \(10\./);
    expect(stdout).toContain('  x [dtype=float32, shape=[8, 64]] random');
    expect(stdout).toMatch(
      / {2}y \[dtype=float32, shape=\[8, 32\]\] min=0\.\d+ max=0\.\d+ mean=0\.03125\d* NaN=0 Inf=0/,
    );
  });

  test('on files, and to files', async () => {
    const file = await planFile('mlp');
    const folder = tempFolder();
    const input = path.join(folder, 'x.npy');
    writeFileSync(input, formatNpy(new Tensor('float32', ramp(8 * 64), [8, 64])));
    const raw = path.join(folder, 'x.bin');
    writeFileSync(raw, ramp(8 * 64));
    const out = path.join(folder, 'deep', 'out');
    const { status, data } = await cliJson(
      `run ${file} --runtime=reference --input x:${input} --saveOutputs=${out}`,
    );
    expect(status).toBe(0);
    expect(data.inputs).toEqual([expect.objectContaining({ source: input })]);
    const y = await readNpy(path.join(out, 'y.npy'));
    expect(y.shape).toEqual([8, 32]);
    expect((y.data as Float32Array)[0]).toBeCloseTo(0.04531991, 5);
    const again = await cliJson(
      `run ${file} --runtime=reference --loadInputs=x:${raw} --output=${out}`,
    );
    expect(again.data.outputs).toEqual(data.outputs);
    expect(parseNpy(readFileSync(path.join(out, 'y.npy'))).data).toEqual(y.data);
  });

  test('every type, scalars, empty tensors and shape tensors', async () => {
    const out = tempFolder();
    const dtypes = await cliJson(
      `run ${await planFile('dtypes')} --runtime=reference --saveOutputs=${out}`,
    );
    expect(dtypes.status).toBe(0);
    expect(readdirSync(out)).toHaveLength(7);
    expect((await readNpy(path.join(out, 'o_i64.npy'))).dtype).toBe('int64');
    const scalar = await cliJson(`run ${await planFile('scalar')} --runtime=reference`);
    expect(scalar.data.outputs).toEqual([expect.objectContaining({ shape: [] })]);
    const empty = await cliJson(
      `run ${await planFile('two_inputs')} --runtime=reference --shapes=a:0x3,b:0x3`,
    );
    expect(empty.data.outputs).toEqual([
      expect.objectContaining({ name: 'c', shape: [0, 3], min: null, mean: null }),
      expect.objectContaining({ name: 'z', shape: [0, 3] }),
    ]);
    const reshaped = await cliJson(
      `run ${await planFile('reshape_by_input')} --runtime=reference --shapes=x:3x4,shape:6x2`,
    );
    expect(reshaped.data.outputs).toEqual([expect.objectContaining({ shape: [6, 2] })]);
  });

  test('what fails', async () => {
    const file = await planFile('mlp');
    const run = (flags: string): Promise<CliResult> =>
      cli(`run ${file} --runtime=reference ${flags}`);
    expectTwoLines(await run('--shapes=z:1'), 1, '[ERR_TRT_UNKNOWN_TENSOR]', "'x'");
    expectTwoLines(
      await run('--shapes=x:999x64'),
      1,
      '[ERR_TRT_SHAPE_OUT_OF_RANGE]',
      '--maxShapes',
    );
    expectTwoLines(await run('--shapes=x:8x64x1'), 1, '[ERR_TRT_RANK_MISMATCH]', '');
    expectTwoLines(await run('--input x:no/such.npy'), 1, '[ERR_TRT_FILE]', 'Check the path');
    expectTwoLines(await run('--useProfile=7'), 1, '[ERR_TRT_INVALID_ARGUMENT]', 'from 0 to 1');
    expectTwoLines(
      await cli('run no/such.plan --runtime=reference'),
      1,
      '[ERR_TRT_FILE]',
      'Check the path',
    );
    injectFaults('sticky=700');
    expectTwoLines(await run(''), 1, '[ERR_TRT_DEVICE_LOST]', 'estart');
  });
});

describe('doctor', () => {
  test('every documented field is there', async () => {
    const { data } = await cliJson('doctor');
    const documented = [
      ...readFileSync('docs/cli.md', 'utf8')
        .split('## inspect')[0]!
        .matchAll(/^\| `([^|]+) \|/gm),
    ]
      .flatMap((match) => match[1]!.split(','))
      .map((field) => field.replace(/[`\s]|\[\]/g, ''));
    expect(documented.length).toBeGreaterThan(20);
    let parent = '';
    for (const field of documented) {
      if (!field.startsWith('.')) parent = field.split('.')[0]!;
      const name = field.startsWith('.') ? parent + field : field;
      expect(data, name).toHaveProperty(name);
    }
  });

  test('the reference runtime is found, and says with what it computes', async () => {
    const { status, data } = await cliJson('doctor --runtime=reference');
    expect(status).toBe(0);
    expect(data.reference).toMatchObject({ ok: true, onnxruntime: { version: '1.30.0' } });
    expect(existsSync((data.reference as { library: string }).library)).toBe(true);
    expect((await cli('doctor --runtime=reference')).stdout).toContain(
      'computes by  ONNX Runtime 1.30.0',
    );
  });

  test('what is missing comes with how to mend it', async () => {
    const { status, data } = await cliJson('doctor --library=/no/such/libnvinfer.so');
    expect(status).toBe(1);
    expect(data.ok).toBe(false);
    const problems = data.problems as { part: string; code: string; what: string; hint: string }[];
    expect(problems).toContainEqual(
      expect.objectContaining({ part: 'tensorrt', code: 'ERR_TRT_LIBRARY_NOT_FOUND' }),
    );
    for (const { what, hint } of problems) {
      expect(what).not.toBe('');
      expect(hint).not.toBe('');
    }
    const { stdout } = await cli('doctor --library=/no/such/libnvinfer.so');
    expect(stdout).toContain('missing TensorRT');
    expect(stdout).toContain('/no/such/libnvinfer.so');
  });
});

describe('run --compare', () => {
  const onnx = 'test/fixtures/onnx/mlp.onnx';

  test('with ONNX Runtime: the figures, and status 0', async () => {
    const plan = await planFile('mlp');
    const words = ['run', plan, '--runtime=reference', '--compare=onnxruntime', `--onnx=${onnx}`];
    const { status, stdout } = await cli(words);
    expect(stdout).toMatch(/Compared with ONNX Runtime 1\.\d+\.\d+ on the CPU \(atol=/);
    expect(stdout).toContain('PASSED | 1 of 1 outputs are within the tolerances');
    expect(status).toBe(0);
    const { data } = await cliJson(words);
    expect(data.comparison).toMatchObject({
      passed: true,
      outputs: [{ name: 'y', passed: true, elements: 256, nan: { expected: 0, actual: 0 } }],
      tolerances: { atol: 1e-5, rtol: 1e-5, errorStatistic: 'elemwise' },
    });
  });

  test('saved inputs and outputs come back, and other inputs differ with status 1', async () => {
    const plan = await planFile('mlp');
    const folder = tempFolder();
    const base = ['run', plan, '--runtime=reference'];
    const [inputs, outputs] = [path.join(folder, 'in'), path.join(folder, 'out')];
    await cli([...base, '--seed=3', `--save-inputs=${inputs}`, `--save-outputs=${outputs}`]);
    expect([readdirSync(inputs), readdirSync(outputs)]).toEqual([['x.npy'], ['y.npy']]);
    const again = [
      ...base,
      `--load-inputs=${inputs}`,
      `--compare=${outputs}`,
      '--atol=0',
      '--rtol=0',
    ];
    expect((await cli(again)).status).toBe(0);
    const other = await cli([...base, '--seed=4', `--compare=${outputs}`]);
    expect(other.status).toBe(1);
    expect(other.stdout).toMatch(/y: \d+ of 256 elements .* are beyond both/);
    expect(other.stdout).toMatch(/largest error at \[\d, \d+\]: .* % of the output's range/);
    expect(other.stdout).toContain('FAILED | 0 of 1 outputs');
    const loose = [...base, '--seed=4', `--compare=${outputs}`, '--atol=y:1,1e-9'];
    expect((await cli(loose)).status).toBe(0);
  });

  test('with another plan', async () => {
    const [one, two] = [await planFile('mlp'), await planFile('mlp')];
    const { status, stdout } = await cli(['run', one, '--runtime=reference', `--compare=${two}`]);
    expect(stdout).toContain(`Compared with the plan ${two}`);
    expect(status).toBe(0);
  });

  test.each([
    ['run p --compare=onnxruntime', 2, '--compare=onnxruntime needs the model', '--onnx=MODEL'],
    ['run p --atol=1', 2, '--atol belongs to --compare', '--compare=onnxruntime'],
    ['run p --compare=d --rtol=y:x', 2, '--rtol: expected a number of at least 0, got "y:x"', ''],
  ])('%j is wrong usage', async (words, status, what, hint) => {
    expectTwoLines(await cli(words), status, what, hint);
  });

  test('an output that is not there, a folder without outputs, a model that is none', async () => {
    const plan = await planFile('mlp');
    const base = ['run', plan, '--runtime=reference'];
    const wrong = await cli([...base, '--compare=docs', '--atol=z:1']);
    expectTwoLines(wrong, 2, 'the plan has no output "z"', 'Its outputs are "y"');
    expectTwoLines(await cli([...base, '--compare=docs']), 1, "'docs': expected .npy files", '');
    expectTwoLines(await cli([...base, '--compare=/no/such']), 1, '[ERR_TRT_FILE]', '');
    const none = [...base, '--compare=onnxruntime', '--onnx=package.json'];
    expectTwoLines(await cli(none), 1, '[ERR_TRT_PARSE]', 'the model that the plan was built from');
  });
});
