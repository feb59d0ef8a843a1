//! Lineage that a warehouse itself states of what its queries did.
//!
//! A document holds what is stated of one table, an edge a line, so that it has a place in the catalog
//! like any other evidence.

use serde::{Deserialize, Serialize};

/// An edge that a warehouse states. Names are dotted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NativeEdge {
    /// The table written.
    pub to: String,
    /// Its column; "" where only the tables are stated.
    pub to_column: String,
    /// The table read.
    pub from: String,
    /// Its column; "" where only the tables are stated.
    pub from_column: String,
}

/// How often and when a warehouse stated something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema, Deserialize)]
pub struct NativeSeen {
    /// Queries that it stated it of.
    pub runs: u64,
    /// The first, seconds since 1970 UTC.
    pub first_at: i64,
    /// The last, seconds since 1970 UTC.
    pub last_at: i64,
}

impl NativeSeen {
    /// Both taken together.
    pub fn and(self, other: NativeSeen) -> NativeSeen {
        NativeSeen {
            runs: self.runs + other.runs,
            first_at: self.first_at.min(other.first_at),
            last_at: self.last_at.max(other.last_at),
        }
    }
}

/// What paths of documents of stated lineage begin with; then comes the table written.
const FOLDER: &str = "native/";

impl NativeEdge {
    /// An edge between whole tables.
    pub fn of_tables(to: impl Into<String>, from: impl Into<String>) -> NativeEdge {
        NativeEdge { to: to.into(), to_column: String::new(), from: from.into(), from_column: String::new() }
    }

    /// Whether only the tables are stated.
    pub fn is_of_tables(&self) -> bool {
        self.to_column.is_empty() || self.from_column.is_empty()
    }

    /// The path of the document that holds what is stated of its target.
    pub fn path(&self) -> String {
        format!("{FOLDER}{}", self.to)
    }

    /// The line that stands for it in that document.
    pub fn line(&self) -> String {
        serde_json::json!([self.to_column, self.from, self.from_column]).to_string()
    }

    /// The edge that a line of the document at `path` stands for.
    pub fn read(path: &str, line: &str) -> Option<NativeEdge> {
        let to = path.strip_prefix(FOLDER)?.to_owned();
        let (to_column, from, from_column) = serde_json::from_str(line).ok()?;
        Some(NativeEdge { to, to_column, from, from_column })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_read_back_from_its_line() {
        let edge = NativeEdge {
            to: "SHOP.MART.\"a, b\"".into(),
            to_column: "x\"]y".into(),
            from: "SHOP.RAW.ORDERS".into(),
            from_column: "line\nbreak".into(),
        };
        assert!(!edge.line().contains('\n'));
        assert_eq!(NativeEdge::read(&edge.path(), &edge.line()), Some(edge));
        assert_eq!(NativeEdge::read("queries/x", "[]"), None);
    }
}
