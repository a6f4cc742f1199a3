import { startRecorder } from '../transcripts/recorder.ts';
import type { RecordOptions } from './command-options.ts';
import { targetOf } from './script.ts';
import { UsageError } from './usage-error.ts';

/**
 * `record`: stands between clients and a server until SIGINT or SIGTERM, and writes what they say to standard output, as a
 * transcript.
 */
export async function record(options: RecordOptions): Promise<void> {
  const end = Promise.race(['SIGINT', 'SIGTERM'].map(signalled));
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(options.to) ?? [];
  if (host === undefined || port === undefined) {
    throw new UsageError(`A server is HOST:PORT, not "${options.to}"`);
  }
  const listenPort = Number(options.listen);
  if (!/^\d{1,5}$/.test(options.listen) || listenPort > 65_535) {
    throw new UsageError(`Ports are 0 to 65535, not "${options.listen}"`);
  }
  const recorder = await startRecorder({
    port: listenPort,
    target: await targetOf({ ...options, host, port }),
    write: (line) => process.stdout.write(`${line}\n`),
    onError: (error) => process.stderr.write(`reprise: ${options.to}: ${error.message}\n`),
  });
  process.stderr.write(
    `Recording what clients of 127.0.0.1:${recorder.port} (no TLS) say with ${options.to}; Ctrl+C ends it\n`,
  );
  await end;
  await recorder.close();
}

function signalled(signal: string): Promise<void> {
  return new Promise((resolve) => {
    process.once(signal, () => resolve());
  });
}
