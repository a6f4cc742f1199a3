import { CommandClient } from './command-client.ts';
import { Conversation, type ScenarioState } from './conversation.ts';
import type { Difference, ScenarioResult } from './result.ts';
import { supplyValues, type TranscriptCredentials } from './supplied-values.ts';
import { askCapabilities, logIn, prepareScenario, type TestAccount } from './test-account.ts';
import type { ExpectStep, Revision, Scenario, Step } from './transcript.ts';
import { ServerUnreachableError, TranscriptRunError } from './transcript-error.ts';
import { WireConnection, type WireOptions } from './wire-connection.ts';

/** What a scenario is run with. */
export interface ScenarioOptions extends WireOptions {
  readonly revision: Revision;
  readonly credentials: TranscriptCredentials;
  readonly account: TestAccount;
  /** True if all mail of the account may be removed at its first use. */
  readonly isWiped: boolean;
  /** True if each connection is to resume a TLS session. */
  readonly isResuming: boolean;
  /** True if it goes on behind the first exchange that differs. */
  readonly isGoingOn: boolean;
}

/** Runs a scenario in one revision. It rejects for nothing that a server does. */
export async function runScenario(
  scenario: Scenario,
  options: ScenarioOptions,
): Promise<ScenarioResult> {
  const run = new ScenarioRun(scenario, options);
  try {
    return await run.run();
  } catch (error) {
    if (!(error instanceof TranscriptRunError)) throw error;
    return run.result(outcomeOf(error), error.message);
  } finally {
    run.close();
  }
}

/** What a scenario is said to be that ends so. */
export function outcomeOf(error: TranscriptRunError): 'impossible' | 'unreachable' {
  return error instanceof ServerUnreachableError ? 'unreachable' : 'impossible';
}

class ScenarioRun {
  readonly #scenario: Scenario;
  readonly #options: ScenarioOptions;
  readonly #state: ScenarioState;
  readonly #wires: WireConnection[] = [];
  readonly #conversations = new Map<number, Conversation>();
  #capabilities: ReadonlySet<string> = new Set();

  constructor(scenario: Scenario, options: ScenarioOptions) {
    this.#scenario = scenario;
    this.#options = options;
    this.#state = {
      captures: supplyValues(options.credentials),
      allowed: [],
      differences: [],
      isOver: false,
    };
  }

  async run(): Promise<ScenarioResult> {
    const unfit = await this.#prepare();
    if (unfit !== undefined) return this.result('skipped', unfit);
    const { revision, isGoingOn } = this.#options;
    const steps = stepsOf(this.#scenario.steps, revision);
    for (const [index, step] of steps.entries()) {
      const isDifferent = this.#state.differences.length > 0;
      if (this.#state.isOver || (isDifferent && !isGoingOn && step.type === 'send')) break;
      await this.#runStep(step, laterOf(steps, index));
    }
    const isWhole = this.#state.differences.length === 0;
    if (isWhole) {
      for (const conversation of this.#conversations.values()) await conversation.leave();
    }
    return this.result(this.#state.differences.length === 0 ? 'passed' : 'failed', undefined);
  }

  result(outcome: ScenarioResult['outcome'], reason: string | undefined): ScenarioResult {
    const { title, line, rfc } = this.#scenario;
    const resumed = this.#wires.filter((wire) => wire.isResumed).length;
    const { revision } = this.#options;
    const { differences } = this.#state;
    const connections = this.#wires.length;
    return { title, line, rfc, revision, outcome, reason, differences, connections, resumed };
  }

  close(): void {
    for (const wire of this.#wires) wire.close();
  }

  async #runStep(step: Step, later: readonly ExpectStep[]): Promise<void> {
    if (step.type === 'allow') {
      this.#state.allowed.push(step.response);
      return;
    }
    const conversation = await this.#conversation(step.connection, step.line);
    switch (step.type) {
      case 'send':
        conversation.send(step);
        return;
      case 'expect':
        await conversation.expect(step, later);
        return;
      case 'any-order':
        await conversation.expectAnyOrder(step);
        return;
      case 'anything':
        conversation.allowAnything();
        return;
      case 'start-tls':
        await conversation.startTls();
        return;
      case 'start-deflate':
        conversation.startDeflate();
        return;
      case 'server-closes':
        await conversation.expectClose(step.line);
        this.#conversations.delete(step.connection);
        return;
      case 'client-closes':
        conversation.close();
        this.#conversations.delete(step.connection);
    }
  }

  /** Looks what the server can, and puts the account in order; why the scenario does not fit, if so. */
  async #prepare(): Promise<string | undefined> {
    const { state, transport, mailboxes, messages } = this.#scenario;
    const { security } = this.#options.target;
    if (transport === 'plain' && security !== 'plain') return 'it is for connections without TLS';
    if (transport === 'encrypted' && security === 'plain') return 'it is for connections with TLS';
    if (security === 'starttls' && state === 'not authenticated') {
      return 'it begins with the greeting, before STARTTLS';
    }
    const wire = await this.#connect();
    const client = new CommandClient(wire);
    const isLoggedIn = (await client.greet()).status === 'PREAUTH';
    const capabilities = new Set(await askCapabilities(client));
    const isDisabled = () => security === 'plain' && capabilities.has('LOGINDISABLED');
    if (security === 'starttls') await this.#startTls(wire, client, capabilities);
    const needsLogin = state !== 'not authenticated' || mailboxes.length + messages.length > 0;
    if (isDisabled() && needsLogin) return 'the server takes no login without TLS';
    if (!isDisabled()) {
      if (!isLoggedIn) await logIn(client, this.#options.credentials);
      for (const name of await askCapabilities(client)) capabilities.add(name);
    }
    this.#capabilities = capabilities;
    const unfit = this.#missing(capabilities);
    if (unfit === undefined && !isDisabled()) {
      await this.#options.account.reset(client, this.#options.isWiped);
      await prepareScenario(client, this.#scenario);
    }
    await client.command('LOGOUT');
    wire.close();
    return unfit;
  }

  #missing(capabilities: ReadonlySet<string>): string | undefined {
    const { needs, lacks } = this.#scenario;
    const revision = this.#options.revision === 'rev1' ? 'IMAP4rev1' : 'IMAP4rev2';
    const needed = new Set([revision, ...needs]);
    const missing = [...needed].filter((name) => !capabilities.has(name.toUpperCase()));
    if (missing.length > 0) return `the server does not announce ${missing.join(', ')}`;
    const found = lacks.filter((name) => capabilities.has(name.toUpperCase()));
    return found.length > 0 ? `the server announces ${found.join(', ')}` : undefined;
  }

  async #connect(): Promise<WireConnection> {
    const wire = await WireConnection.connect(this.#options);
    this.#wires.push(wire);
    return wire;
  }

  async #startTls(
    wire: WireConnection,
    client: CommandClient,
    capabilities: Set<string>,
  ): Promise<void> {
    await client.expectOk('STARTTLS');
    await wire.startTls();
    for (const name of await askCapabilities(client)) capabilities.add(name);
  }

  /** The connection of this number, in the state in which the scenario begins. */
  async #conversation(number: number, line: number): Promise<Conversation> {
    const known = this.#conversations.get(number);
    if (known !== undefined) return known;
    const wire = await this.#connect();
    if (this.#scenario.state !== 'not authenticated') await this.#begin(wire);
    if (this.#options.isResuming && wire.isEncrypted && !wire.isResumed) {
      this.#state.differences.push(notResumed(line, number));
    }
    const conversation = new Conversation(wire, number, this.#state);
    this.#conversations.set(number, conversation);
    return conversation;
  }

  async #begin(wire: WireConnection): Promise<void> {
    const client = new CommandClient(wire);
    const { revision, target, credentials } = this.#options;
    const isLoggedIn = (await client.greet()).status === 'PREAUTH';
    if (target.security === 'starttls') {
      await client.expectOk('STARTTLS');
      await wire.startTls();
    }
    if (!isLoggedIn) await logIn(client, credentials);
    if (revision === 'rev2' && this.#capabilities.has('IMAP4REV1')) {
      await client.expectOk('ENABLE IMAP4rev2');
    }
    if (this.#scenario.state === 'selected') await client.expectOk('SELECT INBOX');
  }
}

/** The steps that are for a revision, also within blocks. */
function stepsOf(steps: readonly Step[], revision: Revision): Step[] {
  const isMeant = (step: Step) => (step.revision ?? revision) === revision;
  return steps
    .filter(isMeant)
    .map((step) =>
      step.type === 'any-order' ? { ...step, steps: step.steps.filter(isMeant) } : step,
    );
}

/** What is expected on the connection of a step before anything is sent on it again. */
function laterOf(steps: readonly Step[], index: number): ExpectStep[] {
  const later: ExpectStep[] = [];
  const connection = steps[index]?.connection;
  for (const step of steps.slice(index + 1)) {
    if (step.connection !== connection) continue;
    if (step.type === 'send') break;
    if (step.type === 'expect') later.push(step);
  }
  return later;
}

function notResumed(line: number, connection: number): Difference {
  return {
    line,
    connection,
    type: 'not-resumed',
    sent: undefined,
    expected: undefined,
    received: undefined,
    detail: undefined,
    reason: 'the TLS session was not resumed',
    captured: {},
  };
}
