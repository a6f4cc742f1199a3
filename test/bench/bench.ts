// Runs one of the benches beside this file, or tells their names: npm run bench -- [NAME [argument …]]
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [name, ...argv] = process.argv.slice(2);
const benches = findBenches();
const path = benches.get(name ?? '');
if (path === undefined) {
  for (const [each, eachPath] of benches) console.log(`${each.padEnd(22)} ${summary(eachPath)}`);
  process.exitCode = name === undefined ? 0 : 1;
} else {
  process.argv = [process.execPath, path, ...argv];
  await import(path);
}

/** Paths by name: the files that say what they measure in a comment at the very beginning. */
function findBenches(): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const file of readdirSync(import.meta.dirname).toSorted()) {
    const filePath = join(import.meta.dirname, file);
    if (!file.endsWith('.ts') || filePath === import.meta.filename) continue;
    if (readFileSync(filePath, 'utf8').startsWith('// ')) paths.set(file.slice(0, -3), filePath);
  }
  return paths;
}

/** The beginning of a bench's comment. */
function summary(benchPath: string): string {
  const comment = /^(?:\/\/.*\n)+/.exec(readFileSync(benchPath, 'utf8'))?.[0] ?? '';
  const text = comment.replaceAll(/^\/\/ ?/gm, '').replaceAll(/\s+/g, ' ');
  return text.split(/[:.;] /)[0] ?? '';
}
