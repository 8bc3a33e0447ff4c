//! As much of GraphQL as is asked of the stand-in: documents, and what they select of a value.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Number, Value};

/// A request's document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) operation: Operation,
    fragments: BTreeMap<String, (String, Vec<Selection>)>,
}

/// What it asks for. The stand-in takes one operation in a document.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) variables: Vec<Variable>,
    pub(super) selection: Vec<Selection>,
}

#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    /// As written: `ID!`, `[LineInput!]!`.
    pub(super) kind: String,
    pub(super) default: Option<Argument>,
}

#[derive(Debug)]
pub(super) enum Selection {
    Field(Field),
    /// `... on Type { … }`; without a type, the one around it.
    On(Option<String>, Vec<Selection>),
    Spread(String),
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) alias: Option<String>,
    pub(super) name: String,
    arguments: Vec<(String, Argument)>,
    pub(super) selection: Vec<Selection>,
}

#[derive(Debug)]
pub(super) enum Argument {
    Plain(Value),
    Variable(String),
    List(Vec<Argument>),
    Object(Vec<(String, Argument)>),
}

/// What is wrong with a document: answered with 400.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Syntax(String),
    /// A field that the type has not, or a variable that makes no sense.
    Invalid(String),
}

impl Field {
    /// What it is called in the answer.
    pub(super) fn key(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }

    /// Its arguments, with the variables put in. One that is not given is left out.
    pub(super) fn arguments(&self, variables: &Map<String, Value>) -> Map<String, Value> {
        let given = self.arguments.iter();
        given
            .filter_map(|(name, argument)| Some((name.clone(), argument.value(variables)?)))
            .collect()
    }
}

impl Argument {
    pub(super) fn value(&self, variables: &Map<String, Value>) -> Option<Value> {
        Some(match self {
            Self::Plain(value) => value.clone(),
            Self::Variable(name) => variables.get(name)?.clone(),
            Self::List(items) => items
                .iter()
                .filter_map(|item| item.value(variables))
                .collect(),
            Self::Object(fields) => {
                let fields = fields.iter();
                let given = fields
                    .filter_map(|(name, field)| Some((name.clone(), field.value(variables)?)));
                Value::Object(given.collect())
            }
        })
    }
}

impl Document {
    pub(super) fn read(text: &str) -> Result<Self, Wrong> {
        let mut reader = Reader::of(text)?;
        let mut operation = None;
        let mut fragments = BTreeMap::new();
        while !reader.at_end() {
            if reader.word("fragment") {
                let name = reader.name()?;
                reader.expect_word("on")?;
                let on = reader.name()?;
                fragments.insert(name, (on, reader.selection()?));
            } else {
                operation = Some(reader.operation()?);
            }
        }
        Ok(Self {
            operation: operation.ok_or_else(|| Wrong::Syntax("Unexpected EOF".into()))?,
            fragments,
        })
    }

    /// The variables of a call: those that were given, the others' defaults. One that is missing or
    /// is not of its type is refused.
    pub(super) fn variables(
        &self,
        given: &Map<String, Value>,
    ) -> Result<Map<String, Value>, Wrong> {
        let mut variables = Map::new();
        for Variable {
            name,
            kind,
            default,
        } in &self.operation.variables
        {
            let default = || default.as_ref()?.value(&Map::new());
            let value = given.get(name).cloned().or_else(default);
            let needed = kind.ends_with('!');
            match value {
                None | Some(Value::Null) if needed => {
                    return Err(Wrong::Invalid(format!(
                        "Variable \"${name}\" of required type \"{kind}\" was not provided."
                    )));
                }
                None => {}
                Some(value) => {
                    fits(name, kind.trim_end_matches('!'), &value)?;
                    variables.insert(name.clone(), value);
                }
            }
        }
        Ok(variables)
    }

    /// The names of all that a selection has in it, however deep.
    pub(super) fn names<'a>(&'a self, selection: &'a [Selection]) -> BTreeSet<&'a str> {
        let mut names = BTreeSet::new();
        let mut open: Vec<&[Selection]> = vec![selection];
        let mut spread = BTreeSet::new();
        while let Some(selection) = open.pop() {
            for selected in selection {
                match selected {
                    Selection::Field(field) => {
                        names.insert(field.name.as_str());
                        open.push(&field.selection);
                    }
                    Selection::On(_, selection) => open.push(selection),
                    Selection::Spread(name) => {
                        let fragment = self.fragments.get(name).filter(|_| spread.insert(name));
                        open.extend(fragment.map(|(_, selection)| selection.as_slice()));
                    }
                }
            }
        }
        names
    }

    /// What a selection takes of a value. An object says its type in `__typename`; `kind` is the
    /// type of one that does not.
    pub(super) fn select(
        &self,
        value: &Value,
        selection: &[Selection],
        kind: &str,
        variables: &Map<String, Value>,
    ) -> Result<Value, Wrong> {
        match value {
            Value::Array(items) => items
                .iter()
                .map(|item| self.select(item, selection, kind, variables))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            // Whole: a JSON scalar.
            Value::Object(_) if selection.is_empty() => Ok(value.clone()),
            Value::Object(fields) => {
                let mut taken = Map::new();
                self.take(fields, selection, kind, variables, &mut taken)?;
                Ok(Value::Object(taken))
            }
            scalar => Ok(scalar.clone()),
        }
    }

    fn take(
        &self,
        fields: &Map<String, Value>,
        selection: &[Selection],
        kind: &str,
        variables: &Map<String, Value>,
        taken: &mut Map<String, Value>,
    ) -> Result<(), Wrong> {
        let own = fields.get(TYPE).and_then(Value::as_str);
        let kind = own.unwrap_or(kind);
        for selected in selection {
            match selected {
                Selection::Field(field) if field.name == TYPE => {
                    taken.insert(field.key().into(), kind.into());
                }
                Selection::Field(field) => {
                    let value = match fields.get(&field.name) {
                        Some(value) => value.clone(),
                        None => metafield(fields, field, variables)
                            .ok_or_else(|| unknown(&field.name, kind))?,
                    };
                    let value = self.select(&value, &field.selection, &field.name, variables)?;
                    match taken.get_mut(field.key()) {
                        Some(before) => merge(before, value),
                        None => {
                            taken.insert(field.key().into(), value);
                        }
                    }
                }
                Selection::On(on, selection) => {
                    if on.as_deref().is_none_or(|on| is_a(kind, on)) {
                        self.take(fields, selection, kind, variables, taken)?;
                    }
                }
                Selection::Spread(name) => {
                    let (on, selection) = self
                        .fragments
                        .get(name)
                        .ok_or_else(|| Wrong::Invalid(format!("Unknown fragment \"{name}\".")))?;
                    if is_a(kind, on) {
                        self.take(fields, selection, kind, variables, taken)?;
                    }
                }
            }
        }
        Ok(())
    }
}

const TYPE: &str = "__typename";

/// Is an object of this type taken by a fragment on that one? What says no type of its own is.
fn is_a(kind: &str, on: &str) -> bool {
    let says = kind.starts_with(|first: char| first.is_ascii_uppercase());
    !says || kind == on || matches!(on, "Node" | "ObjectWithMetadata" | "Event")
}

/// `metafield(key:)` of an object with metadata.
fn metafield(
    fields: &Map<String, Value>,
    field: &Field,
    variables: &Map<String, Value>,
) -> Option<Value> {
    let list = match field.name.as_str() {
        "metafield" => fields.get("metadata")?,
        "privateMetafield" => fields.get("privateMetadata")?,
        _ => return None,
    };
    let arguments = field.arguments(variables);
    let key = arguments.get("key")?;
    let found = list
        .as_array()?
        .iter()
        .find(|item| item.get("key") == Some(key));
    Some(
        found
            .and_then(|item| item.get("value"))
            .cloned()
            .unwrap_or_default(),
    )
}

fn unknown(field: &str, kind: &str) -> Wrong {
    Wrong::Invalid(format!(
        "Cannot query field \"{field}\" on type \"{kind}\"."
    ))
}

/// A field that is selected twice has what both select of it.
fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (name, value) in more {
                match into.get_mut(&name) {
                    Some(before) => merge(before, value),
                    None => {
                        into.insert(name, value);
                    }
                }
            }
        }
        (Value::Array(into), Value::Array(more)) => {
            for (into, more) in into.iter_mut().zip(more) {
                merge(into, more);
            }
        }
        _ => {}
    }
}

/// The types of variables that Saleor was seen to check.
fn fits(name: &str, kind: &str, value: &Value) -> Result<(), Wrong> {
    let good = match kind {
        _ if value.is_null() => true,
        "ID" => value.is_string() || value.is_i64(),
        "String" | "UUID" | "DateTime" => value.is_string(),
        "Boolean" => value.is_boolean(),
        "Int" => value.is_i64(),
        "PositiveDecimal" => {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => String::new(),
            };
            text.starts_with(|first: char| first.is_ascii_digit())
        }
        "TransactionEventTypeEnum" => one_of(value, &EVENT_TYPES),
        "TransactionActionEnum" => one_of(value, &["CHARGE", "REFUND", "CANCEL"]),
        "TransactionFlowStrategyEnum" => one_of(value, &["AUTHORIZATION", "CHARGE"]),
        kind if kind.starts_with('[') => value.is_array(),
        kind if kind.ends_with("Input") => value.is_object(),
        _ => true,
    };
    if good {
        return Ok(());
    }
    Err(Wrong::Invalid(format!(
        "Variable \"${name}\" got invalid value {value}.\nExpected type \"{kind}\", found {value}."
    )))
}

/// The kinds of transaction events.
pub(super) const EVENT_TYPES: [&str; 18] = [
    "AUTHORIZATION_SUCCESS",
    "AUTHORIZATION_FAILURE",
    "AUTHORIZATION_ADJUSTMENT",
    "AUTHORIZATION_REQUEST",
    "AUTHORIZATION_ACTION_REQUIRED",
    "CHARGE_ACTION_REQUIRED",
    "CHARGE_SUCCESS",
    "CHARGE_FAILURE",
    "CHARGE_BACK",
    "CHARGE_REQUEST",
    "REFUND_SUCCESS",
    "REFUND_FAILURE",
    "REFUND_REVERSE",
    "REFUND_REQUEST",
    "CANCEL_SUCCESS",
    "CANCEL_FAILURE",
    "CANCEL_REQUEST",
    "INFO",
];

fn one_of(value: &Value, all: &[&str]) -> bool {
    value.as_str().is_some_and(|value| all.contains(&value))
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Sign(char),
    Spread,
    Name(String),
    Number(Number),
    Text(String),
}

/// How deep a document may be nested.
const DEPTH: usize = 40;

#[derive(Debug)]
struct Reader {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn of(text: &str) -> Result<Self, Wrong> {
        Ok(Self {
            tokens: tokens(text)?,
            at: 0,
            depth: 0,
        })
    }

    fn at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, Wrong> {
        let token = self.peek().cloned();
        self.at = self.at.saturating_add(1);
        token.ok_or_else(|| Wrong::Syntax("Unexpected EOF".into()))
    }

    fn sign(&mut self, sign: char) -> bool {
        let there = self.peek() == Some(&Token::Sign(sign));
        self.at = self.at.saturating_add(usize::from(there));
        there
    }

    fn word(&mut self, word: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Name(name)) if name == word);
        self.at = self.at.saturating_add(usize::from(there));
        there
    }

    fn expect(&mut self, sign: char) -> Result<(), Wrong> {
        match self.next()? {
            Token::Sign(found) if found == sign => Ok(()),
            other => Err(Wrong::Syntax(format!("Expected {sign}, found {other:?}"))),
        }
    }

    fn expect_word(&mut self, word: &str) -> Result<(), Wrong> {
        if self.word(word) {
            return Ok(());
        }
        Err(Wrong::Syntax(format!("Expected \"{word}\"")))
    }

    fn name(&mut self) -> Result<String, Wrong> {
        match self.next()? {
            Token::Name(name) => Ok(name),
            other => Err(Wrong::Syntax(format!("Expected Name, found {other:?}"))),
        }
    }

    fn operation(&mut self) -> Result<Operation, Wrong> {
        let named = ["query", "mutation", "subscription"]
            .iter()
            .any(|kind| self.word(kind));
        if named && matches!(self.peek(), Some(Token::Name(_))) {
            self.name()?;
        }
        let mut variables = Vec::new();
        if named && self.sign('(') {
            while !self.sign(')') {
                self.expect('$')?;
                let name = self.name()?;
                self.expect(':')?;
                let kind = self.kind()?;
                let default = self.sign('=').then(|| self.argument()).transpose()?;
                variables.push(Variable {
                    name,
                    kind,
                    default,
                });
            }
        }
        Ok(Operation {
            variables,
            selection: self.selection()?,
        })
    }

    fn kind(&mut self) -> Result<String, Wrong> {
        let mut kind = if self.sign('[') {
            let inner = self.deeper(Self::kind)?;
            self.expect(']')?;
            format!("[{inner}]")
        } else {
            self.name()?
        };
        if self.sign('!') {
            kind.push('!');
        }
        Ok(kind)
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Wrong>) -> Result<T, Wrong> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEPTH {
            return Err(Wrong::Syntax("It is nested too deep".into()));
        }
        let done = read(self);
        self.depth = self.depth.saturating_sub(1);
        done
    }

    fn selection(&mut self) -> Result<Vec<Selection>, Wrong> {
        self.expect('{')?;
        let mut all = Vec::new();
        while !self.sign('}') {
            all.push(self.deeper(Self::selected)?);
        }
        Ok(all)
    }

    fn selected(&mut self) -> Result<Selection, Wrong> {
        if self.peek() == Some(&Token::Spread) {
            self.next()?;
            if self.word("on") {
                return Ok(Selection::On(Some(self.name()?), self.selection()?));
            }
            if self.peek() == Some(&Token::Sign('{')) {
                return Ok(Selection::On(None, self.selection()?));
            }
            return Ok(Selection::Spread(self.name()?));
        }
        let first = self.name()?;
        let (alias, name) = match self.sign(':') {
            true => (Some(first), self.name()?),
            false => (None, first),
        };
        let mut arguments = Vec::new();
        if self.sign('(') {
            while !self.sign(')') {
                let name = self.name()?;
                self.expect(':')?;
                arguments.push((name, self.argument()?));
            }
        }
        let selection = match self.peek() {
            Some(Token::Sign('{')) => self.selection()?,
            _ => Vec::new(),
        };
        Ok(Selection::Field(Field {
            alias,
            name,
            arguments,
            selection,
        }))
    }

    fn argument(&mut self) -> Result<Argument, Wrong> {
        self.deeper(|reader| {
            Ok(match reader.next()? {
                Token::Sign('$') => Argument::Variable(reader.name()?),
                Token::Sign('[') => {
                    let mut items = Vec::new();
                    while !reader.sign(']') {
                        items.push(reader.argument()?);
                    }
                    Argument::List(items)
                }
                Token::Sign('{') => {
                    let mut fields = Vec::new();
                    while !reader.sign('}') {
                        let name = reader.name()?;
                        reader.expect(':')?;
                        fields.push((name, reader.argument()?));
                    }
                    Argument::Object(fields)
                }
                Token::Number(number) => Argument::Plain(Value::Number(number)),
                Token::Text(text) => Argument::Plain(text.into()),
                Token::Name(name) => Argument::Plain(match name.as_str() {
                    "true" => true.into(),
                    "false" => false.into(),
                    "null" => Value::Null,
                    // An enum's.
                    _ => name.into(),
                }),
                other => return Err(Wrong::Syntax(format!("Unexpected {other:?}"))),
            })
        })
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Wrong> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            _ if first.is_whitespace() || first == ',' || first == '\u{feff}' => {}
            '#' => while rest.next_if(|next| *next != '\n').is_some() {},
            '.' => {
                if !(rest.next() == Some('.') && rest.next() == Some('.')) {
                    return Err(Wrong::Syntax("Expected \"...\"".into()));
                }
                tokens.push(Token::Spread);
            }
            '"' => tokens.push(Token::Text(string(&mut rest)?)),
            _ if first.is_ascii_digit() || first == '-' => {
                let mut number = String::from(first);
                while let Some(next) = rest.next_if(|next| {
                    next.is_ascii_digit() || matches!(next, '.' | 'e' | 'E' | '+' | '-')
                }) {
                    number.push(next);
                }
                let read = serde_json::from_str(&number);
                tokens.push(Token::Number(
                    read.map_err(|_| Wrong::Syntax(format!("Invalid number {number}")))?,
                ));
            }
            _ if first.is_ascii_alphabetic() || first == '_' => {
                let mut name = String::from(first);
                while let Some(next) =
                    rest.next_if(|next| next.is_ascii_alphanumeric() || *next == '_')
                {
                    name.push(next);
                }
                tokens.push(Token::Name(name));
            }
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '!' | '$' | '=' | '@' => {
                tokens.push(Token::Sign(first));
            }
            other => {
                return Err(Wrong::Syntax(format!(
                    "Cannot parse the unexpected character \"{other}\""
                )));
            }
        }
    }
    Ok(tokens)
}

fn string(rest: &mut impl Iterator<Item = char>) -> Result<String, Wrong> {
    let mut quoted = String::from('"');
    loop {
        match rest.next() {
            Some('\\') => {
                quoted.push('\\');
                quoted.extend(rest.next());
            }
            Some('"') => {
                quoted.push('"');
                return serde_json::from_str(&quoted)
                    .map_err(|_| Wrong::Syntax("Invalid string".into()));
            }
            Some('\n') | None => return Err(Wrong::Syntax("Unterminated string".into())),
            Some(next) => quoted.push(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(text: &str, of: Value) -> Result<Value, Wrong> {
        let document = Document::read(text)?;
        document.select(&of, &document.operation.selection, "Query", &Map::new())
    }

    #[test]
    fn a_selection_takes_what_it_names() {
        let of = json!({ "order": { "__typename": "Order", "id": "1", "lines": [{ "id": "a", "n": 1 }, { "id": "b", "n": 2 }],
            "metadata": [{ "key": "k", "value": "v" }] } });
        let text = "query Q { a: order(id: \"1\") { ...F __typename k: metafield(key: \"k\") ... on User { email } } } \
            fragment F on Order { lines { n } lines { id } }";
        assert_eq!(
            asked(text, of),
            Ok(
                json!({ "a": { "__typename": "Order", "k": "v", "lines": [{ "id": "a", "n": 1 }, { "id": "b", "n": 2 }] } })
            )
        );
    }

    #[test]
    fn what_the_type_has_not_is_refused() {
        let of = json!({ "shop": { "__typename": "Shop", "name": "Fjord" } });
        let no = "Cannot query field \"finnesIkke\" on type \"Shop\".";
        assert_eq!(
            asked("{ shop { finnesIkke } }", of),
            Err(Wrong::Invalid(no.into()))
        );
        assert!(matches!(
            asked("query { order(id:", json!({})),
            Err(Wrong::Syntax(_))
        ));
    }

    #[test]
    fn variables_are_of_their_types() {
        let document =
            Document::read("mutation M($id: ID!, $a: PositiveDecimal, $n: Int = 3) { x }").unwrap();
        let given = |value: Value| document.variables(value.as_object().unwrap());
        assert!(given(json!({})).is_err());
        assert!(given(json!({ "id": "1", "a": -5 })).is_err());
        let good = json!({ "id": "1", "a": 1397.02, "n": 3 });
        assert_eq!(
            given(json!({ "id": "1", "a": 1397.02 })),
            Ok(good.as_object().unwrap().clone())
        );
    }
}
