import type { MedusaRequest, MedusaResponse } from '@medusajs/framework/http';

import { ASK, page, storefrontKey } from '../page';

const SCRIPT = `
const fill = async more => {
    const { regions: [region] } = await ask('GET', 'regions');
    const { products: [jumper] } = await ask('GET', 'products?handle=jumper&fields=id,variants.id');
    const items = [{ variant_id: jumper.variants[0].id, quantity: 1 }];
    const { cart } = await ask('POST', 'carts', { region_id: region.id, items, ...more });
    return cart.id;
};
const press = does => async () => {
    try { await does(); } catch (error) { say(error.message); }
};
document.getElementById('pay').onclick = press(async () => {
    const address = { first_name: 'Kari', last_name: 'Nordmann', address_1: 'Storgata 1', city: 'Oslo', postal_code: '0155', country_code: 'no', phone: '+4712345678' };
    const id = await fill({ email: 'kari@example.com', shipping_address: address, billing_address: address });
    const { shipping_options: options } = await ask('GET', 'shipping-options?cart_id=' + id);
    const parcel = options.find(({ name }) => name.startsWith('Parcel'));
    await ask('POST', 'carts/' + id + '/shipping-methods', { option_id: parcel.id });
    const { payment_collection: { id: collection } } = await ask('POST', 'payment-collections', { cart_id: id });
    const begun = await ask('POST', 'payment-collections/' + collection + '/payment-sessions', { provider_id: 'pp_kasse_vipps' });
    location = begun.payment_collection.payment_sessions[0].data.redirect_url;
});
document.getElementById('express').onclick = press(async () => {
    location = (await ask('POST', 'kasse/express', { cart_id: await fill({}) })).redirect_url;
});`;

/** A storefront of two pages. A real one asks the Store API in the same way. */
export const GET = async (request: MedusaRequest, response: MedusaResponse): Promise<void> => {
    const buttons =
        '<p>Wool jumper, 899.00 kr</p><button id="pay">Pay with Vipps</button>' +
        '<button id="express">Vipps Hurtigkasse</button><p id="said" role="status"></p>';
    const script = ASK(await storefrontKey(request as never)) + SCRIPT;
    page(response, 'Fjell', `${buttons}<script>${script}</script>`);
};
