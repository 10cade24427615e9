// Tokenizer: from text to BERT's input_ids and segment_ids, in this process.
import { readFile } from 'node:fs/promises';
import { Tokenizer } from '@huggingface/tokenizers';

/** Positions that the plan takes: its profile is 1 to 20 x 512. */
export const sequenceLength = 512;

/** Beyond the basic plane, the ideographs that are words by themselves; Python's tokenizers has the same ranges. */
const ideographs =
  /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu;

export class BertTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #separator: number;
  readonly #padding: number;

  /** @param file - tokenizer.json, as Python's tokenizers writes it. */
  static async load(file: string): Promise<BertTokenizer> {
    return new BertTokenizer(new Tokenizer(JSON.parse(await readFile(file, 'utf8')) as object, {}));
  }

  private constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    this.#separator = tokenizer.token_to_id('[SEP]') ?? 0;
    this.#padding = tokenizer.token_to_id('[PAD]') ?? 0;
  }

  /** Ids of one text between [CLS] and [SEP], at most 512; segment ids are 0 for all of them. */
  tokenize(text: string): number[] {
    // Two things that the library does otherwise than Python's: the end of a Greek word in capitals, and rare ideographs.
    const normalized = text.replaceAll('Σ', 'σ').replace(ideographs, ' $& ');
    const { ids } = this.#tokenizer.encode(normalized);
    return ids.length <= sequenceLength
      ? ids
      : [...ids.slice(0, sequenceLength - 1), this.#separator];
  }

  /** What the model takes: ids, filled up to 512. */
  encode(text: string): { input_ids: Int32Array; segment_ids: Int32Array } {
    const input_ids = new Int32Array(sequenceLength).fill(this.#padding);
    input_ids.set(this.tokenize(text));
    return { input_ids, segment_ids: new Int32Array(sequenceLength) };
  }
}
