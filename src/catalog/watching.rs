//! What people own and watch, and what is new of it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{AssetRef, Catalog, CatalogError, OwnedAsset, Remark, Result, SearchQuery, View, state::now};
use crate::{
    model::{Actor, AssetId},
    store::WatchRow,
};

/// Statements that are looked through for news.
const STATEMENTS: u32 = 2_000;
/// News that one answer holds.
const MOST_NEWS: usize = 100;
/// Assets whose files are looked at for news.
const MOST_ASSETS: usize = 1_000;
/// Most things that one person watches.
const MOST_WATCHED: usize = 1_000;

/// Something that a person watches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Watched {
    /// An asset.
    Asset {
        /// Its namespace.
        namespace: String,
        /// Its name; its key where this run has none.
        name: String,
    },
    /// What an owner owns.
    Owner {
        /// The owner's name.
        name: String,
    },
    /// What a search finds.
    Search {
        /// The search, as its address holds it: `q=churn&kind=table`.
        query: String,
    },
}

/// What somebody sees of theirs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mine {
    /// What they, and those they stand for, own: the most read first.
    pub assets: Vec<OwnedAsset>,
    /// Open remarks on it, newest first.
    pub remarks: Vec<Remark>,
    /// What they watch, sorted.
    pub watched: Vec<Watched>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct News {
    /// Names it for ever.
    pub id: String,
    /// The asset's namespace.
    pub namespace: String,
    /// The asset's name.
    pub name: String,
    /// What happened, in a line.
    pub title: String,
    /// More of it, as plain text; may be "".
    pub text: String,
    /// Who did it; "" where a file did.
    pub person: String,
    /// When, seconds since 1970 UTC.
    pub at: i64,
}

impl View {
    /// What `actor` owns and watches.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn mine(&self, actor: &Actor) -> Result<Mine> {
        let mut assets: Vec<OwnedAsset> = Vec::new();
        for asset in self.assets.iter().filter(|asset| self.owns(actor, asset.id)) {
            let facts = self.facts.of(asset.id);
            let owner = self.named_owners(&facts.owners).into_iter().find(|owner| actor.is_called(&owner.name));
            let summary = facts.summary.clone();
            assets.push(OwnedAsset { asset: self.point_at(asset), owner, summary, readers: self.readers(asset.id) });
        }
        assets.sort_by(|one, other| (other.readers, &one.asset).cmp(&(one.readers, &other.asset)));
        Ok(Mine { assets, remarks: self.remarks_for(actor).await?, watched: self.watched_by(actor).await? })
    }

    /// What `actor` watches, sorted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn watched_by(&self, actor: &Actor) -> Result<Vec<Watched>> {
        let rows = self.store.watches(&actor.name).await?;
        let mut watched: Vec<Watched> = rows.into_iter().filter_map(|row| self.watched(row)).collect();
        watched.sort();
        Ok(watched)
    }

    fn watched(&self, row: WatchRow) -> Option<Watched> {
        match row.kind.as_str() {
            "asset" => {
                let (namespace, key): (String, String) = serde_json::from_str(&row.subject).ok()?;
                let name = self.asset_with_key(&namespace, &key).map_or(key, |asset| asset.name.to_string());
                Some(Watched::Asset { namespace, name })
            }
            "owner" => Some(Watched::Owner { name: row.subject }),
            "search" => Some(Watched::Search { query: row.subject }),
            _ => None,
        }
    }

    /// What is new of what `actor` owns, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn news_of_mine(&self, actor: &Actor) -> Result<Vec<News>> {
        let mine = self.assets.iter().filter(|asset| self.owns(actor, asset.id)).map(|asset| asset.id).collect();
        self.news_of(mine).await
    }

    /// What is new of some watched things, newest first. `search` reads a search as an address holds it.
    ///
    /// # Errors
    /// When the store or the index cannot be read.
    pub async fn news_of_watched(&self, watched: &[Watched], search: fn(&str) -> SearchQuery) -> Result<Vec<News>> {
        let mut assets: BTreeSet<AssetId> = BTreeSet::new();
        for one in watched {
            match one {
                Watched::Asset { namespace, name } => assets.extend(self.find(namespace, name).map(|asset| asset.id)),
                Watched::Owner { name } => {
                    let is_owner =
                        |asset: AssetId| self.facts.of(asset).owners.iter().any(|owner| owner.name.eq_ignore_ascii_case(name));
                    assets.extend(self.assets.iter().map(|asset| asset.id).filter(|asset| is_owner(*asset)));
                }
                Watched::Search { query } => {
                    let query = SearchQuery { per_page: SearchQuery::MOST_PER_PAGE, ..search(query) };
                    let hits = self.search(&query).await?.hits;
                    let found = |asset: &AssetRef| self.find(&asset.namespace, &asset.name).map(|asset| asset.id);
                    assets.extend(hits.iter().filter_map(|hit| found(&hit.asset)));
                }
            }
        }
        self.news_of(assets).await
    }

    async fn news_of(&self, assets: BTreeSet<AssetId>) -> Result<Vec<News>> {
        let keys: BTreeSet<(&str, &str)> =
            assets.iter().filter_map(|asset| self.asset(*asset)).map(|asset| (&*asset.namespace, &*asset.name)).collect();
        let is_wanted = |namespace: &str, name: &str| keys.contains(&(namespace, name));
        let mut news: Vec<News> = Vec::new();
        for entry in self.statements(None, STATEMENTS).await?.into_iter().filter(|one| is_wanted(&one.namespace, &one.name)) {
            let of = if entry.column.is_empty() { String::new() } else { format!(" of {}", entry.column) };
            news.push(News {
                id: format!("statement-{}", entry.number),
                title: format!("{}: {}{of} is now {}", entry.name, entry.field.word(), entry.said),
                text: format!("Before: {}", entry.was),
                namespace: entry.namespace,
                name: entry.name,
                person: entry.by.person,
                at: entry.by.at,
            });
        }
        let remarks = self.store.remarks(0, None).await?.into_iter().rev().map(|row| self.remark(row));
        for remark in remarks.filter(|one| is_wanted(&one.namespace, &one.name)).take(MOST_NEWS) {
            news.push(News {
                id: format!("remark-{}", remark.number),
                title: format!("{}: {} says that something is wrong or unclear", remark.name, remark.by.person),
                text: remark.text,
                namespace: remark.namespace,
                name: remark.name,
                person: remark.by.person,
                at: remark.by.at,
            });
        }
        let ids: Vec<AssetId> = assets.iter().copied().take(MOST_ASSETS).collect();
        if !ids.is_empty() {
            for row in self.store.load_search_rows(self.run, Some(&ids)).await? {
                let Some(at) = row.changed_at else { continue };
                news.push(News {
                    id: format!("change-{}-{at}", row.asset.id.0),
                    namespace: row.asset.namespace.to_string(),
                    name: row.asset.name.to_string(),
                    title: format!("{}: its files changed", row.asset.name),
                    text: row.paths.iter().take(5).map(|path| path.to_string()).collect::<Vec<_>>().join(", "),
                    person: String::new(),
                    at,
                });
            }
        }
        news.sort_by(|one, other| (other.at, &other.id).cmp(&(one.at, &one.id)));
        news.truncate(MOST_NEWS);
        Ok(news)
    }
}

impl Watched {
    /// What is told of a thing that somebody begins to watch, so that it may be taken back.
    pub fn word(&self) -> &'static str {
        match self {
            Watched::Asset { .. } => "asset",
            Watched::Owner { .. } => "owner",
            Watched::Search { .. } => "search",
        }
    }
}

impl Catalog {
    /// `actor` watches something from now on.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such asset, [`CatalogError::BadQuestion`] for too many.
    pub async fn watch(&self, actor: &Actor, watched: &Watched) -> Result<()> {
        let row = self.watch_row(watched).await?;
        if self.store().watches(&actor.name).await?.len() >= MOST_WATCHED {
            return Err(CatalogError::BadQuestion(format!("{MOST_WATCHED} things are watched already: let some go first")));
        }
        Ok(self.store().add_watch(&actor.name, &row, now()).await?)
    }

    /// `actor` does not watch it any more.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such asset.
    pub async fn unwatch(&self, actor: &Actor, watched: &Watched) -> Result<()> {
        let row = self.watch_row(watched).await?;
        Ok(self.store().remove_watch(&actor.name, &row).await?)
    }

    async fn watch_row(&self, watched: &Watched) -> Result<WatchRow> {
        let subject = match watched {
            Watched::Asset { namespace, name } => {
                let asset = self.view().asset_to_state(namespace, name).await?;
                serde_json::json!([&*asset.namespace, &*asset.key]).to_string()
            }
            Watched::Owner { name } => name.clone(),
            Watched::Search { query } => query.clone(),
        };
        if subject.len() > 2_000 {
            return Err(CatalogError::BadQuestion("that is too long to be watched".to_owned()));
        }
        Ok(WatchRow { kind: watched.word().to_owned(), subject })
    }

    /// The last (statement, remark) that a webhook was told; one that is new is told what follows, not
    /// what was before it.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn told(&self, hook: &str) -> Result<(i64, i64)> {
        if let Some(told) = self.store().told(hook).await? {
            return Ok(told);
        }
        let remark = self.store().remarks(0, None).await?.last().map_or(0, |row| row.id);
        let told = (self.store().latest_statement().await?, remark);
        self.note_told(hook, told).await?;
        Ok(told)
    }

    /// Notes the last (statement, remark) that a webhook was told.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn note_told(&self, hook: &str, (statement, remark): (i64, i64)) -> Result<()> {
        Ok(self.store().note_told(hook, statement, remark).await?)
    }

    /// Everything that people stated and remarked after (statement, remark), oldest first, for webhooks;
    /// with the numbers of the last of both.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tell_since(&self, (statement, remark): (i64, i64), most: u32) -> Result<(Vec<serde_json::Value>, (i64, i64))> {
        let view = self.view();
        let mut told = (statement, remark);
        let mut events = Vec::new();
        for one in self.store().statements_after(statement, most).await? {
            told.0 = told.0.max(one.id);
            let named = view.asset_with_key(&one.namespace, &one.key).map_or(one.key.as_str(), |asset| &asset.name);
            events.push(serde_json::json!({
                "event": "statement", "number": one.id, "namespace": one.namespace, "name": named, "column": one.column,
                "field": one.field, "value": one.value, "withdrawn": one.withdraws, "person": one.person, "at": one.at,
            }));
        }
        for row in self.store().remarks(remark, None).await?.into_iter().take(most as usize) {
            told.1 = told.1.max(row.id);
            let one = view.remark(row);
            events.push(serde_json::json!({
                "event": "remark", "number": one.number, "namespace": one.namespace, "name": one.name, "column": one.column,
                "text": one.text, "person": one.by.person, "at": one.by.at,
            }));
        }
        Ok((events, told))
    }
}
