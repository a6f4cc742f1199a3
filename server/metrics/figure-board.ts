import {
  familyFigures,
  figureCount,
  figureFamilies,
  type FigureFamilyName,
} from './figure-families.ts';
import { makeFigures } from './figure-recorder.ts';

/** The numbers of all threads that serve clients, added up. */
export class FigureBoard {
  readonly #threads = new Map<number, Float64Array>();
  #replacedCount = 0;

  /** Threads that were started in the place of another. */
  get replacedCount(): number {
    return this.#replacedCount;
  }

  /**
   * The figures for the thread of a number, which is about to start. One that takes the place of another
   * goes on counting where that left off, but for what is gone with it, such as its connections.
   */
  figuresOf(threadNumber: number): Float64Array {
    const known = this.#threads.get(threadNumber);
    if (known === undefined) {
      const figures = makeFigures();
      this.#threads.set(threadNumber, figures);
      return figures;
    }
    this.#replacedCount += 1;
    clearGauges(known);
    return known;
  }

  /** The sum over all threads as it is now; a copy. */
  sum(): Float64Array {
    const sum = new Float64Array(figureCount);
    for (const figures of this.#threads.values()) {
      for (let index = 0; index < figureCount; index++) sum[index]! += figures[index]!;
    }
    return sum;
  }
}

function clearGauges(figures: Float64Array): void {
  let index = 0;
  for (const [name, { kind }] of Object.entries(figureFamilies)) {
    for (const _ of familyFigures(name as FigureFamilyName, figures)) {
      if (kind === 'gauge') figures[index] = 0;
      index += 1;
    }
  }
}
