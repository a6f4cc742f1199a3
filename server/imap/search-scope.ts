import type { MailStore } from '../../store/mail-store.ts';
import type { MailboxView } from './mailbox-view.ts';
import type { Responses } from './responses.ts';
import type { ServiceContext } from './service-context.ts';

/** What a search of one mailbox needs: a session with a selected mailbox, or one that looks into another mailbox. */
export interface SearchScope {
  readonly view: MailboxView;
  readonly store: MailStore;
  readonly out: Responses;
  readonly context: Pick<ServiceContext, 'clock'>;
  /** As that of the session. */
  readonly messageLimit: number;
}
