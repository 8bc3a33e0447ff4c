import { container } from '@medusajs/framework';
import type {
    ICartModuleService,
    ICustomerModuleService,
    IFulfillmentModuleService,
    ILockingModule,
    IOrderModuleService,
    IPaymentModuleService,
    IPromotionModuleService,
    ITaxModuleService,
    Logger,
    MedusaContainer,
    RemoteQueryFunction,
} from '@medusajs/framework/types';
import { ContainerRegistrationKeys, Modules } from '@medusajs/framework/utils';

/** What the piece uses of Medusa. The provider's own container has the payment module alone. */
export const medusa = {
    container: container as MedusaContainer,
    get query(): Omit<RemoteQueryFunction, symbol> {
        return container.resolve(ContainerRegistrationKeys.QUERY);
    },
    get logger(): Logger {
        return container.resolve(ContainerRegistrationKeys.LOGGER);
    },
    get payments(): IPaymentModuleService {
        return container.resolve(Modules.PAYMENT);
    },
    get carts(): ICartModuleService {
        return container.resolve(Modules.CART);
    },
    get orders(): IOrderModuleService {
        return container.resolve(Modules.ORDER);
    },
    get customers(): ICustomerModuleService {
        return container.resolve(Modules.CUSTOMER);
    },
    get fulfilment(): IFulfillmentModuleService {
        return container.resolve(Modules.FULFILLMENT);
    },
    get taxes(): ITaxModuleService {
        return container.resolve(Modules.TAX);
    },
    get promotions(): IPromotionModuleService {
        return container.resolve(Modules.PROMOTION);
    },
    get locks(): ILockingModule {
        return container.resolve(Modules.LOCKING);
    },
};

/** Records of Medusa, by its query. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- Medusa's types of them are made per shop.
export async function find(entity: string, fields: string[], filters: object, context?: object): Promise<any[]> {
    const { data } = await medusa.query.graph({ entity, fields, filters, context } as never);
    return data as never;
}
