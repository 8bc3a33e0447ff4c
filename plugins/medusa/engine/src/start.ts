import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { BigNumberInput } from '@medusajs/framework/types';
import { MedusaError } from '@medusajs/framework/utils';

import type { Kasse } from './kasse';
import { find, medusa } from './medusa';
import { decimal, Numeric } from './money';
import { describe, EXPRESS } from './order';
import { languageOf, say } from './texts';

/** Versions, as kasse tells them to Vipps. */
export const versions = {
    medusa: version('@medusajs/medusa/package.json'),
    plugin: version(join(__dirname, '../../../package.json')),
};

function version(file: string): string {
    return JSON.parse(readFileSync(require.resolve(file), 'utf8')).version;
}

/** A payment that was begun. */
export interface Started {
    reference: string;
    redirect: string;
    cart: string;
}

/**
 * Begins a payment: of a session and its amount, or, for express, of a whole cart.
 *
 * Throws what the customer reads.
 */
export async function start(
    kasse: Kasse,
    what: { session: string; amount: BigNumberInput } | { cart: string },
): Promise<Started> {
    const express = 'cart' in what;
    const cart = express ? what.cart : await cartOf(what.session);
    const order = cart ? await describe(cart) : undefined;
    if (!cart || order?.status !== 'cart') {
        throw refusal(say('cartsAlone', languageOf(order?.locale, order?.country_code)));
    }
    const language = languageOf(order.locale, order.country_code);
    if (!order.items.length) {
        throw refusal(say('emptyCart', language));
    }
    if (order.express !== express) {
        order.express = express;
        const [{ metadata }] = await find('cart', ['metadata'], { id: cart });
        await medusa.carts.updateCarts(cart, { metadata: { ...metadata, [EXPRESS]: express } });
    }
    const regular = express ? {} : { session: what.session, amount: decimal(what.amount as Numeric) };
    const answer = await kasse.ask('initiate', { order, ...regular, express, versions }, language);
    if (!answer.done || !answer.redirect || !answer.reference) {
        medusa.logger.warn(`kasse: ${cart} was not started: ${answer.message}`);
        throw refusal(answer.message ?? say('notStarted', language));
    }
    return { reference: answer.reference, redirect: answer.redirect, cart };
}

/** The cart of a payment session. */
async function cartOf(session: string): Promise<string | undefined> {
    const [found] = await find('payment_session', ['id', 'payment_collection_id'], { id: session });
    if (!found) {
        return undefined;
    }
    const collection = found.payment_collection_id;
    const [link] = await find('cart_payment_collection', ['cart_id'], { payment_collection_id: collection });
    return link?.cart_id;
}

function refusal(message: string): MedusaError {
    return new MedusaError(MedusaError.Types.NOT_ALLOWED, message);
}
