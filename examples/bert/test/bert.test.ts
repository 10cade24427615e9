// The BERT example: Session, the low-level steps and the Python original give PyTorch's answer; profiles; the speed table; failures.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Session, type Tensor, bench, compareTensors, inspect, readNpy } from 'trt-node';
import { explain } from '../../kit/failure.ts';
import { type Figures, readFigures } from '../../kit/figures.ts';
import { chooseModel, exampleFolder } from '../../kit/models.ts';
import { chooseRuntime } from '../../kit/runtime.ts';
import { classify } from '../low-level.ts';
import { planOf } from '../plans.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { runtime } = chooseRuntime();
const here = path.join(root, 'main.ts');
const model = chooseModel(new URL('../main.ts', import.meta.url).href);
const { work } = exampleFolder(new URL('../main.ts', import.meta.url).href);
/** The reference runtime computes in FP32; TensorRT's FP32 kernels may use TF32. The logits spread over some ±3. */
const atol = runtime === 'reference' ? 2e-4 : 0.1;

let onePlan = '';
let twoPlan = '';
const expected = (file: string): Promise<Tensor> => readNpy(model.file(`expected/${file}.npy`));
const inputsOf = async (shape: string) => ({
  input_ids: await expected(`${shape}.input_ids`),
  segment_ids: await expected(`${shape}.segment_ids`),
});
const argmax = (logits: Iterable<number>): number => {
  const all = [...logits];
  return all.indexOf(Math.max(...all));
};

function runs(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const node = ['--import', 'tsx', ...args];
  const options = { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } } as const;
  return spawnSync(process.execPath, node, options);
}

suite('BERT', () => {
  before(async () => {
    onePlan = await planOf(model, work, 'one-profile');
    twoPlan = await planOf(model, work, 'two-profiles');
  });

  test('Session gives the logits that PyTorch computed, in either profile', async () => {
    await using session = await Session.load(twoPlan);
    for (const shape of ['1x200', '1x24', '4x37']) {
      const { output } = await session.run(await inputsOf(shape));
      const compared = compareTensors('output', await expected(`${shape}.output`), output!, {
        atol,
        rtol: 0,
      });
      assert.ok(compared.passed, `${shape}: ${JSON.stringify(compared.worst)}`);
    }
  });

  test('the low-level steps give the same', async () => {
    for (const plan of [onePlan, twoPlan]) {
      const { input_ids, segment_ids } = await inputsOf('1x200');
      const { label, logits } = await classify(plan, input_ids, segment_ids);
      const pytorch = (await expected('1x200.output')).toFloat32();
      assert.equal(label, argmax(pytorch));
      logits.forEach((logit, index) => assert.ok(Math.abs(logit - pytorch[index]!) <= atol));
    }
  });

  test("TensorRT's Python API gives the same on the same plan", async (t) => {
    if (runtime === 'reference') return t.skip('original.py needs TensorRT and an NVIDIA GPU');
    const python = process.env.TRT_NODE_PYTHON ?? 'python3';
    const script = path.join(root, 'original.py');
    const files = ['input_ids', 'segment_ids'].map((name) =>
      model.file(`expected/1x200.${name}.npy`),
    );
    const { status, stdout, stderr } = spawnSync(python, [script, twoPlan, ...files], {
      encoding: 'utf8',
    });
    if (/^This needs more /m.test(stderr)) return t.skip(stderr.trim());
    assert.equal(status, 0, stderr);
    const original = JSON.parse(stdout) as { label: number; logits: number[] };
    const { input_ids, segment_ids } = await inputsOf('1x200');
    const ours = await classify(twoPlan, input_ids, segment_ids);
    assert.equal(original.label, ours.label);
    // The same kernels of the same profile.
    original.logits.forEach((logit, index) =>
      assert.ok(Math.abs(logit - ours.logits[index]!) <= 1e-5),
    );
  });

  test('the plans have the profiles of the report, and one more', async () => {
    const profilesOf = async (plan: string) => {
      const info = await inspect(plan);
      assert.ok(info.kind === 'plan' && info.engine !== undefined);
      return info.engine.inputs.map(({ profiles }) => profiles);
    };
    const reported = { min: [1, 1], opt: [20, 512], max: [20, 512] };
    const second = { min: [1, 1], opt: [1, 200], max: [1, 512] };
    assert.deepEqual(await profilesOf(onePlan), [[reported], [reported]]);
    assert.deepEqual(await profilesOf(twoPlan), [
      [reported, second],
      [reported, second],
    ]);
  });

  test('a session chooses the profile whose optimum is near', async () => {
    await using session = await Session.load(twoPlan);
    const profileFor = (batch: number, length: number): number =>
      session.profileFor({ input_ids: [batch, length], segment_ids: [batch, length] });
    assert.equal(profileFor(1, 200), 1);
    assert.equal(profileFor(1, 512), 1);
    assert.equal(profileFor(2, 200), 0);
    assert.equal(profileFor(20, 512), 0);
    assert.throws(() => profileFor(21, 512), { code: 'ERR_TRT_SHAPE_OUT_OF_RANGE' });
  });

  test('bench tells of the one profile that it is for other shapes, and of two nothing', async () => {
    const shapes = { input_ids: [1, 200], segment_ids: [1, 200] };
    const findingOf = async (plan: string) => {
      const report = await bench(plan, {
        shapes,
        phases: ['device'],
        iterations: 1,
        warmUpMs: 0,
        durationMs: 0,
      });
      return report.findings.find(({ code }) => code === 'far-from-optimum');
    };
    const finding = await findingOf(onePlan);
    assert.match(finding?.what ?? '', /the optimum is \[20, 512\] \(51 times as many elements\)/);
    assert.match(finding?.todo ?? '', /--optShapes=input_ids:1x200,segment_ids:1x200/);
    assert.equal(await findingOf(twoPlan), undefined);
  });

  test('npm start prints the same label three times', async () => {
    const { status, stdout, stderr } = runs([here]);
    assert.equal(status, 0, stderr);
    const label = argmax((await expected('1x200.output')).toFloat32());
    for (const who of ['Session', 'low-level.ts', 'PyTorch (expected)']) {
      const row = stdout.split('\n').find((line) => line.includes(who));
      assert.match(row ?? '', new RegExp(`│ ${label} +│`), stdout);
    }
  });
});

suite('the speed table', () => {
  /** `npm run figures` with little to measure. */
  const figuresOf = (env: NodeJS.ProcessEnv): Figures => {
    const out = path.join(work, 'test');
    const flags = ['--loops=2', '--seconds=1', `--out=${out}`];
    const { status, stderr } = runs([path.join(root, 'figures.ts'), ...flags], env);
    assert.equal(status, 0, stderr);
    const figures = readFigures(out);
    assert.ok(figures !== undefined);
    return figures;
  };

  test('has a row for everybody, measured or with what it needs; they agree', () => {
    const [rows = []] = Object.values(figuresOf({}).tables);
    const names = [
      /^PyTorch.* CPU$/,
      /^PyTorch.* GPU$/,
      /^PyTorch.* TF32$/,
      /^PyTorch.* GPU, FP16$/,
      /^ONNX Runtime.* CPU, Python$/,
      /^ONNX Runtime.* GPU, Python$/,
      /^onnxruntime-node.* CPU$/,
      ...(runtime === 'reference' ? [/reference runtime$/] : []),
      /^TensorRT.* one profile/,
      /^TensorRT.* second profile/,
      /^TensorRT.* FP16/,
    ];
    assert.equal(rows.length, names.length);
    let measured = 0;
    for (const [index, row] of rows.entries()) {
      assert.match(String(row.what), names[index]!);
      if (row['mean ms'] === '-') {
        assert.notEqual(row['what it needs'], '');
        continue;
      }
      measured++;
      assert.ok(Number(row.loops) >= 1 && Number(row['mean ms']) > 0);
      if (row['logits apart'] === '-') continue;
      const apart = Number(row['logits apart']);
      assert.ok(apart <= (/GPU|TensorRT/.test(String(row.what)) ? 0.1 : 2e-4), `${apart}`);
    }
    assert.ok(measured >= 1);
    assert.match(readFileSync(path.join(work, 'test', 'speed.svg'), 'utf8'), /^<svg/);
  });

  test('says what to install where there is no Python', () => {
    const nowhere = path.join(root, 'no-such-python');
    const [rows = []] = Object.values(
      figuresOf({ TRT_NODE_PYTHON: nowhere, TRT_NODE_TORCH_PYTHON: nowhere }).tables,
    );
    const python = rows.filter(({ what }) => /^(PyTorch|ONNX Runtime)/.test(String(what)));
    assert.equal(python.length, 6);
    for (const row of python) assert.match(String(row['what it needs']), /^Python 3\.10 or newer/);
  });
});

suite('failures are two lines and status 1', () => {
  test('absent full model', () => {
    const asked = process.env.TRT_NODE_EXAMPLES_MODEL;
    process.env.TRT_NODE_EXAMPLES_MODEL = 'full';
    try {
      assert.throws(
        () => chooseModel('file:///nowhere/bert/main.ts'),
        (error) => {
          assert.match(
            explain(error) ?? '',
            /^The full model is not in .*\nMake it: npm run export/,
          );
          return true;
        },
      );
    } finally {
      if (asked === undefined) delete process.env.TRT_NODE_EXAMPLES_MODEL;
      else process.env.TRT_NODE_EXAMPLES_MODEL = asked;
    }
  });

  test('wrong flag', () => {
    const { status, stderr } = runs([path.join(root, 'figures.ts'), '--length=513']);
    assert.equal(status, 1);
    assert.match(stderr, /^--length is '513'\.\nGive a whole number from 2 to 512/);
  });

  test('weights that are not there, or packages that are not', (t) => {
    const python = process.env.TRT_NODE_PYTHON ?? 'python3';
    // -S: no site-packages, so no PyTorch.
    const exported = (...flags: string[]) =>
      spawnSync(python, ['-S', path.join(root, 'export.py'), ...flags], {
        encoding: 'utf8',
        env: {},
      });
    const bare = exported();
    if (bare.error !== undefined) return t.skip(`${python} cannot be run`);
    assert.equal(bare.status, 1);
    assert.match(bare.stderr, /^The export needs \w+: .* -m pip install torch transformers/m);
    const absent = exported('--weights=nowhere.pt');
    assert.equal(absent.status, 1);
    assert.match(absent.stderr, /^There are no weights at nowhere\.pt: give a folder/m);
  });
});

test("the README's code is the files' code", () => {
  const linesOf = (...files: string[]): Set<string> =>
    new Set(
      files
        .flatMap((file) => readFileSync(path.join(root, file), 'utf8').split('\n'))
        .map((line) => line.trim()),
    );
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
  for (const [language, lines] of [
    ['python', linesOf('original.py')],
    ['ts', linesOf('low-level.ts', 'main.ts', 'plans.ts')],
  ] as const) {
    const blocks = [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))];
    assert.ok(blocks.length >= 11, `${blocks.length} blocks of ${language}`);
    for (const line of blocks.flatMap(([, code = '']) => code.split('\n'))) {
      assert.ok(lines.has(line.trim()), `only in the README: ${line}`);
    }
  }
});
