// Runs the conformance suite on a cache of one's own, a module as REPRISE_SESSION_CACHE=module:PATH takes it:
// `npm run -s check:session-cache -- PATH`. Prints TAP.
import t from 'tap';
import { loadSessionCacheModule } from '../../tls/index.ts';
import {
  contractLifetimeMs,
  testSessionCacheContract,
} from '../fixtures/session-cache-contract.ts';

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('Name the module of the session cache');
testSessionCacheContract(t, {
  makeCache: (clock) =>
    loadSessionCacheModule(path, {
      lifetimeMs: contractLifetimeMs,
      maxBytes: 2 * 1024 * 1024,
      clock,
    }),
});
