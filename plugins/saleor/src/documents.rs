//! Every GraphQL document there is: what Saleor is asked, and what it is to send.
//!
//! Fields that a checkout and an order have under one name, but not in one type, have an alias on
//! the order: GraphQL refuses the same name for two shapes.

/// What Saleor writes of one payment.
macro_rules! transaction {
    () => {
        "id pspReference createdAt \
         authorizedAmount { amount } chargedAmount { amount } \
         events { id type pspReference message createdAt idempotencyKey amount { amount } }"
    };
}

macro_rules! checkout {
    () => {
        concat!(
            "__typename id languageCode isShippingRequired channel { slug currencyCode } \
             billingAddress { phone } shippingAddress { phone } \
             totalPrice { gross { amount currency } } \
             shippingPrice { gross { amount } net { amount } } \
             deliveryMethod { __typename ... on ShippingMethod { name } ... on Warehouse { name } } \
             lines { id quantity totalPrice { gross { amount } net { amount } } \
               undiscountedTotalPrice { amount } variant { id sku name product { name } } } \
             transactions { ",
            transaction!(),
            " }"
        )
    };
}

macro_rules! order {
    () => {
        concat!(
            "__typename id number checkoutId languageCode: languageCodeEnum \
             channel { slug currencyCode } \
             billingAddress { phone } shippingAddress { phone } \
             totalPrice: total { gross { amount currency } } \
             shippingPrice { gross { amount } net { amount } } shippingTaxRate shippingMethodName \
             lines { id quantity taxRate productName variantName productSku productVariantId \
               totalPrice { gross { amount } net { amount } } \
               undiscountedTotal: undiscountedTotalPrice { gross { amount } } } \
             orderTransactions: transactions { ",
            transaction!(),
            " }"
        )
    };
}

macro_rules! event {
    ($name:literal, $fields:expr) => {
        concat!(
            "subscription { event { __typename ... on ",
            $name,
            " { issuedAt version recipient { id } ",
            $fields,
            " } } }"
        )
    };
}

macro_rules! act {
    () => {
        "action { actionType amount currency } \
         transaction { id pspReference order { id checkoutId } checkout { id } \
           authorizedAmount { amount } chargedAmount { amount } refundedAmount { amount } \
           events { id type pspReference createdAt idempotencyKey amount { amount } } }"
    };
}

/// Which gateways there are: ours has nothing to tell.
pub(crate) const ON_GATEWAY: &str = event!(
    "PaymentGatewayInitializeSession",
    "sourceObject { __typename ... on Checkout { id } ... on Order { id } }"
);

/// A payment begins.
pub(crate) const ON_INITIALIZE: &str = event!(
    "TransactionInitializeSession",
    concat!(
        "idempotencyKey data action { actionType amount currency } \
         transaction { id pspReference } sourceObject { ... on Checkout { ",
        checkout!(),
        " } ... on Order { ",
        order!(),
        " } }"
    )
);

/// The shopper is back.
pub(crate) const ON_PROCESS: &str = event!(
    "TransactionProcessSession",
    concat!(
        "action { actionType amount currency } transaction { id pspReference } \
         sourceObject { __typename ... on Checkout { id languageCode transactions { ",
        transaction!(),
        " } } ... on Order { id checkoutId languageCode: languageCodeEnum \
         orderTransactions: transactions { ",
        transaction!(),
        " } } }"
    )
);

/// The merchant takes money.
pub(crate) const ON_CHARGE: &str = event!("TransactionChargeRequested", act!());

/// The merchant gives money back.
pub(crate) const ON_REFUND: &str = event!("TransactionRefundRequested", act!());

/// The merchant lets money go.
pub(crate) const ON_CANCEL: &str = event!("TransactionCancelationRequested", act!());

/// Who Saleor is, and who we are there.
pub(crate) const ABOUT: &str = "query KasseAbout { shop { version } app { id identifier } }";

/// A checkout, or the order it became: then there is no checkout any more.
pub(crate) const CHECKOUT: &str = concat!(
    "query KasseCheckout($id: ID!, $ids: [ID!]!) { checkout(id: $id) { ",
    checkout!(),
    " } orders(first: 1, filter: { checkoutIds: $ids }) { edges { node { ",
    order!(),
    " } } } }"
);

/// An order.
pub(crate) const ORDER: &str = concat!(
    "query KasseOrder($id: ID!) { order(id: $id) { ",
    order!(),
    " } }"
);

/// What happened to the money.
pub(crate) const REPORT: &str = "mutation KasseReport($id: ID!, $type: TransactionEventTypeEnum!, \
    $amount: PositiveDecimal!, $reference: String!, $message: String, $time: DateTime, \
    $actions: [TransactionActionEnum!]) { \
    written: transactionEventReport(id: $id, type: $type, amount: $amount, \
      pspReference: $reference, message: $message, time: $time, availableActions: $actions) { \
      alreadyProcessed errors { field message code } } }";

/// A payment that Saleor does not have.
pub(crate) const TRANSACTION: &str = "mutation KasseTransaction($id: ID!, \
    $transaction: TransactionCreateInput!) { \
    written: transactionCreate(id: $id, transaction: $transaction) { \
      transaction { id } errors { field message code } } }";

/// The checkout becomes an order.
pub(crate) const COMPLETE: &str = "mutation KasseComplete($id: ID!) { \
    written: checkoutComplete(id: $id) { \
      order { id number totalPrice: total { gross { amount currency } } } \
      errors { field message code } } }";

/// Where it goes, and what is offered for there.
pub(crate) const ADDRESS: &str = "mutation KasseAddress($id: ID!, $address: AddressInput!) { \
    written: checkoutShippingAddressUpdate(id: $id, shippingAddress: $address, \
      validationRules: { checkRequiredFields: false, checkFieldsFormat: false }) { \
      checkout { channel { currencyCode } \
        shippingMethods { id name active minimumDeliveryDays maximumDeliveryDays } } \
      errors { field message code } } }";

/// How it goes, and what that costs with tax.
pub(crate) const DELIVERY: &str = "mutation KasseDelivery($id: ID!, $method: ID!) { \
    written: checkoutDeliveryMethodUpdate(id: $id, deliveryMethodId: $method) { \
      checkout { shippingPrice { gross { amount currency } net { amount } } } \
      errors { field message code } } }";

/// Who bought, where it goes and how.
pub(crate) const EXPRESS: &str = "mutation KasseExpress($id: ID!, $email: String!, \
    $shipping: AddressInput!, $billing: AddressInput!, $method: ID!) { \
    email: checkoutEmailUpdate(id: $id, email: $email) { errors { field message code } } \
    shipping: checkoutShippingAddressUpdate(id: $id, shippingAddress: $shipping, \
      validationRules: { checkRequiredFields: false, checkFieldsFormat: false }) { \
      errors { field message code } } \
    billing: checkoutBillingAddressUpdate(id: $id, billingAddress: $billing, \
      validationRules: { checkRequiredFields: false, checkFieldsFormat: false }) { \
      errors { field message code } } \
    delivery: checkoutDeliveryMethodUpdate(id: $id, deliveryMethodId: $method) { \
      errors { field message code } } }";

/// The notes on an order.
pub(crate) const NOTES: &str =
    "query KasseNotes($id: ID!) { order(id: $id) { events { type message } } }";

/// One more.
pub(crate) const NOTE: &str = "mutation KasseNote($id: ID!, $message: String!) { \
    written: orderNoteAdd(order: $id, input: { message: $message }) { \
      errors { field message code } } }";

/// An order without its customer.
pub(crate) const FORGET_ORDER: &str = "mutation KasseForgetOrder($id: ID!, $input: OrderUpdateInput!) { \
    written: orderUpdate(id: $id, input: $input) { \
      order { number invoices { id } } errors { field message code } } }";

/// A checkout without its customer.
pub(crate) const FORGET_CHECKOUT: &str = "mutation KasseForgetCheckout($id: ID!, \
    $email: String!, $address: AddressInput!) { \
    email: checkoutEmailUpdate(id: $id, email: $email) { errors { field message code } } \
    shipping: checkoutShippingAddressUpdate(id: $id, shippingAddress: $address, \
      validationRules: { checkRequiredFields: false, checkFieldsFormat: false }) { \
      errors { field message code } } \
    billing: checkoutBillingAddressUpdate(id: $id, billingAddress: $address, \
      validationRules: { checkRequiredFields: false, checkFieldsFormat: false }) { \
      errors { field message code } } }";
