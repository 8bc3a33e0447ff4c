//! Is a text well-formed XML 1.0, of the kind that reports are: elements, attributes, text, the five
//! named and the numeric references, one declaration? Gives the elements and their attributes.

use std::collections::BTreeMap;

pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) text: String,
    /// Where in the list its parent is.
    pub(crate) parent: Option<usize>,
}

pub(crate) fn read(xml: &str) -> Result<Vec<Element>, String> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    if let Some(bad) = xml.chars().find(|c| !allowed(*c)) {
        return Err(format!("the character {bad:?}"));
    }
    let mut rest = xml
        .strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
        .ok_or("no declaration")?;
    let (mut elements, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
    while let Some(at) = rest.find('<') {
        let text = unescape(&rest[..at])?;
        match open.last() {
            Some(&inside) => elements[inside].text.push_str(&text),
            None if text.trim().is_empty() => {}
            None => return Err(format!("text outside: {text:?}")),
        }
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('/') {
            let (name, after) = after.split_once('>').ok_or("an end without its end")?;
            let inside = open.pop().ok_or(format!("</{name}> of nothing"))?;
            if elements[inside].name != name {
                return Err(format!("</{name}> ends <{}>", elements[inside].name));
            }
            rest = after;
            continue;
        }
        if open.is_empty() && !elements.is_empty() {
            return Err("two roots".into());
        }
        let end = rest.find([' ', '/', '>']).ok_or("no end")?;
        let name = rest[..end].to_owned();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(format!("an element named {name:?}"));
        }
        rest = &rest[end..];
        let mut attributes = BTreeMap::new();
        while let Some(after) = rest.strip_prefix(' ') {
            let (name, after) = after.split_once("=\"").ok_or("no value")?;
            if !name.chars().all(|c| c.is_ascii_lowercase()) {
                return Err(format!("an attribute named {name:?}"));
            }
            let (value, after) = after.split_once('"').ok_or("a value without its end")?;
            if value.contains(['<', '\n', '\t']) {
                return Err(format!("in {name}: {value:?}"));
            }
            if attributes
                .insert(name.to_owned(), unescape(value)?)
                .is_some()
            {
                return Err(format!("{name} twice"));
            }
            rest = after;
        }
        elements.push(Element {
            name,
            attributes,
            text: String::new(),
            parent: open.last().copied(),
        });
        if let Some(after) = rest.strip_prefix("/>") {
            rest = after;
        } else {
            rest = rest
                .strip_prefix('>')
                .ok_or(format!("at {:?}", rest.get(..20)))?;
            open.push(elements.len() - 1);
        }
    }
    match (open.is_empty(), rest.trim()) {
        (true, "") => Ok(elements),
        _ => Err("it does not end".into()),
    }
}

fn unescape(text: &str) -> Result<String, String> {
    if text.contains("]]>") {
        return Err("]]> in text".into());
    }
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, after) = part.split_once(';').ok_or("a bare &")?;
        out.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "#9" => '\t',
            "#10" => '\n',
            other => return Err(format!("&{other};")),
        });
        out.push_str(after);
    }
    Ok(out)
}
