//! Changes an input. Half of the time as libFuzzer does, byte by byte; half of the time one value in
//! the JSON of one part becomes another, often one that is hard to handle: bytes alone seldom get
//! past a parser.

use serde_json::Value;

/// What is put in place of a value.
const HARD: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "-0",
    "0.1",
    "1e400",
    "-1e-400",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "92233720368547758.07",
    "\"9223372036854775807\"",
    "\"92233720368547758.07\"",
    "\"-92233720368547758.08\"",
    "\"0.005\"",
    "\"1e9\"",
    "\"NaN\"",
    "4294967295",
    "4294967296",
    "2147483648",
    "100.00000000000001",
    "\"\"",
    "\" \"",
    "\"\\u0000\"",
    "\"\\n\"",
    "\"\\ud83e\\udde6\"",
    "\"æøå\"",
    "\"../..\"",
    "\"%2e%2f\"",
    "\"NOK\"",
    "\"DKK\"",
    "\"EUR\"",
    "\"XXX\"",
    "\"nok\"",
    "[]",
    "{}",
    "[null]",
    "[[]]",
    "{\"\":null}",
    "\"0001-01-01T00:00:00Z\"",
    "\"9999-12-31T23:59:59.999999999Z\"",
    "\"2026-11-23T12:00:00+24:00\"",
    "\"https://example.com/\"",
    "\"javascript:alert(1)\"",
    "\"{reference}\"",
    "\"{order}\"",
];

/// Small numbers that differ each time, from one.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }
}

/// See [`libfuzzer_sys::fuzz_mutator`]: gives the new size.
pub(crate) fn mutate(data: &mut [u8], size: usize, most: usize, seed: u32) -> usize {
    let mut dice = Dice(u64::from(seed));
    if dice.next(2) == 0
        && let Some(new) = in_json(&data[..size], &mut dice)
        && new.len() <= most
    {
        data[..new.len()].copy_from_slice(&new);
        return new.len();
    }
    libfuzzer_sys::fuzzer_mutate(data, size, most)
}

/// One value in the JSON of one part is another.
fn in_json(data: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(data).ok()?;
    let parts: Vec<&str> = text.split("\n%%\n").collect();
    let chosen = dice.next(parts.len());
    let part = parts.get(chosen)?;
    let place = match part.strip_prefix(['{', '[']) {
        Some(_) => 0,
        None => part.find("\n\n")? + 2,
    };
    let (head, body) = part.split_at(place);
    let mut value: Value = serde_json::from_str(body).ok()?;
    let count = count(&value);
    let mut at = dice.next(count);
    change(&mut value, &mut at, dice);
    let mut out = Vec::with_capacity(data.len());
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            out.extend_from_slice(b"\n%%\n");
        }
        if number == chosen {
            out.extend_from_slice(head.as_bytes());
            serde_json::to_writer(&mut out, &value).ok()?;
        } else {
            out.extend_from_slice(part.as_bytes());
        }
    }
    Some(out)
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// Changes the value that comes at that place, the outermost being 0.
fn change(value: &mut Value, at: &mut usize, dice: &mut Dice) {
    if *at == 0 {
        *at = usize::MAX;
        return renew(value, dice);
    }
    *at -= 1;
    let inner: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => return,
    };
    for inner in inner {
        change(inner, at, dice);
        if *at == usize::MAX {
            return;
        }
    }
}

fn renew(value: &mut Value, dice: &mut Dice) {
    match (dice.next(6), &mut *value) {
        (0, Value::Array(items)) if !items.is_empty() => {
            let copy = items[dice.next(items.len())].clone();
            items.push(copy);
        }
        (1, Value::Array(items)) if !items.is_empty() => {
            let gone = dice.next(items.len());
            items.remove(gone);
        }
        (0 | 1, Value::Object(fields)) if !fields.is_empty() => {
            let name = fields.keys().nth(dice.next(fields.len())).cloned();
            fields.remove(&name.unwrap_or_default());
        }
        (0, Value::String(text)) => *text = text.repeat(1 + dice.next(40)),
        (1, Value::String(text)) => {
            let most = dice.next(text.chars().count() + 1);
            *text = text.chars().take(most).collect();
        }
        (0, Value::Number(number)) => {
            if let Some(whole) = number.as_i64() {
                let next = [
                    whole.wrapping_add(1),
                    whole.wrapping_sub(1),
                    whole.wrapping_mul(100),
                ];
                *value = next[dice.next(next.len())].into();
            }
        }
        // As text where it was a number, and the other way round.
        (1, Value::Number(number)) => *value = number.to_string().into(),
        (2, Value::String(text)) => {
            if let Ok(number) = serde_json::from_str::<serde_json::Number>(text) {
                *value = Value::Number(number);
            }
        }
        _ => {
            let hard = HARD[dice.next(HARD.len())];
            // What does not fit into a number stays text.
            *value = serde_json::from_str(hard).unwrap_or_else(|_| hard.into());
        }
    }
}
