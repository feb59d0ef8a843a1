//! The lineage of a query that somebody pasted, against what the catalog knows.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::{AssetRef, CatalogError, NameAnswer, Result, TextLineage, View, text_lineage::read_with};
use crate::{
    model::{Dialect, KnownRelation, KnownRoutine, RelationName},
    sql::{Lookups, Options, Script, TokenClass, highlight},
};

/// Longest text that is read, in bytes: what an address can carry.
const LONGEST_QUERY: usize = 60_000;
/// Relations of one text that are looked for.
const MOST_RELATIONS: usize = 200;
/// Ways in which a statement starts, each with a word of which it must hold one as well.
const STARTS: &[(&str, &[&str])] = &[
    ("SELECT", &["FROM"]),
    ("WITH", &["AS"]),
    ("INSERT", &["INTO", "SELECT", "OVERWRITE"]),
    ("MERGE", &["USING"]),
    ("UPDATE", &["SET"]),
    ("DELETE", &["FROM"]),
    ("CREATE", &["AS", "TABLE", "VIEW", "FUNCTION", "PROCEDURE"]),
    ("DECLARE", &["SELECT", "INSERT", "MERGE", "CREATE", "UPDATE", "DELETE"]),
];
/// Words that a text of SQL has at least: `with AS` is no query.
const FEWEST_TOKENS: usize = 4;

/// The lineage of a pasted query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct QueryAnswer {
    /// The dialect that it was read in.
    pub dialect: Dialect,
    /// What it reads and writes, column by column; names as they are written in it.
    pub lineage: TextLineage,
    /// The assets that those names mean; names that mean none, or several, are missing.
    pub assets: BTreeMap<String, AssetRef>,
    /// Names that several assets fit.
    pub ambiguous: BTreeSet<String>,
}

/// Whether `text` is SQL rather than words to search for: a statement's first word and its companion.
pub fn is_query(text: &str) -> bool {
    let text = text.get(..text.floor_char_boundary(LONGEST_QUERY)).unwrap_or(text);
    let tokens: Vec<String> = highlight(text, Dialect::Generic)
        .into_iter()
        .filter(|(_, class)| *class != TokenClass::Comment)
        .map(|(span, _)| span.of(text).to_ascii_uppercase())
        .skip_while(|token| token == "(")
        .collect();
    let Some(first) = tokens.first().filter(|_| tokens.len() >= FEWEST_TOKENS) else { return false };
    let companions = STARTS.iter().find(|(start, _)| start == first).map(|(_, companions)| *companions);
    companions.is_some_and(|companions| tokens.iter().any(|token| companions.contains(&token.as_str())))
}

impl View {
    /// What `sql` reads and writes, column by column. Without a `dialect` it is read in that of the
    /// warehouse with the most assets.
    ///
    /// # Errors
    /// [`CatalogError::BadQuestion`] for a text that is too long; else when the store cannot be read.
    pub async fn read_query(&self, sql: &str, dialect: Option<Dialect>) -> Result<QueryAnswer> {
        if sql.len() > LONGEST_QUERY {
            let kilobytes = LONGEST_QUERY / 1000;
            return Err(CatalogError::BadQuestion(format!(
                "The query is longer than {kilobytes} kB. Put it into a file: wellspring lineage FILE"
            )));
        }
        let dialect = dialect.unwrap_or_else(|| self.main_dialect());
        let mut known = KnownHere::default();
        for name in relations_in(sql, dialect).await? {
            match self.resolve_name(&name).await? {
                NameAnswer::Exact { asset, column: None } | NameAnswer::Unique { asset, column: None } => {
                    known.relations.insert(name.clone(), Arc::new(self.known_relation(&asset).await?));
                    known.assets.insert(name, asset);
                }
                NameAnswer::Candidates { fits: true, .. } => {
                    known.ambiguous.insert(name);
                }
                _ => {}
            }
        }
        let text = sql.to_owned();
        let read = tokio::task::spawn_blocking(move || (read_with(&text, dialect, &known), known));
        let (lineage, known) = read.await.map_err(|cause| CatalogError::broken("reading a pasted query", cause))?;
        Ok(QueryAnswer { dialect, lineage, assets: known.assets, ambiguous: known.ambiguous })
    }

    /// The dialect of the warehouse that has the most assets.
    pub(super) fn main_dialect(&self) -> Dialect {
        *self.main_dialect.get_or_init(|| self.find_main_dialect())
    }

    fn find_main_dialect(&self) -> Dialect {
        let mut sizes: BTreeMap<Dialect, usize> = BTreeMap::new();
        for asset in &self.assets {
            let scheme = asset.namespace.split("://").next().unwrap_or_default();
            if let Ok(dialect) = scheme.parse() {
                *sizes.entry(dialect).or_default() += 1;
            }
        }
        sizes.into_iter().max_by_key(|(_, assets)| *assets).map_or(Dialect::Generic, |(dialect, _)| dialect)
    }

    /// The columns of `asset` as the engine asks for them.
    pub(super) async fn known_relation(&self, asset: &AssetRef) -> Result<KnownRelation> {
        let detail = self.load_detail(&asset.namespace, &asset.name).await?;
        let names = self.merge_columns(&detail).into_iter().map(|column| column.name);
        let (nested, columns): (Vec<String>, Vec<String>) = names.partition(|name| name.contains('.'));
        let is_whole = detail.inferred.as_ref().is_none_or(|inferred| inferred.complete);
        Ok(KnownRelation { complete: is_whole && !columns.is_empty(), columns, nested, aliases: Vec::new() })
    }
}

/// The relations that `sql` names, as written, sorted.
async fn relations_in(sql: &str, dialect: Dialect) -> Result<BTreeSet<String>> {
    let text = sql.to_owned();
    let find = move || {
        let references = Script::parse(&text, &Options { dialect, ..Options::default() }).references();
        references.reads.iter().chain(&references.writes).map(ToString::to_string).take(MOST_RELATIONS).collect()
    };
    tokio::task::spawn_blocking(find).await.map_err(|cause| CatalogError::broken("reading a pasted query", cause))
}

/// What the catalog knows of the relations that one text names, by the names as written.
#[derive(Default)]
pub(super) struct KnownHere {
    pub(super) relations: FxHashMap<String, Arc<KnownRelation>>,
    pub(super) assets: BTreeMap<String, AssetRef>,
    /// SQL functions by their dotted names in lower case.
    pub(super) routines: BTreeMap<String, Arc<KnownRoutine>>,
    ambiguous: BTreeSet<String>,
}

impl Lookups for KnownHere {
    fn relation(&self, name: &RelationName) -> Option<Arc<KnownRelation>> {
        self.relations.get(&name.to_string()).cloned()
    }

    fn routine(&self, name: &RelationName) -> Option<Arc<KnownRoutine>> {
        self.routines.get(&dotted_lower(name)).cloned()
    }

    fn canonical_name(&self, name: &RelationName) -> Option<String> {
        self.assets.get(&name.to_string()).map(|asset| asset.name.clone())
    }
}

/// The parts of a name in lower case, joined by dots.
pub(super) fn dotted_lower(name: &RelationName) -> String {
    name.parts.iter().map(|part| part.text.to_lowercase()).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::is_query;

    #[test]
    fn sql_is_told_from_words() {
        for query in [
            "select a from t",
            "-- monthly\nWITH x AS (SELECT 1 AS a) SELECT * FROM x",
            "(select a from t) union all (select b from u)",
            "INSERT INTO t SELECT 1",
            "create or replace table t as select 1 as a",
            "merge into t using s on t.id = s.id when matched then delete",
            "SELECT a, FROM broken WHERE (",
        ] {
            assert!(is_query(query), "{query}");
        }
        for words in ["churn rate", "select", "with churn", "create date", "from orders", "update set", "`p.ds.t`", "", "((("] {
            assert!(!is_query(words), "{words}");
        }
    }
}
