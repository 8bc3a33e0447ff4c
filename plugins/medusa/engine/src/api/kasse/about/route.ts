import { signed } from '../../../routes';
import { versions } from '../../../start';

export const GET = signed(async () => versions);
