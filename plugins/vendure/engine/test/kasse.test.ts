import assert from 'node:assert/strict';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';

import { Kasse } from '../src/kasse';
import { sign } from '../src/sign';

const secret = 'a-secret-of-thirty-two-characters';

type Reply = (request: IncomingMessage, body: string, response: ServerResponse) => void;

/** Asks a kasse that answers so. */
async function ask(reply: Reply, patience = 2000) {
    const server = createServer((request, response) => {
        let body = '';
        request.on('data', chunk => (body += chunk));
        request.on('end', () => reply(request, body, response));
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
        const kasse = new Kasse({ url: `http://127.0.0.1:${port}`, shop: 'fjell', secret, patience }, () => 1_700_000_000_999);
        return await kasse.ask('refund', { order: 'Ærlig', amount: 100 });
    } finally {
        server.closeAllConnections();
        server.close();
    }
}

const json = (response: ServerResponse, status: number, body: string) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);

test('the signature is over method, path, time, id and body', () => {
    const call = {
        method: 'POST',
        path: '/engine/fjell/capture',
        time: 1_700_000_000,
        id: '000102030405060708090a0b0c0d0e0f',
        body: '{"order":"ÆØÅ"}',
    };
    // The same as kasse's own test has.
    const signed = sign(secret, call);
    assert.equal(signed, '0591d1237a703ef295cec37612bef6f69603f65a2091b8d7fe4633d450eef769');
    for (const change of [
        { method: 'PUT' },
        { path: '/engine/fjell/cancel' },
        { time: 1_700_000_001 },
        { id: 'f'.repeat(32) },
        { body: '{"order":"ÆØ"}' },
    ]) {
        assert.notEqual(signed, sign(secret, { ...call, ...change }));
    }
});

test('a question is signed as it is sent', async () => {
    const answer = await ask((request, body, response) => {
        assert.equal(request.method, 'POST');
        assert.equal(request.url, '/engine/fjell/refund');
        assert.equal(request.headers['x-kasse-time'], '1700000000');
        const id = String(request.headers['x-kasse-id']);
        assert.match(id, /^[0-9a-f]{32}$/);
        const expected = sign(secret, { method: 'POST', path: '/engine/fjell/refund', time: 1_700_000_000, id, body });
        assert.equal(request.headers['x-kasse-signature'], expected);
        assert.deepEqual(JSON.parse(body), { order: 'Ærlig', amount: 100 });
        json(response, 200, '{"done":true,"refused":false,"reference":"fjell-1"}');
    });
    assert.equal(answer.done, true);
    assert.equal(answer.reference, 'fjell-1');
});

test('a refusal is said as kasse says it', async () => {
    const answer = await ask((_, __, response) => json(response, 409, '{"done":false,"refused":true,"message":"no"}'));
    assert.deepEqual([answer.done, answer.refused, answer.message], [false, true, 'no']);
});

for (const [what, reply] of Object.entries<Reply>({
    'a connection that breaks': request => request.socket.destroy(),
    'an answer that is no JSON': (_, __, response) => json(response, 502, '<html>'),
    'an answer of another shape': (_, __, response) => json(response, 200, '{"ok":true}'),
    'a redirect': (_, __, response) => response.writeHead(302, { location: '/elsewhere' }).end(),
    'no answer': () => undefined,
})) {
    test(`${what} is neither done nor refused`, async () => {
        const answer = await ask(reply, 200);
        assert.deepEqual([answer.done, answer.refused], [false, false]);
        assert.ok(answer.message);
    });
}
