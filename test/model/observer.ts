import { conditionValue } from './view-check.ts';
import type { Observation, Observations } from './step-check.ts';
import type { ServerResponse } from './server-responses.ts';
import type { ModelClient } from './model-client.ts';

/** After so many looks the connection is made anew. */
const looksPerConnection = 300;

/** A client that never saw the mailboxes before: what it finds is what is there. */
export class Observer {
  readonly #connect: () => Promise<ModelClient>;
  #client: ModelClient | undefined;
  #lookCount = 0;

  constructor(connect: () => Promise<ModelClient>) {
    this.#connect = connect;
  }

  /** Reads mailboxes by name, each selected anew; undefined for a name that there is not. */
  async observe(names: readonly string[]): Promise<Observations> {
    const client = await this.#ready();
    const commands = names.flatMap((name) => [
      `EXAMINE ${name} (CONDSTORE)`,
      'UID FETCH 1:* (FLAGS MODSEQ)',
    ]);
    const answers = await exchange(client, [...commands, 'UNSELECT']);
    return new Map(
      names.map((name, index) => [
        name,
        readObservation(answers[2 * index]!, answers[2 * index + 1]!),
      ]),
    );
  }

  /** Sends commands whose answers are of no interest. */
  async send(commands: readonly string[]): Promise<void> {
    if (commands.length > 0) await exchange(await this.#ready(), commands);
  }

  close(): void {
    this.#client?.drop();
    this.#client = undefined;
  }

  async #ready(): Promise<ModelClient> {
    if (this.#client?.isClosed === true || ++this.#lookCount % looksPerConnection === 0)
      this.close();
    this.#client ??= await this.#connect();
    return this.#client;
  }
}

/** The responses to each of several commands that are sent at once. */
async function exchange(
  client: ModelClient,
  commands: readonly string[],
): Promise<ServerResponse[][]> {
  const tags = client.sendAll(commands);
  await client.answered(tags.at(-1)!);
  const answers: ServerResponse[][] = commands.map(() => []);
  let at = 0;
  for (const response of client.take()) {
    answers[at]?.push(response);
    if (response.kind === 'tagged') at += 1;
  }
  return answers;
}

function readObservation(
  opening: readonly ServerResponse[],
  fetched: readonly ServerResponse[],
): Observation | undefined {
  const answer = opening.at(-1);
  if (answer?.kind !== 'tagged' || answer.status !== 'OK') return undefined;
  const codes = opening.flatMap((each) => (each.kind === 'condition' ? [each.code] : []));
  const messages = new Map<number, { flags: string; modseq: number }>();
  for (const response of fetched) {
    if (response.kind !== 'fetch' || response.uid === undefined) continue;
    const { uid, flags = '', modseq = 0 } = response;
    messages.set(uid, { flags, modseq });
  }
  return {
    messages,
    uidValidity: conditionValue(codes, 'UIDVALIDITY') ?? 0,
    uidNext: conditionValue(codes, 'UIDNEXT') ?? 0,
    highestModseq: conditionValue(codes, 'HIGHESTMODSEQ') ?? 0,
  };
}
