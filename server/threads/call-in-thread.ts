import { isMainThread, parentPort, threadName, Worker, workerData } from 'node:worker_threads';
import type { SelfSignedCertificate, SelfSignedCertificateOptions } from '../../tls/index.ts';
import type { Configuration } from '../config/configuration.ts';
import type { ReadConfigurationOptions } from '../config/read-configuration.ts';

/** What can be called in a thread: exports of modules, which take and return plain data. */
interface ThreadFunctions {
  readonly readConfiguration: (options: ReadConfigurationOptions) => Configuration;
  readonly makeSelfSignedCertificate: (
    options: SelfSignedCertificateOptions,
  ) => Promise<SelfSignedCertificate>;
  readonly trimAllocator: (options: undefined) => boolean;
}

type Name = keyof ThreadFunctions;
type Argument<N extends Name> = Parameters<ThreadFunctions[N]>[0];
type Result<N extends Name> = Awaited<ReturnType<ThreadFunctions[N]>>;

const load: { readonly [N in Name]: () => Promise<Pick<ThreadFunctions, N>> } = {
  readConfiguration: () => import('../config/read-configuration.ts'),
  makeSelfSignedCertificate: () => import('../../tls/index.ts'),
  trimAllocator: () => import('./allocator.ts'),
};

const calledThreadName = 'reprise-call';

/**
 * Calls a function in a thread of its own, which ends with it and takes along all that it has loaded. What checks
 * a configuration or makes a certificate takes 8 to 12 MiB, which a server would keep for as long as it runs.
 *
 * Rejects with what the function throws; a class of ours is an `Error` with its properties then.
 */
export async function callInThread<N extends Name>(
  name: N,
  argument: Argument<N>,
): Promise<Result<N>> {
  const thread = new Worker(new URL(import.meta.url), {
    name: calledThreadName,
    workerData: { name, argument },
    // Not the flags of the process: some of them, like --input-type, make a thread of a file fail. That `node:ffi` is new is no
    // news for the log.
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  return new Promise<Result<N>>((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
    thread.once('exit', (code) => reject(new Error(`A thread has ended with ${code}`)));
  });
}

async function answer<N extends Name>(name: N, argument: Argument<N>): Promise<void> {
  const module = await load[name]();
  const call = module[name] as (argument: Argument<N>) => Result<N> | Promise<Result<N>>;
  parentPort?.postMessage(await call(argument), []);
}

if (!isMainThread && threadName === calledThreadName) {
  const { name, argument } = workerData as { name: Name; argument: Argument<Name> };
  await answer(name, argument);
}
