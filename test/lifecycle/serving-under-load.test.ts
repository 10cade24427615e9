// Servers under load, in processes of their own: reloading, unloading, and twice what they can do.

import { describe, expect, test } from 'vitest';
import { ramp } from '../helpers/known-answers.js';
import { type Answer, ServingProcess, inferBody } from '../helpers/serving-process.js';
import { repositoryFolder, slowModel, writeModel } from '../helpers/serving-repository.js';

const mlp = {
  fixture: 'mlp',
  config: 'max_batch_size: 32\ndynamic_batching { max_queue_delay_microseconds: 200 }\n',
};
const mlpBody = inferBody('x', [1, 64], Array.from(ramp(64)));
const firstRow = [0.04531991, 0.02752637, 0.028437, 0.02752637];

function checkMlp({ status, body }: Answer): void {
  expect(status, body.toString()).toBe(200);
  const { outputs } = JSON.parse(body.toString()) as { outputs: { data: number[] }[] };
  firstRow.forEach((value, index) => expect(outputs[0]!.data[index]).toBeCloseTo(value, 5));
}

/** Calls `send` from so many callers until `stop`; the answers of all. */
function load(callers: number, send: () => Promise<Answer>): { stop(): Promise<Answer[]> } {
  let stopped = false;
  const answers: Answer[] = [];
  const running = Array.from({ length: callers }, async () => {
    while (!stopped) answers.push(await send());
  });
  return {
    async stop() {
      stopped = true;
      await Promise.all(running);
      return answers;
    },
  };
}

describe('model update under load', () => {
  test('twenty reloads, a new version among them: no request is lost, none is wrong', async () => {
    const folder = await repositoryFolder({ mlp });
    const server = await ServingProcess.start(folder, [
      '--model-control-mode=explicit',
      '--load-model=mlp',
    ]);
    const { stop } = load(16, () => server.post('/v2/models/mlp/infer', mlpBody));
    for (let turn = 0; turn < 20; turn++) {
      if (turn === 10) await writeModel(folder, 'mlp', { ...mlp, versions: ['2'] });
      const loaded = await server.post('/v2/repository/models/mlp/load');
      expect(loaded.status, loaded.body.toString()).toBe(200);
    }
    const answers = await stop();
    expect(answers.length).toBeGreaterThan(20);
    answers.forEach(checkMlp);
    const last = await server.post('/v2/models/mlp/infer', mlpBody);
    expect(JSON.parse(last.body.toString())).toMatchObject({ model_version: '2' });
  });

  test('reloads that fail leave the old version serving', async () => {
    const folder = await repositoryFolder({ mlp });
    const server = await ServingProcess.start(folder, [
      '--model-control-mode=explicit',
      '--load-model=mlp',
    ]);
    const { stop } = load(8, () => server.post('/v2/models/mlp/infer', mlpBody));
    await writeModel(folder, 'mlp', { ...mlp, config: 'max_batch_size: 4000\n' });
    for (let turn = 0; turn < 5; turn++) {
      const refused = await server.post('/v2/repository/models/mlp/load');
      expect(refused.status).toBeGreaterThanOrEqual(400);
      expect(JSON.parse(refused.body.toString())).toMatchObject({
        error: expect.stringContaining('mlp') as string,
      });
    }
    (await stop()).forEach(checkMlp);
    expect((await server.get('/v2/models/mlp/ready')).status).toBe(200);
  });

  test('unloading: what was accepted is answered, what comes later is told', async () => {
    const folder = await repositoryFolder({ mlp });
    const server = await ServingProcess.start(folder, [
      '--model-control-mode=explicit',
      '--load-model=mlp',
    ]);
    for (let turn = 0; turn < 5; turn++) {
      const { stop } = load(8, () => server.post('/v2/models/mlp/infer', mlpBody));
      for (let before = 0; before < 4; before++) {
        checkMlp(await server.post('/v2/models/mlp/infer', mlpBody));
      }
      expect((await server.post('/v2/repository/models/mlp/unload')).status).toBe(200);
      const late = await server.post('/v2/models/mlp/infer', mlpBody);
      expect([400, 404, 503]).toContain(late.status);
      for (const answer of await stop()) {
        if (answer.status === 200) checkMlp(answer);
        else {
          expect([400, 404, 503]).toContain(answer.status);
          expect(JSON.parse(answer.body.toString())).toMatchObject({
            error: expect.stringContaining('mlp') as string,
          });
        }
      }
      expect((await server.post('/v2/repository/models/mlp/load')).status).toBe(200);
    }
  });
});

describe('overload', () => {
  test('what does not fit into the queue is refused before what fits is answered; memory stays bounded', async () => {
    const folder = await repositoryFolder({ slow: slowModel });
    const server = await ServingProcess.start(folder);
    const body = inferBody('MS', [1, 1], [20], 'INT32');
    const order: number[] = [];
    const burst = async (): Promise<Answer[]> =>
      Promise.all(
        Array.from({ length: 64 }, async () => {
          const answer = await server.post('/v2/models/slow/infer', body);
          order.push(answer.status);
          return answer;
        }),
      );
    await burst();
    const before = await server.residentMiB();
    order.length = 0;
    for (let turn = 0; turn < 10; turn++) {
      const answers = await burst();
      const refused = answers.filter(({ status }) => status === 503);
      // One runs, eight wait; whoever finds a place that became free meanwhile is answered too.
      expect(refused.length).toBeGreaterThanOrEqual(32);
      expect(answers.filter(({ status }) => status === 200).length).toBe(64 - refused.length);
      for (const one of refused) {
        expect(JSON.parse(one.body.toString())).toMatchObject({
          error: expect.stringMatching(/exceeds maximum queue size/i) as string,
        });
      }
      // The last answers of a burst are those that had to wait.
      expect(order.slice(-5)).toEqual([200, 200, 200, 200, 200]);
    }
    expect((await server.residentMiB()) - before).toBeLessThan(128);
    expect((await server.post('/v2/models/slow/infer', body)).status).toBe(200);
  });
});

test('a model that cannot load does not stop the others', async () => {
  const folder = await repositoryFolder({
    mlp,
    broken: { files: { '1/model.plan': 'no plan at all'.repeat(100) } },
    contradicts: { fixture: 'mlp', config: 'max_batch_size: 4096\n' },
  });
  const server = await ServingProcess.start(folder, ['--exit-on-error=false'], '/v2/health/live');
  await expect
    .poll(async () => (await server.get('/v2/models/mlp/ready')).status, { timeout: 20_000 })
    .toBe(200);
  checkMlp(await server.post('/v2/models/mlp/infer', mlpBody));
  const index = JSON.parse((await server.post('/v2/repository/index')).body.toString()) as {
    name: string;
    state: string;
    reason?: string;
  }[];
  for (const name of ['broken', 'contradicts']) {
    const row = index.find((one) => one.name === name);
    expect(row).toMatchObject({
      state: 'UNAVAILABLE',
      reason: expect.stringMatching(/.+/) as string,
    });
  }
  // Strict readiness, the default: not every model is there.
  expect((await server.get('/v2/health/ready')).status).toBe(400);
});
