const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/**
 * Bytes of a size as people write it: `67108864`, `64MiB`, `64 MB`. Units of 1,000 (kB, MB, GB) and of
 * 1,024 (KiB, MiB, GiB), without regard to case. Undefined if the text is not such a size.
 */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([a-z]{0,3})$/i.exec(text);
  const unit = units[match?.[2]?.toLowerCase() ?? 'none'];
  if (match === null || unit === undefined) return undefined;
  const bytes = Number(match[1]) * unit;
  return unit === 1 && !Number.isInteger(bytes) ? undefined : Math.round(bytes);
}

/** A size for a person to read: `64 MiB`, `1.5 KiB`, `12 bytes`. */
export function formatByteSize(bytes: number): string {
  for (const [name, unit] of [
    ['GiB', 1024 ** 3],
    ['MiB', 1024 ** 2],
    ['KiB', 1024],
  ] as const) {
    if (bytes >= unit) return `${Number((bytes / unit).toFixed(1))} ${name}`;
  }
  return `${bytes} bytes`;
}
