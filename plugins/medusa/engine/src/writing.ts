import { AsyncLocalStorage } from 'node:async_hooks';

/** What stands at Vipps already, and is on its way into Medusa. */
export interface Writing {
    reference: string;
    /** The cart that is paid by it. */
    cart: string;
}

/**
 * What kasse writes, while it is written. Medusa then calls the payment provider as always, and that
 * must not ask kasse again. It goes with the call alone: never by data that a shopper can set.
 */
export const writing = new AsyncLocalStorage<Writing>();
