//! Names of relations and columns. An identifier is folded once, here.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Dialect;

/// One identifier: its text without quotes, and whether it was quoted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ident {
    /// The text between the quotes.
    pub text: Box<str>,
    /// Whether quotes, backticks or brackets stood around it.
    pub quoted: bool,
}

impl Ident {
    /// An identifier that was written without quotes.
    pub fn bare(text: impl Into<Box<str>>) -> Self {
        Ident { text: text.into(), quoted: false }
    }

    /// An identifier that was written in quotes.
    pub fn quoted(text: impl Into<Box<str>>) -> Self {
        Ident { text: text.into(), quoted: true }
    }
}

/// A relation's or routine's name as written: one to four parts, outermost first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RelationName {
    /// Database (project, catalog), schema (dataset), name; outer parts may be missing.
    pub parts: Vec<Ident>,
}

impl RelationName {
    /// A name of unquoted parts, split at dots.
    pub fn from_dotted(dotted: &str) -> Self {
        RelationName { parts: dotted.split('.').map(Ident::bare).collect() }
    }

    /// A name of the given parts.
    pub fn new(parts: impl IntoIterator<Item = Ident>) -> Self {
        RelationName { parts: parts.into_iter().collect() }
    }

    /// The name of something outside of any warehouse: `key` in a tool's own `namespace`, which
    /// holds `://`.
    pub fn outside(namespace: impl Into<Box<str>>, key: impl Into<Box<str>>) -> Self {
        RelationName { parts: vec![Ident::quoted(namespace), Ident::quoted(key)] }
    }

    /// Namespace and key of a name made by [`RelationName::outside`].
    pub fn as_outside(&self) -> Option<(&str, &str)> {
        match self.parts.as_slice() {
            [namespace, key] if namespace.quoted && namespace.text.contains("://") => Some((&namespace.text, &key.text)),
            _ => None,
        }
    }

    /// The last part.
    pub fn last(&self) -> &str {
        self.parts.last().map_or("", |part| &part.text)
    }

    /// The key: every part folded by `dialect`, joined with dots.
    pub fn key(&self, dialect: Dialect) -> String {
        let folding = dialect.table_folding();
        let mut key = String::new();
        for part in &self.parts {
            if !key.is_empty() {
                key.push('.');
            }
            key.push_str(&folding.fold(&part.text, part.quoted));
        }
        key
    }

    /// The name with missing outer parts taken from `database` and `schema`.
    pub fn completed(&self, database: Option<&str>, schema: Option<&str>) -> RelationName {
        if self.as_outside().is_some() {
            return self.clone();
        }
        let mut parts = self.parts.clone();
        if parts.len() == 1
            && let Some(schema) = schema
        {
            let mut outer: Vec<Ident> = schema.split('.').map(Ident::bare).collect();
            outer.append(&mut parts);
            parts = outer;
        }
        if parts.len() == 2
            && let Some(database) = database
        {
            parts.insert(0, Ident::bare(database));
        }
        RelationName { parts }
    }
}

impl fmt::Display for RelationName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                out.write_str(".")?;
            }
            out.write_str(&part.text)?;
        }
        Ok(())
    }
}

/// The identity of an asset: a place in one warehouse, or in a tool's own namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AssetKey {
    /// `bigquery`, `snowflake://account`, `postgres://host:5432`, `metabase://host`, …
    pub namespace: String,
    /// The name, folded by the warehouse's dialect.
    pub key: String,
}
