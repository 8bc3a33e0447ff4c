import assert from 'node:assert/strict';
import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';

import { Kasse } from '../src/kasse';
import { signature } from '../src/sign';

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
        const url = `http://127.0.0.1:${port}`;
        const kasse = new Kasse({ url, shop: 'fjell', secret, patience, language: 'nb' }, () => 1_700_000_000_999);
        return await kasse.ask('refund', { order: 'cart_Ærlig', amount: '100' });
    } finally {
        server.closeAllConnections();
        server.close();
    }
}

const json = (response: ServerResponse, status: number, body: string) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);

test('a question is signed as it is sent', async () => {
    const answer = await ask((request, body, response) => {
        assert.deepEqual([request.method, request.url], ['POST', '/engine/fjell/refund']);
        const header = (name: string) => String(request.headers[name]);
        assert.equal(header('x-kasse-time'), '1700000000');
        assert.match(header('x-kasse-id'), /^[0-9a-f]{32}$/);
        const expected = signature(secret, 'POST', '/engine/fjell/refund', '1700000000', header('x-kasse-id'), body);
        assert.equal(header('x-kasse-signature'), expected);
        assert.deepEqual(JSON.parse(body), { order: 'cart_Ærlig', amount: '100' });
        json(response, 200, '{"done":true,"refused":false,"reference":"fjell-1"}');
    });
    assert.deepEqual([answer.done, answer.reference], [true, 'fjell-1']);
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
    test(`${what} is neither done nor refused, and is said in the merchant's language`, async () => {
        const answer = await ask(reply, 200);
        assert.deepEqual([answer.done, answer.refused], [false, false]);
        assert.match(answer.message ?? '', /^kasse svarte/);
    });
}

test('options that cannot work are refused when Medusa starts', () => {
    const good = { url: 'http://127.0.0.1:8080', shop: 'fjell', secret };
    for (const [name, options] of Object.entries({
        url: { ...good, url: 'kasse' },
        shop: { ...good, shop: '' },
        secret: { ...good, secret: 'short' },
    })) {
        assert.throws(() => Kasse.configure(options), new RegExp(`\`${name}\``));
    }
    assert.equal(Kasse.configure(good), Kasse.configured());
});
