import type { MedusaNextFunction, MedusaRequest, MedusaResponse } from '@medusajs/framework/http';
import { MedusaError } from '@medusajs/framework/utils';

import { acts } from './acts';
import { Kasse } from './kasse';
import { find } from './medusa';
import { locate, paymentsOf, referenceOf } from './order';
import { say } from './texts';

/**
 * Before the merchant cancels an order, the money is let go. Medusa asks for that too, and cancels the
 * order also where it could not be done: here it is said, and the order stays.
 */
export async function letGoFirst(
    request: MedusaRequest,
    response: MedusaResponse,
    next: MedusaNextFunction,
): Promise<void> {
    const actor = (request as { auth_context?: { actor_id?: string } }).auth_context?.actor_id;
    const place = actor ? await locate(request.params.id) : undefined;
    const payments = place?.order && (await canBeCancelled(place.order)) ? await paymentsOf(place) : [];
    const kasse = Kasse.configured();
    for (const payment of payments) {
        const reference = referenceOf(payment);
        if (!reference || payment.canceled_at || payment.captures?.length) {
            continue;
        }
        // What kasse tells of it waits until Medusa has cancelled the order itself.
        const closed = new Promise<{ done: boolean }>(resolve => response.once('close', () => resolve({ done: true })));
        void acts.during(reference, closed);
        const answer = await acts.cancel(kasse, place?.cart ?? '', reference);
        if (!answer.done) {
            const message = answer.message ?? say('refused', kasse.language);
            throw new MedusaError(MedusaError.Types.PAYMENT_AUTHORIZATION_ERROR, message);
        }
    }
    next();
}

/** Would Medusa cancel this order? What it will not cancel keeps its money. */
export async function canBeCancelled(id: string): Promise<boolean> {
    const [order] = await find('order', ['id', 'status', 'fulfillments.canceled_at'], { id });
    const sent = order.fulfillments?.some((one: { canceled_at: unknown } | null) => one && !one.canceled_at);
    return !sent && order.status !== 'canceled' && order.status !== 'completed';
}
