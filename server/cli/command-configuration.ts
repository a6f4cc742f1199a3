import type { Configuration } from '../config/configuration.ts';
import { readConfiguration } from '../config/read-configuration.ts';
import type { GlobalOptions } from './command-options.ts';

/** The configuration that a command works with: of its environment, and of the file that its options name. */
export function readCommandConfiguration({ config }: GlobalOptions): Configuration {
  return readConfiguration({
    environment: process.env,
    ...(config !== undefined && { filePath: config }),
  });
}
