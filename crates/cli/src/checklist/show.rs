//! `kasse checklist list` and `explain`.

use kasse_core::ApiKind;
use kasse_core::checklist::report::text;
use kasse_core::checklist::{List, lists};

use super::Which;
use crate::Failed;
use crate::output::say;

/// Prints the items and checks.
pub(super) fn list(which: &Which) -> Result<(), Failed> {
    let lists = which.lists()?;
    say(text::list(&lists, which.role).trim_end());
    Ok(())
}

/// Prints what is known of a check or an item.
pub(super) fn explain(id: &str) -> Result<(), Failed> {
    let lists = lists().map_err(|error| Failed::because(error.to_string()))?;
    // Our own checks stand in the lists of both APIs, each in its words.
    let of_api = |api: ApiKind| {
        let lists: Vec<List> = lists
            .iter()
            .filter(|list| list.api == api)
            .cloned()
            .collect();
        text::explain(&lists, id)
    };
    let known: Vec<String> = [ApiKind::Ecom, ApiKind::Epayment]
        .into_iter()
        .filter_map(of_api)
        .map(|known| known.trim_end().to_owned())
        .collect();
    if known.is_empty() {
        return Err(Failed::usage(unknown(&lists, id)));
    }
    say(known.join("\n\n"));
    Ok(())
}

/// What is said of an id that no list has: those that begin as it does.
pub(super) fn unknown(lists: &[List], id: &str) -> String {
    let id: String = id.chars().take(60).collect();
    let all = "`kasse checklist list` shows all";
    let mut begin = id.as_str();
    while let Some((shorter, _)) = begin.rsplit_once('.') {
        let near: Vec<&str> = ids(lists)
            .filter(|known| known.starts_with(begin))
            .collect();
        if !near.is_empty() && begin.contains('.') {
            return format!(
                "there is no check or item \"{id}\"; there are: {}; {all}",
                near.join(", ")
            );
        }
        begin = shorter;
    }
    format!("there is no check or item \"{id}\"; {all}")
}

/// The ids of all items and checks.
fn ids(lists: &[List]) -> impl Iterator<Item = &str> {
    let items = lists.iter().flat_map(|list| &list.items);
    let ids = items.flat_map(|item| {
        let checks = item.checks.iter().map(|check| check.id.as_str());
        std::iter::once(item.id.as_str()).chain(checks)
    });
    let mut seen = std::collections::BTreeSet::new();
    ids.filter(move |id| seen.insert(*id))
}
