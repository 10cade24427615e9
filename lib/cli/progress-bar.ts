// The progress of a build on stderr: bars of the phases under way on a terminal, else a line now and then.

import { type BuildProgress, ProgressTracker } from '../build/progress.js';

/** Where it draws: process.stderr, or what a test puts in its place. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** At most so many phases are drawn: the outermost ones. */
const mostLines = 5;
/** Often enough to look alive, too seldom to cost anything. */
const terminalMs = 100;
/** Without a terminal, as in the log of a CI job. */
const plainMs = 10_000;

/** Draws until it is closed; leaves nothing of its own on a terminal. */
export class ProgressBar {
  readonly #stream: ProgressStream;
  readonly #terminal: boolean;
  readonly #tracker = new ProgressTracker();
  readonly #start = performance.now();
  readonly #timer: NodeJS.Timeout;
  #lines = 0;

  constructor(stream: ProgressStream) {
    this.#stream = stream;
    this.#terminal = stream.isTTY === true;
    const period = this.#terminal ? terminalMs : plainMs;
    this.#timer = setInterval(() => {
      this.draw();
    }, period).unref();
  }

  /** Takes in a step; it is drawn at the next occasion. */
  update(progress: BuildProgress): void {
    this.#tracker.update(progress);
  }

  /** A line that stays, above the bars. */
  note(line: string): void {
    this.#erase();
    this.#stream.write(`${line}\n`);
    if (this.#terminal) this.draw();
  }

  /** Draws now. */
  draw(): void {
    const phases = this.#tracker.active().slice(0, mostLines);
    const elapsed = elapsedText(performance.now() - this.#start);
    if (phases.length === 0) return;
    if (!this.#terminal) {
      const [outer] = phases;
      const inner = phases.at(-1);
      const within = inner === outer ? '' : `, ${stepsText(inner)}`;
      this.#stream.write(`[${elapsed}] ${stepsText(outer)}${within}\n`);
      return;
    }
    // The last column stays free: some terminals wrap when it is written.
    const width = Math.max(10, (this.#stream.columns ?? 80) - 1);
    const lines = phases.map((phase, index) => barLine(phase, index === 0 ? elapsed : '', width));
    this.#erase();
    this.#stream.write(lines.join('\n'));
    this.#lines = lines.length;
  }

  /** Ends it; the bars vanish. */
  close(): void {
    clearInterval(this.#timer);
    this.#erase();
  }

  #erase(): void {
    if (this.#lines === 0) return;
    const up = this.#lines > 1 ? `\x1b[${this.#lines - 1}A` : '';
    this.#stream.write(`\r${up}\x1b[J`);
    this.#lines = 0;
  }
}

type Active = ReturnType<ProgressTracker['active']>[number];

/** Names of phases have names of layers, which a model can choose: nothing of them may steer the terminal. */
function plainText(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}

function stepsText(phase: Active | undefined): string {
  return phase === undefined ? '' : `${plainText(phase.name)} ${phase.step}/${phase.steps}`;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text.padEnd(width) : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** "Timing graph nodes  [=======>      ]  45% 12/80  1:23" */
function barLine(phase: Active, elapsed: string, width: number): string {
  const name = `${'  '.repeat(phase.depth)}${plainText(phase.name)}`;
  const percent = `${Math.floor(phase.fraction * 100)}%`.padStart(4);
  const numbers = `${percent} ${phase.step}/${phase.steps}`.padEnd(16);
  const end = `${numbers} ${elapsed.padStart(7)}`;
  const nameWidth = Math.min(36, Math.floor(width * 0.4));
  const barWidth = Math.min(40, width - nameWidth - end.length - 4);
  if (barWidth < 5) return cut(`${name} ${percent} ${elapsed}`, width).trimEnd();
  const filled = Math.floor(phase.fraction * barWidth);
  const head = filled < barWidth ? '>' : '';
  const bar = `${'='.repeat(filled)}${head}`.padEnd(barWidth);
  return `${cut(name, nameWidth)} [${bar}] ${end}`.trimEnd();
}

/** "1:23", "1:02:03" */
function elapsedText(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const two = (number: number): string => String(number).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = two(seconds % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}
