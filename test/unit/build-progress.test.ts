// Progress of a build: events with their fractions, startBuild as an async iterable, and what is drawn of it.

import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { type BuildProgress, startBuild } from 'trt-node';
import { ProgressQueue, ProgressTracker } from '../../lib/build/progress.js';
import { ProgressBar } from '../../lib/cli/progress-bar.js';
import { cli } from '../helpers/cli.js';
import { expectError } from '../helpers/expect-error.js';
import { injectFaults, reference } from '../helpers/reference.js';

const onnx = 'test/fixtures/onnx/mlp.onnx';
const options = {
  ...reference,
  onnx,
  profiles: [{ x: { min: [1, 64], opt: [8, 64], max: [32, 64] } }],
};

function step(phase: string, parent: string, number: number, steps: number, finished = false) {
  return { phase, parent, step: number, steps, finished, elapsedMs: 0 };
}

describe('startBuild', () => {
  test('gives the phases in order, and the plan', async () => {
    const job = startBuild(options);
    const events: BuildProgress[] = [];
    for await (const event of job) events.push(event);
    const plan = await job.plan;
    expect(plan.length).toBeGreaterThan(0);
    expect(events[0]).toMatchObject({ phase: 'Building Engine', parent: '', depth: 0, step: 0 });
    expect(events.at(-1)).toMatchObject({ phase: 'Building Engine', finished: true, fraction: 1 });
    const inner = events.filter((event) => event.parent === 'Building Engine');
    expect(inner.length).toBeGreaterThan(0);
    expect(inner.every((event) => event.depth === 1)).toBe(true);
    const times = events.map((event) => event.elapsedMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    const phases = new Set(events.map((event) => event.phase));
    for (const phase of phases) {
      const own = events.filter((event) => event.phase === phase);
      expect(own.filter((event) => event.finished)).toHaveLength(1);
      const fractions = own.map((event) => event.fraction);
      expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    }
  });

  test('leaving the loop does not cancel the build', async () => {
    const job = startBuild(options);
    for await (const event of job) if (event.step >= 0) break;
    expect((await job.plan).length).toBeGreaterThan(0);
  });

  test('cancel, and an aborted signal, reject the plan and end the loop', async () => {
    const job = startBuild(options);
    const reason = new Error('changed my mind');
    job.cancel(reason);
    const looped = expectError(async () => {
      for await (const event of job) expect(event.phase).not.toBe('');
    }, 'ERR_TRT_ABORTED');
    const error = await expectError(() => job.plan, 'ERR_TRT_ABORTED');
    expect(error.cause).toBe(reason);
    await looped;
    const other = startBuild({ ...options, signal: AbortSignal.abort('no') });
    expect((await expectError(() => other.plan, 'ERR_TRT_ABORTED')).cause).toBe('no');
  });

  test('a build that fails ends the loop with its error', async () => {
    injectFaults('build');
    const job = startBuild(options);
    await expectError(async () => {
      for await (const event of job) expect(event.phase).not.toBe('');
    }, 'ERR_TRT_BUILD');
    await expectError(() => job.plan, 'ERR_TRT_BUILD');
  });

  test('the progress option is told as well', async () => {
    const seen: string[] = [];
    const job = startBuild({ ...options, progress: ({ phase }) => seen.push(phase) });
    await job.plan;
    expect(seen).toContain('Timing graph nodes');
  });
});

describe('fractions', () => {
  test('count what is under way within, and never fall', () => {
    const tracker = new ProgressTracker();
    tracker.update(step('outer', '', 0, 2));
    tracker.update(step('inner', 'outer', 0, 4));
    tracker.update(step('inner', 'outer', 2, 4));
    const outer = () => tracker.active()[0]?.fraction;
    expect(outer()).toBeCloseTo(0.25);
    expect(tracker.update(step('inner', 'outer', 1, 4)).step).toBe(2); // another thread was slower
    tracker.update(step('inner', 'outer', 4, 4, true));
    expect(outer()).toBeCloseTo(0.5, 2);
    tracker.update(step('outer', '', 1, 2));
    tracker.update(step('inner', 'outer', 0, 4));
    expect(outer()).toBeCloseTo(0.5, 2);
    expect(tracker.active().map(({ name, depth }) => [name, depth])).toEqual([
      ['outer', 0],
      ['inner', 1],
    ]);
    expect(tracker.update(step('outer', '', 2, 2, true)).fraction).toBe(1);
  });

  test('phases that name each other as parents, or none, do no harm', () => {
    const tracker = new ProgressTracker();
    tracker.update(step('a', 'b', 0, 0));
    tracker.update(step('b', 'a', 0, 0));
    expect(tracker.update(step('a', 'b', 1, 0)).fraction).toBe(0);
    expect(tracker.active()).toEqual([]);
  });

  test('of unread steps the last one of each phase is kept', async () => {
    const queue = new ProgressQueue();
    const tracker = new ProgressTracker();
    const push = (...args: Parameters<typeof step>) => {
      queue.push(tracker.update(step(...args)));
    };
    push('a', '', 0, 1000);
    for (let number = 1; number <= 1000; number++) push('a', '', number, 1000);
    push('a', '', 1000, 1000, true);
    queue.close();
    const steps: number[] = [];
    for (let event = await queue.next(); event !== undefined; event = await queue.next()) {
      steps.push(event.step);
    }
    expect(steps).toEqual([0, 1000, 1000]);
  });
});

describe('the bars', () => {
  function screen(isTTY: boolean, columns = 80) {
    const written: string[] = [];
    return { isTTY, columns, written, write: (text: string) => written.push(text) };
  }
  const tracker = () => new ProgressTracker();

  test('on a terminal: one for each phase, within its width, and nothing left at the end', () => {
    for (const columns of [20, 40, 80, 200]) {
      const stream = screen(true, columns);
      const bar = new ProgressBar(stream);
      const steps = tracker();
      bar.update(steps.update(step('Building Engine', '', 1, 2)));
      bar.update(steps.update(step('Timing\x1b[2J graph nodes', 'Building Engine', 3, 4)));
      bar.draw();
      const drawn = stream.written.join('');
      expect(drawn).not.toContain('\x1b[2J');
      const lines = drawn.split('\n');
      expect(lines).toHaveLength(2);
      for (const line of lines) expect(line.length).toBeLessThan(columns);
      if (columns >= 80) {
        expect(lines[0]).toMatch(/^Building Engine +\[=+> *\] +87% 1\/2 +0:00$/);
        expect(lines[1]).toMatch(/^ {2}Timing/);
      }
      bar.note('[W] a warning');
      expect(stream.written.join('')).toContain('\r\x1b[1A\x1b[J[W] a warning\n');
      bar.close();
      expect(stream.written.at(-1)).toBe('\r\x1b[1A\x1b[J');
      const count = stream.written.length;
      bar.close();
      expect(stream.written).toHaveLength(count);
    }
  });

  test('without a terminal: a plain line now and then', () => {
    vi.useFakeTimers();
    try {
      const stream = screen(false);
      const bar = new ProgressBar(stream);
      const steps = tracker();
      for (let number = 0; number < 50; number++) {
        bar.update(steps.update(step('Building Engine', '', number, 100)));
      }
      expect(stream.written).toEqual([]);
      vi.advanceTimersByTime(25_000);
      expect(stream.written).toHaveLength(2);
      expect(stream.written[0]).toMatch(/^\[\d:\d\d\] Building Engine 49\/100\n$/);
      bar.close();
      vi.advanceTimersByTime(25_000);
      expect(stream.written).toHaveLength(2);
    } finally {
      vi.useRealTimers();
    }
  });

  test('the command prints none with --json', async () => {
    const words = `build --runtime=reference --onnx=${onnx} --saveEngine=/dev/null/x --shapes=x:8x64 --json`;
    const result = await cli(words);
    expect(result.status).toBe(1);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(2);
  });
});

test('the model is read once the options are right', async () => {
  const bytes = readFileSync(onnx);
  const job = startBuild({ ...options, onnx: bytes, profiles: 5 as never });
  await expectError(() => job.plan, 'ERR_TRT_INVALID_ARGUMENT', 'profiles');
});
