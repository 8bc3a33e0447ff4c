import type {
    AuthorizePaymentInput,
    AuthorizePaymentOutput,
    CancelPaymentInput,
    CancelPaymentOutput,
    CapturePaymentInput,
    CapturePaymentOutput,
    DeletePaymentInput,
    DeletePaymentOutput,
    GetPaymentStatusInput,
    GetPaymentStatusOutput,
    InitiatePaymentInput,
    InitiatePaymentOutput,
    RefundPaymentInput,
    RefundPaymentOutput,
    RetrievePaymentInput,
    RetrievePaymentOutput,
    UpdatePaymentInput,
    UpdatePaymentOutput,
    WebhookActionResult,
} from '@medusajs/framework/types';
import { AbstractPaymentProvider, MedusaError, PaymentActions, PaymentSessionStatus } from '@medusajs/framework/utils';

import { acts } from '../../acts';
import { Answer, Kasse, KasseOptions } from '../../kasse';
import { remember } from '../../notes';
import { locate } from '../../order';
import { start } from '../../start';
import { say } from '../../texts';
import { writing } from '../../writing';

type Data = Record<string, unknown> | undefined;

/** Vipps as a payment provider. Each call asks kasse, and believes nothing else. */
export class KasseProvider extends AbstractPaymentProvider<KasseOptions> {
    static identifier = 'kasse';

    private readonly kasse: Kasse;

    /** Medusa calls this when it starts, for each provider that is configured. */
    static validateOptions(options: Record<string, unknown>): void {
        Kasse.configure(options);
    }

    constructor(container: Record<string, unknown>, options: KasseOptions) {
        super(container, options);
        this.kasse = Kasse.configure(options);
    }

    async initiatePayment(input: InitiatePaymentInput): Promise<InitiatePaymentOutput> {
        const session = text(input.data, 'session_id') ?? input.context?.idempotency_key ?? '';
        const written = writing.getStore();
        if (written) {
            const { reference, cart } = written;
            return {
                id: reference,
                status: PaymentSessionStatus.REQUIRES_MORE,
                data: { session_id: session, reference, cart_id: cart },
            };
        }
        const started = await start(this.kasse, { session, amount: input.amount });
        return {
            id: started.reference,
            status: PaymentSessionStatus.REQUIRES_MORE,
            data: {
                session_id: session,
                reference: started.reference,
                cart_id: started.cart,
                redirect_url: started.redirect,
            },
        };
    }

    async authorizePayment(input: AuthorizePaymentInput): Promise<AuthorizePaymentOutput> {
        const reference = text(input.data, 'reference');
        if (reference && writing.getStore()?.reference === reference) {
            return { status: PaymentSessionStatus.AUTHORIZED, data: without(input.data, 'redirect_url') };
        }
        return this.look(input.data);
    }

    async getPaymentStatus(input: GetPaymentStatusInput): Promise<GetPaymentStatusOutput> {
        return this.look(input.data);
    }

    async capturePayment(input: CapturePaymentInput): Promise<CapturePaymentOutput> {
        if (writing.getStore()) {
            return { data: input.data };
        }
        const capture = input.context?.idempotency_key;
        const answer = capture
            ? await acts.capture(this.kasse, capture)
            : { done: false, refused: true, message: say('howMuch', this.kasse.language) };
        this.demand(answer);
        return { data: input.data };
    }

    async refundPayment(input: RefundPaymentInput): Promise<RefundPaymentOutput> {
        if (writing.getStore()) {
            return { data: input.data };
        }
        const refund = input.context?.idempotency_key;
        const answer = refund
            ? await acts.refund(this.kasse, refund)
            : { done: false, refused: true, message: say('howMuch', this.kasse.language) };
        this.demand(answer);
        return { data: input.data };
    }

    async cancelPayment(input: CancelPaymentInput): Promise<CancelPaymentOutput> {
        const reference = text(input.data, 'reference');
        const cart = text(input.data, 'cart_id') ?? '';
        if (!writing.getStore() && reference) {
            const answer = await acts.cancel(this.kasse, cart, reference);
            const order = answer.done ? undefined : (await locate(cart))?.order;
            if (order) {
                // Medusa cancels the order all the same, and shows nobody why the money is still reserved.
                await remember(order, {}, [answer.message]);
            }
            this.demand(answer);
        }
        return { data: input.data };
    }

    /**
     * The shopper changed the cart, or chose another way to pay. Nothing is ended at Vipps: kasse ends
     * it with the next payment of this cart, and what is paid all the same is taken or let go then.
     */
    async deletePayment(input: DeletePaymentInput): Promise<DeletePaymentOutput> {
        return { data: input.data };
    }

    async retrievePayment(input: RetrievePaymentInput): Promise<RetrievePaymentOutput> {
        return { data: input.data };
    }

    async updatePayment(input: UpdatePaymentInput): Promise<UpdatePaymentOutput> {
        return { data: input.data };
    }

    /** kasse speaks to routes of its own, signed. Nothing is taken here. */
    async getWebhookActionAndData(): Promise<WebhookActionResult> {
        return { action: PaymentActions.NOT_SUPPORTED };
    }

    /** How it stands at Vipps. */
    private async look(data: Data): Promise<{ status: PaymentSessionStatus; data: Data }> {
        const [reference, cart] = [text(data, 'reference'), text(data, 'cart_id')];
        if (!reference || !cart) {
            return { status: PaymentSessionStatus.ERROR, data };
        }
        const answer = await this.kasse.ask('details', { order: cart, reference });
        if (answer.done) {
            return { status: PaymentSessionStatus.AUTHORIZED, data: without(data, 'redirect_url') };
        }
        // What ended is paid by a new session. Where kasse is away, nothing is known, and nothing ends.
        const ended = answer.refused && answer.reference !== undefined;
        return { status: ended ? PaymentSessionStatus.CANCELED : PaymentSessionStatus.REQUIRES_MORE, data };
    }

    /** What was not done is told to who asked for it, and Medusa shows nothing of it. */
    private demand(answer: Answer): void {
        if (!answer.done) {
            const message = answer.message ?? say('refused', this.kasse.language);
            throw new MedusaError(MedusaError.Types.PAYMENT_AUTHORIZATION_ERROR, message);
        }
    }
}

function text(data: Data, name: string): string | undefined {
    const value = data?.[name];
    return typeof value === 'string' && value ? value : undefined;
}

function without(data: Data, name: string): Data {
    const { [name]: _, ...rest } = data ?? {};
    return rest;
}

