import { createRequire } from 'node:module';

const packageFile = createRequire(import.meta.url)('reprise/package.json') as { version: string };

/** The version of Reprise, from package.json. */
export const serverVersion = packageFile.version;
