import type { MedusaRequest, MedusaResponse } from '@medusajs/framework/http';

import { ASK, page, storefrontKey } from '../../page';

const SCRIPT = `
const look = async () => {
    try {
        const { type, order } = await ask('POST', 'carts/' + location.pathname.split('/').pop() + '/complete?fields=display_id,total');
        if (type === 'order') {
            document.querySelector('h1').textContent = 'Thank you';
            say('Order ' + order.display_id + ': ' + order.total + ' kr');
            return;
        }
    } catch {}
    document.querySelector('h1').textContent = 'Not paid';
    document.getElementById('said').innerHTML = 'The order is not paid. <a href="/fjell">Try again</a>';
};
look();`;

/** Where customers come back to: the cart is completed, as with each way to pay. */
export const GET = async (request: MedusaRequest, response: MedusaResponse): Promise<void> => {
    const script = ASK(await storefrontKey(request as never)) + SCRIPT;
    page(response, 'One moment', `<p id="said" role="status"></p><script>${script}</script>`);
};
