import type { CalculatedShippingOptionPrice, CalculateShippingOptionPriceDTO } from '@medusajs/framework/types';
import { AbstractFulfillmentProviderService, ModuleProvider, Modules } from '@medusajs/framework/utils';

/** A price by post code; nothing outside Norway, and nothing on Svalbard. */
class Post extends AbstractFulfillmentProviderService {
    static identifier = 'post';

    async getFulfillmentOptions() {
        return [{ id: 'parcel' }, { id: 'home' }];
    }

    async validateFulfillmentData(_: object, data: Record<string, unknown>) {
        return data;
    }

    async validateOption() {
        return true;
    }

    async canCalculate() {
        return true;
    }

    async calculatePrice(
        option: CalculateShippingOptionPriceDTO['optionData'],
        _: CalculateShippingOptionPriceDTO['data'],
        context: CalculateShippingOptionPriceDTO['context'],
    ): Promise<CalculatedShippingOptionPrice> {
        const { country_code: country, postal_code: code } = context.shipping_address ?? {};
        const served = country?.toLowerCase() === 'no' && /^\d{4}$/.test(code ?? '') && !code?.startsWith('917');
        const [south, north] = option.id === 'home' ? [99, 149] : [49, 79];
        const price = Number(code) < 7900 ? south : north;
        // Medusa does not let an option be chosen that has no price.
        const amount = (served ? price : null) as number;
        return { calculated_amount: amount, is_calculated_price_tax_inclusive: true };
    }

    async createFulfillment() {
        return { data: {}, labels: [] };
    }

    async cancelFulfillment() {
        return {};
    }
}

export default ModuleProvider(Modules.FULFILLMENT, { services: [Post] });
