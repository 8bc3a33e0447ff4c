import type { Answer, Kasse, Verb } from './kasse';
import { find, medusa } from './medusa';
import { decimal, Numeric, sum } from './money';
import { PAYMENT, referenceOf } from './order';
import { say } from './texts';

/** What is under way right now, by the payment's reference. */
const underWay = new Map<string, Set<Promise<{ done: boolean }>>>();

/** A capture or a refund, as Medusa notes it before it asks. */
interface Entry {
    id: string;
    amount: Numeric;
    raw_amount?: Numeric;
}

/** What the merchant does. Medusa notes it first, and takes the note away where this is not done. */
export const acts = {
    async capture(kasse: Kasse, id: string): Promise<Answer> {
        return act(kasse, 'capture', id);
    },

    async refund(kasse: Kasse, id: string): Promise<Answer> {
        return act(kasse, 'refund', id);
    },

    /** The payment, or what is left of it. */
    async cancel(kasse: Kasse, cart: string, reference: string): Promise<Answer> {
        return ask(kasse, 'cancel', { order: cart, reference });
    },

    /** Nothing of a payment is written until this is over. */
    async during<T extends { done: boolean }>(reference: string, doing: Promise<T>): Promise<T> {
        const all = underWay.get(reference) ?? new Set();
        underWay.set(reference, all.add(doing));
        try {
            return await doing;
        } finally {
            all.delete(doing);
            if (!all.size) {
                underWay.delete(reference);
            }
        }
    },

    /** Waits until nothing is under way with a payment. Was all of it done? */
    async settled(reference: string): Promise<boolean> {
        const all = await Promise.all(underWay.get(reference) ?? []);
        return all.every(({ done }) => done);
    },
};

/**
 * The amount is read by the entry's id: Medusa's call has none for a capture, and its id is a new one
 * each time that the merchant presses. Which press it is, kasse tells by what stood there before.
 */
async function act(kasse: Kasse, verb: 'capture' | 'refund', id: string): Promise<Answer> {
    const [{ payment_id: of }] = (await find(verb, ['id', 'payment_id'], { id })).concat({});
    const [payment] = of ? await find('payment', PAYMENT, { id: of }) : [];
    const entries: Entry[] = (verb === 'capture' ? payment?.captures : payment?.refunds) ?? [];
    const entry = entries.find(one => one.id === id);
    const reference = payment && referenceOf(payment);
    if (!entry || !reference) {
        return { done: false, refused: true, message: say('howMuch', kasse.language) };
    }
    const amount = (one: Entry) => one.raw_amount ?? one.amount;
    const refused = Number(payment.metadata?.[`vipps_refused_${verb}s`] ?? 0);
    // Ids are in the order of time: two presses at once are two things.
    const before = sum(entries.filter(one => one.id < id).map(amount));
    const answer = await ask(kasse, verb, {
        // What kasse knows it by, also before it knows of the order.
        order: payment.data?.cart_id,
        reference,
        currency_code: payment.currency_code,
        amount: decimal(amount(entry)),
        ...(verb === 'capture'
            ? { captured: before, of: decimal(payment.raw_amount ?? payment.amount) }
            : { refunded: before }),
        refused,
        [verb]: id,
    });
    if (!answer.done && answer.refused) {
        // The next press is a new question.
        const metadata = { ...payment.metadata, [`vipps_refused_${verb}s`]: refused + 1 };
        await medusa.payments.updatePayment({ id: payment.id, metadata } as never);
    }
    return answer;
}

function ask(kasse: Kasse, verb: Verb, question: { reference: string; [more: string]: unknown }): Promise<Answer> {
    return acts.during(question.reference, kasse.ask(verb, question));
}
