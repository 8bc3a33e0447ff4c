//! What is printed for people and scripts.

use std::fmt::Display;
use std::io::Write;

/// Prints a text and the end of its line, at once. A reader that went away (`kasse payments list |
/// head`) is no failure of ours.
pub(crate) fn say(text: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}
