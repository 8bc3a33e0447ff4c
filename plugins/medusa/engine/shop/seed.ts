import {
    createInventoryLevelsWorkflow,
    createProductsWorkflow,
    createPromotionsWorkflow,
    createRegionsWorkflow,
    createShippingOptionsWorkflow,
    createShippingProfilesWorkflow,
    createStockLocationsWorkflow,
    createTaxRatesWorkflow,
    createTaxRegionsWorkflow,
    createUserAccountWorkflow,
    linkSalesChannelsToStockLocationWorkflow,
    updateSalesChannelsWorkflow,
    updateStoresWorkflow,
} from '@medusajs/medusa/core-flows';
import type { MedusaContainer } from '@medusajs/framework/types';
import { ContainerRegistrationKeys, Modules } from '@medusajs/framework/utils';

const PLENTY = 100_000;

/** Who sells. */
export const ADMIN = { email: 'admin@shop.example', password: 'kasse-password' };

/** Fills an empty shop: what a merchant would click together. */
export async function seed(container: MedusaContainer): Promise<void> {
    const link = container.resolve(ContainerRegistrationKeys.LINK);
    const fulfilment = container.resolve(Modules.FULFILLMENT);

    // Medusa makes a sales channel and a key for storefronts by itself.
    const query = container.resolve(ContainerRegistrationKeys.QUERY);
    const { data: channels } = await query.graph({ entity: 'sales_channel', fields: ['id'] });
    const [channel] = channels;
    await updateSalesChannelsWorkflow(container).run({ input: { selector: { id: channel.id }, update: { name: 'Fjell' } } });

    const regions = await createRegionsWorkflow(container).run({
        input: {
            regions: [
                {
                    name: 'Norway',
                    currency_code: 'nok',
                    countries: ['no', 'sj'],
                    is_tax_inclusive: true,
                    payment_providers: ['pp_kasse_vipps'],
                },
            ],
        },
    });
    const [region] = regions.result;
    await updateStoresWorkflow(container).run({
        input: {
            selector: {},
            update: {
                name: 'Fjell',
                supported_currencies: [{ currency_code: 'nok', is_default: true, is_tax_inclusive: true }],
                default_region_id: region.id,
                default_sales_channel_id: channel.id,
            },
        },
    });

    const locations = await createStockLocationsWorkflow(container).run({
        input: { locations: [{ name: 'Warehouse', address: { address_1: 'Storgata 1', city: 'Oslo', country_code: 'no' } }] },
    });
    const [location] = locations.result;
    await linkSalesChannelsToStockLocationWorkflow(container).run({ input: { id: location.id, add: [channel.id] } });
    const ofLocation = { [Modules.STOCK_LOCATION]: { stock_location_id: location.id } };
    await link.create([
        { ...ofLocation, [Modules.FULFILLMENT]: { fulfillment_provider_id: 'manual_manual' } },
        { ...ofLocation, [Modules.FULFILLMENT]: { fulfillment_provider_id: 'post_post' } },
    ]);
    const sets = await fulfilment.createFulfillmentSets({
        name: 'Shipping',
        type: 'shipping',
        service_zones: [
            {
                name: 'Norway',
                geo_zones: [
                    { type: 'country', country_code: 'no' },
                    { type: 'country', country_code: 'sj' },
                ],
            },
        ],
    });
    await link.create({ ...ofLocation, [Modules.FULFILLMENT]: { fulfillment_set_id: sets.id } });
    const profiles = await createShippingProfilesWorkflow(container).run({
        input: {
            data: [
                { name: 'Parcels', type: 'default' },
                { name: 'Bulky goods', type: 'bulky' },
            ],
        },
    });
    const [parcels, bulky] = profiles.result;
    const zone = sets.service_zones[0].id;
    const rules = [
        { attribute: 'enabled_in_store', operator: 'eq' as const, value: 'true' },
        { attribute: 'is_return', operator: 'eq' as const, value: 'false' },
    ];
    const calculated = (name: string, code: string) => ({
        name,
        price_type: 'calculated' as const,
        provider_id: 'post_post',
        service_zone_id: zone,
        shipping_profile_id: parcels.id,
        type: { label: name, description: name, code },
        data: { id: code },
        rules,
    });
    await createShippingOptionsWorkflow(container).run({
        input: [
            calculated('Home delivery', 'home'),
            calculated('Parcel to a post office', 'parcel'),
            {
                name: 'Carrier to the door',
                price_type: 'flat',
                provider_id: 'manual_manual',
                service_zone_id: zone,
                shipping_profile_id: bulky.id,
                type: { label: 'Carrier', description: 'Carrier to the door', code: 'carrier' },
                prices: [{ region_id: region.id, amount: 299 }],
                rules,
            },
        ],
    });

    const products = await createProductsWorkflow(container).run({
        input: {
            products: (
                [
                    ['Wool jumper', 'jumper', 899, parcels.id],
                    ['Mug', 'mug', 180, parcels.id],
                    ['Coffee beans 1 kg', 'coffee', 249.9, parcels.id],
                    ['Chocolate', 'chocolate', 19.9, parcels.id],
                    ['Book', 'book', 149.5, parcels.id],
                    ['Last lamp', 'lamp', 500, parcels.id],
                    ['Armchair', 'armchair', 2490, bulky.id],
                ] as const
            ).map(([title, sku, amount, shipping_profile_id]) => ({
                title,
                handle: sku,
                status: 'published' as const,
                shipping_profile_id,
                options: [{ title: 'Kind', values: ['Standard'] }],
                sales_channels: [{ id: channel.id }],
                variants: [
                    {
                        title: 'Standard',
                        sku,
                        manage_inventory: true,
                        options: { Kind: 'Standard' },
                        prices: [{ amount, currency_code: 'nok' }],
                    },
                ],
            })),
        },
    });
    const { data: stocked } = await query.graph({ entity: 'inventory_item', fields: ['id', 'sku'] });
    await createInventoryLevelsWorkflow(container).run({
        input: {
            inventory_levels: stocked.map(item => ({
                inventory_item_id: item.id,
                location_id: location.id,
                stocked_quantity: item.sku === 'lamp' ? 1 : PLENTY,
            })),
        },
    });

    const taxes = await createTaxRegionsWorkflow(container).run({
        input: [
            { country_code: 'no', provider_id: 'tp_system', default_tax_rate: { name: 'VAT', code: 'VAT25', rate: 25 } },
            { country_code: 'sj', provider_id: 'tp_system', default_tax_rate: { name: 'None', code: 'VAT0', rate: 0 } },
        ],
    });
    const norway = taxes.result.find(({ country_code }) => country_code === 'no')?.id ?? '';
    const rate = (name: string, code: string, rate: number, skus: string[]) => ({
        tax_region_id: norway,
        name,
        code,
        rate,
        rules: products.result
            .filter(({ handle }) => skus.includes(handle))
            .map(({ id }) => ({ reference: 'product', reference_id: id })),
    });
    await createTaxRatesWorkflow(container).run({
        input: [rate('Food', 'VAT15', 15, ['coffee', 'chocolate']), rate('Books', 'VAT0', 0, ['book'])],
    });

    await createPromotionsWorkflow(container).run({
        input: {
            promotionsData: [
                {
                    code: 'TEN',
                    type: 'standard',
                    status: 'active',
                    is_tax_inclusive: true,
                    application_method: {
                        type: 'percentage',
                        target_type: 'order',
                        value: 10,
                        currency_code: 'nok',
                    },
                },
            ],
        },
    });

    await addAdmin(container);
}

/** The administrator, with a password. */
async function addAdmin(container: MedusaContainer): Promise<void> {
    const { authIdentity, error } = await container.resolve(Modules.AUTH).register('emailpass', { body: ADMIN } as never);
    if (!authIdentity) {
        throw new Error(error);
    }
    await createUserAccountWorkflow(container).run({
        input: { authIdentityId: authIdentity.id, userData: { email: ADMIN.email, first_name: 'Fjell' } },
    });
}
