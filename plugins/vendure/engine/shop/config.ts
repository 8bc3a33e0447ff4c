import { AdminUiPlugin } from '@vendure/admin-ui-plugin';
import {
    DefaultLogger,
    LanguageCode,
    LogLevel,
    ShippingCalculator,
    VendureConfig,
} from '@vendure/core';

import { KassePlugin } from '../src';
import { StorefrontPlugin } from './storefront';

/** What the test shop is told by its environment. */
export const PORT = Number(process.env.SHOP_PORT ?? 3000);

/** A price by post code; nothing outside Norway, and nothing on Svalbard. */
const byPostCode = new ShippingCalculator({
    code: 'by-post-code',
    description: [{ languageCode: LanguageCode.en, value: 'By post code, Norway alone' }],
    args: { south: { type: 'int' }, north: { type: 'int' } },
    calculate: (_ctx, order, args) => {
        const { countryCode, postalCode } = order.shippingAddress;
        if (countryCode !== 'NO' || !/^\d{4}$/.test(postalCode ?? '') || postalCode?.startsWith('917')) {
            return undefined;
        }
        const price = Number(postalCode) < 7900 ? args.south : args.north;
        return { price, priceIncludesTax: true, taxRate: 25 };
    },
});

/** A shop for trying and testing. Its passwords are known: it is for this machine alone. */
export const config: VendureConfig = {
    apiOptions: { port: PORT, hostname: '127.0.0.1', adminApiPath: 'admin-api', shopApiPath: 'shop-api' },
    authOptions: {
        tokenMethod: ['bearer', 'cookie'],
        superadminCredentials: { identifier: 'superadmin', password: 'superadmin' },
        cookieOptions: { secret: 'for-tests-alone' },
    },
    dbConnectionOptions: {
        type: 'better-sqlite3',
        database: process.env.SHOP_DATABASE ?? 'shop.sqlite',
        synchronize: true,
        logging: false,
        // Much faster. A power cut may cost this shop its orders.
        prepareDatabase: database => database.pragma('synchronous = OFF'),
    },
    shippingOptions: { shippingCalculators: [byPostCode] },
    paymentOptions: { paymentMethodHandlers: [] },
    logger: new DefaultLogger({ level: LogLevel.Info, timestamp: true }),
    plugins: [
        StorefrontPlugin,
        AdminUiPlugin.init({ route: 'admin', port: PORT + 1 }),
        KassePlugin.init({
            url: process.env.KASSE_URL ?? 'http://127.0.0.1:8080',
            shop: process.env.KASSE_SHOP ?? 'fjell',
            secret: process.env.KASSE_SECRET ?? '',
        }),
    ],
};
