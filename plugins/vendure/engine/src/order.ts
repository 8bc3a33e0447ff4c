import type { Order, RequestContext } from '@vendure/core';

/** Where an order likely goes, as far as the cart says it: kasse asks for the deliveries there ahead. */
export function destination({ shippingAddress }: Pick<Order, 'shippingAddress'>) {
    const { streetLine1, streetLine2, city, postalCode, countryCode } = shippingAddress ?? {};
    return { streetLine1, streetLine2, city, postalCode, countryCode };
}

/**
 * An order as kasse is told of it: the same names as in the Admin API, so that it reads both alike.
 * Amounts are in minor units.
 */
export function describe(ctx: RequestContext, order: Order) {
    return {
        code: order.code,
        state: order.state,
        currencyCode: order.currencyCode,
        languageCode: ctx.languageCode,
        customer: { phoneNumber: order.customer?.phoneNumber || order.shippingAddress?.phoneNumber },
        lines: order.lines.map(line => ({
            quantity: line.quantity,
            linePriceWithTax: line.linePriceWithTax,
            proratedLinePriceWithTax: line.proratedLinePriceWithTax,
            taxRate: line.taxRate,
            productVariant: { id: String(line.productVariant.id), name: line.productVariant.name },
        })),
        shippingLines: order.shippingLines.map(line => ({
            id: String(line.id),
            price: line.price,
            priceWithTax: line.priceWithTax,
            discountedPriceWithTax: line.discountedPriceWithTax,
            taxRate: line.taxRate,
            shippingMethod: { name: line.shippingMethod?.name ?? '' },
        })),
        surcharges: order.surcharges.map(surcharge => ({
            id: String(surcharge.id),
            sku: surcharge.sku,
            description: surcharge.description,
            priceWithTax: surcharge.priceWithTax,
            taxRate: surcharge.taxRate,
        })),
        payments: (order.payments ?? []).map(payment => ({
            id: String(payment.id),
            amount: payment.amount,
            state: payment.state,
            transactionId: payment.transactionId ?? '',
            metadata: payment.metadata,
        })),
    };
}
