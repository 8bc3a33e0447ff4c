//! What the errors of the ePayment API come to for people, in five languages. Errors that ask the
//! same of the same people share their advice.
//!
//! The customer's app is called what it is called where the language is spoken: Vipps in Norwegian,
//! MobilePay in Danish and Finnish, Vipps MobilePay otherwise.

use kasse_core::{Text, Who};

/// What may be done after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It was not done, and the key is used up: an answer of 4xx stays with its key.
    Final,
    /// It was not done; the same request with the same key may be sent again.
    SameKey,
    /// It was not done; it may be sent again, with a new key.
    NewKey,
    /// It may have been done: read the payment first.
    ReadFirst,
}

/// What errors of one class ask for.
#[derive(Debug)]
pub struct Advice {
    /// Who has to act.
    pub who: Who,
    /// What may be done.
    pub retry: Retry,
    /// What to tell the merchant: what it is about, and what to try.
    pub merchant: Text,
    /// What to tell the customer, where it is the customer who can act.
    pub customer: Option<Text>,
}

const fn told(who: Who, retry: Retry, merchant: Text) -> Advice {
    Advice {
        who,
        retry,
        merchant,
        customer: None,
    }
}

const fn of_customer(merchant: Text, customer: Text) -> Advice {
    Advice {
        who: Who::Customer,
        retry: Retry::Final,
        merchant,
        customer: Some(customer),
    }
}

// What the customer can mend.

pub(super) static CODE: Advice = of_customer(
    Text::all(
        "The customer's code could not be used. Let the customer show a new one.",
        "Kundens kode kunne ikke brukes. La kunden vise en ny.",
        "Kundens kode kunne ikke bruges. Lad kunden vise en ny.",
        "Asiakkaan koodia ei voitu käyttää. Pyydä asiakasta näyttämään uusi koodi.",
        "Kundens kod kunde inte användas. Be kunden visa en ny.",
    ),
    Text::all(
        "Your code could not be used. Show a new one in the app. Nothing has been charged.",
        "Koden din kunne ikke brukes. Vis en ny i appen. Ingenting er trukket.",
        "Din kode kunne ikke bruges. Vis en ny i appen. Der er ikke trukket penge.",
        "Koodiasi ei voitu käyttää. Näytä uusi koodi sovelluksessa. Maksua ei ole veloitettu.",
        "Din kod kunde inte användas. Visa en ny i appen. Inga pengar har dragits.",
    ),
);

pub(super) static PHONE: Advice = of_customer(
    Text::all(
        "The phone number cannot be used. The customer checks it, or pays without giving one.",
        "Telefonnummeret kan ikke brukes. Kunden sjekker det, eller betaler uten å oppgi det.",
        "Telefonnummeret kan ikke bruges. Kunden kontrollerer det eller betaler uden at oplyse det.",
        "Puhelinnumeroa ei voi käyttää. Asiakas tarkistaa sen tai maksaa antamatta numeroa.",
        "Telefonnumret kan inte användas. Kunden kontrollerar det eller betalar utan att ange det.",
    ),
    Text::all(
        "This phone number cannot be used. Check it, or choose another way to pay. Nothing has been charged.",
        "Dette telefonnummeret kan ikke brukes. Sjekk det, eller velg en annen betalingsmåte. Ingenting er trukket.",
        "Dette telefonnummer kan ikke bruges. Kontrollér det, eller vælg en anden betalingsmåde. Der er ikke trukket penge.",
        "Tätä puhelinnumeroa ei voi käyttää. Tarkista se tai valitse toinen maksutapa. Maksua ei ole veloitettu.",
        "Det här telefonnumret kan inte användas. Kontrollera det eller välj ett annat betalningssätt. Inga pengar har dragits.",
    ),
);

pub(super) static NO_CUSTOMER: Advice = of_customer(
    Text::all(
        "This person cannot pay here: the number is not registered, or the customer is too young. The customer checks the number or pays in another way.",
        "Denne personen kan ikke betale her: Nummeret er ikke registrert, eller kunden er for ung. Kunden sjekker nummeret eller betaler på en annen måte.",
        "Denne person kan ikke betale her: Nummeret er ikke registreret, eller kunden er for ung. Kunden kontrollerer nummeret eller betaler på en anden måde.",
        "Tämä henkilö ei voi maksaa tässä: numeroa ei ole rekisteröity tai asiakas on liian nuori. Asiakas tarkistaa numeron tai maksaa toisella tavalla.",
        "Den här personen kan inte betala här: numret är inte registrerat, eller så är kunden för ung. Kunden kontrollerar numret eller betalar på ett annat sätt.",
    ),
    Text::all(
        "You cannot pay with Vipps MobilePay here: the number is not registered, or there is an age limit. Check the number, or choose another way to pay. Nothing has been charged.",
        "Du kan ikke betale med Vipps her: Nummeret er ikke registrert, eller det er en aldersgrense. Sjekk nummeret, eller velg en annen betalingsmåte. Ingenting er trukket.",
        "Du kan ikke betale med MobilePay her: Nummeret er ikke registreret, eller der er en aldersgrænse. Kontrollér nummeret, eller vælg en anden betalingsmåde. Der er ikke trukket penge.",
        "Et voi maksaa tässä MobilePay-sovelluksella: numeroa ei ole rekisteröity tai maksulla on ikäraja. Tarkista numero tai valitse toinen maksutapa. Maksua ei ole veloitettu.",
        "Du kan inte betala med Vipps MobilePay här: numret är inte registrerat, eller så finns det en åldersgräns. Kontrollera numret eller välj ett annat betalningssätt. Inga pengar har dragits.",
    ),
);

pub(super) static NOT_APPROVED: Advice = of_customer(
    Text::all(
        "The customer has not approved the payment yet. Wait until it is approved, then capture again.",
        "Kunden har ikke godkjent betalingen ennå. Vent til den er godkjent, og trekk så på nytt.",
        "Kunden har endnu ikke godkendt betalingen. Vent, til den er godkendt, og hæv så igen.",
        "Asiakas ei ole vielä hyväksynyt maksua. Odota hyväksyntää ja veloita sitten uudelleen.",
        "Kunden har inte godkänt betalningen än. Vänta tills den är godkänd och debitera sedan igen.",
    ),
    Text::all(
        "The payment waits for you. Open the Vipps MobilePay app and approve it.",
        "Betalingen venter på deg. Åpne Vipps og godkjenn den.",
        "Betalingen venter på dig. Åbn MobilePay, og godkend den.",
        "Maksu odottaa hyväksyntääsi. Avaa MobilePay-sovellus ja hyväksy maksu.",
        "Betalningen väntar på dig. Öppna Vipps MobilePay och godkänn den.",
    ),
);

pub(super) static FUNDS: Advice = of_customer(
    Text::all(
        "The bank no longer gives the money. Ask the customer to see to the account, and capture again, or to pay anew.",
        "Banken gir ikke pengene lenger. Be kunden sjekke kontoen, og trekk på nytt, eller be kunden betale på nytt.",
        "Banken giver ikke længere pengene. Bed kunden om at kontrollere kontoen, og hæv igen, eller bed kunden om at betale på ny.",
        "Pankki ei enää luovuta rahoja. Pyydä asiakasta tarkistamaan tilinsä ja veloita uudelleen, tai pyydä asiakasta maksamaan uudelleen.",
        "Banken lämnar inte längre ut pengarna. Be kunden se över kontot och debitera igen, eller be kunden betala på nytt.",
    ),
    Text::all(
        "Your bank did not give the money for this payment. See that there is enough on your account, or pay in another way. Nothing has been charged.",
        "Banken din ga ikke pengene for denne betalingen. Sørg for at det er nok på kontoen, eller betal på en annen måte. Ingenting er trukket.",
        "Din bank gav ikke pengene til denne betaling. Sørg for, at der er nok på kontoen, eller betal på en anden måde. Der er ikke trukket penge.",
        "Pankkisi ei luovuttanut rahoja tähän maksuun. Varmista, että tililläsi on riittävästi rahaa, tai maksa toisella tavalla. Maksua ei ole veloitettu.",
        "Din bank lämnade inte ut pengarna för den här betalningen. Se till att det finns tillräckligt på kontot, eller betala på ett annat sätt. Inga pengar har dragits.",
    ),
);

pub(super) static IDENTITY: Advice = of_customer(
    Text::all(
        "The customer first has to confirm their identity in the app, and then pays again.",
        "Kunden må først bekrefte identiteten sin i appen, og så betale igjen.",
        "Kunden skal først bekræfte sin identitet i appen og derefter betale igen.",
        "Asiakkaan on ensin vahvistettava henkilöllisyytensä sovelluksessa ja maksettava sitten uudelleen.",
        "Kunden måste först bekräfta sin identitet i appen och sedan betala igen.",
    ),
    Text::all(
        "You first have to confirm your identity in the app. Then try again. Nothing has been charged.",
        "Du må først bekrefte identiteten din i appen. Prøv så igjen. Ingenting er trukket.",
        "Du skal først bekræfte din identitet i appen. Prøv derefter igen. Der er ikke trukket penge.",
        "Vahvista ensin henkilöllisyytesi sovelluksessa. Yritä sitten uudelleen. Maksua ei ole veloitettu.",
        "Du måste först bekräfta din identitet i appen. Försök sedan igen. Inga pengar har dragits.",
    ),
);

pub(super) static CARD: Advice = of_customer(
    Text::all(
        "The customer has no card or account in the app that can be used. The customer adds one and pays again.",
        "Kunden har ikke noe kort eller noen konto i appen som kan brukes. Kunden legger til et kort og betaler igjen.",
        "Kunden har intet kort og ingen konto i appen, der kan bruges. Kunden tilføjer et kort og betaler igen.",
        "Asiakkaalla ei ole sovelluksessa käyttökelpoista korttia tai tiliä. Asiakas lisää kortin ja maksaa uudelleen.",
        "Kunden har inget kort eller konto i appen som kan användas. Kunden lägger till ett kort och betalar igen.",
    ),
    Text::all(
        "There is no card or account in your app that can be used. Add one and try again. Nothing has been charged.",
        "Du har ikke noe kort eller noen konto i appen som kan brukes. Legg til et kort og prøv igjen. Ingenting er trukket.",
        "Du har intet kort og ingen konto i appen, der kan bruges. Tilføj et kort, og prøv igen. Der er ikke trukket penge.",
        "Sovelluksessasi ei ole käyttökelpoista korttia tai tiliä. Lisää kortti ja yritä uudelleen. Maksua ei ole veloitettu.",
        "Du har inget kort eller konto i appen som kan användas. Lägg till ett kort och försök igen. Inga pengar har dragits.",
    ),
);

pub(super) static LIMIT: Advice = of_customer(
    Text::all(
        "The amount is over the customer's limit. The customer pays in another way.",
        "Beløpet er over kundens beløpsgrense. Kunden betaler på en annen måte.",
        "Beløbet er over kundens beløbsgrænse. Kunden betaler på en anden måde.",
        "Summa ylittää asiakkaan maksurajan. Asiakas maksaa toisella tavalla.",
        "Beloppet är över kundens beloppsgräns. Kunden betalar på ett annat sätt.",
    ),
    Text::all(
        "The amount is over your limit. Choose another way to pay. Nothing has been charged.",
        "Beløpet er over beløpsgrensen din. Velg en annen betalingsmåte. Ingenting er trukket.",
        "Beløbet er over din beløbsgrænse. Vælg en anden betalingsmåde. Der er ikke trukket penge.",
        "Summa ylittää maksurajasi. Valitse toinen maksutapa. Maksua ei ole veloitettu.",
        "Beloppet är över din beloppsgräns. Välj ett annat betalningssätt. Inga pengar har dragits.",
    ),
);

// What the merchant has to see to, in the configuration or with Vipps.

pub(super) static KEYS: Advice = told(
    Who::Merchant,
    Retry::Final,
    Text::all(
        "Vipps does not accept the keys. Check client_id, client_secret, subscription key and MSN: all of one sales unit, and of this environment.",
        "Vipps godtar ikke nøklene. Sjekk client_id, client_secret, subscription key og MSN: Alle må høre til samme salgsenhet og dette miljøet.",
        "Vipps MobilePay accepterer ikke nøglerne. Kontrollér client_id, client_secret, subscription key og MSN: Alle skal høre til samme salgsenhed og dette miljø.",
        "Vipps MobilePay ei hyväksy avaimia. Tarkista client_id, client_secret, subscription key ja MSN: niiden kaikkien on kuuluttava samalle myyntiyksikölle ja tähän ympäristöön.",
        "Vipps MobilePay godtar inte nycklarna. Kontrollera client_id, client_secret, subscription key och MSN: alla måste höra till samma försäljningsenhet och den här miljön.",
    ),
);

pub(super) static ADDRESS: Advice = told(
    Who::Merchant,
    Retry::Final,
    Text::all(
        "Vipps takes only addresses that it can reach by https. Check kasse's public address and the links in the configuration.",
        "Vipps godtar bare adresser som kan nås med https. Sjekk den offentlige adressen til programmet kasse og lenkene i oppsettet.",
        "Vipps MobilePay accepterer kun adresser, der kan nås med https. Kontrollér den offentlige adresse til programmet kasse og linkene i opsætningen.",
        "Vipps MobilePay hyväksyy vain osoitteet, jotka ovat tavoitettavissa https-yhteydellä. Tarkista kasse-ohjelman julkinen osoite ja asetusten linkit.",
        "Vipps MobilePay godtar bara adresser som kan nås med https. Kontrollera den offentliga adressen till programmet kasse och länkarna i konfigurationen.",
    ),
);

pub(super) static SCOPE: Advice = told(
    Who::Merchant,
    Retry::Final,
    Text::all(
        "The shop asks for customer data that the sales unit may not ask for. Ask for less in the configuration, or ask Vipps to allow it.",
        "Butikken ber om kundeopplysninger som salgsenheten ikke har lov til å be om. Be om mindre i oppsettet, eller be Vipps om å tillate det.",
        "Butikken beder om kundeoplysninger, som salgsenheden ikke må bede om. Bed om mindre i opsætningen, eller bed Vipps MobilePay om at tillade det.",
        "Kauppa pyytää asiakastietoja, joita myyntiyksiköllä ei ole lupaa pyytää. Pyydä asetuksissa vähemmän tietoja tai pyydä lupaa Vipps MobilePaylta.",
        "Butiken ber om kunduppgifter som försäljningsenheten inte får be om. Be om mindre i konfigurationen, eller be Vipps MobilePay att tillåta det.",
    ),
);

pub(super) static NOT_ALLOWED: Advice = told(
    Who::Merchant,
    Retry::Final,
    Text::all(
        "The sales unit may not do this. Ask Vipps to allow it, or switch it off in the configuration.",
        "Salgsenheten har ikke lov til dette. Be Vipps om å tillate det, eller slå det av i oppsettet.",
        "Salgsenheden har ikke lov til dette. Bed Vipps MobilePay om at tillade det, eller slå det fra i opsætningen.",
        "Myyntiyksiköllä ei ole lupaa tähän. Pyydä lupaa Vipps MobilePaylta tai poista toiminto käytöstä asetuksissa.",
        "Försäljningsenheten får inte göra detta. Be Vipps MobilePay att tillåta det, eller stäng av det i konfigurationen.",
    ),
);

pub(super) static WHOLE: Advice = told(
    Who::Merchant,
    Retry::Final,
    Text::all(
        "The sales unit may only capture the whole amount. Capture all of it, or ask Vipps for partial capture.",
        "Salgsenheten kan bare trekke hele beløpet. Trekk alt, eller be Vipps om å få trekke deler av det.",
        "Salgsenheden kan kun hæve hele beløbet. Hæv det hele, eller bed Vipps MobilePay om at tillade, at en del hæves.",
        "Myyntiyksikkö voi veloittaa vain koko summan. Veloita koko summa tai pyydä Vipps MobilePaylta lupa osaveloituksiin.",
        "Försäljningsenheten kan bara debitera hela beloppet. Debitera allt, eller be Vipps MobilePay om att få debitera delar av det.",
    ),
);

pub(super) static CURRENCY: Advice = told(
    Who::Merchant,
    Retry::Final,
    Text::all(
        "The currency must be that of the sales unit's country. Give the shop an account whose sales unit takes this currency.",
        "Valutaen må være den i salgsenhetens land. Gi butikken en konto med en salgsenhet som tar denne valutaen.",
        "Valutaen skal være den, der bruges i salgsenhedens land. Giv butikken en konto med en salgsenhed, der tager imod denne valuta.",
        "Valuutan on oltava myyntiyksikön maan valuutta. Anna kaupalle tili, jonka myyntiyksikkö ottaa vastaan tätä valuuttaa.",
        "Valutan måste vara den i försäljningsenhetens land. Ge butiken ett konto med en försäljningsenhet som tar emot den här valutan.",
    ),
);

pub(super) static BLOCKED: Advice = told(
    Who::Merchant,
    Retry::Final,
    Text::all(
        "The sales unit cannot take payments as it is. Look at it in Vipps' portal, above all at the bank account, or ask Vipps' customer service.",
        "Salgsenheten kan ikke ta imot betalinger slik den er nå. Se på den i portalen til Vipps, særlig på bankkontoen, eller spør kundeservice hos Vipps.",
        "Salgsenheden kan ikke tage imod betalinger, som den er nu. Se på den i Vipps MobilePays portal, især på bankkontoen, eller spørg Vipps MobilePays kundeservice.",
        "Myyntiyksikkö ei voi tällä hetkellä ottaa vastaan maksuja. Tarkista sen tiedot, etenkin pankkitili, Vipps MobilePayn portaalissa tai kysy Vipps MobilePayn asiakaspalvelusta.",
        "Försäljningsenheten kan inte ta emot betalningar som den är nu. Titta på den i Vipps MobilePays portal, framför allt på bankkontot, eller fråga Vipps MobilePays kundtjänst.",
    ),
);

pub(super) static NO_REFUND: Advice = told(
    Who::Merchant,
    Retry::Final,
    Text::all(
        "Vipps cannot give this money back. Pay the customer back in another way.",
        "Vipps kan ikke gi disse pengene tilbake. Betal kunden tilbake på en annen måte.",
        "Vipps MobilePay kan ikke give disse penge tilbage. Betal kunden tilbage på en anden måde.",
        "Vipps MobilePay ei voi palauttaa näitä rahoja. Palauta rahat asiakkaalle muulla tavalla.",
        "Vipps MobilePay kan inte betala tillbaka dessa pengar. Betala tillbaka till kunden på ett annat sätt.",
    ),
);

pub(super) static CAPTURE_LATE: Advice = told(
    Who::Merchant,
    Retry::Final,
    Text::all(
        "The time to capture is over, and the money is the customer's again. Ask the customer to pay anew.",
        "Fristen for å trekke pengene er ute, og de er kundens igjen. Be kunden betale på nytt.",
        "Fristen for at hæve pengene er udløbet, og de er kundens igen. Bed kunden om at betale på ny.",
        "Veloitusaika on päättynyt, ja rahat ovat jälleen asiakkaan. Pyydä asiakasta maksamaan uudelleen.",
        "Tiden för att debitera är över, och pengarna är kundens igen. Be kunden betala på nytt.",
    ),
);

pub(super) static APP_ONLY: Advice = told(
    Who::Merchant,
    Retry::Final,
    Text::all(
        "Vipps does not approve this payment without the app. Approve it in a test user's app.",
        "Vipps godkjenner ikke denne betalingen uten appen. Godkjenn den i appen til en testbruker.",
        "Vipps MobilePay godkender ikke denne betaling uden appen. Godkend den i en testbrugers app.",
        "Vipps MobilePay ei hyväksy tätä maksua ilman sovellusta. Hyväksy maksu testikäyttäjän sovelluksessa.",
        "Vipps MobilePay godkänner inte den här betalningen utan appen. Godkänn den i en testanvändares app.",
    ),
);

// What the shop asked for and cannot be.

pub(super) static REFERENCE_USED: Advice = told(
    Who::Shop,
    Retry::Final,
    Text::all(
        "The sales unit has used this reference before. Begin a new attempt. Should it happen again, give each shop on the sales unit a reference prefix of its own.",
        "Salgsenheten har brukt denne referansen før. Begynn et nytt forsøk. Skjer det igjen, gi hver butikk på salgsenheten sitt eget prefiks for referanser.",
        "Salgsenheden har brugt denne reference før. Begynd et nyt forsøg. Sker det igen, så giv hver butik på salgsenheden sit eget præfiks til referencer.",
        "Myyntiyksikkö on jo käyttänyt tätä viitettä. Aloita uusi yritys. Jos näin käy uudelleen, anna jokaiselle myyntiyksikön kaupalle oma viitteen etuliite.",
        "Försäljningsenheten har redan använt den här referensen. Börja ett nytt försök. Händer det igen, ge varje butik på försäljningsenheten ett eget prefix för referenser.",
    ),
);

pub(super) static NOT_FOUND: Advice = told(
    Who::Shop,
    Retry::Final,
    Text::all(
        "The sales unit has no such payment. Check that the keys are those the payment was made with: most often they are another sales unit's.",
        "Salgsenheten har ingen slik betaling. Sjekk at nøklene er dem betalingen ble laget med. Oftest hører de til en annen salgsenhet.",
        "Salgsenheden har ingen sådan betaling. Kontrollér, at nøglerne er dem, betalingen blev oprettet med. Oftest hører de til en anden salgsenhed.",
        "Myyntiyksiköllä ei ole tällaista maksua. Tarkista, että avaimet ovat samat, joilla maksu luotiin. Useimmiten ne kuuluvat toiselle myyntiyksikölle.",
        "Försäljningsenheten har ingen sådan betalning. Kontrollera att nycklarna är de som betalningen skapades med. Oftast hör de till en annan försäljningsenhet.",
    ),
);

pub(super) static METADATA: Advice = told(
    Who::Shop,
    Retry::Final,
    Text::all(
        "Metadata is at most five pairs, with names of up to 100 and values of up to 500 characters, and no name twice. Send less with the order.",
        "Metadata er høyst fem par, med navn på opptil 100 og verdier på opptil 500 tegn, og ingen navn to ganger. Send mindre med ordren.",
        "Metadata er højst fem par med navne på op til 100 og værdier på op til 500 tegn, og intet navn må stå to gange. Send mindre med ordren.",
        "Metatietoja voi olla enintään viisi paria: nimessä enintään 100 ja arvossa enintään 500 merkkiä, eikä sama nimi saa toistua. Lähetä tilauksen mukana vähemmän tietoja.",
        "Metadata är högst fem par, med namn på upp till 100 och värden på upp till 500 tecken, och inget namn får förekomma två gånger. Skicka mindre med ordern.",
    ),
);

pub(super) static EXPIRY: Advice = told(
    Who::Shop,
    Retry::Final,
    Text::all(
        "The time to pay must be more than 10 minutes and less than 60 days, and such a payment needs a receipt. Change the time, or add the receipt.",
        "Betalingsfristen må være mer enn 10 minutter og mindre enn 60 dager, og en slik betaling må ha kvittering. Endre fristen, eller legg ved kvitteringen.",
        "Betalingsfristen skal være mere end 10 minutter og mindre end 60 dage, og sådan en betaling kræver en kvittering. Ret fristen, eller tilføj kvitteringen.",
        "Maksuajan on oltava yli 10 minuuttia ja alle 60 päivää, ja tällainen maksu vaatii kuitin. Muuta maksuaikaa tai lisää kuitti.",
        "Betalningsfristen måste vara längre än 10 minuter och kortare än 60 dagar, och en sådan betalning kräver ett kvitto. Ändra fristen eller lägg till kvittot.",
    ),
);

pub(super) static TOO_SMALL: Advice = told(
    Who::Shop,
    Retry::Final,
    Text::all(
        "The amount is below the least that Vipps takes: 1.00 NOK, 0.01 DKK or 0.01 EUR. Ask for more.",
        "Beløpet er mindre enn det minste Vipps tar: 1,00 NOK, 0,01 DKK eller 0,01 EUR. Be om mer.",
        "Beløbet er mindre end det mindste, Vipps MobilePay tager imod: 1,00 NOK, 0,01 DKK eller 0,01 EUR. Bed om mere.",
        "Summa on pienempi kuin pienin, jonka Vipps MobilePay hyväksyy: 1,00 NOK, 0,01 DKK tai 0,01 EUR. Pyydä suurempaa summaa.",
        "Beloppet är mindre än det minsta som Vipps MobilePay tar emot: 1,00 NOK, 0,01 DKK eller 0,01 EUR. Begär mer.",
    ),
);

pub(super) static CAPTURE_TOO_MUCH: Advice = told(
    Who::Shop,
    Retry::Final,
    Text::all(
        "At most what is left of the reservation can be captured. Capture less.",
        "Du kan høyst trekke det som er igjen av reservasjonen. Trekk et mindre beløp.",
        "Du kan højst hæve det, der er tilbage af reservationen. Hæv et mindre beløb.",
        "Voit veloittaa enintään sen, mitä varauksesta on jäljellä. Veloita pienempi summa.",
        "Du kan högst debitera det som är kvar av reservationen. Debitera ett mindre belopp.",
    ),
);

pub(super) static REFUND_TOO_MUCH: Advice = told(
    Who::Shop,
    Retry::Final,
    Text::all(
        "At most what is captured and not refunded yet can be refunded. Refund less.",
        "Du kan høyst refundere det som er trukket og ikke refundert ennå. Refunder et mindre beløp.",
        "Du kan højst refundere det, der er hævet og endnu ikke refunderet. Refundér et mindre beløb.",
        "Voit palauttaa enintään sen, mikä on veloitettu eikä ole vielä palautettu. Palauta pienempi summa.",
        "Du kan högst återbetala det som är debiterat och ännu inte återbetalat. Återbetala ett mindre belopp.",
    ),
);

pub(super) static NOTHING_CAPTURED: Advice = told(
    Who::Shop,
    Retry::Final,
    Text::all(
        "Nothing is captured yet, so there is nothing to refund. Cancel the payment instead.",
        "Ingenting er trukket ennå, så det er ingenting å refundere. Kanseller betalingen i stedet.",
        "Der er endnu ikke hævet noget, så der er intet at refundere. Annullér betalingen i stedet.",
        "Mitään ei ole vielä veloitettu, joten palautettavaa ei ole. Peruuta maksu sen sijaan.",
        "Inget är debiterat än, så det finns inget att återbetala. Annullera betalningen i stället.",
    ),
);

pub(super) static CAPTURED: Advice = told(
    Who::Shop,
    Retry::Final,
    Text::all(
        "The money is captured already, so the payment cannot be cancelled. Refund it instead.",
        "Pengene er allerede trukket, så betalingen kan ikke kanselleres. Refunder den i stedet.",
        "Pengene er allerede hævet, så betalingen kan ikke annulleres. Refundér den i stedet.",
        "Rahat on jo veloitettu, joten maksua ei voi peruuttaa. Palauta rahat sen sijaan.",
        "Pengarna är redan debiterade, så betalningen kan inte annulleras. Återbetala den i stället.",
    ),
);

pub(super) static CANCELLED: Advice = told(
    Who::Shop,
    Retry::Final,
    Text::all(
        "The payment is cancelled, so nothing can be captured. Ask the customer to pay anew.",
        "Betalingen er kansellert, så ingenting kan trekkes. Be kunden betale på nytt.",
        "Betalingen er annulleret, så der kan ikke hæves noget. Bed kunden om at betale på ny.",
        "Maksu on peruutettu, joten mitään ei voi veloittaa. Pyydä asiakasta maksamaan uudelleen.",
        "Betalningen är annullerad, så inget kan debiteras. Be kunden betala på nytt.",
    ),
);

pub(super) static CANCEL_LATE: Advice = told(
    Who::Shop,
    Retry::Final,
    Text::all(
        "The time to cancel is over. What was not captured, Vipps releases itself: nothing has to be done.",
        "Fristen for å kansellere er ute. Det som ikke er trukket, frigir Vipps selv: Ingenting må gjøres.",
        "Fristen for at annullere er udløbet. Det, der ikke er hævet, frigiver Vipps MobilePay selv: Der skal ikke gøres noget.",
        "Peruutusaika on päättynyt. Veloittamatta jääneen osan Vipps MobilePay vapauttaa itse: mitään ei tarvitse tehdä.",
        "Tiden för att annullera är över. Det som inte har debiterats frigör Vipps MobilePay självt: inget behöver göras.",
    ),
);

pub(super) static STATE: Advice = told(
    Who::Shop,
    Retry::Final,
    Text::all(
        "The payment's state does not allow it. Look at what has happened to the payment.",
        "Betalingens tilstand tillater det ikke. Se på hva som har skjedd med betalingen.",
        "Betalingens tilstand tillader det ikke. Se, hvad der er sket med betalingen.",
        "Maksun tila ei salli tätä. Katso, mitä maksulle on tapahtunut.",
        "Betalningens tillstånd tillåter det inte. Titta på vad som har hänt med betalningen.",
    ),
);

// What kasse goes on with by itself.

pub(super) static DONE: Advice = told(
    Who::Nobody,
    Retry::Final,
    Text::all(
        "It has been done already. kasse reads the payment at Vipps and goes on from there.",
        "Det er allerede gjort. kasse leser betalingen hos Vipps og går videre derfra.",
        "Det er allerede gjort. kasse læser betalingen hos Vipps MobilePay og fortsætter derfra.",
        "Tämä on jo tehty. kasse lukee maksun tiedot Vipps MobilePayn järjestelmästä ja jatkaa siitä.",
        "Det är redan gjort. kasse läser betalningen hos Vipps MobilePay och fortsätter därifrån.",
    ),
);

pub(super) static APPROVED: Advice = told(
    Who::Nobody,
    Retry::Final,
    Text::all(
        "The customer has approved the payment meanwhile, so it stands. kasse reads the payment at Vipps and goes on from there.",
        "Kunden har godkjent betalingen i mellomtiden, så den står. kasse leser betalingen hos Vipps og går videre derfra.",
        "Kunden har godkendt betalingen i mellemtiden, så den gælder. kasse læser betalingen hos Vipps MobilePay og fortsætter derfra.",
        "Asiakas on sillä välin hyväksynyt maksun, joten se on voimassa. kasse lukee maksun tiedot Vipps MobilePayn järjestelmästä ja jatkaa siitä.",
        "Kunden har under tiden godkänt betalningen, så den gäller. kasse läser betalningen hos Vipps MobilePay och fortsätter därifrån.",
    ),
);

pub(super) static WAIT: Advice = told(
    Who::Nobody,
    Retry::SameKey,
    Text::all(
        "Vipps cannot do it just now. kasse tries again by itself, with the same key.",
        "Vipps kan ikke gjøre det akkurat nå. kasse prøver igjen av seg selv, med samme nøkkel.",
        "Vipps MobilePay kan ikke gøre det lige nu. kasse prøver selv igen med samme nøgle.",
        "Vipps MobilePay ei voi tehdä tätä juuri nyt. kasse yrittää itse uudelleen samalla avaimella.",
        "Vipps MobilePay kan inte göra det just nu. kasse försöker själv igen, med samma nyckel.",
    ),
);

pub(super) static WAIT_ANEW: Advice = told(
    Who::Nobody,
    Retry::NewKey,
    Text::all(
        "The customer is paying at this moment, so the payment cannot be cancelled. kasse tries again by itself, with a new key.",
        "Kunden betaler akkurat nå, så betalingen kan ikke kanselleres. kasse prøver igjen av seg selv, med en ny nøkkel.",
        "Kunden er i gang med at betale, så betalingen kan ikke annulleres. kasse prøver selv igen med en ny nøgle.",
        "Asiakas on juuri maksamassa, joten maksua ei voi peruuttaa. kasse yrittää itse uudelleen uudella avaimella.",
        "Kunden betalar just nu, så betalningen kan inte annulleras. kasse försöker själv igen, med en ny nyckel.",
    ),
);

pub(super) static UNSURE: Advice = told(
    Who::Nobody,
    Retry::ReadFirst,
    Text::all(
        "Vipps may have done it. kasse reads the payment at Vipps and goes on from there.",
        "Det kan hende at Vipps har gjort det. kasse leser betalingen hos Vipps og går videre derfra.",
        "Vipps MobilePay har måske gjort det. kasse læser betalingen hos Vipps MobilePay og fortsætter derfra.",
        "Vipps MobilePay on saattanut tehdä tämän. kasse lukee maksun tiedot Vipps MobilePayn järjestelmästä ja jatkaa siitä.",
        "Vipps MobilePay kan ha gjort det. kasse läser betalningen hos Vipps MobilePay och fortsätter därifrån.",
    ),
);

// What is wrong in kasse itself, or in what was given to it.

pub(super) static KEY_CONFLICT: Advice = told(
    Who::Kasse,
    Retry::Final,
    Text::all(
        "Vipps has another request under the same key, and keeps to that one. Please report it, with the log's lines for the reference.",
        "Vipps har en annen forespørsel med samme nøkkel og holder seg til den. Meld gjerne fra om det, med linjene i loggen for denne referansen.",
        "Vipps MobilePay har en anden forespørgsel med samme nøgle og holder sig til den. Rapportér det gerne, og send loggens linjer for denne reference med.",
        "Vipps MobilePaylla on samalla avaimella toinen pyyntö, ja se on voimassa. Ilmoita asiasta ja liitä mukaan tätä viitettä koskevat lokirivit.",
        "Vipps MobilePay har en annan begäran med samma nyckel och håller sig till den. Rapportera det gärna och skicka med loggens rader för den här referensen.",
    ),
);

pub(super) static FIELD: Advice = told(
    Who::Kasse,
    Retry::Final,
    Text::all(
        "See that what the shop and the configuration give is within Vipps' limits. If it is, please report it, with the log's lines for the reference.",
        "Se etter at det butikken og oppsettet gir, er innenfor grensene til Vipps. Er det det, meld gjerne fra, med linjene i loggen for denne referansen.",
        "Kontrollér, at det, som butikken og opsætningen giver, er inden for Vipps MobilePays grænser. Er det det, så rapportér det gerne, og send loggens linjer for denne reference med.",
        "Tarkista, että kaupan ja asetusten tiedot ovat Vipps MobilePayn rajojen mukaisia. Jos ovat, ilmoita asiasta ja liitä mukaan tätä viitettä koskevat lokirivit.",
        "Kontrollera att det som butiken och konfigurationen anger ligger inom Vipps MobilePays gränser. Gör det det, rapportera det gärna och skicka med loggens rader för den här referensen.",
    ),
);

pub(super) static REPORT: Advice = told(
    Who::Kasse,
    Retry::Final,
    Text::all(
        "Something in kasse seems to be wrong. Please report it, with the log's lines for the reference.",
        "Noe ser ut til å være galt i programmet kasse. Meld gjerne fra om det, med linjene i loggen for denne referansen.",
        "Noget ser ud til at være galt i programmet kasse. Rapportér det gerne, og send loggens linjer for denne reference med.",
        "Kasse-ohjelmassa näyttää olevan vika. Ilmoita siitä ja liitä mukaan tätä viitettä koskevat lokirivit.",
        "Något verkar vara fel i programmet kasse. Rapportera det gärna och skicka med loggens rader för den här referensen.",
    ),
);
