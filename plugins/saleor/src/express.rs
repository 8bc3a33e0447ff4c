//! What an express payment brings to its checkout: who bought, where it goes and how.

use kasse_core::{Address, Error, ErrorKind, OrderRef, Payment, RecordError, Who};
use serde_json::{Value, json};

/// The variables of the mutation that writes it.
///
/// # Errors
/// The consent was taken back, or the delivery is none of the shop's (never); Vipps has not given
/// the address yet (later).
pub(crate) fn variables(at: &OrderRef, now: &Payment, phone: bool) -> Result<Value, RecordError> {
    let personal = now.personal.as_ref().filter(|_| !now.forgotten);
    let Some(personal) = personal else {
        return Err(RecordError::Never(not_taken(
            at,
            "the customer took back the consent, and it has no address.",
        )));
    };
    let Some(to) = &personal.address else {
        return Err(RecordError::Later(not_taken(
            at,
            "Vipps has not given the address yet.",
        )));
    };
    let chosen = now.delivery.as_ref();
    let Some(option) = chosen.and_then(|chosen| chosen.option.as_ref()) else {
        return Err(RecordError::Never(not_taken(
            at,
            "the delivery that was chosen is none that the shop offered.",
        )));
    };
    let mut whole = address(to);
    if let Some(fields) = whole.as_object_mut() {
        let mut set = |name: &str, value: Option<String>| {
            fields.insert(name.to_owned(), value.unwrap_or_default().into());
        };
        set("firstName", personal.first_name.clone());
        set("lastName", personal.last_name.clone());
        let number = personal.phone.as_deref().filter(|_| phone);
        set("phone", number.map(international));
        // Vipps has looked at it, and the money is reserved: an order is not refused for its form.
        fields.insert("skipValidation".to_owned(), true.into());
    }
    let method = option.engine.get("id").and_then(Value::as_str);
    Ok(json!({
        "id": crate::order::global(&at.order),
        "email": personal.email.as_deref().unwrap_or_default(),
        "shipping": whole,
        "billing": whole,
        "method": method.unwrap_or(&option.id),
    }))
}

/// An address as Saleor takes it.
pub(crate) fn address(address: &Address) -> Value {
    json!({
        "streetAddress1": address.line1,
        "streetAddress2": address.line2,
        "city": address.city,
        "postalCode": address.post_code,
        "country": address.country,
    })
}

/// `4712345678` is `+4712345678`.
fn international(phone: &str) -> String {
    if phone.starts_with('+') {
        phone.to_owned()
    } else {
        format!("+{phone}")
    }
}

pub(crate) fn not_taken(at: &OrderRef, why: &str) -> Error {
    Error::new(
        ErrorKind::WrongState,
        Who::Shop,
        format!("Order {} was not taken", at.order),
        why,
        "Look at it in Saleor's dashboard.",
    )
}
