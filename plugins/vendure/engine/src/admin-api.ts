import { Args, Mutation, Query, Resolver } from '@nestjs/graphql';
import { Allow, Ctx, ID, Permission, RequestContext, Transaction } from '@vendure/core';

import { Deliveries, AddressInput } from './deliveries';
import { Eraser } from './eraser';
import { ExpressInput, Reserver } from './reserver';

/** What kasse writes and asks. */
@Resolver()
export class AdminResolver {
    constructor(
        private readonly deliveries: Deliveries,
        private readonly reserver: Reserver,
        private readonly eraser: Eraser,
    ) {}

    @Query()
    @Allow(Permission.ReadOrder)
    kasseDeliveries(@Ctx() ctx: RequestContext, @Args() args: { orderCode: string; address: AddressInput }) {
        return this.deliveries.offered(ctx, args.orderCode, args.address);
    }

    @Mutation()
    @Transaction()
    @Allow(Permission.UpdateOrder)
    kasseReserve(
        @Ctx() ctx: RequestContext,
        @Args('input')
        input: { orderCode: string; reference: string; amount: number; express?: ExpressInput & { shippingMethodId: ID } },
    ) {
        return this.reserver.reserve(ctx, input);
    }

    @Mutation()
    @Transaction()
    @Allow(Permission.UpdateOrder)
    kasseForget(@Ctx() ctx: RequestContext, @Args('orderCodes') orderCodes: string[]) {
        return this.eraser.forget(ctx, orderCodes);
    }
}
