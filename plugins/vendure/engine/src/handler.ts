import {
    Injector,
    LanguageCode,
    Logger,
    Payment,
    PaymentMethodHandler,
    PaymentService,
    Refund,
    RequestContext,
    TransactionalConnection,
} from '@vendure/core';

import type { Kasse } from './kasse';
import { describe } from './order';
import { remembers, reservation } from './reservation';

/** The handler's code, and a good code for the payment method. */
export const HANDLER = 'kasse-vipps';
const LOG = 'kasse';

/** Databases that can lock a row. With the others Vendure is one process, and `refunding` does it. */
const LOCKING = ['postgres', 'mysql', 'mariadb', 'aurora-mysql', 'aurora-postgres', 'cockroachdb', 'mssql', 'oracle'];

/** The event of kasse whose recording caused this call, if one did. */
export function echo(ctx: RequestContext): string | undefined {
    const header = ctx.req?.headers['x-kasse-event'];
    return typeof header === 'string' ? header : undefined;
}

/** Vipps as a payment method. Each hook asks kasse, and believes nothing else. */
export function paymentHandler(kasse: Kasse): PaymentMethodHandler {
    let payments: PaymentService;
    let connection: TransactionalConnection;
    /** The refunds that kasse is being asked for: which payment, how much, on top of how much. */
    const refunding = new Set<string>();

    /** Earlier attempts have been ended at Vipps; in `Created` they would still cover the order. */
    async function replace(ctx: RequestContext, earlier: Payment[], reference: string) {
        for (const payment of earlier) {
            payment.metadata = { ...payment.metadata, replacedBy: reference };
            await connection.getRepository(ctx, Payment).save(payment, { reload: false });
            await payments.cancelPayment(ctx, payment.id);
        }
    }

    /** The refunds of a payment. Where the database can, nobody else refunds it meanwhile. */
    async function refundsOf(ctx: RequestContext, payment: Payment): Promise<Refund[]> {
        const locks = LOCKING.includes(connection.rawConnection.options.type);
        const lock = locks ? ({ mode: 'pessimistic_write' } as const) : undefined;
        if (lock) {
            await connection.getRepository(ctx, Payment).findOne({ where: { id: payment.id }, lock });
        }
        return connection.getRepository(ctx, Refund).find({ where: { paymentId: payment.id }, lock });
    }

    return new PaymentMethodHandler({
        code: HANDLER,
        description: [
            { languageCode: LanguageCode.en, value: 'Vipps, by kasse' },
            { languageCode: LanguageCode.nb, value: 'Vipps, med kasse' },
        ],
        args: {},

        init(injector: Injector) {
            payments = injector.get(PaymentService);
            connection = injector.get(TransactionalConnection);
        },

        async createPayment(ctx, order, amount) {
            const reserved = reservation.getStore();
            if (reserved) {
                return {
                    amount: reserved.amount,
                    state: 'Authorized',
                    transactionId: reserved.reference,
                    metadata: { kasse: remembers(reserved) },
                };
            }
            const earlier = order.payments.filter(
                payment => payment.state === 'Created' && payment.metadata.kasse,
            );
            // Vendure counts what is `Created` as paid, and asks for the rest.
            amount += earlier.reduce((sum, payment) => sum + payment.amount, 0);
            const answer = await kasse.ask('initiate', { order: describe(ctx, order), amount });
            if (!answer.done || !answer.redirect || !answer.reference) {
                Logger.warn(`Order ${order.code} was not started: ${answer.message}`, LOG);
                return {
                    amount,
                    state: 'Error',
                    errorMessage: answer.message ?? 'The payment could not be started.',
                };
            }
            await replace(ctx, earlier, answer.reference);
            return {
                amount,
                state: 'Created',
                transactionId: answer.reference,
                metadata: { kasse: { reserved: false, express: false }, public: { redirectUrl: answer.redirect } },
            };
        },

        async settlePayment(ctx, order, payment) {
            const answer = await kasse.ask('capture', {
                order: order.code,
                reference: payment.transactionId,
                echo: echo(ctx),
            });
            if (answer.done) {
                // A word that was left by an earlier try.
                payment.errorMessage = null as unknown as undefined;
                return { success: true };
            }
            // It stays as it is. Vendure's own choice would be `Error`, which leads to `Cancelled` alone.
            const state = payment.state === 'Created' ? 'Created' : 'Authorized';
            return { success: false, state, errorMessage: answer.message };
        },

        async cancelPayment(ctx, order, payment) {
            if (payment.metadata.replacedBy) {
                return { success: true };
            }
            const answer = await kasse.ask('cancel', {
                order: order.code,
                reference: payment.transactionId,
                echo: echo(ctx),
            });
            if (answer.done) {
                payment.errorMessage = null as unknown as undefined;
                return { success: true };
            }
            return { success: false, state: asItIs(payment), errorMessage: answer.message };
        },

        async createRefund(ctx, input, amount, order, payment) {
            const refunds = await refundsOf(ctx, payment);
            const standing = refunds.filter(refund => refund.state !== 'Failed');
            const refunded = standing.reduce((sum, refund) => sum + refund.total, 0);
            // The same question has the same key, until it was answered: a refund whose answer was
            // lost is not done twice, and one that was refused can be tried again.
            const refused = refunds.filter(refund => refund.metadata?.refused).length;
            const same = [payment.id, amount, refunded, refused].join('/');
            if (refunding.has(same)) {
                // Pressed twice at once. It is the same to kasse, and would be written twice here.
                if (echo(ctx)) {
                    throw new Error('The same refund is under way.');
                }
                const message = 'The same refund is under way: it is shown here when it is done.';
                return { state: 'Failed', metadata: { refused: false, message } };
            }
            refunding.add(same);
            const question = {
                order: order.code,
                reference: payment.transactionId,
                currencyCode: order.currencyCode,
                amount,
                refunded,
                refused,
                echo: echo(ctx),
            };
            const answer = await kasse.ask('refund', question).finally(() => refunding.delete(same));
            if (answer.done) {
                const metadata = { event: echo(ctx) };
                return { state: 'Settled', transactionId: `${payment.transactionId}/${refunded + amount}`, metadata };
            }
            Logger.warn(`A refund of order ${order.code} was not done: ${answer.message}`, LOG);
            // Nothing stays pending that might never end: if it comes about, kasse adds it.
            return { state: 'Failed', metadata: { refused: answer.refused, message: answer.message } };
        },
    });
}

/** The state that a payment is in, as the answer of a cancel that did not succeed. */
function asItIs(payment: Payment): 'Created' | 'Authorized' | 'Settled' {
    return payment.state === 'Created' || payment.state === 'Settled' ? payment.state : 'Authorized';
}
