import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { checkTogether } from './check-together.ts';
import { type Configuration, toConfiguration } from './configuration.ts';
import { ConfigurationError } from './configuration-error.ts';
import {
  type ConfigurationKey,
  configurationKeys,
  configurationSchema,
} from './configuration-schema.ts';
import { withoutPassword } from './session-cache-setting.ts';

/** Where the keys come from. */
export interface ReadConfigurationOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A YAML file with the same keys; absent: `REPRISE_CONFIG` of the environment names it, or none is read. */
  readonly filePath?: string;
}

/** An empty list of what is off leaves all on, also what is off by default. */
const keysThatMayBeEmpty: ReadonlySet<string> = new Set<ConfigurationKey>([
  'REPRISE_CAPABILITIES_OFF',
]);

interface Setting {
  readonly text: string;
  /** Where the value comes from, for the text of an error. */
  readonly source: string;
}

/**
 * Reads the configuration: the environment first, then the file, then the defaults. A variable that is
 * empty counts as absent, unless to be empty says something ({@link keysThatMayBeEmpty}). Relative paths are relative to the working directory.
 *
 * Throws a {@link ConfigurationError} that names every key that is unknown or has a bad value.
 */
export function readConfiguration(options: ReadConfigurationOptions): Configuration {
  const problems: string[] = [];
  const filePath = options.filePath ?? nonEmpty(options.environment['REPRISE_CONFIG']);
  const settings = filePath === undefined ? new Map() : readFile(filePath, problems);
  for (const [key, setting] of readEnvironment(options.environment)) settings.set(key, setting);
  const known = withoutUnknown(settings, problems);
  const parsed = configurationSchema.safeParse(
    Object.fromEntries([...known].map(([key, setting]) => [key, setting.text])),
  );
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const key = String(issue.path[0]) as ConfigurationKey;
      problems.push(problem(key, known.get(key), issue.message));
    }
    throw new ConfigurationError(problems);
  }
  for (const { key, text } of checkTogether(parsed.data, options.environment)) {
    problems.push(key === undefined ? text : problem(key, known.get(key), text));
  }
  if (problems.length > 0) throw new ConfigurationError(problems);
  return toConfiguration(parsed.data);
}

function readEnvironment(environment: ReadConfigurationOptions['environment']) {
  const settings = new Map<string, Setting>();
  for (const [key, text] of Object.entries(environment)) {
    if (!key.startsWith('REPRISE_') || key === 'REPRISE_CONFIG') continue;
    if (text === undefined || (text === '' && !keysThatMayBeEmpty.has(key))) continue;
    settings.set(key, { text, source: 'the environment' });
  }
  return settings;
}

function readFile(filePath: string, problems: string[]): Map<string, Setting> {
  const settings = new Map<string, Setting>();
  let content: unknown;
  try {
    content = parseYaml(readFileSync(filePath, 'utf8'), { maxAliasCount: 0 });
  } catch (error) {
    // The text of a YAML error goes on with a picture of the place, which is not one line.
    const reason = (error as Error).message.split('\n', 1)[0];
    throw new ConfigurationError([`Cannot read configuration file "${filePath}": ${reason}`]);
  }
  if (content === null || content === undefined) return settings;
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new ConfigurationError([
      `Cannot read configuration file "${filePath}": it must hold keys and values, as REPRISE_IMAP_PORT: 1143`,
    ]);
  }
  for (const [key, value] of Object.entries(content)) {
    if (value === null || value === '') {
      if (keysThatMayBeEmpty.has(key)) settings.set(key, { text: '', source: filePath });
      continue;
    }
    if (typeof value === 'string' || typeof value === 'number') {
      settings.set(key, { text: String(value), source: filePath });
    } else {
      problems.push(`${key} in ${filePath} must be text or a number, got ${kindOf(value)}`);
    }
  }
  return settings;
}

function withoutUnknown(
  settings: ReadonlyMap<string, Setting>,
  problems: string[],
): Map<ConfigurationKey, Setting> {
  const known = new Map<ConfigurationKey, Setting>();
  for (const [key, setting] of settings) {
    if (isConfigurationKey(key)) known.set(key, setting);
    else {
      // Not the value: whose name is misspelt may be a password or a URL that holds one.
      problems.push(
        `${key} (from ${setting.source}) is not a key of Reprise; the keys are ${configurationKeys.join(', ')}`,
      );
    }
  }
  return known;
}

function problem(key: ConfigurationKey, setting: Setting | undefined, allowed: string): string {
  const text = withoutPassword(setting?.text ?? '');
  return `${key}="${text}" (from ${setting?.source ?? 'nowhere'}) ${allowed}`;
}

/** What a YAML value is, without its content, which may be a secret. */
function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a mapping' : `a ${typeof value}`;
}

function isConfigurationKey(key: string): key is ConfigurationKey {
  return (configurationKeys as readonly string[]).includes(key);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
