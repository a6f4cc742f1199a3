import { limits } from '../limits.ts';

/** Room for a step, and for what of the last write goes beyond it. */
const capacityBytes = limits.stageBytes + limits.chunkBytes;

/** A step on its way to the writer. */
export interface Step {
  /** Views of `limits.chunkBytes` each, but for the last of a message. */
  readonly chunks: Uint8Array[];
  /** What moves to the writer; the others are shared with it until it has answered. */
  readonly transfer: ArrayBuffer[];
}

/**
 * Collects the bytes of a message for the writer. A small message grows in one buffer, which moves to the
 * writer. A large one goes through two buffers that both threads share and that take turns: moving a new one
 * for each step would cost the memory of the whole message until the garbage collectors of both threads run.
 */
export class StepBuffer {
  #current: Uint8Array = new Uint8Array(0);
  #bytes = 0;
  /** The two that take turns, once there was a whole step. */
  #shared: [Uint8Array, Uint8Array] | undefined;

  /** True if a whole step, and more, is there to be taken. */
  get hasStep(): boolean {
    return this.#bytes > limits.stageBytes;
  }

  /** Copies as much as fits, at least a chunk unless {@link hasStep}; returns the number of bytes copied. */
  write(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, capacityBytes - this.#bytes);
    this.#reserve(this.#bytes + count);
    this.#current.set(bytes.subarray(0, count), this.#bytes);
    this.#bytes += count;
    return count;
  }

  /** Takes a whole step. The writer must have answered the step before it. */
  takeStep(): Step {
    this.#shared ??= [newSharedBuffer(), newSharedBuffer()];
    const taken = this.#current;
    const next = this.#shared[0] === taken ? this.#shared[1] : this.#shared[0];
    next.set(taken.subarray(limits.stageBytes, this.#bytes));
    this.#current = next;
    this.#bytes -= limits.stageBytes;
    return toStep(taken, limits.stageBytes);
  }

  /** Takes everything. */
  takeRest(): Step {
    const step = toStep(this.#current, this.#bytes);
    this.#current = new Uint8Array(0);
    this.#bytes = 0;
    return step;
  }

  /** Small messages are many: their buffer grows by doubling. */
  #reserve(bytes: number): void {
    if (bytes <= this.#current.length) return;
    const grown = new Uint8Array(
      Math.min(capacityBytes, Math.max(bytes, 2 * this.#current.length)),
    );
    grown.set(this.#current.subarray(0, this.#bytes));
    this.#current = grown;
  }
}

function newSharedBuffer(): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(capacityBytes));
}

function toStep(buffer: Uint8Array, bytes: number): Step {
  const chunks = Array.from({ length: Math.ceil(bytes / limits.chunkBytes) }, (_, index) =>
    buffer.subarray(index * limits.chunkBytes, Math.min(bytes, (index + 1) * limits.chunkBytes)),
  );
  return { chunks, transfer: buffer.buffer instanceof ArrayBuffer ? [buffer.buffer] : [] };
}
