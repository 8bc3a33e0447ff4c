import { createHash, createHmac } from 'node:crypto';

/** What is signed beside the secret. */
export interface Call {
    method: string;
    /** With its query. */
    path: string;
    /** Seconds since 1970. */
    time: number;
    /** 32 hexadecimal digits, new for each call. */
    id: string;
    body: string;
}

/**
 * The signature of a call to kasse: HMAC-SHA256 over the method, the path, the time, the id and the
 * SHA-256 of the body, one a line; in hexadecimal.
 */
export function sign(secret: string, { method, path, time, id, body }: Call): string {
    const digest = createHash('sha256').update(body).digest('hex');
    return createHmac('sha256', secret).update(`${method}\n${path}\n${time}\n${id}\n${digest}`).digest('hex');
}
