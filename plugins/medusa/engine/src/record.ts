import {
    cancelOrderWorkflow,
    capturePaymentWorkflow,
    completeCartWorkflow,
    createPaymentCollectionForCartWorkflow,
    refundPaymentWorkflow,
} from '@medusajs/medusa/core-flows';

import { acts } from './acts';
import { Express, writeExpress } from './express';
import { canBeCancelled } from './guard';
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
    // kasse names it by the cart until it knows of the order: two names are never written at once.
    return medusa.locks.execute(`kasse:${event.order}`, () => write(event), { timeout: 30 });
}

async function write(event: Event): Promise<Recorded> {
    const place = await locate(event.order);
    if (!place) {
        throw never(`There is no order ${event.order}.`);
    }
    return writing.run({ reference: event.reference, cart: place.cart ?? '' }, () => writeTo(place, event));
}

async function writeTo(place: Place, event: Event): Promise<Recorded> {
    const payments = await paymentsOf(place);
    const own = payments.find(payment => referenceOf(payment) === event.reference);
    let order = place.order;
    let shown: Partial<Recorded> = {};
    switch (event.what) {
        case 'authorised':
            order = own ? order : await authorised(place, event);
            break;
        case 'captured':
            shown = await captured(known(own), event);
            break;
        case 'refunded':
            shown = await refunded(known(own), event);
            break;
        case 'released':
            // A part has no place in Medusa: the metadata says it.
            if (same(event.sums.captured, 0) && same(event.sums.released, event.sums.authorised)) {
                await letGo(place, own);
            }
            break;
        case 'note':
            break;
        default:
            await ended(place, own, event);
    }
    if (order) {
        const { authorised, captured, refunded, released } = event.sums;
        const facts = {
            vipps_reference: event.reference,
            vipps_reserved: authorised,
            vipps_captured: captured,
            vipps_refunded: refunded,
            vipps_released: released,
        };
        // An earlier try that ended says nothing of the one that was paid.
        const ofThis = own || event.what === 'authorised';
        await remember(order, ofThis ? facts : {}, [event.note, shown.message]);
    }
    return { order: order ?? place.cart ?? event.order, shown: true, ...shown };
}

/** The cart becomes an order, with this payment. */
async function authorised(place: Place, event: Event): Promise<string> {
    if (place.order || !place.cart) {
        throw never('The order is paid already, in another way.');
    }
    if (event.express) {
        await writeExpress(place.cart, event.express);
    }
    const order = await complete(place.cart, event, 2);
    const became = await locate(order);
    const payments = became ? await paymentsOf(became) : [];
    if (!payments.some(payment => referenceOf(payment) === event.reference)) {
        throw never('The order was paid in another way meanwhile.');
    }
    return order;
}

/** The shopper may change the cart meanwhile, which deletes the session: it is made again then. */
async function complete(cart: string, event: Event, tries: number): Promise<string> {
    const session = await onlySession(cart, event);
    try {
        const input = { id: cart };
        const completed = await asMedusaSays(() => completeCartWorkflow(medusa.container).run({ input }));
        return completed.result.id;
    } catch (error) {
        const [there] = await find('payment_session', ['id'], { id: session });
        if (there || tries === 1) {
            throw error;
        }
        return complete(cart, event, tries - 1);
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

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a payment as Medusa's query gives it.
type MedusaPayment = any;

async function captured(payment: MedusaPayment, event: Event): Promise<Partial<Recorded>> {
    const amount = missing(taken(payment.captures), event.sums.captured);
    if (!amount) {
        return {};
    }
    if (payment.canceled_at) {
        const message = `${event.sums.captured} is captured, and Medusa has this payment as cancelled.`;
        return { shown: false, message };
    }
    const input = { payment_id: payment.id, amount: amount as never };
    await asMedusaSays(() => capturePaymentWorkflow(medusa.container).run({ input }));
    return {};
}

async function refunded(payment: MedusaPayment, event: Event): Promise<Partial<Recorded>> {
    const amount = missing(taken(payment.refunds), event.sums.refunded);
    if (amount) {
        const input = { payment_id: payment.id, amount: amount as never, note: `Vipps ${event.reference}` };
        await asMedusaSays(() => refundPaymentWorkflow(medusa.container).run({ input }));
    }
    return {};
}

/** No money came, or none is left: the cart can be paid again, and an order is cancelled. */
async function ended(place: Place, payment: MedusaPayment, event: Event): Promise<void> {
    if (place.order) {
        await letGo(place, payment);
        return;
    }
    const fields = ['id', 'provider_id', 'data', 'status', 'amount', 'currency_code'];
    const sessions = place.collections.length
        ? await find('payment_session', fields, { payment_collection_id: place.collections })
        : [];
    for (const own of sessions.filter(one => referenceOf(one) === event.reference && one.status !== 'canceled')) {
        const { id, amount, currency_code } = own;
        const data = { ...own.data, ended: event.what };
        delete data.redirect_url;
        await medusa.payments.updatePaymentSession({ id, amount, currency_code, data, status: 'canceled' } as never);
    }
}

/** The order is cancelled, which gives back the stock. One that was sent stays, without the money. */
async function letGo(place: Place, payment: MedusaPayment): Promise<void> {
    if (!place.order || !payment || payment.canceled_at) {
        return;
    }
    const order_id = place.order;
    if (await canBeCancelled(order_id)) {
        await asMedusaSays(() => cancelOrderWorkflow(medusa.container).run({ input: { order_id } }));
    } else {
        await medusa.payments.cancelPayment(payment.id);
    }
}

/** The payment, which was reserved and so is known. */
function known(payment: MedusaPayment): MedusaPayment {
    if (!payment) {
        throw never('The order has no payment with this reference.');
    }
    return payment;
}
