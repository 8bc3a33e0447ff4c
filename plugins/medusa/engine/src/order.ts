import { find, medusa } from './medusa';
import { decimal, Numeric, sum } from './money';

/** An order or a cart as kasse is told of it, in Medusa's own names. Amounts are decimal text. */
export interface Described {
    id: string;
    cart_id: string | null;
    order_id: string | null;
    display_id: number | null;
    status: string;
    currency_code: string;
    email: string | null;
    phone: string | null;
    locale: string | null;
    country_code: string | null;
    total: string;
    credit_line_total: string;
    items: Line[];
    shipping_methods: Shipping[];
    payments: Payment[];
    express: boolean;
}

interface Line {
    id: string;
    variant_id: string | null;
    title: string;
    variant_title: string | null;
    quantity: number;
    total: string;
    original_total: string;
    tax_lines: { rate: string }[];
}

interface Shipping {
    id: string;
    shipping_option_id: string | null;
    name: string;
    total: string;
    original_total: string;
    tax_lines: { rate: string }[];
}

/** A payment: what Medusa shows of it. */
export interface Payment {
    id: string;
    provider_id: string;
    reference: string | null;
    amount: string;
    captured: string;
    refunded: string;
    canceled: boolean;
}

const COMMON = [
    'id',
    'currency_code',
    'email',
    'metadata',
    'total',
    'credit_line_total',
    'items.*',
    'items.total',
    'items.original_total',
    'items.tax_lines.*',
    'items.adjustments.*',
    'shipping_methods.*',
    'shipping_methods.total',
    'shipping_methods.original_total',
    'shipping_methods.tax_lines.*',
    'shipping_methods.adjustments.*',
    'credit_lines.*',
    'shipping_address.country_code',
    'shipping_address.phone',
    'billing_address.phone',
    'customer.phone',
];

const CART = [...COMMON, 'locale', 'region.currency_code', 'region.countries.iso_2', 'completed_at'];

const ORDER = [...COMMON, 'display_id', 'status'];

export const PAYMENT = [
    'id',
    'provider_id',
    'amount',
    'raw_amount',
    'currency_code',
    'data',
    'metadata',
    'captured_at',
    'canceled_at',
    'payment_collection_id',
    'captures.*',
    'refunds.*',
];

/** What a cart's or an order's metadata has of ours. */
export const EXPRESS = 'vipps_express';

/** Where a cart or an order stands: a cart that was completed is its order. */
export interface Place {
    cart: string | null;
    order: string | null;
    collections: string[];
}

/** Finds a cart or an order, by either's id. */
export async function locate(id: string): Promise<Place | undefined> {
    let place: Place;
    if (id.startsWith('order_')) {
        const [order] = await find('order', ['id'], { id });
        const [link] = await find('order_cart', ['cart_id', 'order_id'], { order_id: id });
        if (!order) {
            return undefined;
        }
        place = { cart: link?.cart_id ?? null, order: id, collections: [] };
    } else {
        const [cart] = await find('cart', ['id'], { id });
        const [link] = await find('order_cart', ['cart_id', 'order_id'], { cart_id: id });
        if (!cart) {
            return undefined;
        }
        place = { cart: id, order: link?.order_id ?? null, collections: [] };
    }
    const links = place.order
        ? await find('order_payment_collection', ['payment_collection_id'], { order_id: place.order })
        : await find('cart_payment_collection', ['payment_collection_id'], { cart_id: place.cart });
    place.collections = links.map(link => link.payment_collection_id);
    return place;
}

/** The payments of a cart or an order. */
export async function paymentsOf(place: Place) {
    return place.collections.length ? find('payment', PAYMENT, { payment_collection_id: place.collections }) : [];
}

/** What was captured or refunded, of its entries. */
export function taken(entries: { raw_amount?: Numeric; amount?: Numeric }[] | undefined): string {
    return sum((entries ?? []).map(entry => entry.raw_amount ?? entry.amount ?? 0));
}

/** The cart, or the order that it became. */
export async function describe(id: string): Promise<Described | undefined> {
    const place = await locate(id);
    if (!place) {
        return undefined;
    }
    const [found] = place.order
        ? await find('order', ORDER, { id: place.order })
        : await find('cart', CART, { id: place.cart });
    const payments = await paymentsOf(place);
    const { country_code: country } = found.shipping_address ?? {};
    const rates = country ? undefined : await ratesAtHome(found);
    const rated = (lines: Rated[] | undefined, id: string) => ({
        tax_lines: (rates?.get(id) ?? lines ?? []).map(line => ({ rate: decimal(line.raw_rate ?? line.rate) })),
    });
    return {
        id: found.id,
        cart_id: place.cart,
        order_id: place.order,
        display_id: found.display_id ?? null,
        status: place.order ? found.status : 'cart',
        currency_code: found.currency_code,
        email: found.email ?? null,
        phone: found.shipping_address?.phone || found.billing_address?.phone || found.customer?.phone || null,
        locale: found.locale ?? null,
        country_code: country ?? null,
        total: decimal(found.raw_total ?? found.total),
        credit_line_total: decimal(found.raw_credit_line_total ?? found.credit_line_total ?? 0),
        items: (found.items ?? []).map((item: any) => ({
            id: item.id,
            variant_id: item.variant_id ?? null,
            title: item.product_title ?? item.title,
            variant_title: item.variant_title ?? null,
            quantity: Number(item.quantity),
            total: decimal(item.raw_total ?? item.total),
            original_total: decimal(item.raw_original_total ?? item.original_total),
            ...rated(item.tax_lines, item.id),
        })),
        shipping_methods: (found.shipping_methods ?? []).map((method: any) => ({
            id: method.id,
            shipping_option_id: method.shipping_option_id ?? null,
            name: method.name,
            total: decimal(method.raw_total ?? method.total),
            original_total: decimal(method.raw_original_total ?? method.original_total),
            ...rated(method.tax_lines, method.id),
        })),
        payments: payments.map(payment => ({
            id: payment.id,
            provider_id: payment.provider_id,
            reference: referenceOf(payment) ?? null,
            amount: decimal(payment.raw_amount ?? payment.amount),
            captured: taken(payment.captures),
            refunded: taken(payment.refunds),
            canceled: payment.canceled_at !== null,
        })),
        express: found.metadata?.[EXPRESS] === true,
    };
}

/** The reference of a payment or a session of ours. */
export function referenceOf(of: { provider_id: string; data?: Record<string, unknown> | null }): string | undefined {
    const reference = of.data?.reference;
    return isOurs(of.provider_id) && typeof reference === 'string' ? reference : undefined;
}

/** Is it our provider? Medusa makes its id of the identifier and what the shop's configuration says. */
export function isOurs(provider: string): boolean {
    return /^pp_kasse(_|$)/.test(provider);
}

interface Rated {
    raw_rate?: Numeric;
    rate: Numeric;
}

/** Where a currency is at home. */
const HOMES: Record<string, string> = { nok: 'no', dkk: 'dk', sek: 'se', eur: 'fi' };

/**
 * A cart without a country has no tax lines: Medusa adds them with the address. Express has none yet,
 * and Vipps wants to know: they are those of the currency's home, or of the region's first country.
 */
async function ratesAtHome(cart: CartForRates): Promise<Map<string, Rated[]>> {
    const countries = (cart.region?.countries ?? []).map(({ iso_2 }) => iso_2);
    const home = HOMES[cart.currency_code.toLowerCase()] ?? '';
    const country = countries.includes(home) ? home : countries[0];
    const rates = new Map<string, Rated[]>();
    if (!country || !cart.items?.length) {
        return rates;
    }
    const lines = await medusa.taxes.getTaxLines(
        cart.items.map(item => ({
            id: item.id,
            product_id: item.product_id ?? '',
            product_type_id: item.product_type_id ?? undefined,
            quantity: item.quantity,
            unit_price: item.unit_price,
            currency_code: cart.currency_code,
        })),
        { address: { country_code: country } },
    );
    for (const line of lines) {
        if ('line_item_id' in line) {
            rates.set(line.line_item_id, [...(rates.get(line.line_item_id) ?? []), { rate: line.rate ?? 0 }]);
        }
    }
    return rates;
}

interface CartForRates {
    currency_code: string;
    region?: { countries?: { iso_2: string }[] };
    items?: {
        id: string;
        product_id?: string;
        product_type_id?: string | null;
        quantity: number;
        unit_price: number;
    }[];
}
