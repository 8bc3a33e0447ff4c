import { join } from 'node:path';

import { defineConfig } from '@medusajs/framework/utils';

/** The built package, as a shop has it in its node_modules. */
const piece = join(__dirname, '../../..');

/** A shop for trying and testing. Its passwords and secrets are known: it is for this machine alone. */
module.exports = defineConfig({
    projectConfig: {
        databaseUrl: process.env.DATABASE_URL,
        http: {
            storeCors: 'http://127.0.0.1',
            adminCors: 'http://127.0.0.1',
            authCors: 'http://127.0.0.1',
            jwtSecret: 'for-tests-alone-for-tests-alone',
            cookieSecret: 'for-tests-alone-for-tests-alone',
        },
    },
    // Tests speak to the Admin API.
    admin: { disable: process.env.SHOP_ADMIN !== 'true' },
    plugins: [{ resolve: piece, options: {} }],
    modules: [
        {
            resolve: '@medusajs/medusa/payment',
            options: {
                providers: [
                    {
                        resolve: join(piece, '.medusa/server/src/providers/kasse'),
                        id: 'vipps',
                        options: {
                            url: process.env.KASSE_URL ?? 'http://127.0.0.1:8080',
                            shop: process.env.KASSE_SHOP ?? 'fjell',
                            secret: process.env.KASSE_SECRET ?? '',
                        },
                    },
                ],
            },
        },
        {
            resolve: '@medusajs/medusa/fulfillment',
            options: {
                providers: [
                    { resolve: '@medusajs/medusa/fulfillment-manual', id: 'manual' },
                    { resolve: join(__dirname, 'src/modules/post'), id: 'post' },
                ],
            },
        },
    ],
});
