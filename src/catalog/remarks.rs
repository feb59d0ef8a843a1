//! "This is wrong or unclear": what readers remark, for owners to answer.

use serde::Serialize;

use super::{AssetRef, Catalog, CatalogError, Result, StatedBy, View, state::now};
use crate::{
    model::{Actor, Role, Scope},
    store::RemarkRow,
};

/// Longest remark or answer, in characters.
const LONGEST_TEXT: usize = 4_000;
/// Most open remarks of one person: more are no help to anybody.
const MOST_OPEN: usize = 100;

/// A remark, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Remark {
    /// Its number.
    pub number: i64,
    /// The asset's namespace.
    pub namespace: String,
    /// The asset's name; its key where this run has none.
    pub name: String,
    /// The asset; `None` where this run has none.
    pub asset: Option<AssetRef>,
    /// The column; "" for the asset itself.
    pub column: String,
    /// What is wrong or unclear, as plain text.
    pub text: String,
    /// Who says so, and when.
    pub by: StatedBy,
    /// What came of it, as plain text.
    pub answer: Option<String>,
    /// Who answered, and when.
    pub answered: Option<StatedBy>,
}

impl View {
    /// Remarks on an asset, newest first.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is none of that name.
    pub async fn remarks_on(&self, namespace: &str, name: &str) -> Result<Vec<Remark>> {
        let asset = self.asset_to_state(namespace, name).await?;
        let rows = self.store.remarks(0, Some((&asset.namespace, &asset.key))).await?;
        Ok(rows.into_iter().rev().map(|row| self.remark(row)).collect())
    }

    /// Open remarks on what `actor` owns, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn remarks_for(&self, actor: &Actor) -> Result<Vec<Remark>> {
        let rows = self.store.remarks(0, None).await?;
        let is_theirs = |row: &RemarkRow| {
            let asset = self.asset_with_key(&row.namespace, &row.key);
            asset.is_some_and(|asset| self.owns(actor, asset.id))
        };
        let open = rows.into_iter().rev().filter(|row| row.answer.is_none() && is_theirs(row));
        Ok(open.map(|row| self.remark(row)).collect())
    }

    pub(super) fn remark(&self, row: RemarkRow) -> Remark {
        let asset = self.asset_with_key(&row.namespace, &row.key);
        let (answer, answered) = match row.answer {
            Some((answer, person, at)) => (Some(answer), Some(StatedBy { person, at })),
            None => (None, None),
        };
        Remark {
            number: row.id,
            name: asset.map_or_else(|| row.key.clone(), |asset| asset.name.to_string()),
            asset: asset.map(|asset| self.point_at(asset)),
            namespace: row.namespace,
            column: row.column,
            text: row.text,
            by: StatedBy { person: row.person, at: row.at },
            answer,
            answered,
        }
    }
}

impl Catalog {
    /// Keeps what a reader remarks of an asset or of one of its columns.
    ///
    /// # Errors
    /// [`CatalogError::BadQuestion`] where the text is empty, too long, or one of too many.
    pub async fn remark(&self, actor: &Actor, (namespace, name): (&str, &str), column: &str, text: &str) -> Result<i64> {
        check_scope(actor)?;
        let view = self.view();
        let asset = view.asset_to_state(namespace, name).await?;
        let text = check_text(text)?;
        let open = self.store().remarks(0, None).await?;
        if open.iter().filter(|row| row.person == actor.name && row.answer.is_none()).count() >= MOST_OPEN {
            return Err(CatalogError::BadQuestion(format!("{MOST_OPEN} of your remarks are open: wait for some answers first")));
        }
        let row = RemarkRow {
            id: 0,
            namespace: asset.namespace.to_string(),
            key: asset.key.to_string(),
            column: column.chars().take(LONGEST_TEXT).collect(),
            text,
            person: actor.name.clone(),
            at: now(),
            answer: None,
        };
        Ok(self.store().add_remark(&row).await?)
    }

    /// Answers a remark; owners of what it is about, editors, and who made it may.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`] for others, [`CatalogError::NotFound`] where no such remark is open.
    pub async fn answer_remark(&self, actor: &Actor, number: i64, answer: &str) -> Result<Remark> {
        check_scope(actor)?;
        let view = self.view();
        let not_found = || CatalogError::not_found("remarks", &number.to_string());
        let row = self.store().remarks(number - 1, None).await?.into_iter().find(|row| row.id == number).ok_or_else(not_found)?;
        let asset = view.asset_with_key(&row.namespace, &row.key);
        let owns = asset.is_some_and(|asset| view.owns(actor, asset.id));
        if !owns && actor.role < Role::Editor && row.person != actor.name {
            return Err(CatalogError::Forbidden("Owners, editors and who made a remark answer it.".to_owned()));
        }
        let answer = check_text(answer)?;
        match self.store().answer_remark(number, &answer, &actor.name, now()).await? {
            true => Ok(view.remark(row)),
            false => Err(not_found()),
        }
    }
}

fn check_scope(actor: &Actor) -> Result<()> {
    match actor.scope >= Scope::Write {
        true => Ok(()),
        false => Err(CatalogError::Forbidden("This takes a token of the scope write.".to_owned())),
    }
}

fn check_text(text: &str) -> Result<String> {
    let text: String = text.replace("\r\n", "\n").chars().filter(|letter| !letter.is_control() || *letter == '\n').collect();
    let text = text.trim().to_owned();
    match text.chars().count() {
        0 => Err(CatalogError::BadQuestion("say it in a few words".to_owned())),
        letters if letters > LONGEST_TEXT => {
            Err(CatalogError::BadQuestion(format!("at most {LONGEST_TEXT} characters, not {letters}")))
        }
        _ => Ok(text),
    }
}
