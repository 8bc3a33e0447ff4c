import { MedusaError } from '@medusajs/framework/utils';

/** A call of kasse's that is not done, and the status that says how that ends. */
export class NotDone extends Error {
    constructor(
        readonly status: 400 | 401 | 404 | 409 | 503,
        message: string,
    ) {
        super(message);
    }
}

/** Never: the order cannot take it, now or later. */
export function never(message: string): NotDone {
    return new NotDone(409, message);
}

/** What Medusa says of things that stay as they are: it will say the same the next time. */
const FOR_GOOD: string[] = [
    MedusaError.Types.INVALID_DATA,
    MedusaError.Types.NOT_ALLOWED,
    MedusaError.Types.NOT_FOUND,
    MedusaError.Types.PAYMENT_AUTHORIZATION_ERROR,
    MedusaError.Types.PAYMENT_REQUIRES_MORE_ERROR,
    'insufficient_inventory',
];

/** Medusa's own no becomes ours. What is broken or busy stays an error: kasse asks again. */
export async function asMedusaSays<T>(doing: () => Promise<T>): Promise<T> {
    try {
        return await doing();
    } catch (error) {
        const { type, code, message } = error as { type?: string; code?: string; message?: string };
        if (FOR_GOOD.includes(type ?? '') || FOR_GOOD.includes(code ?? '')) {
            throw never(message ?? 'Medusa says no.');
        }
        throw error;
    }
}
