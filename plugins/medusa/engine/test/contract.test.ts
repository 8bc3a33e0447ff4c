import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { Kasse, Verb } from '../src/kasse';
import { Call, signature, Verifier } from '../src/sign';

/** One exchange between the piece and kasse. The adapter's own tests read the very same files. */
interface Exchange {
    file: string;
    direction: 'to-kasse' | 'from-kasse';
    request: Call & { headers: Record<string, string>; body: string };
    response: { status: number; body: Record<string, unknown> };
}

const secret = 'a-secret-of-thirty-two-characters';
const piece = join(__dirname, '../../..');
// Beside the piece in kasse's own tree; copied into it where it is built elsewhere.
const folder = [join(piece, 'contract'), join(piece, '../tests/contract')].find(existsSync) ?? '';
const exchanges: Exchange[] = readdirSync(folder)
    .filter(file => file.endsWith('.json'))
    .map(file => ({ file, ...JSON.parse(readFileSync(join(folder, file), 'utf8')) }));

const toKasse = exchanges.filter(({ direction }) => direction === 'to-kasse');
const fromKasse = exchanges.filter(({ direction }) => direction === 'from-kasse');

test('there are exchanges both ways', () => {
    assert.ok(toKasse.length >= 5 && fromKasse.length >= 5, `${toKasse.length} and ${fromKasse.length}`);
});

for (const { file, request } of exchanges) {
    test(`${file} is signed as the piece signs`, () => {
        const { method, path, body, headers } = request;
        const expected = signature(secret, method, path, headers['x-kasse-time'], headers['x-kasse-id'], body);
        assert.equal(headers['x-kasse-signature'], expected);
    });
}

for (const { file, request } of fromKasse) {
    test(`${file} is taken by the piece, once`, () => {
        const verifier = new Verifier(() => Number(request.headers['x-kasse-time']) * 1000);
        assert.equal(verifier.refusal(secret, request), undefined);
        assert.equal(verifier.refusal(secret, request)?.status, 409);
    });
}

for (const { file, request, response } of toKasse) {
    test(`${file}: the question is the piece's, and the answer is read`, async () => {
        const said: { url?: string; body: string } = { body: '' };
        const server = createServer((incoming, outgoing) => {
            said.url = incoming.url;
            incoming.on('data', chunk => (said.body += chunk));
            incoming.on('end', () => outgoing.writeHead(response.status).end(JSON.stringify(response.body)));
        });
        await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
        const { port } = server.address() as AddressInfo;
        try {
            const shop = request.path.split('/')[2];
            const kasse = new Kasse({ url: `http://127.0.0.1:${port}`, shop, secret });
            const verb = request.path.split('/')[3] as Verb;
            const { done, refused, reference, redirect, message, state } = await kasse.ask(verb, JSON.parse(request.body));
            assert.deepEqual(said, { url: request.path, body: request.body });
            const read = { done, refused, reference, redirect, message, state };
            for (const [name, value] of Object.entries(read)) {
                assert.equal(value, response.body[name], name);
            }
        } finally {
            server.close();
        }
    });
}
