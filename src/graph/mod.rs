//! The graph: columns and assets of one run in memory, and every walk over them.
//!
//! Plain arrays come in ([`GraphInput`]); out come an immutable [`Snapshot`], traces, impacts, paths,
//! neighbourhoods and their layout. Nothing here reads a store, knows SQL or writes a page. Numbers
//! are the store's; a walk is iterative, deterministic and bounded.

mod assets;
mod build;
mod columns;
mod cycles;
mod edges;
mod ids;
mod impact;
mod input;
mod kinds;
mod layout;
mod neighbourhood;
mod paths;
mod render;
mod snapshot;
mod step;
mod trace;
mod view;
mod walk;

pub use input::*;
pub use kinds::*;
pub use layout::*;
pub use render::*;
pub use snapshot::*;
pub use view::*;
pub use walk::*;
