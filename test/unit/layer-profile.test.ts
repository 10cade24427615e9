// Session.profile() and Chrome traces, on the reference runtime, whose layers share a run's time equally.

import { describe, expect, test } from 'vitest';
import { Tensor, type LayerTimes } from 'trt-node';
import { chromeTrace } from '../../lib/layers/chrome-trace.js';
import { ramp } from '../helpers/known-answers.js';
import { injectFaults, referenceSession } from '../helpers/reference.js';

interface Event {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  ts: number;
  dur: number;
}

const eventsOf = (json: string): Event[] =>
  (JSON.parse(json) as { traceEvents: Event[] }).traceEvents;
const x = (rows: number): Tensor => new Tensor('float32', ramp(rows * 64), [rows, 64]);

describe('Session.profile', () => {
  test('times of all layers in the runs that were asked for, while the session runs', async () => {
    const session = await referenceSession('mlp');
    const [profile] = await Promise.all([
      session.profile({ x: x(8) }, { iterations: 5, warmUpMs: 0 }),
      session.run({ x: x(8) }),
    ]);
    expect(profile.count).toBe(5);
    expect(profile.layers.length).toBe(3);
    expect(profile.times.length).toBe(profile.count * profile.layers.length);
    const shares = profile.layers.reduce((sum, layer) => sum + layer.percentage, 0);
    expect(shares).toBeCloseTo(100, 3);
    for (const layer of profile.layers) expect(layer.timeMs).toBeGreaterThan(0);
  });

  test('its trace has every layer of every run, end to end', async () => {
    const session = await referenceSession('mlp');
    const profile = await session.profile({ x: x(8) }, { iterations: 3, warmUpMs: 0 });
    const layers = eventsOf(profile.toChromeTrace()).filter(
      ({ ph, tid }) => ph === 'X' && tid === 1,
    );
    expect(layers.length).toBe(profile.count * profile.layers.length);
    expect(layers[0]?.name).toBe(profile.layers[0]?.name);
    for (const [index, event] of layers.slice(1).entries()) {
      const before = layers[index] as Event;
      expect(event.ts).toBeCloseTo(before.ts + before.dur, 2);
    }
  });

  test('feeds may be arrays, shape tensors and tensors on the device', async () => {
    const mlp = await referenceSession('mlp');
    expect((await mlp.profile({ x: ramp(64) }, { iterations: 1, warmUpMs: 0 })).count).toBe(1);
    const reshape = await referenceSession('reshape_by_input');
    const feeds = Object.fromEntries(
      reshape.inputs.map(({ name, isShapeTensor, shape, profiles }) => [
        name,
        isShapeTensor
          ? (profiles[0]?.optValues ?? [])
          : new Tensor(
              'float32',
              ramp((profiles[0]?.opt ?? shape).reduce((a, b) => a * b, 1)),
              profiles[0]?.opt ?? shape,
            ),
      ]),
    );
    expect(
      (await reshape.profile(feeds, { iterations: 1, warmUpMs: 0 })).layers.length,
    ).toBeGreaterThan(0);
    const { y } = await mlp.run({ x: x(8) }, { outputs: { y: 'device' } });
    const two = await referenceSession('mlp');
    await expect(two.profile({ x: y })).rejects.toMatchObject({
      code: /ERR_TRT_(RANK|SHAPE|INVALID|LENGTH)/,
    });
    y.close();
  });

  test('wrong feeds and options, an abort, a failing device, a closed session', async () => {
    const session = await referenceSession('mlp');
    const rejects = async (promise: Promise<unknown>, code: string): Promise<void> => {
      await expect(promise).rejects.toMatchObject({ code });
    };
    await rejects(session.profile({}), 'ERR_TRT_MISSING_INPUT');
    await rejects(session.profile(null as unknown as { x: Tensor }), 'ERR_TRT_INVALID_ARGUMENT');
    await rejects(session.profile({ x: x(300) }), 'ERR_TRT_SHAPE_OUT_OF_RANGE');
    await rejects(session.profile({ x: x(8) }, { iterations: 0 }), 'ERR_TRT_INVALID_ARGUMENT');
    await rejects(
      session.profile({ x: x(8) }, { iterations: 1_000_000, signal: AbortSignal.timeout(20) }),
      'ERR_TRT_ABORTED',
    );
    injectFaults('enqueue');
    await rejects(session.profile({ x: x(8) }), 'ERR_TRT_EXECUTION');
    injectFaults('');
    await session.close();
    await rejects(session.profile({ x: x(8) }), 'ERR_TRT_CLOSED');
  });
});

describe('chromeTrace', () => {
  test('queries: three rows a stream, the first 2000', () => {
    const count = 3000;
    const column = (offset: number): Float64Array =>
      Float64Array.from({ length: count }, (_, index) => index + offset);
    const events = eventsOf(
      chromeTrace({
        title: 'a "name"\n<script>',
        queries: {
          startH2dMs: column(0),
          endH2dMs: column(0.1),
          startComputeMs: column(0.1),
          endComputeMs: column(0.8),
          startD2hMs: column(0.8),
          endD2hMs: column(0.9),
          stream: Int32Array.from({ length: count }, (_, index) => index % 2),
        },
      }),
    );
    const spans = events.filter(({ ph }) => ph === 'X');
    expect(spans.length).toBe(6000);
    expect(new Set(spans.map(({ tid }) => tid)).size).toBe(6);
    expect(spans[1]).toMatchObject({ name: 'compute', ts: 100, dur: 700 });
  });

  test('a long profile is cut to what viewers can show', () => {
    const names = Array.from({ length: 1000 }, (_, index) => ({
      name: `layer ${index}`,
      timeMs: 1,
      averageMs: 1,
      medianMs: 1,
      percentage: 0.1,
    }));
    const layers: LayerTimes = {
      count: 500,
      layers: names,
      times: new Float32Array(500_000).fill(1),
    };
    const events = eventsOf(chromeTrace({ title: 'x', layers }));
    expect(events.filter(({ tid, ph }) => tid === 1 && ph === 'X').length).toBe(200_000);
  });
});
