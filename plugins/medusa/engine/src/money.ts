import { BigNumber, MathBN } from '@medusajs/framework/utils';

/** A number of Medusa, in each of its forms: `raw_…` values are exact. */
export type Numeric = number | string | { value: string | number } | { numeric: number } | BigNumber;

/** As decimal text, without an exponent. */
export function decimal(amount: Numeric | null | undefined): string {
    return MathBN.convert((amount ?? 0) as never).toFixed();
}

/** The sum of several, as decimal text. */
export function sum(amounts: Numeric[]): string {
    return amounts.reduce<ReturnType<typeof MathBN.convert>>((sum, amount) => MathBN.add(sum, amount as never), MathBN.convert(0)).toFixed();
}

/** Medusa computes in decimals that do not end: a difference of less than half an øre is none. */
const NOISE = 0.005;

/** What is missing from one to the other; nothing where it is none. */
export function missing(has: Numeric, wanted: Numeric): string | undefined {
    const left = MathBN.sub(wanted as never, has as never);
    return MathBN.gte(left, NOISE) ? left.toFixed() : undefined;
}

/** Are they the same amount? */
export function same(one: Numeric, other: Numeric): boolean {
    return MathBN.lt(MathBN.abs(MathBN.sub(one as never, other as never)), NOISE);
}
