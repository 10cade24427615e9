// WorkerPool: the worker threads of a model: which is free, and what waits for a certain one.

import { WorkerInstance, type WorkerOptions } from './worker-instance.js';

interface Waiting {
  readonly start: (worker: WorkerInstance) => void;
  readonly refuse: (error: Error) => void;
}

/** @internal */
export class WorkerPool {
  /** Called when {@link free} may have risen. */
  onFree: (() => void) | undefined;
  readonly #workers: readonly WorkerInstance[];
  /** Jobs that must run on a worker that is busy, by its index. */
  readonly #waiting: Waiting[][];

  private constructor(workers: readonly WorkerInstance[]) {
    this.#workers = workers;
    this.#waiting = workers.map(() => []);
    for (const [index, worker] of workers.entries()) {
      worker.onChange = () => {
        this.#changed(worker, index);
      };
    }
  }

  /** Starts all workers at once. @returns Rejects when one cannot be initialized; the others are closed */
  static async start(options: readonly WorkerOptions[]): Promise<WorkerPool> {
    const pool = new WorkerPool(options.map((each) => new WorkerInstance(each)));
    try {
      await Promise.all(pool.#workers.map((worker) => worker.start()));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  /** What the first worker said of itself. */
  get about(): unknown {
    return this.#workers[0]?.about;
  }

  /** Workers that could start a job now; while no worker is left, 1: jobs fail at once instead of waiting forever. */
  get free(): number {
    if (this.broken !== undefined) return 1;
    return this.#workers.reduce(
      (sum, worker, index) => sum + (worker.idle && this.#queue(index).length === 0 ? 1 : 0),
      0,
    );
  }

  /** Set when every worker was given up. */
  get broken(): Error | undefined {
    const dead = this.#workers.map((worker) => worker.dead);
    return dead.every((error) => error !== undefined) ? dead[0] : undefined;
  }

  /**
   * Runs `job` with a worker: `instance` if given (waiting until it is idle), else any that is idle.
   *
   * @returns What `job` makes; rejects where no such worker is left
   */
  run<T>(job: (worker: WorkerInstance) => Promise<T>, instance: number | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const start = (worker: WorkerInstance): void => {
        job(worker).then(resolve, reject);
      };
      const index =
        instance === undefined
          ? this.#workers.findIndex((worker) => worker.idle)
          : instance % this.#workers.length;
      const worker = this.#workers[index];
      const dead = worker?.dead ?? this.broken;
      if (dead !== undefined) reject(dead);
      else if (worker?.idle === true) start(worker);
      else this.#queue(index < 0 ? this.#alive() : index).push({ start, refuse: reject });
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }

  /** One that will be idle again. */
  #alive(): number {
    return this.#workers.findIndex(({ dead }) => dead === undefined);
  }

  #queue(index: number): Waiting[] {
    return this.#waiting[index] as Waiting[];
  }

  #changed(worker: WorkerInstance, index: number): void {
    const queue = this.#queue(index);
    if (worker.dead !== undefined) {
      for (const waiting of queue.splice(0)) waiting.refuse(worker.dead);
    } else if (worker.idle) queue.shift()?.start(worker);
    this.onFree?.();
  }
}
