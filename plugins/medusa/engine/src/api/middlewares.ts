import { defineMiddlewares } from '@medusajs/framework/http';

import { letGoFirst } from '../guard';

export default defineMiddlewares({
    routes: [
        // kasse's calls are signed over their bytes.
        { matcher: '/kasse/*', bodyParser: { preserveRawBody: true, sizeLimit: '256kb' } },
        { matcher: '/admin/orders/:id/cancel', methods: ['POST'], middlewares: [letGoFirst] },
    ],
});
