// What is measured, and what is to be reached. Each scenario gets `measure` of run.mjs and gives back rows and goals.
import { round } from '../parts/statistics.mjs';

const goal = (text, target, value, met) => ({ goal: text, target, value, met });
const doors = ['in-process', 'http', 'grpc'];

export const scenarios = {
  /** What the batcher costs one caller: beside a Session on the same plan, and beside its own statistics. */
  async overhead(measure) {
    const rows = [];
    for (const [door, model] of [
      ['session', 'mlp'],
      ['in-process', 'mlp'],
      ['in-process', 'mlp-batched'],
    ]) {
      rows.push(await measure({ door, model, concurrency: 1 }));
    }
    const [session, plain] = rows;
    const beyond = round(plain.latencyUs.p50 - session.latencyUs.p50, 1);
    return {
      rows,
      goals: [
        goal(
          'repository.infer beyond Session.run, p50 of one caller',
          '≤ 15 µs',
          `${beyond} µs`,
          beyond <= 15,
        ),
      ],
    };
  },

  /** Small work, 64 callers: every door of the same server and model. */
  async small(measure) {
    const rows = [];
    for (const door of ['session', ...doors]) {
      rows.push(await measure({ door, model: 'mlp-batched', concurrency: 64 }));
    }
    const rate = (door) => rows.find((row) => row.door === door).inferencesPerSecond;
    return {
      rows,
      goals: [
        goal(
          'mlp in process, 64 callers',
          '≥ 300 000/s',
          `${rate('in-process')}/s`,
          rate('in-process') >= 3e5,
        ),
        goal('small HTTP requests', '≥ 20 000/s', `${rate('http')}/s`, rate('http') >= 2e4),
        goal('small gRPC requests', '≥ 15 000/s', `${rate('grpc')}/s`, rate('grpc') >= 1.5e4),
      ],
    };
  },

  /** Ordinary work, 64 clients with a picture each: alone, and gathered. */
  async resnet50(measure) {
    const rows = [];
    for (const door of doors) {
      for (const model of ['resnet50', 'resnet50-batched']) {
        rows.push(await measure({ door, model, concurrency: 64 }));
      }
    }
    const ratio = round(rows[1].inferencesPerSecond / rows[0].inferencesPerSecond, 2);
    return {
      rows,
      goals: [
        goal(
          'ResNet-50: dynamic batching beside batch 1, in process',
          '≥ 4 ×',
          `${ratio} ×`,
          ratio >= 4,
        ),
      ],
    };
  },

  /** Twice what the server sustains: what it cannot do is refused at once, and memory stays bounded. */
  async overload(measure) {
    const rows = [];
    const goals = [];
    const loads = [['in-process', 'resnet50-batched'], ...doors.map((door) => [door, 'paced'])];
    for (const [door, model] of loads) {
      const steady = await measure({ door, model, concurrency: 64 });
      const rate = Math.max(10, Math.round(steady.inferencesPerSecond * 2));
      const over = await measure({ door, model, rate, lanes: 2048 });
      rows.push(steady, over);
      const refused = Object.values(over.refused ?? {}).reduce((a, b) => a + b, 0);
      const words = { 'in-process': 'ERR_TRT_QUEUE_FULL', http: '503', grpc: 'grpc 14' }[door];
      const others = Object.keys(over.refused ?? {}).filter((name) => name !== words);
      goals.push(
        goal(
          `twice the load, ${model} ${door}: refused as ${words} alone, answers go on`,
          'nothing else',
          `${refused} refused, ${others.join() || 'nothing else'}, ${over.inferencesPerSecond}/s answered`,
          refused > 0 &&
            others.length === 0 &&
            over.inferencesPerSecond > steady.inferencesPerSecond / 2,
        ),
        goal(
          `twice the load, ${model} ${door}: a refusal is sooner than an answer`,
          'p50 below that of answers',
          `${over.refusalUs?.p50} µs beside ${over.latencyUs?.p50} µs`,
          (over.refusalUs?.p50 ?? Infinity) < (over.latencyUs?.p50 ?? 0),
        ),
        goal(
          `twice the load, ${model} ${door}: the server's memory`,
          'grows by less than 1 GiB',
          `${over.serverRssMiB.join(' → ')} MiB`,
          over.serverRssMiB[1] - over.serverRssMiB[0] < 1024,
        ),
      );
    }
    return { rows, goals };
  },
};
