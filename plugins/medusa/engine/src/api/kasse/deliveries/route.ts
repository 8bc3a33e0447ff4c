import { Address, offered } from '../../../deliveries';
import { read, signed } from '../../../routes';

export const POST = signed(async body => {
    const { order, address } = read<{ order: string; address: Address }>(body, 'order');
    return offered(order, read<Address>(address, 'country'));
});
