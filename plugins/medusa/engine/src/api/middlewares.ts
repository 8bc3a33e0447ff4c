import { defineMiddlewares } from '@medusajs/framework/http';

/** kasse's calls are signed over their bytes. */
export default defineMiddlewares({
    routes: [{ matcher: '/kasse/*', bodyParser: { preserveRawBody: true, sizeLimit: '256kb' } }],
});
