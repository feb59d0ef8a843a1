//! Numbers that stand for stored things. A number is given once and never reused.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);)*
    };
}

ids! {
    /// An asset, as the store numbers it.
    AssetId;
    /// A column of an asset, as the store numbers it: only columns that take part in an edge, or
    /// that some SQL puts out, have a number.
    ColumnId;
    /// A document of a source, as the store numbers it.
    DocumentId;
    /// A crawl run; runs count from 1.
    RunNumber;
}
