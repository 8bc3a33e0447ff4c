import type { MedusaRequest, MedusaResponse } from '@medusajs/framework/http';

import { Kasse } from '../../../../kasse';
import { start } from '../../../../start';

/** The express button: the cart is enough, without customer, address or delivery. */
export const POST = async (request: MedusaRequest<{ cart_id?: unknown }>, response: MedusaResponse): Promise<void> => {
    const cart = request.body?.cart_id;
    const { redirect, reference } = await start(Kasse.configured(), { cart: typeof cart === 'string' ? cart : '' });
    response.status(200).json({ redirect_url: redirect, reference });
};
