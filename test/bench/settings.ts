/** The arguments of the form `NAME=value`: variables for the environment of a server. */
export function environmentOf(settings: readonly string[]): Readonly<Record<string, string>> {
  const pairs = settings.map((text) => /^(\w+)=(.*)$/.exec(text)?.slice(1) ?? []);
  return Object.fromEntries(pairs.filter((pair) => pair.length === 2));
}

/** The arguments that are options of node, as `--max-semi-space-size=8`. */
export function nodeOptionsOf(settings: readonly string[]): readonly string[] {
  return settings.filter((text) => text.startsWith('-'));
}

/** The other arguments, in order. */
export function positionalOf(settings: readonly string[]): readonly string[] {
  return settings.filter((text) => !text.startsWith('-') && !/^\w+=/.test(text));
}
