import { Injectable } from '@nestjs/common';
import {
    CountryService,
    ID,
    OrderService,
    RequestContext,
    ShippingMethodService,
    UserInputError,
} from '@vendure/core';

export interface AddressInput {
    streetLine1?: string | null;
    streetLine2?: string | null;
    city?: string | null;
    postalCode?: string | null;
    countryCode: string;
}

export interface Delivery {
    id: ID;
    code: string;
    name: string;
    description: string;
    priceWithTax: number;
    taxRate: number;
}

/** Vendure's own deliveries: its checkers and calculators, asked for an address that is not written. */
@Injectable()
export class Deliveries {
    constructor(
        private readonly orders: OrderService,
        private readonly methods: ShippingMethodService,
        private readonly countries: CountryService,
    ) {}

    async offered(ctx: RequestContext, orderCode: string, address: AddressInput): Promise<Delivery[]> {
        const order = await this.orders.findOneByCode(ctx, orderCode);
        if (!order) {
            throw new UserInputError(`There is no order ${orderCode}`);
        }
        const countries = await this.countries.findAllAvailable(ctx);
        const country = countries.find(({ code }) => code === address.countryCode);
        if (!country) {
            return [];
        }
        // In memory alone: what is asked for is not yet what is chosen.
        order.shippingAddress = { ...present(address), country: country.name };
        const offered: Delivery[] = [];
        for (const method of await this.methods.getActiveShippingMethods(ctx)) {
            const result = (await method.test(ctx, order)) && (await method.apply(ctx, order));
            if (result) {
                const { id, code, name, description } = method;
                const { price, priceIncludesTax, taxRate } = result;
                const priceWithTax = priceIncludesTax ? price : Math.round((price * (100 + taxRate)) / 100);
                offered.push({ id, code, name, description, priceWithTax, taxRate });
            }
        }
        return offered.sort((a, b) => a.priceWithTax - b.priceWithTax);
    }
}

/** An address in Vendure's shape: what is missing is left out. */
export function present(address: AddressInput) {
    return {
        streetLine1: address.streetLine1 ?? '',
        streetLine2: address.streetLine2 ?? undefined,
        city: address.city ?? undefined,
        postalCode: address.postalCode ?? undefined,
        countryCode: address.countryCode,
    };
}
