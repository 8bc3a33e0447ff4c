import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Injector, Order, Payment, PaymentMethod, RequestContext } from '@vendure/core';

import { paymentHandler } from '../src/handler';
import type { Answer, Kasse, Verb } from '../src/kasse';
import { reservation } from '../src/reservation';

const done: Answer = { done: true, refused: false };
const underWay: Answer = { done: false, refused: false, message: 'not answered yet' };

/** The handler, with a kasse that answers so, and what it was asked. */
function stage(answer: Answer) {
    const asked: [Verb, Record<string, unknown>][] = [];
    const kasse = {
        ask: async (verb: Verb, question: Record<string, unknown>) => {
            asked.push([verb, question]);
            return answer;
        },
    };
    return { handler: paymentHandler(kasse as unknown as Kasse), asked };
}

const ctx = (headers: Record<string, string> = {}) => ({ req: { headers }, languageCode: 'nb' }) as unknown as RequestContext;
const order = { code: 'ABC', lines: [], shippingLines: [], surcharges: [], payments: [] } as unknown as Order;
const method = {} as PaymentMethod;
const payment = (state: string, metadata = {}) =>
    ({ state, transactionId: 'fjell-ABC', metadata, errorMessage: 'of an earlier try' }) as unknown as Payment;

test('what kasse has not done is not settled, and stays as it is', async () => {
    const { handler } = stage(underWay);
    for (const state of ['Authorized', 'Created']) {
        const result = await handler.settlePayment(ctx(), order, payment(state), [], method);
        assert.deepEqual(result, { success: false, state, errorMessage: 'not answered yet' });
    }
});

test('what kasse has done is settled, and an earlier word is gone', async () => {
    const { handler, asked } = stage(done);
    const settled = payment('Authorized');
    assert.deepEqual(await handler.settlePayment(ctx(), order, settled, [], method), { success: true });
    assert.equal(settled.errorMessage, null);
    assert.deepEqual(asked, [['capture', { order: 'ABC', reference: 'fjell-ABC', echo: undefined }]]);
});

test("kasse's own writing is asked back as an echo", async () => {
    const { handler, asked } = stage(done);
    await handler.cancelPayment(ctx({ 'x-kasse-event': 'main/fjell-ABC/2' }), order, payment('Authorized'), [], method);
    assert.equal(asked[0][0], 'cancel');
    assert.equal(asked[0][1].echo, 'main/fjell-ABC/2');
});

test('what cannot be cancelled stays as it is', async () => {
    const { handler } = stage({ done: false, refused: true, message: 'captured' });
    for (const state of ['Created', 'Authorized', 'Settled']) {
        const result = await handler.cancelPayment(ctx(), order, payment(state), [], method);
        assert.deepEqual(result, { success: false, state, errorMessage: 'captured' });
    }
});

test('an attempt that was replaced is cancelled without asking', async () => {
    const { handler, asked } = stage(done);
    const replaced = payment('Created', { replacedBy: 'fjell-ABC-2' });
    assert.deepEqual(await handler.cancelPayment(ctx(), order, replaced, [], method), { success: true });
    assert.deepEqual(asked, []);
});

test('a payment begins as Created, and only its address is public', async () => {
    const { handler } = stage({ ...done, reference: 'fjell-ABC', redirect: 'https://pay.example/1' });
    const result = await handler.createPayment(ctx(), order, 100, [], {}, method);
    assert.equal(result.state, 'Created');
    assert.deepEqual([result.amount, result.transactionId], [100, 'fjell-ABC']);
    assert.deepEqual(result.metadata.public, { redirectUrl: 'https://pay.example/1' });
});

test('a payment that could not begin says why', async () => {
    const { handler } = stage({ done: false, refused: true, message: 'Denne bestillingen er allerede betalt.' });
    const result = await handler.createPayment(ctx(), order, 100, [], {}, method);
    assert.deepEqual([result.state, result.errorMessage], ['Error', 'Denne bestillingen er allerede betalt.']);
});

test('a reservation is written without asking, and no shopper can pretend one', async () => {
    const { handler, asked } = stage(underWay);
    const reserved = { reference: 'fjell-ABC', amount: 250, express: true };
    const result = await reservation.run(reserved, () => handler.createPayment(ctx(), order, 100, [], {}, method));
    assert.deepEqual([result.state, result.amount, result.transactionId], ['Authorized', 250, 'fjell-ABC']);
    assert.deepEqual(asked, []);
    const metadata = { kasse: { reserved: true }, ...reserved };
    const pretended = await handler.createPayment(ctx(), order, 100, [], metadata, method);
    assert.equal(pretended.state, 'Error');
    assert.equal(asked.length, 1);
});

test('a refund that is pressed twice at once is written once, and can be pressed again later', async () => {
    const answers: ((answer: Answer) => void)[] = [];
    const kasse = { ask: () => new Promise<Answer>(resolve => answers.push(resolve)) };
    const handler = paymentHandler(kasse as unknown as Kasse);
    const connection = { rawConnection: { options: { type: 'better-sqlite3' } }, getRepository: () => ({ find: async () => [] }) };
    await handler.init({ get: () => connection } as unknown as Injector);
    const press = (headers = {}) =>
        handler.createRefund(ctx(headers), {} as never, 100, order, payment('Settled'), [], method);
    const first = press();
    const second = await press();
    assert.deepEqual([second && second.state, answers.length], ['Failed', 1]);
    await assert.rejects(press({ 'x-kasse-event': 'main/fjell-ABC/3' }), 'kasse tells it again later');
    answers[0](done);
    const written = await first;
    assert.equal(written && written.state, 'Settled');
    const third = press();
    await new Promise(setImmediate);
    answers[1](done);
    await third;
    assert.equal(answers.length, 2);
});
