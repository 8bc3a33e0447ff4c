import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** How far kasse's clock may be from ours, in seconds. */
const CLOCKS = 300;

/** The three headers that sign a call. */
export interface Signed {
    'x-kasse-time': string;
    'x-kasse-id': string;
    'x-kasse-signature': string;
}

/**
 * The signature of a call: HMAC-SHA256 over the method, the path with its query, the time (seconds
 * since 1970), the call's id and the SHA-256 of the body, one a line; in hexadecimal.
 */
export function signature(
    secret: string,
    method: string,
    path: string,
    time: string,
    id: string,
    body: string | Buffer,
): string {
    const digest = createHash('sha256').update(body).digest('hex');
    return createHmac('sha256', secret).update(`${method}\n${path}\n${time}\n${id}\n${digest}`).digest('hex');
}

/** Signs a call of ours, which gets an id of its own. */
export function sign(secret: string, method: string, path: string, body: string, now: number): Signed {
    const time = String(Math.floor(now / 1000));
    const id = randomBytes(16).toString('hex');
    return {
        'x-kasse-time': time,
        'x-kasse-id': id,
        'x-kasse-signature': signature(secret, method, path, time, id, body),
    };
}

/** A call, as it came. */
export interface Call {
    method: string;
    /** With its query, as it was sent. */
    path: string;
    headers: Record<string, string | string[] | undefined>;
    body: string | Buffer;
}

/** Tells whether calls are kasse's: signed just now, and each seen once. */
export class Verifier {
    /** The ids that were seen, and until when they are kept. */
    private readonly seen = new Map<string, number>();

    constructor(private readonly now: () => number = Date.now) {}

    /** Why it is not taken: a status and words. Nothing: it is kasse's. */
    refusal(secret: string, call: Call): { status: 401 | 409; message: string } | undefined {
        const text = (name: string) => {
            const value = call.headers[name];
            return typeof value === 'string' ? value : '';
        };
        const [time, id, given] = ['x-kasse-time', 'x-kasse-id', 'x-kasse-signature'].map(text);
        if (!/^\d{1,12}$/.test(time) || !/^[0-9a-f]{32}$/.test(id) || !/^[0-9a-f]{64}$/.test(given)) {
            return { status: 401, message: 'The call is not signed.' };
        }
        const expected = signature(secret, call.method, call.path, time, id, call.body);
        if (!timingSafeEqual(Buffer.from(expected), Buffer.from(given))) {
            return { status: 401, message: "The call's signature is not kasse's: look at both secrets." };
        }
        const now = Math.floor(this.now() / 1000);
        if (Math.abs(now - Number(time)) > CLOCKS) {
            return {
                status: 401,
                message: 'The call was signed more than 5 minutes ago or ahead: look at both clocks.',
            };
        }
        for (const [old, until] of this.seen) {
            if (until < now) {
                this.seen.delete(old);
            }
        }
        if (this.seen.has(id)) {
            return { status: 409, message: 'The call came before: it is not done again.' };
        }
        this.seen.set(id, now + 2 * CLOCKS);
        return undefined;
    }
}
