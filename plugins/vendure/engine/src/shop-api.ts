import { Mutation, Resolver } from '@nestjs/graphql';
import { ActiveOrderService, Allow, Ctx, OrderService, Permission, RequestContext } from '@vendure/core';

import { Kasse } from './kasse';
import { describe, destination } from './order';

/** The express button. */
@Resolver()
export class ShopResolver {
    constructor(
        private readonly kasse: Kasse,
        private readonly active: ActiveOrderService,
        private readonly orders: OrderService,
    ) {}

    @Mutation()
    @Allow(Permission.Owner)
    async kasseExpress(@Ctx() ctx: RequestContext) {
        const active = await this.active.getActiveOrder(ctx, undefined);
        const order = active && (await this.orders.findOne(ctx, active.id));
        if (!order?.lines.length) {
            return { message: 'There is nothing in the cart.' };
        }
        order.payments = await this.orders.getOrderPayments(ctx, order.id);
        const told = { ...describe(ctx, order), shippingAddress: destination(order) };
        const answer = await this.kasse.ask('initiate', { order: told, express: true });
        return answer.done ? { redirectUrl: answer.redirect } : { message: answer.message };
    }
}
