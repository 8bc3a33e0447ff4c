//! A shopper and a merchant, over Vendure's own GraphQL.

use http::Method;
use serde_json::{Value, json};

use crate::stage::Stage;

const ORDER: &str = "query($code: String!) { orders(options: { filter: { code: { eq: $code } } }) { items { \
    id code state active totalWithTax subTotalWithTax shippingWithTax couponCodes \
    customer { firstName lastName emailAddress phoneNumber } \
    shippingAddress { fullName streetLine1 postalCode city countryCode phoneNumber } \
    shippingLines { priceWithTax shippingMethod { code } } surcharges { sku priceWithTax } \
    lines { id quantity productVariant { sku stockAllocated } } \
    payments { id state amount transactionId errorMessage refunds { id state total } } \
    history(options: { filter: { type: { eq: \"ORDER_NOTE\" } } }) { items { data } } } } }";

/// A session with one of Vendure's two APIs.
struct Session {
    api: &'static str,
    token: Option<String>,
}

impl Session {
    async fn ask(&mut self, stage: &Stage, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let bearer = format!("Bearer {}", self.token.as_deref().unwrap_or_default());
        let mut headers = vec![("content-type", "application/json")];
        if self.token.is_some() {
            headers.push(("authorization", &bearer));
        }
        let url = format!("{}/{}", stage.vendure, self.api);
        let (_, answered, body) = stage
            .send(Method::POST, &url, &headers, body.into())
            .await
            .unwrap();
        if let Some(token) = answered.get("vendure-auth-token") {
            self.token = Some(token.to_str().unwrap().to_owned());
        }
        let mut answer: Value = serde_json::from_slice(&body).unwrap();
        assert!(answer["errors"].is_null(), "{query}: {answer}");
        answer["data"].take()
    }
}

/// Someone who buys.
pub(crate) struct Shopper {
    session: Session,
    /// The code of the order.
    pub(crate) code: String,
}

impl Shopper {
    /// With these in the cart.
    pub(crate) async fn with(stage: &Stage, cart: &[(&str, u32)]) -> Self {
        let session = Session {
            api: "shop-api",
            token: None,
        };
        let mut shopper = Self {
            session,
            code: String::new(),
        };
        for (sku, quantity) in cart {
            shopper.add(stage, sku, *quantity).await;
        }
        shopper
    }

    pub(crate) async fn add(&mut self, stage: &Stage, sku: &str, quantity: u32) {
        let products = self
            .ask(
                stage,
                "{ products { items { variants { id sku } } } }",
                json!({}),
            )
            .await;
        let variants = products["products"]["items"].as_array().unwrap().iter();
        let id = variants
            .map(|product| &product["variants"][0])
            .find(|variant| variant["sku"] == sku)
            .map(|variant| variant["id"].clone())
            .unwrap();
        let added = self
            .ask(
                stage,
                "mutation($id: ID!, $n: Int!) { addItemToOrder(productVariantId: $id, quantity: $n) { \
                    __typename ... on Order { code } ... on ErrorResult { message } } }",
                json!({ "id": id, "n": quantity }),
            )
            .await;
        self.code = added["addItemToOrder"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("{added}"))
            .to_owned();
    }

    /// Who, where to, how; and on to the payment.
    pub(crate) async fn check_out(&mut self, stage: &Stage) {
        let address = json!({
            "fullName": "Kari Nordmann", "streetLine1": "Storgata 1", "city": "Oslo",
            "postalCode": "0155", "countryCode": "NO",
        });
        let customer = json!({
            "firstName": "Kari", "lastName": "Nordmann", "phoneNumber": "4712345678",
            "emailAddress": format!("{}@example.com", self.code.to_lowercase()),
        });
        self.ask(
            stage,
            "mutation($c: CreateCustomerInput!, $a: CreateAddressInput!) { \
                setCustomerForOrder(input: $c) { __typename } setOrderShippingAddress(input: $a) { __typename } }",
            json!({ "c": customer, "a": address }),
        )
        .await;
        let methods = self
            .ask(stage, "{ eligibleShippingMethods { id code } }", json!({}))
            .await;
        let method = &methods["eligibleShippingMethods"][0];
        assert_eq!(method["code"], "parcel");
        self.ask(
            stage,
            "mutation($id: [ID!]!) { setOrderShippingMethod(shippingMethodId: $id) { __typename } }",
            json!({ "id": [method["id"]] }),
        )
        .await;
        self.go(stage, "ArrangingPayment").await;
    }

    pub(crate) async fn go(&mut self, stage: &Stage, state: &str) {
        let query = "mutation($s: String!) { transitionOrderToState(state: $s) { ... on Order { state } \
            ... on OrderStateTransitionError { transitionError } } }";
        let moved = self.ask(stage, query, json!({ "s": state })).await;
        assert_eq!(moved["transitionOrderToState"]["state"], state, "{moved}");
    }

    /// Presses "pay with Vipps". Gives what Vendure answers.
    pub(crate) async fn try_to_pay(&mut self, stage: &Stage) -> Value {
        let query = "mutation { addPaymentToOrder(input: { method: \"vipps\", metadata: {} }) { __typename \
            ... on Order { state payments { id state transactionId metadata } } ... on ErrorResult { errorCode message } \
            ... on PaymentFailedError { paymentErrorMessage } } }";
        self.ask(stage, query, json!({})).await["addPaymentToOrder"].take()
    }

    /// The same, where it has to work. Gives the payment's reference.
    pub(crate) async fn pay(&mut self, stage: &Stage) -> String {
        let order = self.try_to_pay(stage).await;
        let payments = order["payments"]
            .as_array()
            .unwrap_or_else(|| panic!("{order}"));
        let payment = payments
            .iter()
            .rfind(|payment| payment["state"] == "Created")
            .unwrap();
        let redirect = payment["metadata"]["public"]["redirectUrl"]
            .as_str()
            .unwrap();
        assert!(redirect.starts_with(&stage.simulator.url()), "{redirect}");
        payment["transactionId"].as_str().unwrap().to_owned()
    }

    /// From an empty cart to a payment that waits for its customer.
    pub(crate) async fn at_vipps(stage: &Stage, cart: &[(&str, u32)]) -> (Self, String) {
        let mut shopper = Self::with(stage, cart).await;
        shopper.check_out(stage).await;
        let reference = shopper.pay(stage).await;
        (shopper, reference)
    }

    /// Presses the express button. Gives the payment's reference.
    pub(crate) async fn express(&mut self, stage: &Stage) -> String {
        let query = "mutation { kasseExpress { redirectUrl message } }";
        let started = self.ask(stage, query, json!({})).await;
        assert!(
            started["kasseExpress"]["redirectUrl"].is_string(),
            "{started}"
        );
        let payments = stage.payments(&["list", "--order", &self.code]);
        payments[0]["reference"]
            .as_str()
            .unwrap_or_else(|| panic!("{payments}"))
            .to_owned()
    }

    /// The page that the storefront shows afterwards.
    pub(crate) async fn thanks(&mut self, stage: &Stage) -> Value {
        let query = "query($code: String!) { orderByCode(code: $code) { state totalWithTax } }";
        let code = json!({ "code": self.code });
        self.ask(stage, query, code).await["orderByCode"].take()
    }

    pub(crate) async fn ask(&mut self, stage: &Stage, query: &str, variables: Value) -> Value {
        self.session.ask(stage, query, variables).await
    }
}

/// Who sells, in Vendure's admin.
pub(crate) struct Merchant(Session);

impl Merchant {
    pub(crate) async fn new(stage: &Stage) -> Self {
        let mut session = Session {
            api: "admin-api",
            token: None,
        };
        let query =
            "mutation { login(username: \"superadmin\", password: \"superadmin\") { __typename } }";
        session.ask(stage, query, json!({})).await;
        Self(session)
    }

    pub(crate) async fn order(&mut self, stage: &Stage, code: &str) -> Value {
        self.0.ask(stage, ORDER, json!({ "code": code })).await["orders"]["items"][0].take()
    }

    /// Looks at an order until it is right.
    pub(crate) async fn sees(
        &mut self,
        stage: &Stage,
        code: &str,
        what: &str,
        right: impl Fn(&Value) -> bool,
    ) -> Value {
        let give_up = std::time::Instant::now() + crate::stage::PATIENCE;
        loop {
            let order = self.order(stage, code).await;
            if right(&order) {
                return order;
            }
            assert!(
                std::time::Instant::now() < give_up,
                "never {what}: {order:#}"
            );
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Until the order is in a state.
    pub(crate) async fn sees_state(&mut self, stage: &Stage, code: &str, state: &str) -> Value {
        self.sees(stage, code, state, |order| order["state"] == state)
            .await
    }

    pub(crate) async fn settle(&mut self, stage: &Stage, payment: &Value) -> Value {
        self.act(
            stage,
            "settlePayment(id: $id)",
            "... on SettlePaymentError { paymentErrorMessage }",
            payment,
        )
        .await
    }

    pub(crate) async fn cancel(&mut self, stage: &Stage, payment: &Value) -> Value {
        self.act(
            stage,
            "cancelPayment(id: $id)",
            "... on CancelPaymentError { paymentErrorMessage }",
            payment,
        )
        .await
    }

    async fn act(&mut self, stage: &Stage, call: &str, error: &str, payment: &Value) -> Value {
        let query = format!(
            "mutation($id: ID!) {{ done: {call} {{ __typename ... on Payment {{ state }} ... on ErrorResult {{ message }} {error} }} }}"
        );
        self.0
            .ask(stage, &query, json!({ "id": payment["id"] }))
            .await["done"]
            .take()
    }

    pub(crate) async fn refund(&mut self, stage: &Stage, payment: &Value, amount: i64) -> Value {
        let query = "mutation($i: RefundOrderInput!) { refundOrder(input: $i) { __typename ... on Refund { state total } \
            ... on ErrorResult { message } } }";
        let input = json!({ "paymentId": payment["id"], "amount": amount, "reason": "returned",
            "lines": [], "shipping": 0, "adjustment": 0 });
        self.0.ask(stage, query, json!({ "i": input })).await["refundOrder"].take()
    }

    pub(crate) async fn cancel_order(&mut self, stage: &Stage, order: &Value) {
        let query = "mutation($id: ID!) { cancelOrder(input: { orderId: $id }) { __typename ... on ErrorResult { message } } }";
        let cancelled = self.0.ask(stage, query, json!({ "id": order["id"] })).await;
        assert_eq!(
            cancelled["cancelOrder"]["__typename"], "Order",
            "{cancelled}"
        );
    }
}

/// The order's notes, in one text.
pub(crate) fn notes(order: &Value) -> String {
    order["history"]["items"].to_string()
}
