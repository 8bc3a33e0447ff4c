/** The languages that the piece speaks. */
export type Language = 'en' | 'nb' | 'da' | 'fi' | 'sv';

const TEXTS = {
    notStarted: {
        en: 'The payment could not be started. Try again in a moment.',
        nb: 'Betalingen kunne ikke startes. Prøv igjen om litt.',
        da: 'Betalingen kunne ikke startes. Prøv igen om lidt.',
        fi: 'Maksua ei voitu aloittaa. Yritä hetken kuluttua uudelleen.',
        sv: 'Betalningen kunde inte startas. Försök igen om en stund.',
    },
    noAnswer: {
        en: 'kasse gave no answer. If it got the question, it goes on, and shows it here.',
        nb: 'kasse svarte ikke. Hvis den fikk spørsmålet, fortsetter den, og viser det her.',
        da: 'kasse svarede ikke. Hvis den fik spørgsmålet, fortsætter den, og viser det her.',
        fi: 'kasse ei vastannut. Jos se sai kysymyksen, se jatkaa ja näyttää tuloksen täällä.',
        sv: 'kasse svarade inte. Om den fick frågan fortsätter den, och visar det här.',
    },
    unreadable: {
        en: 'kasse answered something that cannot be read. Look at the versions of both.',
        nb: 'kasse svarte noe som ikke kan leses. Se på versjonene av begge.',
        da: 'kasse svarede noget, der ikke kan læses. Se på begges versioner.',
        fi: 'kassen vastausta ei voi lukea. Tarkista molempien versiot.',
        sv: 'kasse svarade något som inte kan läsas. Se på bådas versioner.',
    },
    emptyCart: {
        en: 'There is nothing in the cart.',
        nb: 'Handlekurven er tom.',
        da: 'Kurven er tom.',
        fi: 'Ostoskori on tyhjä.',
        sv: 'Varukorgen är tom.',
    },
    cartsAlone: {
        en: 'Vipps can only be started from a cart.',
        nb: 'Vipps kan bare startes fra en handlekurv.',
        da: 'Vipps kan kun startes fra en kurv.',
        fi: 'Vippsin voi aloittaa vain ostoskorista.',
        sv: 'Vipps kan bara startas från en varukorg.',
    },
    notPaid: {
        en: 'The payment was not completed. You can try again.',
        nb: 'Betalingen ble ikke fullført. Du kan prøve igjen.',
        da: 'Betalingen blev ikke gennemført. Du kan prøve igen.',
        fi: 'Maksua ei suoritettu loppuun. Voit yrittää uudelleen.',
        sv: 'Betalningen slutfördes inte. Du kan försöka igen.',
    },
    howMuch: {
        en: 'It is not known how much is to be captured. Nothing was done.',
        nb: 'Det er ukjent hvor mye som skal trekkes. Ingenting ble gjort.',
        da: 'Det er ukendt, hvor meget der skal hæves. Intet blev gjort.',
        fi: 'Veloitettava summa ei ole tiedossa. Mitään ei tehty.',
        sv: 'Det är okänt hur mycket som ska dras. Ingenting gjordes.',
    },
    refused: {
        en: 'Vipps did not do it.',
        nb: 'Vipps gjorde det ikke.',
        da: 'Vipps gjorde det ikke.',
        fi: 'Vipps ei tehnyt sitä.',
        sv: 'Vipps gjorde det inte.',
    },
    difference: {
        en: 'Difference to the price in Vipps',
        nb: 'Differanse til prisen i Vipps',
        da: 'Forskel til prisen i Vipps',
        fi: 'Ero Vippsin hintaan',
        sv: 'Skillnad mot priset i Vipps',
    },
} satisfies Record<string, Record<Language, string>>;

/** What is said in one language. */
export function say(text: keyof typeof TEXTS, language: Language): string {
    return TEXTS[text][language];
}

/** The customer's language: the cart's own, else that of the country; English else. */
export function languageOf(locale?: string | null, country?: string | null): Language {
    const own = locale?.slice(0, 2).toLowerCase() ?? '';
    const known: Record<string, Language> = { en: 'en', nb: 'nb', nn: 'nb', no: 'nb', da: 'da', fi: 'fi', sv: 'sv' };
    const homes: Record<string, Language> = { no: 'nb', sj: 'nb', dk: 'da', fi: 'fi', se: 'sv' };
    return known[own] ?? homes[country?.toLowerCase() ?? ''] ?? 'en';
}
