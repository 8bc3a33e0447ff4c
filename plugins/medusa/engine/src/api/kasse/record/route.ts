import { Event, record } from '../../../record';
import { read, signed } from '../../../routes';

export const POST = signed(async body => record(read<Event>(body, 'order', 'reference', 'event', 'what', 'currency_code')));
