import { Injectable } from '@nestjs/common';
import {
    CustomerService,
    ID,
    isGraphQlErrorResult,
    Order,
    OrderService,
    Payment,
    PaymentMethodService,
    RequestContext,
    TransactionalConnection,
} from '@vendure/core';
import { GraphQLError } from 'graphql';

import { AddressInput, Deliveries, present } from './deliveries';
import { HANDLER } from './handler';
import { remembers, reservation, Reservation } from './reservation';

export interface ExpressInput {
    firstName?: string | null;
    lastName?: string | null;
    emailAddress?: string | null;
    phoneNumber?: string | null;
    address: AddressInput;
    shippingMethodId: ID;
    goods: number;
}

export interface ReservationInput {
    orderCode: string;
    reference: string;
    amount: number;
    express?: ExpressInput | null;
}

/** The order will never take this reservation: kasse releases the money. Everything is rolled back. */
export class NotTaken extends GraphQLError {
    constructor(why: string) {
        super(why, { extensions: { code: 'KASSE_NOT_TAKEN' } });
    }
}

/** Writes what Vipps has reserved into its order, by Vendure's own steps. */
@Injectable()
export class Reserver {
    constructor(
        private readonly orders: OrderService,
        private readonly customers: CustomerService,
        private readonly methods: PaymentMethodService,
        private readonly deliveries: Deliveries,
        private readonly connection: TransactionalConnection,
    ) {}

    /** The same reservation again changes nothing. */
    async reserve(ctx: RequestContext, input: ReservationInput): Promise<Order> {
        const order = await this.orders.findOneByCode(ctx, input.orderCode);
        if (!order) {
            throw new NotTaken(`There is no order ${input.orderCode}.`);
        }
        const payments = await this.orders.getOrderPayments(ctx, order.id);
        const own = payments.filter(payment => payment.transactionId === input.reference && payment.metadata.kasse);
        if (own.some(payment => payment.metadata.kasse.reserved)) {
            return order;
        }
        if (order.state === 'Cancelled') {
            throw new NotTaken('The order was cancelled.');
        }
        const held = payments.filter(({ state }) => state === 'Authorized' || state === 'Settled');
        if (held.length && held.reduce((sum, { amount }) => sum + amount, 0) >= order.totalWithTax) {
            throw new NotTaken('The order is paid already, in another way.');
        }
        if (input.express) {
            await this.writeExpress(ctx, order, input.express, input.amount);
        }
        await this.moveOn(ctx, order.id);
        const { reference, amount } = input;
        const reserved = { reference, amount, express: !!input.express };
        const created = own.find(payment => payment.state === 'Created');
        if (created) {
            await this.authorise(ctx, created, reserved);
        } else {
            await this.add(ctx, order.id, reserved);
        }
        return (await this.orders.findOne(ctx, order.id)) as Order;
    }

    /** To where a payment may be added. Vendure looks at the stock on this step: nothing was kept for the customer. */
    private async moveOn(ctx: RequestContext, id: ID) {
        await this.back(ctx, id);
        const order = await this.orders.findOne(ctx, id);
        if (order?.state === 'AddingItems') {
            await this.go(ctx, id, 'ArrangingPayment');
        }
    }

    /** From the till to the cart, where it can be written, and from where it has to be let to the till again. */
    private async back(ctx: RequestContext, id: ID) {
        const order = await this.orders.findOne(ctx, id);
        if (order?.state === 'ArrangingPayment') {
            await this.go(ctx, id, 'AddingItems');
        }
    }

    private async go(ctx: RequestContext, id: ID, state: 'AddingItems' | 'ArrangingPayment') {
        const moved = await this.orders.transitionToState(ctx, id, state);
        if (isGraphQlErrorResult(moved)) {
            throw new NotTaken(moved.transitionError);
        }
    }

    private async authorise(ctx: RequestContext, payment: Payment, reserved: Reservation) {
        payment.amount = reserved.amount;
        payment.metadata = { ...payment.metadata, kasse: remembers(reserved) };
        await this.connection.getRepository(ctx, Payment).save(payment, { reload: false });
        const moved = await this.orders.transitionPaymentToState(ctx, payment.id, 'Authorized');
        if (isGraphQlErrorResult(moved)) {
            throw new Error(moved.transitionError);
        }
    }

    private async add(ctx: RequestContext, id: ID, reserved: Reservation) {
        const methods = await this.methods.findAll(ctx);
        const method = methods.items.find(({ handler }) => handler.code === HANDLER);
        if (!method) {
            throw new Error(`No payment method has the handler ${HANDLER}.`);
        }
        const add = () => this.orders.addPaymentToOrder(ctx, id, { method: method.code, metadata: {} });
        let added = await reservation.run(reserved, add);
        if (isGraphQlErrorResult(added) && added.errorCode === 'COUPON_REMOVED_DURING_CHECKOUT_ERROR') {
            // It is removed now. The customer paid with it: what is missing is the merchant's to see.
            added = await reservation.run(reserved, add);
        }
        if (isGraphQlErrorResult(added)) {
            throw new NotTaken(added.message);
        }
    }

    /** Customer, address and delivery; and the order's total is what was paid. */
    private async writeExpress(ctx: RequestContext, order: Order, express: ExpressInput, paid: number) {
        await this.back(ctx, order.id);
        const unchanged = order.subTotalWithTax === express.goods;
        const offered = await this.deliveries.offered(ctx, order.code, express.address);
        const chosen = offered.find(({ id }) => String(id) === String(express.shippingMethodId));
        if (!chosen) {
            throw new NotTaken('The delivery that was chosen is no longer offered for this order and address.');
        }
        if (!order.customer) {
            await this.orders.addCustomerToOrder(ctx, order.id, await this.customer(ctx, order, express));
        }
        const address = {
            ...present(express.address),
            fullName: [express.firstName, express.lastName].filter(Boolean).join(' '),
            phoneNumber: express.phoneNumber ?? undefined,
        };
        await this.orders.setShippingAddress(ctx, order.id, address);
        await this.orders.setBillingAddress(ctx, order.id, address);
        const set = await this.orders.setShippingMethod(ctx, order.id, [chosen.id]);
        if (isGraphQlErrorResult(set)) {
            throw new NotTaken(set.message);
        }
        const difference = paid - set.totalWithTax;
        if (unchanged && difference !== 0) {
            await this.orders.addSurchargeToOrder(ctx, order.id, {
                description: 'Difference to the price in Vipps',
                sku: 'kasse-difference',
                listPrice: difference,
                listPriceIncludesTax: true,
                taxLines: [{ description: 'VAT', taxRate: chosen.taxRate }],
            });
        }
    }

    /** A registered customer is taken as they are; a guest is made, or renewed. */
    private async customer(ctx: RequestContext, order: Order, express: ExpressInput) {
        const emailAddress = express.emailAddress || `${order.code.toLowerCase()}@customer.invalid`;
        const found = await this.customers.findAll(ctx, { filter: { emailAddress: { eq: emailAddress } }, take: 1 }, [
            'user',
        ]);
        const [known] = found.items;
        if (known?.user) {
            return known;
        }
        const made = await this.customers.createOrUpdate(ctx, {
            emailAddress,
            firstName: express.firstName ?? '',
            lastName: express.lastName ?? '',
            phoneNumber: express.phoneNumber ?? undefined,
        });
        if (isGraphQlErrorResult(made)) {
            throw new NotTaken(made.message);
        }
        return made;
    }
}
