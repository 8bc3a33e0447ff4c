import './quiet';

import start from '@medusajs/medusa/commands/start';

import { prepare, remove } from './database';

const PORT = Number(process.env.SHOP_PORT ?? 9000);
const DATABASE = process.env.SHOP_DATABASE ?? 'postgres://kasse:kasse@127.0.0.1:5432/kasse_shop';

/** Starts the test shop; one that is not there is made first. Says `shop ready` when it is. */
async function serve(): Promise<void> {
    await prepare(DATABASE);
    process.env.DATABASE_URL = DATABASE;
    if (process.env.SHOP_TIED) {
        // It ends with whoever started it, however that ends, and leaves nothing.
        process.stdin.resume().once('end', () => void remove(DATABASE).finally(() => process.exit(0)));
    } else {
        process.env.SHOP_ADMIN ??= 'true';
        process.env.NODE_ENV ??= 'development';
    }
    await start({ directory: __dirname, port: PORT, host: '127.0.0.1' } as never);
    console.log(`shop ready http://127.0.0.1:${PORT}`);
}

serve().catch(error => {
    console.error(error);
    process.exit(1);
});
