import { forget } from '../../../eraser';
import { NotDone } from '../../../refused';
import { signed } from '../../../routes';

export const POST = signed(async body => {
    const { orders } = (body ?? {}) as { orders?: unknown };
    if (!Array.isArray(orders) || !orders.every(id => typeof id === 'string')) {
        throw new NotDone(400, 'The call has no "orders".');
    }
    return { kept: await forget(orders) };
});
