//! The one list of adapters that are linked into this program. A new one is a line here and a
//! dependency in this crate's manifest.

use kasse_demo_shop as _;
use kasse_medusa as _;
use kasse_saleor as _;
use kasse_vendure as _;
use kasse_woocommerce as _;

use crate::output::say;
use crate::table::Table;

/// `kasse plugins`: what is linked.
pub(crate) fn print() {
    let mut table = Table::new(&["ENGINE", "VERSION", "REAL MONEY", "ABOUT"]);
    for plugin in kasse_core::registry::plugins() {
        let production = if plugin.production { "yes" } else { "no" };
        table.row([plugin.name, plugin.version, production, plugin.about]);
    }
    say(table);
}
