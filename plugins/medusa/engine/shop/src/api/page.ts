import type { MedusaResponse } from '@medusajs/framework/http';

/** A page of the storefront. */
export function page(response: MedusaResponse, title: string, body: string): void {
    response.type('html').send(`<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>${title}</title>
<style>body{font:18px/1.5 system-ui,sans-serif;max-width:28rem;margin:3rem auto;padding:0 1rem}button{font:inherit;padding:.5rem 1rem;margin:.3rem 0;display:block}</style>
<h1>${title}</h1>${body}</html>`);
}

/** The key that a storefront has. */
export async function storefrontKey(request: { scope: { resolve: (name: 'query') => never } }): Promise<string> {
    const query = request.scope.resolve('query') as {
        graph: (asked: object) => Promise<{ data: { token: string }[] }>;
    };
    const { data } = await query.graph({ entity: 'api_key', fields: ['token'], filters: { type: 'publishable' } });
    return data[0].token;
}

/** What a storefront does, in the browser: Medusa's Store API. */
export const ASK = (key: string) => `
const ask = async (method, path, body) => {
    const response = await fetch('/store/' + path, {
        method,
        headers: { 'content-type': 'application/json', 'x-publishable-api-key': '${key}' },
        body: body && JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.message);
    return answer;
};
const say = text => { document.getElementById('said').textContent = text; };`;
