import type { ImportSource, SourceMessage } from '../../../server/import/import-source.ts';
import { readAll } from './read-all.ts';

/** All that a source gives and tells, with the texts of its messages. */
export async function drain(source: ImportSource | undefined) {
  const messages: SourceMessage[] = [];
  const texts: string[] = [];
  const progress: number[] = [];
  /** `origin: reason` of each. */
  const refused: string[] = [];
  const losses: string[] = [];
  let deleted = 0;
  const report = {
    onProgress: (units: number) => progress.push(units),
    onRefused: (origin: string, reason: string) => refused.push(`${origin}: ${reason}`),
    onDeleted: () => (deleted += 1),
    onLoss: (origin: string, reason: string) => losses.push(`${origin}: ${reason}`),
  };
  for await (const message of source?.messages(report) ?? []) {
    messages.push(message);
    texts.push((await readAll(message.read())).toString());
  }
  return { messages, texts, progress, refused, losses, deleted };
}
