// FrameStream: which frames are dropped, that the newest never is, that order is kept, and that nothing grows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { play } from '../camera.ts';
import { FrameStream, type StreamOptions } from '../stream.ts';

/** A detector that is done with a frame when it is told so. */
function slowDetector(options: StreamOptions = {}) {
  const running = new Map<number, { resolve: (v: number) => void; reject: (e: Error) => void }>();
  const results: number[] = [];
  const stream = new FrameStream<number, number>(
    (frame) =>
      new Promise((resolve, reject) => {
        running.set(frame, { resolve, reject });
      }),
    (result) => results.push(result),
    options,
  );
  const finish = async (frame: number): Promise<void> => {
    running.get(frame)!.resolve(frame);
    running.delete(frame);
    await turn();
  };
  return { stream, running, results, finish };
}

test('with a queue of one the frame that waits is replaced by a newer one', async () => {
  const { stream, running, results, finish } = slowDetector();
  assert.deepEqual(
    [0, 1, 2, 3].map((frame) => stream.push(frame)),
    [undefined, undefined, 1, 2],
  );
  assert.deepEqual([...running.keys()], [0]);
  assert.deepEqual(stream.counters, { arrived: 4, dropped: 2, done: 0, waiting: 1, running: 1 });
  await finish(0);
  assert.deepEqual([...running.keys()], [3]);
  assert.equal(stream.push(4), undefined);
  await finish(3);
  await finish(4);
  await stream.close();
  assert.deepEqual(results, [0, 3, 4]);
  assert.deepEqual(stream.counters, { arrived: 5, dropped: 2, done: 3, waiting: 0, running: 0 });
});

test('with a queue of two the oldest of them goes, and the others keep their order', async () => {
  const { stream, results, finish } = slowDetector({ queue: 2 });
  const dropped = [0, 1, 2, 3, 4].map((frame) => stream.push(frame));
  assert.deepEqual(dropped, [undefined, undefined, undefined, 1, 2]);
  for (const frame of [0, 3, 4]) await finish(frame);
  await stream.close();
  assert.deepEqual(results, [0, 3, 4]);
});

test('results come in the order of the frames, also where a later one is ready first', async () => {
  const { stream, running, results, finish } = slowDetector({ inFlight: 2 });
  stream.push(0);
  stream.push(1);
  assert.deepEqual([...running.keys()], [0, 1]);
  await finish(1);
  assert.deepEqual(results, []);
  await finish(0);
  assert.deepEqual(results, [0, 1]);
  await stream.close();
});

test('however many frames come, one waits, and the newest is worked on', async () => {
  const { stream, results, finish } = slowDetector();
  for (let frame = 0; frame <= 10_000; frame++) {
    stream.push(frame);
    assert.ok(stream.counters.waiting <= 1);
  }
  await finish(0);
  await finish(10_000);
  await stream.close();
  assert.deepEqual(results, [0, 10_000]);
  assert.equal(stream.counters.dropped, 9999);
});

test('latency counts from the capture', async () => {
  const { stream, finish } = slowDetector();
  assert.ok(Number.isNaN(stream.latency(50)));
  stream.push(0, performance.now() - 5000);
  await finish(0);
  assert.ok(stream.latency(99) >= 5000);
  await stream.close();
});

test('close waits for what runs and waits, and takes no more', async () => {
  const { stream, results, finish } = slowDetector();
  stream.push(0);
  stream.push(1);
  let closed = false;
  const closing = stream.close().then(() => (closed = true));
  assert.equal(stream.push(2), 2);
  await finish(0);
  assert.equal(closed, false);
  await finish(1);
  await closing;
  assert.deepEqual(results, [0, 1]);
});

test('the first error ends the stream: nothing more is begun, and close rejects with it', async () => {
  const { stream, running, results } = slowDetector();
  stream.push(0);
  stream.push(1);
  running.get(0)!.reject(new Error('the device is gone'));
  await turn();
  assert.deepEqual([...running.keys()], [0]);
  assert.equal(stream.push(2), 2);
  await assert.rejects(stream.close(), /the device is gone/);
  assert.deepEqual(results, []);
});

test('an error while an earlier frame is worked on: close waits for that frame', async () => {
  const { stream, running, results, finish } = slowDetector({ inFlight: 2 });
  stream.push(0);
  stream.push(1);
  running.get(1)!.reject(new Error('no picture'));
  const closing = assert.rejects(stream.close(), /no picture/);
  await turn();
  assert.equal(stream.counters.running, 1);
  await finish(0);
  await closing;
  assert.deepEqual([stream.counters.running, results], [0, []]);
});

test('the camera keeps its clock however late the process is, and stops when told', async () => {
  const stop = new AbortController();
  const times: number[] = [];
  const frame = { format: 'rgb', data: new Uint8Array(3), width: 1, height: 1 } as const;
  await play(
    [frame],
    100,
    (_, capturedAt) => {
      times.push(capturedAt);
      const until = performance.now() + 25;
      while (times.length === 2 && performance.now() < until);
      if (times.length === 6) stop.abort();
    },
    stop.signal,
  );
  assert.equal(times.length, 6);
  for (let i = 1; i < times.length; i++) {
    assert.ok(Math.abs(times[i]! - times[i - 1]! - 10) < 1e-6);
  }
});
