import { sign } from './sign';
import { Language, say } from './texts';

/** What the shop has to know to ask kasse. No key of Vipps is among it. */
export interface KasseOptions {
    /** Where kasse listens: `http://127.0.0.1:8080`. */
    url: string;
    /** The shop's name in kasse's configuration. */
    shop: string;
    /** The secret that signs the calls, both ways: `engine_config.secret` in kasse's configuration. */
    secret: string;
    /** The merchant's language: what is said in Medusa's admin. English where nothing is said. */
    language?: Language;
    /** How long kasse may take to answer, in milliseconds: 12 000 where nothing is said. */
    patience?: number;
}

export type Verb = 'initiate' | 'details' | 'capture' | 'cancel' | 'refund';

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
    /** Where the payment stands, in kasse's word: of `details` alone. */
    state?: string;
}

/** Asks kasse. */
export class Kasse {
    private static current: Kasse | undefined;

    constructor(
        readonly options: KasseOptions,
        private readonly now: () => number = Date.now,
    ) {}

    /** The one that the payment provider was configured with: Medusa's routes have no options. */
    static configured(): Kasse {
        if (!Kasse.current) {
            throw new Error('The payment provider of kasse-medusa is not configured.');
        }
        return Kasse.current;
    }

    /** Checks the options of the payment provider, and keeps them. */
    static configure(options: Partial<KasseOptions>): Kasse {
        const { url, shop, secret } = options;
        if (!url || !URL.canParse(url)) {
            throw new Error('kasse-medusa: `url` says where kasse listens.');
        }
        if (!shop) {
            throw new Error("kasse-medusa: `shop` is the shop's name in kasse's configuration.");
        }
        if (!secret || secret.length < 32) {
            throw new Error('kasse-medusa: `secret` needs at least 32 characters, and is the same as in kasse.');
        }
        Kasse.current = new Kasse({ ...options, url, shop, secret });
        return Kasse.current;
    }

    /** Never throws: where kasse is not reached, nothing is known, and the answer says so. */
    async ask(verb: Verb, question: object, language: Language = this.language): Promise<Answer> {
        const path = `/engine/${this.options.shop}/${verb}`;
        const body = JSON.stringify(question);
        try {
            const response = await fetch(new URL(path, this.options.url), {
                method: 'POST',
                headers: {
                    'content-type': 'application/json',
                    ...sign(this.options.secret, 'POST', path, body, this.now()),
                },
                body,
                redirect: 'error',
                signal: AbortSignal.timeout(this.options.patience ?? 12_000),
            });
            return readAnswer(await response.json(), language);
        } catch {
            return { done: false, refused: false, message: say(verb === 'initiate' ? 'notStarted' : 'noAnswer', language) };
        }
    }

    /** The merchant's language. */
    get language(): Language {
        return this.options.language ?? 'en';
    }
}

function readAnswer(answer: unknown, language: Language): Answer {
    if (typeof answer !== 'object' || answer === null || typeof (answer as Answer).done !== 'boolean') {
        return { done: false, refused: false, message: say('unreadable', language) };
    }
    const { done, refused, reference, redirect, message, state } = answer as Answer;
    return { done, refused: refused === true, reference, redirect, message, state };
}
