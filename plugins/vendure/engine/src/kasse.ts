import { randomUUID } from 'node:crypto';

import { sign } from './sign';

/** What the shop has to know to ask kasse. No key of Vipps is among it. */
export interface KasseOptions {
    /** Where kasse listens: `http://127.0.0.1:8080`. */
    url: string;
    /** The shop's name in kasse's configuration. */
    shop: string;
    /** The secret that signs the calls: `engine_config.secret` in kasse's configuration. */
    secret: string;
    /** How long kasse may take to answer, in milliseconds: 12 000 where nothing is said. */
    patience?: number;
}

export type Verb = 'initiate' | 'capture' | 'cancel' | 'refund';

/** What kasse answers. */
export interface Answer {
    /** It is done, and stands at Vipps. */
    done: boolean;
    /** It was refused, and nothing goes on. Else what is not done may be under way. */
    refused: boolean;
    /** The payment's name at Vipps. */
    reference?: string;
    /** Where the customer pays. */
    redirect?: string;
    /** What to tell a person. */
    message?: string;
}

/** Asks kasse. */
export class Kasse {
    constructor(
        private readonly options: KasseOptions,
        private readonly now: () => number = Date.now,
    ) {}

    /** Never throws: where kasse is not reached, nothing is known, and the answer says so. */
    async ask(verb: Verb, question: object): Promise<Answer> {
        const path = `/engine/${this.options.shop}/${verb}`;
        const body = JSON.stringify(question);
        const time = Math.floor(this.now() / 1000);
        const id = randomUUID().replaceAll('-', '');
        try {
            const response = await fetch(new URL(path, this.options.url), {
                method: 'POST',
                headers: {
                    'content-type': 'application/json',
                    'x-kasse-time': String(time),
                    'x-kasse-id': id,
                    'x-kasse-signature': sign(this.options.secret, { method: 'POST', path, time, id, body }),
                },
                body,
                redirect: 'error',
                signal: AbortSignal.timeout(this.options.patience ?? 12_000),
            });
            return readAnswer(await response.json());
        } catch (error) {
            const why = error instanceof Error ? error.name : 'unknown';
            return {
                done: false,
                refused: false,
                message: `kasse gave no answer (${why}). If it got the question, it goes on, and tells the shop.`,
            };
        }
    }
}

function readAnswer(answer: unknown): Answer {
    if (typeof answer !== 'object' || answer === null || typeof (answer as Answer).done !== 'boolean') {
        return { done: false, refused: false, message: 'kasse answered something that cannot be read.' };
    }
    const { done, refused, reference, redirect, message } = answer as Answer;
    return { done, refused: refused === true, reference, redirect, message };
}
