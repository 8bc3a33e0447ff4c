import { AsyncLocalStorage } from 'node:async_hooks';

/** Money that Vipps has reserved, on its way into an order. */
export interface Reservation {
    reference: string;
    amount: number;
    express: boolean;
}

/**
 * The reservation that is being written. It reaches the payment handler by the call alone, never by
 * the metadata of a payment, which any shopper can set.
 */
export const reservation = new AsyncLocalStorage<Reservation>();

/** What a payment of ours remembers. */
export function remembers(reserved: Reservation) {
    return { reserved: true, express: reserved.express };
}
