import { Controller, Get, Header, Param } from '@nestjs/common';
import { Ctx, OrderService, PluginCommonModule, RequestContext, VendurePlugin } from '@vendure/core';

/** What a storefront does, in the browser: Vendure's Shop API, and two buttons. */
const SCRIPT = `
const ask = async (query, variables) => {
    const response = await fetch('/shop-api', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(errors[0].message);
    return data;
};
const say = text => { document.getElementById('said').textContent = text; };
const fill = async () => {
    const { activeOrder } = await ask('{ activeOrder { id state } }');
    if (activeOrder) return activeOrder;
    const { products } = await ask('{ products { items { variants { id sku } } } }');
    const jumper = products.items.flatMap(item => item.variants).find(({ sku }) => sku === 'jumper');
    await ask('mutation($id: ID!) { addItemToOrder(productVariantId: $id, quantity: 1) { __typename } }', jumper);
};
const checkOut = async () => {
    await ask('mutation($c: CreateCustomerInput!, $a: CreateAddressInput!) { setCustomerForOrder(input: $c) { __typename } setOrderShippingAddress(input: $a) { __typename } }', {
        c: { firstName: 'Kari', lastName: 'Nordmann', emailAddress: 'kari@example.com', phoneNumber: '4712345678' },
        a: { fullName: 'Kari Nordmann', streetLine1: 'Storgata 1', city: 'Oslo', postalCode: '0155', countryCode: 'NO' },
    });
    const { eligibleShippingMethods: [method] } = await ask('{ eligibleShippingMethods { id } }');
    await ask('mutation($id: [ID!]!) { setOrderShippingMethod(shippingMethodId: $id) { __typename } }', { id: [method.id] });
    await ask('mutation { transitionOrderToState(state: "ArrangingPayment") { __typename } }');
};
document.getElementById('pay').onclick = async () => {
    const order = await fill();
    if (order?.state !== 'ArrangingPayment') await checkOut();
    const { addPaymentToOrder: paid } = await ask('mutation { addPaymentToOrder(input: { method: "vipps", metadata: {} }) { ... on Order { payments { state metadata } } ... on ErrorResult { message } ... on PaymentFailedError { paymentErrorMessage } } }');
    const payment = paid.payments?.find(({ state }) => state === 'Created');
    if (payment) location = payment.metadata.public.redirectUrl;
    else say(paid.paymentErrorMessage ?? paid.message);
};
document.getElementById('express').onclick = async () => {
    await fill();
    const { kasseExpress: started } = await ask('mutation { kasseExpress { redirectUrl message } }');
    if (started.redirectUrl) location = started.redirectUrl;
    else say(started.message);
};`;

const page = (title: string, body: string) => `<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>${title}</title>
<style>body{font:18px/1.5 system-ui,sans-serif;max-width:28rem;margin:3rem auto;padding:0 1rem}button{font:inherit;padding:.5rem 1rem;margin:.3rem 0;display:block}</style>
<h1>${title}</h1>${body}</html>`;

/** A storefront of two pages. A real one asks the Shop API in the same way. */
@Controller()
class Storefront {
    constructor(private readonly orders: OrderService) {}

    @Get('store')
    @Header('content-type', 'text/html; charset=utf-8')
    store(): string {
        const buttons =
            '<p>Wool jumper, 899.00 kr</p><button id="pay">Pay with Vipps</button>' +
            '<button id="express">Vipps Hurtigkasse</button><p id="said" role="status"></p>';
        return page('Fjell', `${buttons}<script>${SCRIPT}</script>`);
    }

    @Get('thanks/:code')
    @Header('content-type', 'text/html; charset=utf-8')
    async thanks(@Ctx() ctx: RequestContext, @Param('code') code: string): Promise<string> {
        const order = await this.orders.findOneByCode(ctx, code);
        if (!order) {
            return page('There is no such order', '');
        }
        if (order.active) {
            return page('Not paid', `<p>Order ${order.code} is not paid.</p><p><a href="/store">Try again</a></p>`);
        }
        return page('Thank you', `<p>Order ${order.code}: ${order.state}</p>`);
    }
}

@VendurePlugin({ imports: [PluginCommonModule], controllers: [Storefront], compatibility: '^3.7.0' })
export class StorefrontPlugin {}
