//! How things become columns and come back.

use jiff::Timestamp;
use kasse_core::PaymentState;
use kasse_core::journal::JournalError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A time as text of one width: the order of the texts is the order of the times.
pub(crate) fn time(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// A time that was kept. `what` is the table and the key.
pub(crate) fn read_time(what: &str, text: &str) -> Result<Timestamp, JournalError> {
    text.parse()
        .map_err(|_| JournalError::Corrupt(format!("{what}: a time cannot be read")))
}

/// The JSON document of a thing.
pub(crate) fn document<T: Serialize>(what: &str, thing: &T) -> Result<String, JournalError> {
    serde_json::to_string(thing)
        .map_err(|_| JournalError::Corrupt(format!("{what}: it cannot be written as JSON")))
}

/// The thing of a JSON document. The error says where in it reading ended, not what stands there:
/// it may be personal.
pub(crate) fn read_document<T: DeserializeOwned>(
    what: &str,
    text: &str,
) -> Result<T, JournalError> {
    serde_json::from_str(text).map_err(|error| {
        JournalError::Corrupt(format!(
            "{what}: its document cannot be read past column {}",
            error.column()
        ))
    })
}

/// A state as one text: its word, or for one that is not known its JSON.
pub(crate) fn state(state: &PaymentState) -> Result<String, JournalError> {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Ok(other.to_string()),
        Err(_) => Err(JournalError::Corrupt(
            "a state cannot be written as JSON".to_owned(),
        )),
    }
}

/// A state that was kept.
pub(crate) fn read_state(what: &str, text: &str) -> Result<PaymentState, JournalError> {
    let value = if text.starts_with('{') {
        return read_document(what, text);
    } else {
        serde_json::Value::String(text.to_owned())
    };
    serde_json::from_value(value)
        .map_err(|_| JournalError::Corrupt(format!("{what}: a state cannot be read")))
}

/// A number of ours (events, quotes) as SQLite keeps it.
pub(crate) fn number(what: &str, number: u64) -> Result<i64, JournalError> {
    i64::try_from(number)
        .map_err(|_| JournalError::Corrupt(format!("{what}: the number {number} is too large")))
}

/// How many rows at the most.
pub(crate) fn most(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_texts_is_the_order_of_times() {
        let times = [
            Timestamp::UNIX_EPOCH,
            "2026-01-01T00:00:00Z".parse().unwrap(),
            "2026-01-01T00:00:00.000000001Z".parse().unwrap(),
            "2026-01-01T00:00:00.1Z".parse().unwrap(),
            "2026-01-01T00:00:01Z".parse().unwrap(),
            Timestamp::MAX,
        ];
        let texts = times.map(time);
        assert!(texts.is_sorted(), "{texts:?}");
        assert!(
            texts.iter().all(|text| text.len() == texts[0].len()),
            "{texts:?}"
        );
        assert_eq!(texts.map(|text| read_time("x", &text).unwrap()), times);
    }

    #[test]
    fn an_unknown_state_is_no_other_states_text() {
        let unknown = PaymentState::Unknown("initiated".into());
        assert_eq!(state(&PaymentState::Initiated).unwrap(), "initiated");
        assert_eq!(state(&unknown).unwrap(), r#"{"unknown":"initiated"}"#);
        for state_kept in [PaymentState::Initiated, PaymentState::Expired, unknown] {
            let text = state(&state_kept).unwrap();
            assert_eq!(read_state("x", &text).unwrap(), state_kept);
        }
        read_state("x", "no such word").unwrap_err();
    }

    #[test]
    fn an_unreadable_document_is_not_quoted() {
        let error = read_document::<u64>("personal main/acme-1001", "\"Ada\"").unwrap_err();
        assert!(
            error.to_string().contains("personal main/acme-1001"),
            "{error}"
        );
        assert!(!error.to_string().contains("Ada"), "{error}");
    }
}
