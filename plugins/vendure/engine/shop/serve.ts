// Before Vendure is loaded: a test tells nobody that it ran.
process.env.VENDURE_DISABLE_TELEMETRY = 'true';

import { existsSync } from 'node:fs';

import { bootstrap } from '@vendure/core';

import { config, PORT } from './config';
import { seed } from './seed';

/** Starts the test shop; an empty one is filled first. Says `shop ready` when it is. */
async function serve() {
    const empty = !existsSync(String(config.dbConnectionOptions.database));
    const app = await bootstrap(config);
    process.once('SIGTERM', () => void app.close().then(() => process.exit(0)));
    if (process.env.SHOP_TIED) {
        // It ends with whoever started it, however that ends.
        process.stdin.resume().once('end', () => process.exit(0));
    }
    if (empty) {
        await seed(`http://127.0.0.1:${PORT}/admin-api`);
    }
    console.log(`shop ready http://127.0.0.1:${PORT}`);
}

serve().catch(error => {
    console.error(error);
    process.exit(1);
});
