import { MathBN, QueryContext } from '@medusajs/framework/utils';

import { find, medusa } from './medusa';
import { decimal, Numeric, sum } from './money';
import { locate } from './order';

/** An address, as kasse writes it. */
export interface Address {
    line1?: string | null;
    line2?: string | null;
    city?: string | null;
    post_code?: string | null;
    country: string;
}

/** One delivery of one shipping profile. */
interface Option {
    id: string;
    title: string;
    /** Gross. */
    price: string;
    /** How much of it is tax. */
    tax: string;
}

/** One of each profile that the cart needs. */
export interface Delivery extends Option {
    packages: Option[];
}

/** What the customer chooses among. */
const AT_MOST = 10;

const CART = [
    'id',
    'currency_code',
    'region_id',
    'sales_channel_id',
    'locale',
    'email',
    'total',
    'item_total',
    'customer_id',
    'customer.id',
    'customer.email',
    'customer.groups.id',
    'region.id',
    'region.automatic_taxes',
    'region.countries.iso_2',
    'promotions.code',
    'items.*',
    'items.adjustments.*',
    'items.product.id',
    'items.product.collection_id',
    'items.product.type_id',
    'items.product.categories.id',
    'items.product.tags.id',
    'items.variant.id',
    'items.variant.weight',
    'items.variant.product.id',
    'items.variant.product.shipping_profile.id',
];

const OPTION = [
    'id',
    'name',
    'price_type',
    'provider_id',
    'data',
    'shipping_profile_id',
    'service_zone.fulfillment_set_id',
    'service_zone.fulfillment_set.location.address.*',
];

/**
 * Medusa's own deliveries and prices for a cart, to an address that is not written: the shopper has
 * not chosen it yet. Prices are gross. The cheapest come first.
 */
export async function offered(id: string, to: Address): Promise<{ currency_code: string; deliveries: Delivery[] }> {
    const place = await locate(id);
    const [cart] = place?.cart ? await find('cart', CART, { id: place.cart }) : [];
    if (!cart) {
        return { currency_code: '', deliveries: [] };
    }
    const nothing = { currency_code: cart.currency_code, deliveries: [] };
    const country = to.country.toLowerCase();
    if (!cart.region?.countries?.some((known: { iso_2: string }) => known.iso_2 === country)) {
        return nothing;
    }
    cart.shipping_address = written(to);
    const needed = profiles(cart.items ?? []);
    const byProfile = new Map<string, Option[]>();
    for (const option of await priced(cart, country, to)) {
        byProfile.set(option.profile, [...(byProfile.get(option.profile) ?? []), option]);
    }
    let combined: Delivery[] = [];
    for (const profile of needed) {
        const options = byProfile.get(profile) ?? [];
        const longer = combined.length
            ? combined.flatMap(some => options.map(option => together([...some.packages, option])))
            : options.map(option => together([option]));
        if (!longer.length) {
            return nothing;
        }
        combined = longer.sort((a, b) => Number(a.price) - Number(b.price)).slice(0, AT_MOST);
    }
    return { currency_code: cart.currency_code, deliveries: combined };
}

/** An address in Medusa's shape: what is missing is left out. */
export function written(address: Address) {
    return {
        address_1: address.line1 ?? undefined,
        address_2: address.line2 ?? undefined,
        city: address.city ?? undefined,
        postal_code: address.post_code ?? undefined,
        country_code: address.country.toLowerCase(),
    };
}

interface Item {
    requires_shipping?: boolean;
    variant?: { product?: { shipping_profile?: { id: string } } };
}

/** The shipping profiles of what is to be sent, in one order always: ids of deliveries are made of it. */
function profiles(items: Item[]): string[] {
    const sent = items.filter(item => item.requires_shipping !== false);
    const ids = sent.map(item => item.variant?.product?.shipping_profile?.id).filter(id => id !== undefined);
    return [...new Set(ids)].sort();
}

function together(packages: Option[]): Delivery {
    const joined = (part: 'id' | 'title', by: string) => packages.map(option => option[part]).join(by);
    return {
        id: joined('id', '+'),
        title: joined('title', ' + '),
        price: sum(packages.map(option => option.price)),
        tax: sum(packages.map(option => option.tax)),
        packages: packages.map(({ id, title, price, tax }) => ({ id, title, price, tax })),
    };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- carts and options as Medusa's query gives them.
type Any = any;

/** The options of the sales channel that reach the address, with the price that Medusa gives them. */
async function priced(cart: Any, country: string, to: Address): Promise<(Option & { profile: string })[]> {
    const channel = ['id', 'stock_locations.id', 'stock_locations.name', 'stock_locations.address.*'];
    const [found] = await find('sales_channel', [...channel, 'stock_locations.fulfillment_sets.id'], {
        id: cart.sales_channel_id,
    });
    const locations = new Map<string, unknown>();
    for (const location of found?.stock_locations ?? []) {
        for (const set of location.fulfillment_sets ?? []) {
            locations.set(set.id, location);
        }
    }
    const filters = {
        fulfillment_set_id: [...locations.keys()],
        address: {
            country_code: country,
            city: to.city ?? undefined,
            postal_expression: to.post_code ?? undefined,
        },
    };
    const shown = { is_return: 'false', enabled_in_store: 'true' };
    const options = await find('shipping_option', OPTION, filters, QueryContext(shown));
    const flat = options.filter(option => option.price_type === 'flat').map(({ id }) => id);
    const prices = new Map<string, Any>();
    if (flat.length) {
        const context = { calculated_price: QueryContext(cart) };
        for (const option of await find('shipping_option', ['id', 'calculated_price.*'], { id: flat }, context)) {
            prices.set(option.id, option.calculated_price);
        }
    }
    for (const option of options.filter(option => option.price_type === 'calculated')) {
        const { provider_id, data, shipping_profile_id: profile } = option;
        const items = cart.items.filter((item: Item) => item.variant?.product?.shipping_profile?.id === profile);
        const from_location = locations.get(option.service_zone?.fulfillment_set_id);
        const context = { ...cart, items, from_location };
        try {
            const [price] = await medusa.fulfilment.calculateShippingOptionsPrices([
                { id: option.id, provider_id, optionData: data ?? {}, data: {}, context },
            ]);
            prices.set(option.id, price);
        } catch (error) {
            medusa.logger.warn(`kasse: ${option.name} has no price: ${error}`);
        }
    }
    const [promoted] = await find('application_method', ['id'], { target_type: 'shipping_methods' });
    const offered: (Option & { profile: string })[] = [];
    for (const option of options) {
        const price = prices.get(option.id);
        const amount: Numeric | null | undefined = price?.raw_calculated_amount ?? price?.calculated_amount;
        if (amount === null || amount === undefined) {
            continue;
        }
        const rate = await taxRate(cart, option.id, amount);
        const inclusive = price.is_calculated_price_tax_inclusive === true;
        const net = inclusive ? MathBN.div(MathBN.mult(amount as never, 100), 100 + rate) : MathBN.convert(amount as never);
        const after = promoted ? await afterPromotions(cart, option.id, net) : net;
        // A price that nothing was taken off stays as it was said.
        const gross = inclusive && after === net ? amount : MathBN.div(MathBN.mult(after, 100 + rate), 100);
        offered.push({
            id: option.id,
            title: option.name,
            price: decimal(gross as Numeric),
            tax: sum([gross as Numeric, MathBN.mult(after, -1) as never]),
            profile: option.shipping_profile_id,
        });
    }
    return offered;
}

/** The rate of a delivery, in percent. */
async function taxRate(cart: Any, option: string, amount: Numeric): Promise<number> {
    if (!cart.region?.automatic_taxes) {
        return 0;
    }
    const { country_code, postal_code, city, address_1 } = cart.shipping_address;
    const line = {
        id: option,
        shipping_option_id: option,
        unit_price: decimal(amount),
        currency_code: cart.currency_code,
    };
    const lines = await medusa.taxes.getTaxLines([line], {
        address: { country_code, postal_code, city, address_1 },
        customer: cart.customer && {
            id: cart.customer.id,
            email: cart.customer.email,
            customer_groups: cart.customer.groups?.map((group: { id: string }) => group.id) ?? [],
        },
    });
    return lines.reduce((sum, { rate }) => sum + (rate ?? 0), 0);
}

type Net = ReturnType<typeof MathBN.convert>;

/** What a coupon, or a promotion that needs none, leaves of a delivery's net price. */
async function afterPromotions(cart: Any, option: string, net: Net): Promise<Net> {
    const method = { id: option, shipping_option: { id: option }, subtotal: net.toNumber() };
    const codes = (cart.promotions ?? []).map(({ code }: { code: string }) => code);
    const actions = await medusa.promotions.computeActions(codes, { ...cart, shipping_methods: [method] });
    const off = actions.flatMap(action => (action.action === 'addShippingMethodAdjustment' ? [action.amount] : []));
    const left = off.reduce<Net>((left, amount) => MathBN.sub(left, amount as never), net);
    return MathBN.gt(left, 0) ? (off.length ? left : net) : MathBN.convert(0);
}
