import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Call, sign, signature, Verifier } from '../src/sign';

const secret = 'a-secret-of-thirty-two-characters';
const now = 1_700_000_000_999;

/** A call of kasse's, signed just now. */
function signed(body = '{"order":"cart_ÆØÅ"}'): Call {
    return { method: 'POST', path: '/kasse/record', body, headers: { ...sign(secret, 'POST', '/kasse/record', body, now) } };
}

test('the signature is over method, path, time, id and body', () => {
    const of = (...[method, path, time, id, body]: string[]) => signature(secret, method, path, time, id, body);
    const one = of('POST', '/kasse/record', '1700000000', 'a', '{}');
    for (const other of [
        of('PUT', '/kasse/record', '1700000000', 'a', '{}'),
        of('POST', '/kasse/forget', '1700000000', 'a', '{}'),
        of('POST', '/kasse/record', '1700000001', 'a', '{}'),
        of('POST', '/kasse/record', '1700000000', 'b', '{}'),
        of('POST', '/kasse/record', '1700000000', 'a', '{ }'),
        signature(`${secret}!`, 'POST', '/kasse/record', '1700000000', 'a', '{}'),
    ]) {
        assert.notEqual(one, other);
    }
});

test("kasse's call is taken once", () => {
    const verifier = new Verifier(() => now);
    const call = signed();
    assert.equal(verifier.refusal(secret, call), undefined);
    assert.equal(verifier.refusal(secret, call)?.status, 409);
    assert.equal(verifier.refusal(secret, signed()), undefined, 'another one has another id');
});

test('what is not signed is not taken, and does not use up the id', () => {
    const verifier = new Verifier(() => now);
    const call = signed();
    for (const [what, other] of Object.entries<Call>({
        'no headers': { ...call, headers: {} },
        'no id': { ...call, headers: { ...call.headers, 'x-kasse-id': undefined } },
        'two signatures': { ...call, headers: { ...call.headers, 'x-kasse-signature': ['a', 'b'] } },
        'another body': { ...call, body: `${call.body} ` },
        'another path': { ...call, path: '/kasse/forget' },
        'a query': { ...call, path: '/kasse/record?x=1' },
        'a short signature': { ...call, headers: { ...call.headers, 'x-kasse-signature': 'ab' } },
    })) {
        assert.equal(verifier.refusal(secret, other)?.status, 401, what);
    }
    assert.equal(verifier.refusal('another-secret-of-thirty-two-char', call)?.status, 401);
    assert.equal(verifier.refusal(secret, call), undefined);
});

test('five minutes are enough, and more are too many', () => {
    const call = signed();
    const at = (minutes: number) => new Verifier(() => now + minutes * 60_000).refusal(secret, call)?.status;
    assert.deepEqual([at(-6), at(-4), at(4), at(6)], [401, undefined, undefined, 401]);
});
