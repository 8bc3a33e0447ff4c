import { addShippingMethodToCartWorkflow, updateCartWorkflow } from '@medusajs/medusa/core-flows';
import { MathBN } from '@medusajs/framework/utils';

import { Address, written } from './deliveries';
import { find, medusa } from './medusa';
import { missing, Numeric, same, sum } from './money';
import { asMedusaSays, never } from './refused';

/** What the customer chose in the app. */
export interface Express {
    customer: { first_name?: string | null; last_name?: string | null; email?: string | null; phone?: string | null };
    address: Address;
    delivery: { id: string; title: string; price: string };
}

/** Customer, address and delivery into the cart, by Medusa's own steps. The price in the app stands. */
export async function writeExpress(cart: string, express: Express): Promise<void> {
    const { customer, address, delivery } = express;
    const to = {
        ...written(address),
        first_name: customer.first_name ?? undefined,
        last_name: customer.last_name ?? undefined,
        phone: customer.phone ?? undefined,
    };
    const [before] = await find('cart', ['id', 'email', 'customer.has_account'], { id: cart });
    // A registered customer keeps the address that they are known by.
    const email = before?.customer?.has_account ? undefined : (customer.email ?? undefined);
    const input = { id: cart, ...(email ? { email } : {}), shipping_address: to, billing_address: to };
    await asMedusaSays(() => updateCartWorkflow(medusa.container).run({ input }));
    const options = delivery.id.split('+').map(id => ({ id }));
    try {
        await asMedusaSays(() => addShippingMethodToCartWorkflow(medusa.container).run({ input: { cart_id: cart, options } }));
    } catch (error) {
        if (error instanceof Error && 'status' in error) {
            throw never(`The delivery that was chosen is no longer offered for this cart and address: ${error.message}`);
        }
        throw error;
    }
    await keepPrice(cart, delivery.price);
}

/** Where Medusa's price is another one by now, the delivery costs what the customer was told. */
async function keepPrice(cart: string, told: Numeric): Promise<void> {
    const [found] = await find('cart', ['id', 'total', 'shipping_total', 'shipping_methods.*'], { id: cart });
    const now = found.raw_shipping_total ?? found.shipping_total;
    const [first] = found.shipping_methods ?? [];
    if (!first?.is_tax_inclusive || same(now, told)) {
        return;
    }
    const amount = sum([first.raw_amount ?? first.amount, told, MathBN.mult(now, -1) as never]);
    if (missing(0, amount)) {
        await medusa.carts.updateShippingMethods([{ id: first.id, amount: amount as never }]);
    }
}
