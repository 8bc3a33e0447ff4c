import {
    cancelOrderWorkflow,
    capturePaymentWorkflow,
    completeCartWorkflow,
    createPaymentCollectionForCartWorkflow,
    refundPaymentWorkflow,
} from '@medusajs/medusa/core-flows';

import { acts } from './acts';
import { Express, writeExpress } from './express';
import { find, medusa } from './medusa';
import { missing, same } from './money';
import { remember } from './notes';
import { isOurs, locate, paymentsOf, Place, referenceOf, taken } from './order';
import { asMedusaSays, never, NotDone } from './refused';
import { writing } from './writing';

/** What happened at Vipps. */
export interface Event {
    /** A cart or an order. */
    order: string;
    reference: string;
    event: string;
    what: 'authorised' | 'captured' | 'refunded' | 'released' | 'rejected' | 'cancelled' | 'expired' | 'failed' | 'note';
    currency_code: string;
    /** How it stands at Vipps, in all: decimal text. */
    sums: Sums;
    /** With `authorised` alone: what the customer chose in the app. */
    express?: Express;
    /** For the merchant's eyes. */
    note?: string;
}

interface Sums {
    authorised: string;
    captured: string;
    refunded: string;
    released: string;
}

/** Where it stands in Medusa now. */
export interface Recorded {
    order: string;
    shown: boolean;
    message?: string;
}

/** Shows Medusa what happened. What Medusa has is read first, and only what is missing is written. */
export async function record(event: Event): Promise<Recorded> {
    // What the merchant does right now is written by Medusa itself, in a moment.
    if (!(await acts.settled(event.reference))) {
        throw new NotDone(503, 'Medusa is about to take back what it noted.');
    }
    const place = await locate(event.order);
    if (!place) {
        throw never(`There is no order ${event.order}.`);
    }
    const key = `kasse:${place.cart ?? place.order}`;
    return medusa.locks.execute(
        key,
        () => writing.run({ reference: event.reference, cart: place.cart ?? '' }, () => write(event)),
        { timeout: 30 },
    );
}

async function write(event: Event): Promise<Recorded> {
    let place = (await locate(event.order)) as Place;
    let shown: Partial<Recorded> = {};
    switch (event.what) {
        case 'authorised':
            place = await authorised(place, event);
            break;
        case 'captured':
            shown = await captured(place, event);
            break;
        case 'refunded':
            shown = await refunded(place, event);
            break;
        case 'released':
            await released(place, event);
            break;
        case 'note':
            break;
        default:
            await ended(place, event);
    }
    if (place.order) {
        const { authorised, captured, refunded, released } = event.sums;
        // An earlier try that ended says nothing of the one that was paid.
        const own = (await paymentsOf(place)).some(payment => referenceOf(payment) === event.reference);
        const facts = {
            vipps_reference: event.reference,
            vipps_reserved: authorised,
            vipps_captured: captured,
            vipps_refunded: refunded,
            vipps_released: released,
        };
        await remember(place.order, own ? facts : {}, [event.note, shown.message]);
    }
    return { order: place.order ?? place.cart ?? event.order, shown: true, ...shown };
}

/** The cart becomes an order, with this payment. */
async function authorised(place: Place, event: Event): Promise<Place> {
    const { reference } = event;
    const payments = await paymentsOf(place);
    if (payments.some(payment => referenceOf(payment) === reference)) {
        return place;
    }
    if (place.order || !place.cart) {
        throw never('The order is paid already, in another way.');
    }
    const cart = place.cart;
    if (event.express) {
        await writeExpress(cart, event.express);
    }
    await complete(cart, event, 2);
    const became = (await locate(cart)) as Place;
    const own = (await paymentsOf(became)).some(payment => referenceOf(payment) === reference);
    if (!own) {
        throw never('The order was paid in another way meanwhile.');
    }
    return became;
}

/** The shopper may change the cart meanwhile, which deletes the session: it is made again then. */
async function complete(cart: string, event: Event, tries: number): Promise<void> {
    const session = await onlySession(cart, event);
    try {
        await asMedusaSays(() => completeCartWorkflow(medusa.container).run({ input: { id: cart } }));
    } catch (error) {
        const [there] = await find('payment_session', ['id'], { id: session });
        if (there || tries === 1) {
            throw error;
        }
        await complete(cart, event, tries - 1);
    }
}

/**
 * The cart's one session is of this payment, and of what was reserved. Medusa deletes it where the
 * cart changes, or the shopper tried another way to pay.
 */
async function onlySession(cart: string, event: Event): Promise<string> {
    const { reference, sums, currency_code } = event;
    const links = await find('cart_payment_collection', ['payment_collection_id'], { cart_id: cart });
    if (!links.length) {
        await asMedusaSays(() => createPaymentCollectionForCartWorkflow(medusa.container).run({ input: { cart_id: cart } }));
        links.push(...(await find('cart_payment_collection', ['payment_collection_id'], { cart_id: cart })));
    }
    const [{ payment_collection_id: collection }] = links;
    const fields = ['id', 'provider_id', 'data', 'status', 'amount', 'raw_amount'];
    const sessions = await find('payment_session', fields, { payment_collection_id: collection });
    const open = ['pending', 'requires_more', 'authorized'];
    const own = sessions.find(
        one =>
            referenceOf(one) === reference &&
            open.includes(one.status) &&
            same(one.raw_amount ?? one.amount, sums.authorised),
    );
    for (const other of sessions.filter(one => one !== own)) {
        await medusa.payments.deletePaymentSession(other.id);
    }
    if (own) {
        return own.id;
    }
    const provider_id = sessions.map(one => one.provider_id).find(isOurs) ?? (await provider(cart));
    const made = await medusa.payments.createPaymentSession(collection, {
        provider_id,
        amount: sums.authorised,
        currency_code,
        data: {},
    } as never);
    return made.id;
}

/** Our provider in the cart's region. */
async function provider(cart: string): Promise<string> {
    const [found] = await find('cart', ['id', 'region.payment_providers.id'], { id: cart });
    const own = (found?.region?.payment_providers ?? []).map(({ id }: { id: string }) => id).find(isOurs);
    if (!own) {
        throw never("Vipps is not among the payment providers of the cart's region.");
    }
    return own;
}

async function captured(place: Place, event: Event): Promise<Partial<Recorded>> {
    const payment = await known(place, event);
    const amount = missing(taken(payment.captures), event.sums.captured);
    if (!amount) {
        return {};
    }
    if (payment.canceled_at) {
        return notShown(`${event.sums.captured} is captured, and Medusa has this payment as cancelled.`);
    }
    await asMedusaSays(() =>
        capturePaymentWorkflow(medusa.container).run({ input: { payment_id: payment.id, amount: amount as never } }),
    );
    return {};
}

async function refunded(place: Place, event: Event): Promise<Partial<Recorded>> {
    const payment = await known(place, event);
    const amount = missing(taken(payment.refunds), event.sums.refunded);
    if (!amount) {
        return {};
    }
    const input = { payment_id: payment.id, amount: amount as never, note: `Vipps ${event.reference}` };
    await asMedusaSays(() => refundPaymentWorkflow(medusa.container).run({ input }));
    return {};
}

/** A part that was released has no place in Medusa: the metadata says it. */
async function released(place: Place, event: Event): Promise<void> {
    const { sums } = event;
    if (same(sums.captured, 0) && same(sums.released, sums.authorised)) {
        await letGo(place, event);
    }
}

/** No money came, or none is left: the cart can be paid again, and an order is cancelled. */
async function ended(place: Place, event: Event): Promise<void> {
    if (place.order) {
        await letGo(place, event);
        return;
    }
    const fields = ['id', 'provider_id', 'data', 'status', 'amount', 'currency_code'];
    for (const collection of place.collections) {
        for (const own of await find('payment_session', fields, { payment_collection_id: collection })) {
            if (referenceOf(own) === event.reference && own.status !== 'canceled') {
                const { id, amount, currency_code } = own;
                const data = { ...own.data, ended: event.what };
                delete data.redirect_url;
                await medusa.payments.updatePaymentSession({ id, amount, currency_code, data, status: 'canceled' } as never);
            }
        }
    }
}

/** The order is cancelled, which gives back the stock. One that was sent stays, without the money. */
async function letGo(place: Place, event: Event): Promise<void> {
    const payment = (await paymentsOf(place)).find(one => referenceOf(one) === event.reference);
    if (!place.order || !payment || payment.canceled_at) {
        return;
    }
    const [order] = await find('order', ['id', 'status', 'fulfillments.canceled_at'], { id: place.order });
    const sent = order.fulfillments?.some((one: { canceled_at: unknown } | null) => one && !one.canceled_at);
    if (order.status === 'pending' && !sent) {
        await asMedusaSays(() => cancelOrderWorkflow(medusa.container).run({ input: { order_id: order.id } }));
    } else {
        await medusa.payments.cancelPayment(payment.id);
    }
}

/** The payment, which was reserved and so is known. */
async function known(place: Place, event: Event) {
    const payment = (await paymentsOf(place)).find(one => referenceOf(one) === event.reference);
    if (!payment) {
        throw never('The order has no payment with this reference.');
    }
    return payment;
}

function notShown(message: string): Partial<Recorded> {
    return { shown: false, message };
}
