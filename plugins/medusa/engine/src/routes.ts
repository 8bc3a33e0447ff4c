import type { MedusaRequest, MedusaResponse } from '@medusajs/framework/http';

import { Kasse } from './kasse';
import { medusa } from './medusa';
import { NotDone } from './refused';
import { Verifier } from './sign';

const verifier = new Verifier();

/** A route that kasse alone may call. What it throws becomes the answer. */
export function signed(does: (body: unknown, request: MedusaRequest) => Promise<object>) {
    return async (request: MedusaRequest, response: MedusaResponse): Promise<void> => {
        try {
            const refusal = verifier.refusal(Kasse.configured().options.secret, {
                method: request.method,
                path: request.originalUrl,
                headers: request.headers,
                body: request.rawBody ?? '',
            });
            if (refusal) {
                throw new NotDone(refusal.status === 409 ? 401 : refusal.status, refusal.message);
            }
            response.status(200).json(await does(request.body, request));
        } catch (error) {
            if (error instanceof NotDone) {
                response.status(error.status).json({ message: error.message });
                return;
            }
            medusa.logger.error(`kasse: ${request.method} ${request.path} failed: ${error}`);
            const message = error instanceof Error ? error.message : 'It failed.';
            response.status(503).json({ message });
        }
    };
}

/** A body with these fields, each a text. */
export function read<T>(body: unknown, ...texts: (keyof T & string)[]): T {
    const fields = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
    const absent = texts.find(name => typeof fields[name] !== 'string');
    if (absent) {
        throw new NotDone(400, `The call has no "${absent}".`);
    }
    return fields as T;
}
