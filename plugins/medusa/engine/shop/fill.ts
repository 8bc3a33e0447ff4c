import './quiet';

import loaders, { initializeContainer } from '@medusajs/medusa/loaders/index';
import { migrate } from '@medusajs/medusa/commands/db/migrate';
import { ContainerRegistrationKeys } from '@medusajs/framework/utils';

import { seed } from './seed';

/** One step of filling an empty database: `migrate`, then, in another process, `seed`. */
async function fill(step: string | undefined): Promise<void> {
    const directory = __dirname;
    if (step === 'migrate') {
        const container = await initializeContainer(directory);
        const logger = container.resolve(ContainerRegistrationKeys.LOGGER);
        const all = { executeAllLinks: true, executeSafeLinks: true, skipScripts: true, skipSearch: true };
        if (!(await migrate({ directory, logger, container, ...all } as never))) {
            throw new Error('The database cannot be migrated.');
        }
        return;
    }
    const { container } = await loaders({ directory, expressApp: undefined as never, skipLoadingEntryPoints: true });
    await seed(container);
}

fill(process.argv[2]).then(
    () => process.exit(0),
    error => {
        console.error(error);
        process.exit(1);
    },
);
