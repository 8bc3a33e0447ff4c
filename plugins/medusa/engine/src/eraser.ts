import { find, medusa } from './medusa';
import { locate } from './order';

const NAMES = { first_name: '', last_name: '', company: '', phone: '', address_1: '', address_2: '', city: '', postal_code: '', province: '' };

/** Removes what Vipps gave of a person. Medusa has no eraser of its own. */
export async function forget(ids: string[]): Promise<string[]> {
    const kept: string[] = [];
    for (const id of ids) {
        const place = await locate(id);
        if (place?.cart) {
            await eraseCart(place.cart);
        }
        if (place?.order) {
            kept.push(...(await eraseOrder(place.order)));
        }
    }
    return kept;
}

const PERSON = ['id', 'customer_id', 'customer.has_account', 'shipping_address.id', 'billing_address.id'];

async function eraseCart(id: string): Promise<void> {
    const [cart] = await find('cart', PERSON, { id });
    const addresses = [cart.shipping_address?.id, cart.billing_address?.id].filter(Boolean);
    await medusa.carts.updateAddresses(addresses.map(id => ({ id, ...NAMES })));
    if (!cart.customer?.has_account) {
        await medusa.carts.updateCarts(id, { email: forgotten(id) });
        await eraseGuest(cart.customer_id);
    }
}

async function eraseOrder(id: string): Promise<string[]> {
    const [order] = await find('order', [...PERSON, 'display_id'], { id });
    const addresses = [order.shipping_address?.id, order.billing_address?.id].filter(Boolean);
    for (const address of addresses) {
        await medusa.orders.updateOrderAddresses({ id: address, ...NAMES } as never);
    }
    const kept = [`goods, amounts, dates and the country of order ${order.display_id}, for the accounts`];
    if (order.customer?.has_account) {
        kept.push(`the account of order ${order.display_id}'s customer in the shop, which is theirs to close`);
    } else {
        await medusa.orders.updateOrders(id, { email: forgotten(id) });
        await eraseGuest(order.customer_id);
    }
    return kept;
}

/** A guest may have ordered more than once: they are one person, who is forgotten. */
async function eraseGuest(id?: string | null): Promise<void> {
    const [guest] = id ? await find('customer', ['id', 'has_account', 'addresses.id'], { id }) : [];
    if (!guest || guest.has_account) {
        return;
    }
    const addresses = (guest.addresses ?? []).map((address: { id: string }) => address.id);
    if (addresses.length) {
        await medusa.customers.deleteCustomerAddresses(addresses);
    }
    await medusa.customers.updateCustomers(guest.id, {
        email: forgotten(guest.id),
        first_name: '',
        last_name: '',
        phone: '',
        company_name: '',
    });
}

function forgotten(id: string): string {
    return `${id.toLowerCase()}@customer.invalid`;
}
