import assert from 'node:assert/strict';
import { createServer, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';

import { container } from '@medusajs/framework';
import { asValue } from '@medusajs/framework/awilix';

import { letGoFirst } from '../src/guard';
import { KasseProvider } from '../src/providers/kasse/provider';
import { writing } from '../src/writing';

/** What a Medusa has, by the entity that is asked for. */
type Tables = Record<string, Record<string, unknown>[]>;

let server: Server;
/** What kasse answers; nothing: it breaks the connection. */
let answer: object | undefined;
let asked: [string, Record<string, unknown>][] = [];
let updated: object[] = [];
let tables: Tables = {};

before(async () => {
    server = createServer((request, response) => {
        let body = '';
        request.on('data', chunk => (body += chunk));
        request.on('end', () => {
            asked.push([String(request.url).split('/').pop() ?? '', JSON.parse(body)]);
            if (answer) {
                response.end(JSON.stringify(answer));
            } else {
                request.socket.destroy();
            }
        });
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const graph = async ({ entity, filters }: { entity: string; filters: Record<string, unknown> }) => ({
        data: (tables[entity] ?? []).filter(row =>
            Object.entries(filters).every(([name, value]) => [value].flat().includes(row[name])),
        ),
    });
    const payment = { updatePayment: async (data: object) => updated.push(data) };
    const logger = { warn: () => undefined, error: () => undefined };
    container.register({ query: asValue({ graph }), payment: asValue(payment), logger: asValue(logger) } as never);
});

after(() => server.close());

function provider(): KasseProvider {
    asked = [];
    updated = [];
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    return new KasseProvider({}, { url, shop: 'fjell', secret: 'a-secret-of-thirty-two-characters' });
}

const data = { reference: 'fjell-1', cart_id: 'cart_1', redirect_url: 'https://pay.example/1' };
const id = (id: string) => ({ data, context: { idempotency_key: id } });

/** A payment of 250, of which 100 was captured, and two captures and refunds that are being made. */
const paid = (metadata: object | null = null): Tables => {
    const entries = (kind: string) => [
        { id: `${kind}_1`, payment_id: 'pay_1', amount: 100, raw_amount: { value: '100', precision: 20 } },
        { id: `${kind}_2`, payment_id: 'pay_1', amount: 50, raw_amount: { value: '50.05', precision: 20 } },
        { id: `${kind}_3`, payment_id: 'pay_1', amount: 50, raw_amount: { value: '50.05', precision: 20 } },
    ];
    const [capture, refund] = [entries('capt'), entries('ref')];
    const payment = { id: 'pay_1', provider_id: 'pp_kasse_vipps', data, metadata, amount: 250, currency_code: 'nok' };
    return { capture, refund, payment: [{ ...payment, captures: capture, refunds: refund }] };
};

test('a capture has the amount that stands beside its id, and what was captured before it', async () => {
    tables = paid();
    answer = { done: true, refused: false };
    assert.deepEqual(await provider().capturePayment(id('capt_2')), { data });
    const common = { order: 'cart_1', reference: 'fjell-1', currency_code: 'nok', refused: 0 };
    assert.deepEqual(asked, [['capture', { ...common, amount: '50.05', captured: '100', of: '250', capture: 'capt_2' }]]);
    // Pressed twice at once: two captures, two questions.
    await provider().capturePayment(id('capt_3'));
    assert.deepEqual(asked[0][1], { ...common, amount: '50.05', captured: '150.05', of: '250', capture: 'capt_3' });
});

test('a refund likewise', async () => {
    tables = paid();
    answer = { done: true, refused: false };
    await provider().refundPayment({ ...id('ref_2'), amount: 50.05 });
    assert.deepEqual(asked[0][0], 'refund');
    assert.deepEqual([asked[0][1].amount, asked[0][1].refunded, asked[0][1].refund], ['50.05', '100', 'ref_2']);
});

test('a capture whose amount is not known is not asked for', async () => {
    tables = paid();
    for (const context of [undefined, {}, { idempotency_key: 'capt_unknown' }]) {
        const kasse = provider();
        await assert.rejects(kasse.capturePayment({ data, context }), /not known how much/);
        assert.deepEqual(asked, []);
    }
});

test('what kasse refuses is told, and the next press is a new question', async () => {
    tables = paid({ vipps_refused_captures: 1, other: 'kept' });
    answer = { done: false, refused: true, message: 'Vipps said no.' };
    await assert.rejects(provider().capturePayment(id('capt_2')), /Vipps said no/);
    assert.equal(asked[0][1].refused, 1);
    assert.deepEqual(updated, [{ id: 'pay_1', metadata: { vipps_refused_captures: 2, other: 'kept' } }]);
});

test('what is under way is told, and the next press is the same question', async () => {
    tables = paid();
    for (const one of [{ done: false, refused: false, message: 'kasse goes on' }, undefined]) {
        answer = one;
        await assert.rejects(provider().capturePayment(id('capt_2')), /goes on/);
        assert.deepEqual(updated, []);
    }
});

test("kasse's own writing asks nobody", async () => {
    tables = paid();
    answer = undefined;
    const kasse = provider();
    await writing.run({ reference: 'fjell-1', cart: 'cart_1' }, async () => {
        await kasse.capturePayment(id('capt_2'));
        await kasse.refundPayment({ ...id('ref_2'), amount: 1 });
        await kasse.cancelPayment({ data });
        const begun = await kasse.initiatePayment({ amount: 250, currency_code: 'nok', data: { session_id: 'payses_1' } });
        assert.deepEqual(begun.data, { session_id: 'payses_1', reference: 'fjell-1', cart_id: 'cart_1' });
        const { status, data: now } = await kasse.authorizePayment({ data });
        assert.deepEqual([status, now], ['authorized', { reference: 'fjell-1', cart_id: 'cart_1' }]);
    });
    assert.deepEqual(asked, []);
});

test('another payment is not authorised by what is written of one', async () => {
    answer = { done: false, refused: false, reference: 'fjell-2' };
    const kasse = provider();
    const other = { ...data, reference: 'fjell-2' };
    const looked = await writing.run({ reference: 'fjell-1', cart: 'cart_1' }, () => kasse.authorizePayment({ data: other }));
    assert.equal(looked.status, 'requires_more');
    assert.equal(asked.length, 1);
});

test('a session is authorised where kasse says that money is reserved, and ends where it says that it ended', async () => {
    for (const [said, status] of [
        [{ done: true, refused: false, reference: 'fjell-1' }, 'authorized'],
        [{ done: false, refused: false, reference: 'fjell-1' }, 'requires_more'],
        [{ done: false, refused: true, reference: 'fjell-1' }, 'canceled'],
        // Refused before it was looked up: nothing is known of the payment.
        [{ done: false, refused: true }, 'requires_more'],
        [undefined, 'requires_more'],
    ] as const) {
        answer = said;
        assert.equal((await provider().authorizePayment({ data })).status, status);
        assert.deepEqual(asked, [['details', { order: 'cart_1', reference: 'fjell-1' }]]);
    }
});

test('a shopper cannot pretend a session: what has no reference is never authorised', async () => {
    answer = { done: true, refused: false };
    const kasse = provider();
    assert.equal((await kasse.authorizePayment({ data: { status: 'authorized' } })).status, 'error');
    assert.deepEqual(asked, []);
});

test('a session that is deleted ends nothing at Vipps', async () => {
    await provider().deletePayment({ data });
    assert.deepEqual(asked, []);
});

test('what no cart stands behind is not begun, and the customer reads why', async () => {
    tables = {};
    const kasse = provider();
    const begin = kasse.initiatePayment({ amount: 250, currency_code: 'nok', data: { session_id: 'payses_1' } });
    await assert.rejects(begin, /from a cart/);
    assert.deepEqual(asked, []);
});

/** A merchant presses "cancel". Did Medusa get to it? */
async function pressCancel(order: object, payment: object, actor_id: string | undefined = 'user_1'): Promise<boolean> {
    provider();
    tables = {
        order: [{ id: 'order_1', status: 'pending', ...order }],
        order_cart: [{ cart_id: 'cart_1', order_id: 'order_1' }],
        order_payment_collection: [{ order_id: 'order_1', payment_collection_id: 'pay_col_1' }],
        payment: [
            { id: 'pay_1', payment_collection_id: 'pay_col_1', provider_id: 'pp_kasse_vipps', data, canceled_at: null, ...payment },
        ],
    };
    let went = false;
    const request = { params: { id: 'order_1' }, auth_context: { actor_id } };
    const response = { once: (_: string, closed: () => void) => closed() };
    await letGoFirst(request as never, response as never, () => (went = true));
    return went;
}

test('an order is cancelled when its money is let go', async () => {
    answer = { done: true, refused: false };
    assert.equal(await pressCancel({}, {}), true);
    assert.deepEqual(asked, [['cancel', { order: 'cart_1', reference: 'fjell-1' }]]);
});

test('an order whose money cannot be let go stays, and the merchant reads why', async () => {
    answer = { done: false, refused: true, message: 'It is captured already.' };
    await assert.rejects(pressCancel({}, {}), /It is captured already/);
});

test('what Medusa will not cancel, or cancels in another way, keeps its money', async () => {
    answer = { done: true, refused: false };
    for (const [what, order, payment, actor] of [
        ['sent', { fulfillments: [{ canceled_at: null }] }, {}],
        ['cancelled', { status: 'canceled' }, {}],
        ['completed', { status: 'completed' }, {}],
        ['captured in part', {}, { captures: [{ amount: 1 }] }],
        ['let go before', {}, { canceled_at: new Date() }],
        ["another provider's", {}, { provider_id: 'pp_system_default' }],
        ['asked for by nobody', {}, {}, ''],
    ] as const) {
        assert.equal(await pressCancel(order, payment, actor), true, what);
        assert.deepEqual(asked, [], what);
    }
});
