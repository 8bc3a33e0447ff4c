import assert from 'node:assert/strict';
import { test } from 'node:test';

import { languageOf } from '../src/texts';

test("the customer's language is the cart's, else the country's, else English", () => {
    for (const [locale, country, language] of [
        ['nb-NO', 'dk', 'nb'],
        ['nn-NO', null, 'nb'],
        ['sv-FI', 'fi', 'sv'],
        [null, 'no', 'nb'],
        [null, 'SJ', 'nb'],
        [null, 'dk', 'da'],
        ['de-DE', 'fi', 'fi'],
        ['de-DE', 'de', 'en'],
        [null, null, 'en'],
    ] as const) {
        assert.equal(languageOf(locale, country), language, `${locale} ${country}`);
    }
});
