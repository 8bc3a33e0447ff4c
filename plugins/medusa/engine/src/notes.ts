import { find, medusa } from './medusa';

/** What the merchant reads in an order's metadata: facts, and the notes, one a line and each once. */
export async function remember(order: string, facts: Record<string, string>, notes: (string | undefined)[]): Promise<void> {
    const [{ metadata }] = await find('order', ['id', 'metadata'], { id: order });
    const said = String(metadata?.vipps_note ?? '').split('\n').filter(Boolean);
    for (const note of notes) {
        if (note && !said.includes(note)) {
            said.push(note);
        }
    }
    const noted = said.length ? { vipps_note: said.join('\n') } : {};
    await medusa.orders.updateOrders(order, { metadata: { ...metadata, ...facts, ...noted } });
}
