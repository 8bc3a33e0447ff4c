import { PaymentProcess, PluginCommonModule, Type, VendurePlugin } from '@vendure/core';

import { AdminResolver } from './admin-api';
import { Deliveries } from './deliveries';
import { Eraser } from './eraser';
import { paymentHandler } from './handler';
import { Kasse, KasseOptions } from './kasse';
import { Reserver } from './reserver';
import { adminSchema, shopSchema } from './schema';
import { ShopResolver } from './shop-api';

/**
 * Vendure moves each new payment from `Created` to what its handler answers. Ours stays there, while
 * the customer is at Vipps.
 */
const waiting: PaymentProcess<string> = { transitions: { Created: { to: ['Created'], mergeStrategy: 'merge' } } };

/**
 * Vipps in Vendure, by kasse: the payment handler `kasse-vipps`, the express button's mutation, and
 * what kasse writes. Add `KassePlugin.init({ url, shop, secret })` to `plugins`.
 */
@VendurePlugin({
    imports: [PluginCommonModule],
    compatibility: '^3.7.0',
    providers: [{ provide: Kasse, useFactory: () => KassePlugin.kasse }, Deliveries, Reserver, Eraser],
    adminApiExtensions: { schema: adminSchema, resolvers: [AdminResolver] },
    shopApiExtensions: { schema: shopSchema, resolvers: [ShopResolver] },
    configuration: config => {
        const { paymentMethodHandlers, process = [] } = config.paymentOptions;
        paymentMethodHandlers.push(paymentHandler(KassePlugin.kasse));
        config.paymentOptions.process = [...process, waiting];
        return config;
    },
})
export class KassePlugin {
    static kasse: Kasse;

    static init(options: KasseOptions): Type<KassePlugin> {
        if (!options.secret || options.secret.length < 32) {
            throw new Error('KassePlugin: the secret needs at least 32 characters, and so does kasse.');
        }
        this.kasse = new Kasse(options);
        return KassePlugin;
    }
}

export { HANDLER } from './handler';
export type { KasseOptions } from './kasse';
export { sign } from './sign';
