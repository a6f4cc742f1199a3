import * as z from 'zod';
import type { PurgeReport, SessionReport } from '../admin/session-administration.ts';
import type { ImportOutcome } from '../import/import-target.ts';

/**
 * What goes over `control.sock`: a request a line and an answer a line, both JSON, one request at a time.
 * Behind an `addMessages` request come the bytes of its messages, without anything between them.
 */
const credentials = z.strictObject({ argon2id: z.string(), scramSha256: z.string() });

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What a command of the shell asks of a running server: one line of JSON. */
export const controlRequestSchema = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('listUsers') }),
  z.strictObject({ method: z.literal('addUser'), name: z.string(), credentials }),
  z.strictObject({ method: z.literal('changePassword'), name: z.string(), credentials }),
  z.strictObject({ method: z.literal('removeUser'), name: z.string() }),
  z.strictObject({ method: z.literal('sessionReport') }),
  z.strictObject({
    method: z.literal('purgeSessions'),
    owner: z.union([
      z.literal('all'),
      z.strictObject({ account: z.string() }),
      z.strictObject({ certificate: z.string() }),
    ]),
  }),
  z.strictObject({
    method: z.literal('openImport'),
    userName: z.string(),
    mailboxName: z.string(),
  }),
  z.strictObject({
    method: z.literal('subscribe'),
    userName: z.string(),
    mailboxName: z.string(),
  }),
  // The following are about the mailbox that the connection has opened for an import.
  z.strictObject({ method: z.literal('countImported'), sha256s: z.array(sha256) }),
  z.strictObject({
    method: z.literal('addMessages'),
    messages: z.array(
      z.strictObject({
        sha256,
        sizeBytes: z.int().nonnegative(),
        flags: z.array(z.string()),
        internalDate: z.strictObject({ epochMs: z.int(), zoneMinutes: z.int() }),
        occurrence: z.int().positive(),
      }),
    ),
  }),
]);

/** A request that was checked. */
export type ControlRequest = z.infer<typeof controlRequestSchema>;

/** What each method answers. */
export interface ControlResults {
  listUsers: readonly string[];
  addUser: null;
  changePassword: null;
  removeUser: null;
  sessionReport: SessionReport;
  purgeSessions: PurgeReport;
  /** The key of the mailbox. */
  openImport: string;
  subscribe: null;
  countImported: readonly number[];
  addMessages: readonly ImportOutcome[];
}

/** `code` is that of a `StoreError`; absent for any other error. */
export type ControlResponse =
  | { readonly result: unknown }
  | { readonly error: { readonly code?: string; readonly text: string } };
