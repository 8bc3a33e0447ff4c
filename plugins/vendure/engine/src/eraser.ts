import { Injectable } from '@nestjs/common';
import { Address, Customer, Order, OrderService, RequestContext, TransactionalConnection } from '@vendure/core';

/** Removes what Vipps gave of a person. Vendure has no eraser of its own. */
@Injectable()
export class Eraser {
    constructor(
        private readonly orders: OrderService,
        private readonly connection: TransactionalConnection,
    ) {}

    /** May be asked again: the second time there is nothing left. Answers what is kept, in words. */
    async forget(ctx: RequestContext, orderCodes: string[]): Promise<string[]> {
        const kept: string[] = [];
        for (const code of orderCodes) {
            const order = await this.orders.findOneByCode(ctx, code, ['customer', 'customer.user']);
            if (!order) {
                continue;
            }
            const { countryCode, country } = order.shippingAddress ?? {};
            const rest = { countryCode, country };
            await this.connection
                .getRepository(ctx, Order)
                .update(order.id, { shippingAddress: rest, billingAddress: rest });
            kept.push(`goods, amounts, dates and the country of order ${code}, for the accounts`);
            if (order.customer?.user) {
                kept.push(`the account of order ${code}'s customer in the shop, which is theirs to close`);
            } else if (order.customer) {
                await this.guest(ctx, order.customer);
            }
        }
        return kept;
    }

    private async guest(ctx: RequestContext, { id }: Customer) {
        await this.connection.getRepository(ctx, Address).delete({ customer: { id } });
        await this.connection.getRepository(ctx, Customer).update(id, {
            title: '',
            firstName: '',
            lastName: '',
            phoneNumber: '',
            emailAddress: `forgotten-${id}@customer.invalid`,
        });
    }
}
