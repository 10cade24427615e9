// Classifier: from text to a label and its score. Texts that come at the same time share a run on the GPU.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type ModelStatistics, ModelRepository } from 'trt-node';
import { BertTokenizer } from './tokenizer.ts';

const model = 'sentence_classification';

export interface Sentiment {
  readonly label: string;
  /** Softmax: from 0 to 1. */
  readonly score: number;
}

export class Classifier implements AsyncDisposable {
  /**
   * @param repository - A folder as Triton has it, with sentence_classification in it.
   * @param folder - Where tokenizer.json and labels.json are.
   */
  static async open(repository: string, folder: string): Promise<Classifier> {
    const tokenizer = await BertTokenizer.load(path.join(folder, 'tokenizer.json'));
    const labels = JSON.parse(await readFile(path.join(folder, 'labels.json'), 'utf8')) as string[];
    const models = await ModelRepository.open(repository, { modelConfigName: 'in_process' });
    return new Classifier(models, tokenizer, labels);
  }

  private constructor(
    private readonly models: ModelRepository,
    private readonly tokenizer: BertTokenizer,
    private readonly labels: readonly string[],
  ) {}

  /** @param signal - Takes the text out of the queue when nobody wants the answer any more. */
  async classify(text: string, signal?: AbortSignal): Promise<Sentiment> {
    const inputs = this.tokenizer.encode(text);
    const { output } = await this.models.infer(model, inputs, signal && { signal });
    return this.best(output?.data as Float32Array);
  }

  private best(scores: Float32Array): Sentiment {
    const highest = Math.max(...scores);
    const sum = scores.reduce((total, score) => total + Math.exp(score - highest), 0);
    return { label: this.labels[scores.indexOf(highest)] ?? 'unknown', score: 1 / sum };
  }

  /** How many requests, in how many runs, with which latencies. */
  get statistics(): ModelStatistics {
    return this.models.model(model).statistics;
  }

  /** Answers what it has accepted, then frees the GPU. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.models.close();
  }
}
