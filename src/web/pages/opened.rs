//! Notes what readers open from the results of a search.

use crate::{
    catalog::{AssetRef, SearchOutcome},
    web::{Site, extract::Visit},
};

/// The key in an address that holds the ticket of the search that led there.
pub(super) const FROM: &str = "from";
/// The key in an address that holds what was typed when a suggestion was chosen.
pub(super) const TYPED: &str = "typed";

/// Notes that `asset`, or a column of it, was opened, where a link of ours says from which search.
pub(super) fn note_opened(site: &Site, visit: &Visit, asset: &AssetRef, column: Option<&str>) {
    let (true, Some(actor)) = (visit.from_us, &visit.visitor.actor) else { return };
    let now = visit.chrome.now;
    let ticket = match (visit.query.filled(FROM), visit.query.filled(TYPED)) {
        (Some(ticket), _) => Some(ticket.to_owned()),
        (None, Some(typed)) => site.catalog.note_search(&actor.name, typed, SearchOutcome { hits: 1, relaxed: false }, now),
        (None, None) => None,
    };
    if let Some(ticket) = ticket {
        site.catalog.note_opened(&actor.name, &ticket, (&asset.namespace, &asset.name), column, now);
    }
}
