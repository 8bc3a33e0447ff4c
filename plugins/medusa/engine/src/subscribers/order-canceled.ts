import type { SubscriberArgs, SubscriberConfig } from '@medusajs/framework';

import { acts } from '../acts';
import { Kasse } from '../kasse';
import { medusa } from '../medusa';
import { missing } from '../money';
import { locate, paymentsOf, referenceOf, taken } from '../order';
import { writing } from '../writing';

/**
 * An order was cancelled. Medusa gives back what was captured, cancels what was not captured at all,
 * and forgets what is left of a payment that was captured in part: that is let go here.
 */
export default async function orderCanceled({ event }: SubscriberArgs<{ id: string }>): Promise<void> {
    const place = writing.getStore() ? undefined : await locate(event.data.id);
    for (const payment of place ? await paymentsOf(place) : []) {
        const reference = referenceOf(payment);
        const left = missing(taken(payment.captures), payment.raw_amount ?? payment.amount);
        if (reference && payment.captures?.length && left) {
            const answer = await acts.cancel(Kasse.configured(), place?.cart ?? '', reference);
            if (!answer.done) {
                medusa.logger.warn(`kasse: the rest of ${reference} was not let go: ${answer.message}`);
            }
        }
    }
}

export const config: SubscriberConfig = { event: 'order.canceled' };
