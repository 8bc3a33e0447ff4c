import { describe } from '../../../../order';
import { NotDone } from '../../../../refused';
import { signed } from '../../../../routes';

export const GET = signed(async (_, request) => {
    const order = await describe(request.params.id);
    if (!order) {
        throw new NotDone(404, `There is no order ${request.params.id}.`);
    }
    return order;
});
