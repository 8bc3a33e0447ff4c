const PLENTY = 100_000;

/** Fills an empty shop by its Admin API: what a merchant would click together. */
export async function seed(api: string): Promise<void> {
    const admin = await Admin.login(api, 'superadmin', 'superadmin');

    const ids = async (list: string[]): Promise<string[]> => {
        const made: string[] = [];
        for (const country of list) {
            const [code, name] = country.split(' ');
            made.push(
                await admin.make('createCountry', 'CreateCountryInput', {
                    code,
                    enabled: true,
                    translations: [{ languageCode: 'en', name }],
                }),
            );
        }
        return made;
    };
    const norway = await admin.make('createZone', 'CreateZoneInput', {
        name: 'Norway',
        memberIds: await ids(['NO Norway']),
    });
    await admin.make('createZone', 'CreateZoneInput', { name: 'Svalbard', memberIds: await ids(['SJ Svalbard']) });
    await admin.send(
        `mutation($input: UpdateChannelInput!) { updateChannel(input: $input) { __typename ... on ErrorResult { message } } }`,
        {
            input: {
                id: '1',
                defaultCurrencyCode: 'NOK',
                availableCurrencyCodes: ['NOK'],
                pricesIncludeTax: true,
                defaultTaxZoneId: norway,
                defaultShippingZoneId: norway,
            },
        },
    );
    const category = async (name: string, value: number) => {
        const categoryId = await admin.make('createTaxCategory', 'CreateTaxCategoryInput', { name });
        await admin.make('createTaxRate', 'CreateTaxRateInput', {
            name: `${name} ${value} %`,
            enabled: true,
            value,
            categoryId,
            zoneId: norway,
        });
        return categoryId;
    };
    const goods = await category('VAT', 25);
    const food = await category('Food', 15);
    const books = await category('Books', 0);

    for (const [name, sku, price, taxCategoryId, stock] of [
        ['Wool jumper', 'jumper', 89900, goods, PLENTY],
        ['Mug', 'mug', 18000, goods, PLENTY],
        ['Coffee beans 1 kg', 'coffee', 24990, food, PLENTY],
        ['Chocolate', 'chocolate', 1990, food, PLENTY],
        ['Book', 'book', 14950, books, PLENTY],
        ['Last lamp', 'lamp', 50000, goods, 1],
    ] as const) {
        const productId = await admin.make('createProduct', 'CreateProductInput', {
            enabled: true,
            translations: [{ languageCode: 'en', name, slug: sku, description: '' }],
        });
        await admin.send(`mutation($input: [CreateProductVariantInput!]!) { createProductVariants(input: $input) { id } }`, {
            input: [
                {
                    productId,
                    sku,
                    price,
                    taxCategoryId,
                    stockOnHand: stock,
                    trackInventory: 'TRUE',
                    translations: [{ languageCode: 'en', name }],
                },
            ],
        });
    }

    const shipping = (code: string, name: string, calculator: object) =>
        admin.make('createShippingMethod', 'CreateShippingMethodInput', {
            code,
            fulfillmentHandler: 'manual-fulfillment',
            checker: {
                code: 'default-shipping-eligibility-checker',
                arguments: [{ name: 'orderMinimum', value: '0' }],
            },
            calculator,
            translations: [{ languageCode: 'en', name, description: '' }],
        });
    await shipping('home', 'Home delivery', {
        code: 'by-post-code',
        arguments: [
            { name: 'south', value: '9900' },
            { name: 'north', value: '14900' },
        ],
    });
    await shipping('parcel', 'Parcel to a post office', {
        code: 'by-post-code',
        arguments: [
            { name: 'south', value: '4900' },
            { name: 'north', value: '7900' },
        ],
    });

    await admin.make('createPromotion', 'CreatePromotionInput', {
        enabled: true,
        couponCode: 'TEN',
        conditions: [],
        actions: [{ code: 'order_percentage_discount', arguments: [{ name: 'discount', value: '10' }] }],
        translations: [{ languageCode: 'en', name: 'Ten percent', description: '' }],
    });

    await admin.make('createPaymentMethod', 'CreatePaymentMethodInput', {
        code: 'vipps',
        enabled: true,
        handler: { code: 'kasse-vipps', arguments: [] },
        translations: [{ languageCode: 'en', name: 'Vipps', description: '' }],
    });

    // kasse's own user: it reads orders and writes them, and nothing else.
    const roleId = await admin.make('createRole', 'CreateRoleInput', {
        code: 'kasse',
        description: 'kasse',
        permissions: ['ReadOrder', 'UpdateOrder'],
        channelIds: ['1'],
    });
    await admin.make('createAdministrator', 'CreateAdministratorInput', {
        emailAddress: 'kasse@shop.example',
        firstName: 'kasse',
        lastName: 'kasse',
        password: 'kasse-password',
        roleIds: [roleId],
    });
}

class Admin {
    private constructor(
        private readonly api: string,
        private readonly token: string,
    ) {}

    static async login(api: string, username: string, password: string): Promise<Admin> {
        const response = await post(api, undefined, {
            query: `mutation($u: String!, $p: String!) { login(username: $u, password: $p) { __typename } }`,
            variables: { u: username, p: password },
        });
        return new Admin(api, response.headers.get('vendure-auth-token') ?? '');
    }

    async send(query: string, variables: object): Promise<Record<string, { id: string }>> {
        const response = await post(this.api, this.token, { query, variables });
        const answer = await response.json();
        if (answer.errors) {
            throw new Error(JSON.stringify(answer.errors[0]));
        }
        return answer.data;
    }

    /** One of Vendure's `create…` mutations; the new thing's id. */
    async make(mutation: string, type: string, input: object): Promise<string> {
        const data = await this.send(
            `mutation($input: ${type}!) { ${mutation}(input: $input) { ... on Node { id } } }`,
            { input },
        );
        return data[mutation].id;
    }
}

function post(api: string, token: string | undefined, body: object): Promise<Response> {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (token) {
        headers.authorization = `Bearer ${token}`;
    }
    return fetch(api, { method: 'POST', headers, body: JSON.stringify(body) });
}
