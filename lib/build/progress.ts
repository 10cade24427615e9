// Progress of a build: TensorRT's phases, which lie within each other, as events.

/** Progress of a build: a phase has begun (`step` 0), made a step, or ended. */
export interface BuildProgress {
  /** Name of the phase. */
  readonly phase: string;
  /** The phase that it is part of, or ''. */
  readonly parent: string;
  /** How many phases lie around it. */
  readonly depth: number;
  /** Steps done; never falls. */
  readonly step: number;
  /** Steps in all. */
  readonly steps: number;
  /** How much of the phase is done, 0 to 1, with what is under way within it. Never falls. */
  readonly fraction: number;
  /** Whether the phase has ended. */
  readonly finished: boolean;
  /** Milliseconds since the builder was started. */
  readonly elapsedMs: number;
}

/** What TensorRT tells of a step. */
export type ProgressStep = Pick<
  BuildProgress,
  'phase' | 'parent' | 'step' | 'steps' | 'finished' | 'elapsedMs'
>;

interface Phase {
  parent: string;
  step: number;
  steps: number;
  fraction: number;
}

/** Follows the phases that are under way. TensorRT's threads make steps at the same time, so they come in any order. */
export class ProgressTracker {
  readonly #phases = new Map<string, Phase>();

  /** Takes a step into account. */
  update(given: ProgressStep): BuildProgress {
    const { phase: name, parent, finished } = given;
    let phase = this.#phases.get(name);
    // A phase that begins again under the name of one that has not ended is a new one.
    if (phase === undefined || (given.step === 0 && !finished)) {
      phase = { parent, step: 0, steps: 0, fraction: 0 };
      this.#phases.set(name, phase);
    }
    phase.steps = given.steps;
    phase.step = Math.max(phase.step, given.step);
    if (finished) phase.fraction = 1;
    this.#spread(name, 0);
    const depth = this.#depth(phase);
    if (finished) this.#phases.delete(name);
    return { ...given, depth, step: phase.step, fraction: phase.fraction };
  }

  /** The phases under way, each followed by those within it. */
  active(): { name: string; depth: number; step: number; steps: number; fraction: number }[] {
    const list: { name: string; depth: number; step: number; steps: number; fraction: number }[] =
      [];
    const seen = new Set<string>();
    const visit = (name: string, depth: number): void => {
      const phase = this.#phases.get(name);
      if (phase === undefined || seen.has(name)) return;
      seen.add(name);
      const { step, steps, fraction } = phase;
      list.push({ name, depth, step, steps, fraction });
      for (const [other, { parent }] of this.#phases) if (parent === name) visit(other, depth + 1);
    };
    for (const [name, { parent }] of this.#phases) if (!this.#phases.has(parent)) visit(name, 0);
    return list;
  }

  #depth(phase: Phase): number {
    let depth = 0;
    let around = this.#phases.get(phase.parent);
    while (around !== undefined && around !== phase && depth < this.#phases.size) {
      depth++;
      around = this.#phases.get(around.parent);
    }
    return depth;
  }

  /** A step moves the phase, and a little those around it: what is under way within is part of their next step. */
  #spread(name: string, within: number): void {
    let [inner, current] = [within, name];
    for (let guard = 0; guard <= this.#phases.size; guard++) {
      const phase = this.#phases.get(current);
      if (phase === undefined) return;
      const done = phase.steps > 0 ? (phase.step + inner) / phase.steps : 0;
      phase.fraction = Math.max(phase.fraction, Math.min(1, done));
      // A phase that is done within is counted by its parent's own step, which follows.
      inner = Math.min(phase.fraction, 0.999);
      current = phase.parent;
    }
  }
}

/** Events that wait for who reads them. Of a phase's steps only the last one waits, so that a slow reader costs no memory. */
export class ProgressQueue {
  #waiting: BuildProgress[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  push(event: BuildProgress): void {
    if (event.step > 0 && !event.finished) {
      const old = this.#waiting.findIndex(
        ({ phase, step, finished }) => phase === event.phase && step > 0 && !finished,
      );
      if (old >= 0) this.#waiting.splice(old, 1);
    }
    this.#waiting.push(event);
    this.#wake?.();
  }

  /** No event follows. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** The next event; undefined at the end. */
  async next(): Promise<BuildProgress | undefined> {
    while (this.#waiting.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#wake = undefined;
    return this.#waiting.shift();
  }
}
