// Fuzzing of the configs' readers: whatever comes, a config or a ServingError; and what is written is read again.

import { describe, expect, test } from 'vitest';
import { ServingError } from 'trt-node';
import { checkConfig } from '../../../lib/serving/config/check.js';
import { completeConfig } from '../../../lib/serving/config/complete.js';
import {
  type FieldShape,
  type MessageObject,
  type MessageShape,
  configShape,
  emptyMessage,
  entryFields,
  integerRanges,
  isInteger,
} from '../../../lib/serving/config/fields.js';
import { modelConfigFromJson, modelConfigToJson } from '../../../lib/serving/config/json.js';
import type { ModelConfig } from '../../../lib/serving/config/model-config.js';
import { formatModelConfig, parseModelConfig } from '../../../lib/serving/config/text-format.js';

/** Numbers between 0 and 1, the same ones for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Fuzzer {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  text(): string {
    const parts = ['a', 'é', '😀', '"', "'", '\\', '\n', '\0', '\x7f', '#', '{', '__proto__', ' '];
    return Array.from({ length: this.below(4) }, () => this.pick(parts)).join('');
  }

  scalar(field: FieldShape): unknown {
    if (field.kind === 'string') return this.text();
    if (field.kind === 'bool') return this.below(2) === 1;
    if (field.kind === 'enum') return this.pick([...field.values!.keys()]);
    if (isInteger(field.kind)) {
      const [min, max] = integerRanges[field.kind].map(Number) as [number, number];
      return this.pick([0, 1, 7, max, min === 0 ? 5 : min]);
    }
    return this.pick([0, -0, 0.5, -1.25e-7, 1e21, Infinity, -Infinity, NaN]);
  }

  value(field: FieldShape): unknown {
    return field.message === undefined ? this.scalar(field) : this.message(field.message);
  }

  /** Any message of the schema: some fields set, at most one of each oneof. */
  message(shape: MessageShape): MessageObject {
    const message = emptyMessage(shape);
    const chosen = new Set<string>();
    for (const field of shape.fields.values()) {
      if (this.below(3) > 0) continue;
      if (field.oneof !== undefined && chosen.has(field.oneof)) continue;
      if (field.oneof !== undefined) chosen.add(field.oneof);
      if (field.label === 'single') message[field.name] = this.value(field);
      else if (field.label === 'repeated') {
        message[field.name] = Array.from({ length: this.below(3) }, () => this.value(field));
      } else {
        const { key, value } = entryFields(field);
        const map = message[field.name] as MessageObject;
        for (let i = this.below(3); i > 0; i--) map[String(this.scalar(key))] = this.value(value);
      }
    }
    return message;
  }

  config(): ModelConfig {
    return this.message(configShape()) as unknown as ModelConfig;
  }

  /** The text with a few pieces inserted, doubled, removed or exchanged. */
  mutate(text: string, pieces: readonly string[]): string {
    let result = text;
    for (let i = 1 + this.below(4); i > 0; i--) {
      const from = this.below(result.length + 1);
      const to = Math.min(result.length, from + this.below(8));
      const piece = this.pick([this.pick(pieces), result.slice(from, to).repeat(2), '']);
      result = result.slice(0, from) + piece + result.slice(to);
    }
    return result;
  }
}

const textPieces =
  '{ } [ ] < > : , ; - " \' # \\ \n 0x1F 017 1.5f inf true TYPE_FP32 name input dims 99999999999999999999 \u0000 \ud800 é 😀 version_policy all'.split(
    ' ',
  );
const jsonPieces =
  '{ } [ ] : , " \\ null true 1e999 -1 9007199254740993 "dims" "input" "maxBatchSize" "__proto__" "TYPE_FP32" {"a":1}'.split(
    ' ',
  );

/** Runs `read`; says whether it gave a config, and fails for any error but ours. */
function accepted(read: () => unknown, input: string): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (error instanceof ServingError) return false;
    throw new Error(`not a ServingError for ${JSON.stringify(input)}`, { cause: error });
  }
}

describe('any config of the schema', () => {
  test('is the same after writing and reading, as text and as JSON', () => {
    const fuzzer = new Fuzzer(1);
    for (let i = 0; i < 200; i++) {
      const config = fuzzer.config();
      const text = formatModelConfig(config);
      expect(parseModelConfig(text, 'config.pbtxt')).toEqual(config);
      const json = JSON.stringify(modelConfigToJson(config));
      // JSON has no -0.
      expect(modelConfigFromJson(json, 'json')).toEqual(
        parseModelConfig(text.replaceAll('-0.0', '0'), 'config.pbtxt'),
      );
    }
  });

  test('is completed and checked, or refused', () => {
    const fuzzer = new Fuzzer(2);
    let refused = 0;
    for (let i = 0; i < 200; i++) {
      const config = { ...fuzzer.config(), name: 'm', platform: 'tensorrt_plan', backend: '' };
      const read = () => {
        checkConfig(completeConfig(config, undefined, 'm'));
      };
      if (!accepted(read, formatModelConfig(config))) refused++;
    }
    expect(refused).toBeGreaterThan(0);
  });
});

describe('mutated text', () => {
  test('is a config or a ServingError that names a place', () => {
    const fuzzer = new Fuzzer(3);
    const counts = { accepted: 0, refused: 0 };
    for (let i = 0; i < 1500; i++) {
      const text = fuzzer.mutate(formatModelConfig(fuzzer.config()), textPieces);
      let config: ModelConfig | undefined;
      try {
        config = parseModelConfig(text, 'f');
      } catch (error) {
        if (!(error instanceof ServingError)) throw error;
        expect(error.message).toMatch(/^f:[1-9][0-9]*:[1-9][0-9]*: /);
      }
      if (config === undefined) counts.refused++;
      else {
        counts.accepted++;
        expect(parseModelConfig(formatModelConfig(config), 'f')).toEqual(config);
      }
    }
    // Both happen often, or the fuzzing tests little.
    expect(counts.accepted).toBeGreaterThan(50);
    expect(counts.refused).toBeGreaterThan(500);
  });

  test('of pieces alone', () => {
    const fuzzer = new Fuzzer(4);
    for (let i = 0; i < 3000; i++) {
      const text = Array.from({ length: fuzzer.below(12) }, () => fuzzer.pick(textPieces)).join(
        ' ',
      );
      accepted(() => parseModelConfig(text, 'f'), text);
    }
  });
});

test('mutated JSON is a config or a ServingError', () => {
  const fuzzer = new Fuzzer(5);
  let read = 0;
  for (let i = 0; i < 1000; i++) {
    const text = fuzzer.mutate(JSON.stringify(modelConfigToJson(fuzzer.config())), jsonPieces);
    if (accepted(() => modelConfigFromJson(text, 'json'), text)) read++;
  }
  expect(read).toBeGreaterThan(10);
});
