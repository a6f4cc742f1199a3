import { singleInstanceRatio, type StoreFigures } from '../../store/opened-store.ts';
import { oneReading, type PolledRegistry } from './polled-registry.ts';

/** Figures of the store are read again after this long, in milliseconds: it costs a row for each body. */
const figuresAgeMs = 60_000;

/** What the metrics of a mail store are read from. */
export interface StoreMetricsOptions {
  readonly readFigures: () => Promise<StoreFigures>;
  /** False while nothing can be stored; absent: always true. */
  readonly isWritable?: () => boolean;
  /** Called if the figures cannot be read; the last ones stay. */
  readonly onError: (error: unknown) => void;
  /** Milliseconds; default: since the process started. */
  readonly clock?: () => number;
}

/**
 * Adds how much the store holds, as it was a minute ago at most.
 *
 * @returns call it before each scrape
 */
export function addStoreMetrics(
  registry: PolledRegistry,
  { readFigures, isWritable, onError, clock = () => performance.now() }: StoreMetricsOptions,
): () => Promise<void> {
  let figures: StoreFigures | undefined;
  let reading: Promise<void> | undefined;
  let readAt = -Infinity;
  registry.addGauge({
    name: 'reprise_store_writable',
    help: '0 while nothing can be stored, since the disk is full, read-only or fails; else 1.',
    read: () => oneReading(isWritable?.() === false ? 0 : 1),
  });
  addFigureGauges(registry, () => figures);
  const readAgain = async () => {
    try {
      figures = await readFigures();
      readAt = clock();
    } catch (error) {
      onError(error);
    } finally {
      reading = undefined;
    }
  };
  return async () => {
    if (clock() - readAt >= figuresAgeMs) reading ??= readAgain();
    await reading;
  };
}

/** Adds a gauge for each figure of the store; `read` returns undefined until they are known. */
function addFigureGauges(registry: PolledRegistry, read: () => StoreFigures | undefined): void {
  const gauge = (name: string, help: string, pick: (figures: StoreFigures) => number) =>
    registry.addGauge({
      name: `reprise_store_${name}`,
      help,
      read: () => {
        const figures = read();
        return oneReading(figures && pick(figures));
      },
    });
  gauge('accounts', 'Accounts.', ({ accountCount }) => accountCount);
  gauge('mailboxes', 'Mailboxes.', ({ mailboxCount }) => mailboxCount);
  gauge('messages', 'Messages in all mailboxes.', ({ messageCount }) => messageCount);
  gauge('message_bytes', 'Bytes of these messages.', ({ messageBytes }) => messageBytes);
  gauge('bodies', 'Message bodies; equal messages share one.', ({ bodyCount }) => bodyCount);
  gauge('body_bytes', 'Bytes of these bodies.', ({ bodyBytes }) => bodyBytes);
  gauge(
    'single_instance_ratio',
    'Bytes of messages for each byte of bodies: 1 if no two messages are equal.',
    singleInstanceRatio,
  );
}
