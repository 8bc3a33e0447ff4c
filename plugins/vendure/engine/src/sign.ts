import { createHash, createHmac } from 'node:crypto';

/**
 * The signature of a call to kasse: HMAC-SHA256 over the method, the path, the time (seconds since
 * 1970) and the SHA-256 of the body, one a line; in hexadecimal.
 */
export function sign(secret: string, method: string, path: string, time: number, body: string): string {
    const digest = createHash('sha256').update(body).digest('hex');
    return createHmac('sha256', secret).update(`${method}\n${path}\n${time}\n${digest}`).digest('hex');
}
