//! What others say in their errors, as far as it may be shown, logged and kept.

/// The most characters of it.
const MOST: usize = 200;

/// A message of Vipps' or of an engine's: at most 200 characters on one line, without what could
/// be an address that holds a secret, an e-mail address, a phone number or a token.
///
/// ```
/// use kasse_core::quotable;
///
/// assert_eq!(quotable("ada@example.com has\nno cart"), "… has no cart");
/// ```
pub fn quotable(message: &str) -> String {
    let mut quoted = String::new();
    for word in message
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
    {
        if !quoted.is_empty() {
            quoted.push(' ');
        }
        quoted.push_str(if is_telling(word) { "…" } else { word });
        if quoted.chars().count() > MOST {
            return quoted.chars().take(MOST - 1).chain(['…']).collect();
        }
    }
    quoted
}

fn is_telling(word: &str) -> bool {
    let digits = word
        .split(|c: char| !c.is_ascii_digit())
        .map(str::len)
        .max()
        .unwrap_or(0);
    digits >= 8 || word.contains("://") || word.contains('@') || word.chars().count() > 60
}

/// A text in which none of these values stands as words of its own, whatever their case. Values of
/// one character are left: they tell nothing, and are in every sentence.
pub(crate) fn without(text: &str, values: &[&str]) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let inside = kept.chars().next_back().is_some_and(char::is_alphanumeric);
        let found = values
            .iter()
            .filter(|value| !inside && value.chars().count() > 1)
            .filter_map(|value| begins_with(rest, value))
            .max();
        match found {
            Some(after) => {
                kept.push('…');
                rest = rest.get(after..).unwrap_or_default();
            }
            None => {
                kept.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    kept
}

/// Where the value ends, if the text begins with it as a whole word.
fn begins_with(text: &str, value: &str) -> Option<usize> {
    let mut characters = text.char_indices();
    for expected in value.chars() {
        let (_, found) = characters.next()?;
        if !found.to_lowercase().eq(expected.to_lowercase()) {
            return None;
        }
    }
    match characters.next() {
        Some((_, next)) if next.is_alphanumeric() => None,
        Some((after, _)) => Some(after),
        None => Some(text.len()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_telling_is_quoted() {
        let said = "No route\tto https://x.example/?key=1 for ada@example.com, 4791234567 or 12";
        assert_eq!(quotable(said), "No route to … for … … or 12");
        assert_eq!(quotable(&"z".repeat(61)), "…");
        assert_eq!(quotable(&"zz ".repeat(500)).chars().count(), MOST);
    }

    #[test]
    fn values_are_hidden_as_whole_words() {
        let values = ["Ada", "Lovelace", "Robert Levins gate 5", "0154", "B", ""];
        for (text, hidden) in [
            (
                "Customer ada Lovelace, ROBERT LEVINS GATE 5, 0154 Oslo",
                "Customer … …, …, … Oslo",
            ),
            ("Adapter 10154 of Adas", "Adapter 10154 of Adas"),
            ("Ada", "…"),
            ("plan B", "plan B"),
        ] {
            assert_eq!(without(text, &values), hidden);
        }
    }

    proptest! {
        #[test]
        fn what_is_hidden_is_not_there(before in "[a-z ]{0,9}", value in "\\p{L}{4,9}", after in "[ ,.;\"]{1}\\PC{0,9}") {
            let text = format!("{before} {value}{after}");
            let kept = without(&text, &[&value]);
            prop_assert!(kept.contains('…'), "{kept}");
            prop_assert_eq!(without(&kept, &["\u{1}\u{1}"]), kept);
        }
    }
}
