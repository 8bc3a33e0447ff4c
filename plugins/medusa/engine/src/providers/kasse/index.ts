import { ModuleProvider, Modules } from '@medusajs/framework/utils';

import { KasseProvider } from './provider';

export default ModuleProvider(Modules.PAYMENT, { services: [KasseProvider] });
