import t from 'tap';
import { startImapService } from '../fixtures/imap-service.ts';
import { runNotifyScene } from './notify-clients.ts';

const service = await startImapService(t);

for (const filter of ['SELECTED', 'SELECTED-DELAYED'] as const) {
  for (const enabled of [undefined, 'CONDSTORE', 'QRESYNC'] as const) {
    await t.test(`what NOTIFY tells, ${filter}, ${enabled ?? 'nothing'} enabled`, async (t) => {
      const options = { filter, ...(enabled && { enabled }) };
      for (let seed = 1; seed <= 3; seed++) {
        const login = await service.newAccount();
        t.equal(await runNotifyScene({ login, seed, stepCount: 200, ...options }), undefined);
      }
    });
  }
}
