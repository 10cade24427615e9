// The sentiment example's vocabulary and tokenizer: a toy of what BERT has, so that its stand-in model answers something that can be checked.
// @ts-check

/** Positions that the model takes. */
export const sequenceLength = 512;

export const positive = [
  'good',
  'great',
  'excellent',
  'love',
  'loved',
  'wonderful',
  'happy',
  'fine',
  'best',
  'enjoyed',
];
export const negative = [
  'bad',
  'poor',
  'terrible',
  'hate',
  'hated',
  'awful',
  'sad',
  'boring',
  'worst',
  'broken',
];
const neutral = [
  'the',
  'a',
  'this',
  'was',
  'is',
  'i',
  'film',
  'movie',
  'it',
  'and',
  'but',
  'very',
  'acting',
  'story',
];

/** By id: 0 is padding, 1 an unknown word, 2 and 3 BERT's marks of start and end. */
export const vocabulary = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  ...positive,
  ...negative,
  ...neutral,
];
const ids = new Map(vocabulary.map((word, id) => [word, id]));

/**
 * Token ids and segment ids of one sentence, padded.
 * @param {string} sentence
 */
export function tokenize(sentence) {
  const words = sentence.toLowerCase().match(/[a-z]+/g) ?? [];
  const inputIds = new Int32Array(sequenceLength);
  inputIds.set([2, ...words.slice(0, sequenceLength - 2).map((word) => ids.get(word) ?? 1), 3]);
  return { inputIds, segmentIds: new Int32Array(sequenceLength) };
}
