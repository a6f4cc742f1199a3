/** What the connections of a soak are, each share in percent and independent of the others. */
export interface LoadMix {
  /** Speak TLS 1.2; the others TLS 1.3. */
  readonly tls12: number;
  /** Come to 143 and ask for STARTTLS; the others to 993. */
  readonly starttls: number;
  /** Come back with a session they were given, where there is one; the others are new. */
  readonly returning: number;
  /** Never come back: nobody asks for their sessions any more. */
  readonly lost: number;
  /** Log in; the others leave after their first command. */
  readonly login: number;
  /** Reset the connection; the others end TLS and TCP in good order. */
  readonly reset: number;
  /** Reset it in the middle of the handshake. */
  readonly abandoned: number;
}

/** The load of KB Q316683: many short connections, full handshakes and resumed ones, on both ports. */
export const defaultMix: LoadMix = {
  tls12: 40,
  starttls: 40,
  returning: 50,
  lost: 20,
  login: 50,
  reset: 30,
  abandoned: 3,
};

const names = Object.keys(defaultMix) as readonly (keyof LoadMix)[];

/**
 * Reads `tls12=40,reset=0`; what is not named is as in {@link defaultMix}.
 *
 * @throws RangeError where a name is unknown or a share is not a number from 0 to 100
 */
export function parseMix(text: string): LoadMix {
  const mix: { -readonly [Name in keyof LoadMix]: number } = { ...defaultMix };
  for (const part of text.split(',')) {
    const [name, share, ...rest] = part.split('=');
    const percent = share === undefined || share.trim() === '' ? Number.NaN : Number(share);
    const known = names.find((candidate) => candidate === name?.trim());
    if (known === undefined || rest.length > 0 || !(percent >= 0 && percent <= 100)) {
      throw new RangeError(
        `Cannot read "${part}" of the mix: allowed are ${names.join(', ')}, each =0 to =100`,
      );
    }
    mix[known] = percent;
  }
  return mix;
}

/** As {@link parseMix} reads it. */
export function formatMix(mix: LoadMix): string {
  return names.map((name) => `${name}=${mix[name]}`).join(',');
}
