import { formatByteSize } from '../config/byte-size.ts';
import type { Configuration } from '../config/configuration.ts';
import { allocatorName } from '../self-test/allocators.ts';
import { tryMemory } from '../self-test/memory-round.ts';
import {
  type MemoryResult,
  type ResumptionResult,
  returnedShare,
  type RotationResult,
  type SelfTestReport,
} from '../self-test/report.ts';
import {
  kindsOf,
  rotationLifetimeSeconds,
  tryResumption,
  tryRotation,
} from '../self-test/resumption-round.ts';
import { startTestedServer, type TestedServer } from '../self-test/test-servers.ts';
import { proofKindNames } from '../threads/resumption-proof.ts';
import { serverVersion } from '../version.ts';
import { readCommandConfiguration } from './command-configuration.ts';
import type { SelfTestOptions } from './command-options.ts';

/** How long sessions of the cache live in the test, in seconds: longer than it takes. */
const cacheLifetimeSeconds = 600;

/**
 * `self-test`: whether clients resume and memory comes back, with this Node, this allocator and the TLS settings of the
 * configuration. The exit code is 1 if not.
 */
export async function selfTest(options: SelfTestOptions): Promise<void> {
  const configuration = readCommandConfiguration(options);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const startedAt = performance.now();
  const output = options.json === true ? new SilentOutput() : new TextOutput();
  const report = await run(configuration, output);
  if (options.json === true) console.log(JSON.stringify(report));
  else output.finish(report, performance.now() - startedAt);
  if (!report.isPassed) process.exitCode = 1;
}

/** Told of each result as soon as it is there. */
interface Output {
  begin(report: SelfTestHead): void;
  resumption(result: ResumptionResult): void;
  rotation(result: RotationResult): void;
  memory(result: MemoryResult): void;
  finish(report: SelfTestReport, durationMs: number): void;
}

type SelfTestHead = Omit<SelfTestReport, 'isPassed' | 'resumption' | 'rotation' | 'memory'>;

async function run(configuration: Configuration, output: Output): Promise<SelfTestReport> {
  const head = headOf(configuration);
  output.begin(head);
  const resumption: ResumptionResult[] = [];
  const rotation: RotationResult[] = [];
  const memory: MemoryResult[] = [];
  const onResumption = (result: ResumptionResult) => {
    resumption.push(result);
    output.resumption(result);
  };
  const onRotation = (result: RotationResult) => {
    rotation.push(result);
    output.rotation(result);
  };
  const { kind } = configuration.sessionCache;
  if (kind !== 'off' && kind !== 'tickets') {
    await withServer(configuration, 'stateful', (tested) => tryResumption(tested, onResumption));
  }
  if (kind !== 'off' && configuration.clientCertificates === undefined) {
    await withServer(configuration, 'tickets', async (tested) => {
      await tryResumption(tested, onResumption);
      const kinds = kindsOf(tested);
      for (const result of await Promise.all(kinds.map((kind) => tryRotation(tested, kind)))) {
        onRotation(result);
      }
    });
  }
  await tryMemory((result) => {
    memory.push(result);
    output.memory(result);
  });
  const isPassed = [...resumption, ...rotation, ...memory].every(({ isPassed }) => isPassed);
  return { isPassed, ...head, resumption, rotation, memory };
}

/** Starts a server that resumes in this way, and ends it when the trials are done. */
async function withServer(
  configuration: Configuration,
  kind: 'stateful' | 'tickets',
  trials: (tested: TestedServer) => Promise<void>,
): Promise<void> {
  const lifetimeSeconds = kind === 'tickets' ? rotationLifetimeSeconds : cacheLifetimeSeconds;
  const tested = await startTestedServer(configuration, { kind, lifetimeSeconds });
  try {
    await trials(tested);
  } finally {
    await tested.close();
  }
}

function headOf(configuration: Configuration): SelfTestHead {
  const { tlsPolicy: policy, sessionCache, clientCertificates, workerCount } = configuration;
  const { kind } = sessionCache;
  const notes = [`${workerCount} worker${workerCount === 1 ? '' : 's'}, a certificate of its own`];
  if (kind === 'redis' || kind === 'module') notes.push(`memory stands in for the ${kind} cache`);
  if (kind === 'off') notes.push('resumption is off: there is nothing to try');
  if (clientCertificates !== undefined)
    notes.push('clients show a certificate, so there are no tickets');
  return {
    version: serverVersion,
    node: process.versions.node,
    openssl: process.versions.openssl ?? 'unknown',
    allocator: allocatorName(),
    policy,
    sessionCache: kind,
    notes,
  };
}

class SilentOutput implements Output {
  begin(): void {}
  resumption(): void {}
  rotation(): void {}
  memory(): void {}
  finish(): void {}
}

const portNames = { imaps: 'TLS', starttls: 'STARTTLS' } as const;

/** Tells a person. */
class TextOutput implements Output {
  #isMemoryTold = false;

  begin({ version, node, openssl, allocator, policy, sessionCache, notes }: SelfTestHead): void {
    console.log(`Reprise ${version}, Node ${node}, OpenSSL ${openssl}, allocator ${allocator}`);
    console.log(`Resumption: policy ${policy}, session cache ${sessionCache}; ${notes.join('; ')}`);
  }

  resumption(result: ResumptionResult): void {
    const { kind, port, reconnections, resumed, resumedAsMeant } = result;
    const others =
      resumedAsMeant === resumed ? '' : `, ${resumed - resumedAsMeant} of them in another way`;
    const name = `${proofKindNames[kind]}, ${portNames[port]}`;
    print(result, `${name}: ${resumed} of ${reconnections} reconnections resumed${others}`);
  }

  rotation(result: RotationResult): void {
    const { kind, reconnections, resumed, keys } = result;
    const counts = `${resumed} of ${reconnections} reconnections resumed, ${keys} keys seen`;
    print(result, `${proofKindNames[kind]} while ticket keys change: ${counts}`);
  }

  memory(result: MemoryResult): void {
    if (!this.#isMemoryTold)
      console.log('Memory: sessions arrive and expire, in a process of their own');
    this.#isMemoryTold = true;
    const { allocator, sessions, beforeBytes, fullBytes, afterBytes } = result;
    const [before, full, after] = [beforeBytes, fullBytes, afterBytes].map(roundSize);
    const share = Math.floor(100 * returnedShare(result));
    print(
      result,
      `${allocator}: ${before} before, ${full} with ${sessions.toLocaleString('en')} sessions, ${after} after: ${share} % came back`,
    );
  }

  finish({ isPassed, node }: SelfTestReport, durationMs: number): void {
    const seconds = (durationMs / 1000).toFixed(1);
    console.log(
      isPassed
        ? `All is well; it took ${seconds} s`
        : `Something is not as it should be with Node ${node}: what says FAILED does not work here`,
    );
  }
}

function print(
  { isPassed, reason }: { readonly isPassed: boolean; readonly reason?: string },
  text: string,
): void {
  console.log(
    `  ${isPassed ? 'ok    ' : 'FAILED'} ${text}${reason === undefined ? '' : ` (${reason})`}`,
  );
}

function roundSize(bytes: number): string {
  return formatByteSize(Math.round(bytes / 1024 ** 2) * 1024 ** 2);
}
