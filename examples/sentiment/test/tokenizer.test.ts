// The tokenizer gives the ids that Python's tokenizers gives, for 1 000 texts in many scripts.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runPython } from '../../kit/python.ts';
import { BertTokenizer, sequenceLength } from '../tokenizer.ts';
import { model } from './model.ts';
import { makeSentences } from './sentences.ts';

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const words = readFileSync(file('../sentences.tsv'), 'utf8').split(/[^A-Za-z]+/);
const sentences = makeSentences(
  1000,
  words.filter((word) => word !== ''),
);
const tokenizer = await BertTokenizer.load(model.file('tokenizer.json'));

test('1 000 texts: the same ids as in Python', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'trt-node-tokenizer-'));
  try {
    const texts = path.join(folder, 'texts.json');
    writeFileSync(texts, JSON.stringify(sentences));
    const args = [model.file('tokenizer.json'), texts];
    const told = await runPython(file('tokenize.py'), args, ['tokenizers']);
    const ids = JSON.parse(told) as number[][];
    assert.equal(new Set(sentences).size, 1000);
    assert.equal(ids.length, 1000);
    const different = sentences.filter(
      (text, index) => tokenizer.tokenize(text).join() !== ids[index]?.join(),
    );
    assert.deepEqual(different, []);
    // They are no 1 000 times the same: unknown words, over-long texts and many different pieces are among them.
    assert.ok(new Set(ids.flat()).size > 500);
    assert.ok(ids.filter(({ length }) => length === sequenceLength).length >= 10);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a text of [CLS], nothing and [SEP]; 512 ids at most, the last of them [SEP]; the rest is padding', () => {
  const [first, last, ...others] = tokenizer.tokenize('');
  assert.equal(others.length, 0);
  const { input_ids, segment_ids } = tokenizer.encode('good '.repeat(600));
  assert.equal(input_ids.length, sequenceLength);
  assert.deepEqual([input_ids[0], input_ids[511]], [first, last]);
  assert.ok(segment_ids.every((id) => id === 0));
  const { input_ids: short } = tokenizer.encode('good');
  assert.ok(short.subarray(3).every((id) => id === 0));
});
