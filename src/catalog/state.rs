//! Stating things of assets, taking statements back, and who stated what.
//!
//! In: an actor and edits. Out: appended statements, and a view that knows them. Never changes or
//! deletes a statement, and never waits for a crawl.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

use super::{Catalog, CatalogError, Overtaken, Result, StatedBy, View};
use crate::{
    model::{Actor, AssetId, Role, Scope, StatedField, StatedOwner, StatedValue},
    store::{Appended, AssetRow, NewStatement, PersonStatement},
};

/// Most assets that one change speaks of.
const MOST_AT_ONCE: usize = 2_000;

/// A change that somebody makes to one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The asset's namespace.
    pub namespace: String,
    /// The asset's name.
    pub name: String,
    /// The column; "" for the asset itself.
    pub column: String,
    /// What to state.
    pub change: FieldChange,
    /// The number of the newest statement of the field that its author saw, 0 for none; `None` where
    /// it does not matter.
    pub seen: Option<i64>,
}

/// What becomes of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldChange {
    /// It says this from now on.
    Set(StatedValue),
    /// Nothing is stated of it any more: what files say holds.
    Withdraw(StatedField),
}

/// A change of one field of many assets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkEdit {
    /// The assets: (namespace, name).
    pub assets: Vec<(String, String)>,
    /// What becomes of the field.
    pub change: FieldChange,
    /// What becomes of the owners or tags that are there.
    pub mode: BulkMode,
    /// The number of the newest statement of all that its author saw; `None` where it does not matter.
    pub seen: Option<i64>,
}

/// What becomes of owners or tags that are there when others are stated of many assets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkMode {
    /// They stay.
    Add,
    /// They go.
    Replace,
}

/// A statement in a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct HistoryEntry {
    /// Its number.
    pub number: i64,
    /// The asset's namespace.
    pub namespace: String,
    /// The asset's name; its key where this run has none.
    pub name: String,
    /// The column; "" for the asset itself.
    pub column: String,
    /// Which field.
    pub field: StatedField,
    /// What holds from it on, in a line; "as files say" where nothing is stated any more.
    pub said: String,
    /// What held before, in a line.
    pub was: String,
    /// Who, and when.
    pub by: StatedBy,
    /// The statement that it takes back.
    pub undoes: Option<i64>,
    /// How many statements were made together with it, itself among them.
    pub together: u64,
    /// Whether it is the newest of its field, so that it can be taken back.
    pub is_newest: bool,
}

/// What is said where nothing is stated.
const AS_FILES_SAY: &str = "as files say";

impl FieldChange {
    /// Which field.
    pub fn field(&self) -> StatedField {
        match self {
            FieldChange::Set(value) => value.field(),
            FieldChange::Withdraw(field) => *field,
        }
    }
}

impl View {
    /// Whether `actor` may state things of an asset: editors of every one, viewers of those they own.
    pub fn may_state(&self, actor: &Actor, namespace: &str, name: &str) -> bool {
        let owns = || self.find(namespace, name).is_some_and(|asset| self.owns(actor, asset.id));
        actor.scope >= Scope::Write && (actor.role >= Role::Editor || owns())
    }

    /// Whether `actor`, or somebody they stand for, owns an asset.
    pub(super) fn owns(&self, actor: &Actor, asset: AssetId) -> bool {
        self.facts.of(asset).owners.iter().any(|owner| actor.is_called(&owner.name))
    }

    /// Everything that people stated of an asset, newest first.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is none of that name.
    pub async fn asset_statements(&self, namespace: &str, name: &str) -> Result<Vec<HistoryEntry>> {
        let detail = self.load_detail(namespace, name).await?;
        let mut entries = self.tell_history(detail.stated, None);
        entries.reverse();
        Ok(entries)
    }

    /// The newest statements of all, newest first: `most` of those numbered below `before`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn statements(&self, before: Option<i64>, most: u32) -> Result<Vec<HistoryEntry>> {
        let shown = self.store.newest_statements(before.unwrap_or(i64::MAX), most).await?;
        let mut all: BTreeMap<i64, PersonStatement> = BTreeMap::new();
        for (namespace, key) in shown.iter().map(|one| (&one.namespace, &one.key)) {
            if !all.values().any(|one| one.namespace == *namespace && one.key == *key) {
                let of_asset = self.store.person_statements(Some((namespace, key))).await?;
                all.extend(of_asset.into_iter().map(|one| (one.id, one)));
            }
        }
        let wanted: Vec<i64> = shown.iter().map(|one| one.id).collect();
        let mut entries = self.tell_history(all.into_values().collect(), Some(&wanted));
        entries.reverse();
        Ok(entries)
    }

    /// Statements in words, oldest first, of those numbered in `wanted`.
    fn tell_history(&self, statements: Vec<PersonStatement>, wanted: Option<&[i64]>) -> Vec<HistoryEntry> {
        let mut said: BTreeMap<(String, String, String, StatedField), (i64, String)> = BTreeMap::new();
        let mut together: BTreeMap<i64, u64> = BTreeMap::new();
        let mut entries = Vec::new();
        for statement in statements {
            let Some(field) = StatedField::from_word(&statement.field) else { continue };
            let words = match (statement.withdraws, StatedValue::from_json(field, statement.value)) {
                (false, Ok(value)) => value.in_a_line(),
                (true, _) | (false, Err(_)) => AS_FILES_SAY.to_owned(),
            };
            let place = (statement.namespace.clone(), statement.key.clone(), statement.column.to_lowercase(), field);
            let before = said.insert(place, (statement.id, words.clone()));
            *together.entry(statement.batch.unwrap_or(statement.id)).or_default() += 1;
            let named = self.asset_with_key(&statement.namespace, &statement.key);
            entries.push((
                statement.batch.unwrap_or(statement.id),
                HistoryEntry {
                    number: statement.id,
                    name: named.map_or_else(|| statement.key.clone(), |asset| asset.name.to_string()),
                    namespace: statement.namespace,
                    column: statement.column,
                    field,
                    said: words,
                    was: before.map_or_else(|| AS_FILES_SAY.to_owned(), |(_, words)| words),
                    by: StatedBy { person: statement.person, at: statement.at },
                    undoes: statement.undoes,
                    together: 1,
                    is_newest: false,
                },
            ));
        }
        let newest: Vec<i64> = said.into_values().map(|(number, _)| number).collect();
        let shown = entries.into_iter().filter(|(_, entry)| wanted.is_none_or(|wanted| wanted.contains(&entry.number)));
        shown
            .map(|(batch, entry)| HistoryEntry {
                together: together.get(&batch).copied().unwrap_or(1),
                is_newest: newest.contains(&entry.number),
                ..entry
            })
            .collect()
    }
}

impl Catalog {
    /// States things as `actor`, all or nothing; a field that says so already is left alone. Lists, pages
    /// and searching know it when this returns. Comes back with the numbers of the statements.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`] where the actor may not, [`CatalogError::BadQuestion`] where a value
    /// does not fit, [`CatalogError::Overtaken`] where somebody else was faster.
    pub async fn state(&self, actor: &Actor, edits: Vec<Edit>) -> Result<Vec<i64>> {
        if edits.len() > MOST_AT_ONCE {
            return Err(CatalogError::BadQuestion(format!("at most {MOST_AT_ONCE} changes at once, not {}", edits.len())));
        }
        let view = self.view();
        let mut new: Vec<NewStatement> = Vec::new();
        for edit in edits {
            new.extend(view.statement_of(actor, edit).await?);
        }
        self.append(&new).await
    }

    /// States the same of many assets as `actor`, all or nothing, as [`Catalog::state`] does.
    ///
    /// # Errors
    /// Those of [`Catalog::state`].
    pub async fn state_of_many(&self, actor: &Actor, bulk: BulkEdit) -> Result<Vec<i64>> {
        let view = self.view();
        let mut edits = Vec::with_capacity(bulk.assets.len());
        for (namespace, name) in bulk.assets {
            let asset = view.asset_to_state(&namespace, &name).await?;
            let change = match bulk.mode {
                BulkMode::Add => view.add_to(&asset, &bulk.change),
                BulkMode::Replace => bulk.change.clone(),
            };
            let stated = view.stated.of(&asset.namespace, &asset.key);
            let newest = stated.map_or(0, |stated| stated.newest("", change.field()));
            // Whatever is newer than what the author saw was not seen: the store refuses on it.
            let seen = bulk.seen.map(|seen| if newest <= seen { newest } else { seen });
            edits.push(Edit { namespace, name, column: String::new(), change, seen });
        }
        self.state(actor, edits).await
    }

    /// Takes a statement back, and those that were made together with it where `actor` wants `all`: what
    /// held before it holds again. Comes back with how many were taken back; those of a change to many
    /// assets that something newer was stated of since stay as they are.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] where there is no such statement, [`CatalogError::Overtaken`] where
    /// something newer was stated of its field.
    pub async fn undo(&self, actor: &Actor, number: i64, all: Undoing) -> Result<u64> {
        let view = self.view();
        let asked = view.store.statements_after(number - 1, 1).await?.into_iter().find(|one| one.id == number);
        let asked = asked.ok_or_else(|| CatalogError::not_found("statements", &number.to_string()))?;
        let together = match (all, asked.batch) {
            (Undoing::Together, Some(batch)) => view.store.statements_after(batch - 1, u32::MAX).await?,
            (Undoing::Together, None) | (Undoing::One, _) => vec![asked.clone()],
        };
        let mut new: Vec<NewStatement> = Vec::new();
        for statement in together.into_iter().filter(|one| one.id == number || one.batch.is_some() && one.batch == asked.batch) {
            let is_asked = statement.id == number;
            match view.undoing(actor, statement).await {
                Ok(undoing) => new.push(undoing),
                Err(CatalogError::Overtaken(_)) if !is_asked => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(self.append(&new).await?.len() as u64)
    }

    pub(super) async fn append(&self, new: &[NewStatement]) -> Result<Vec<i64>> {
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let numbers = match self.store().append_statements(new).await? {
            Appended::All(numbers) => numbers,
            Appended::Overtaken(which) => {
                self.refresh_statements().await?;
                let view = self.view();
                let overtaken = which.into_iter().filter_map(|at| new.get(at)).map(|new| view.overtaken(&new.statement));
                return Err(CatalogError::Overtaken(overtaken.collect()));
            }
        };
        self.refresh_statements().await?;
        Ok(numbers)
    }
}

/// How much of what was stated together is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undoing {
    /// The one statement.
    One,
    /// All of the statements that were made with it.
    Together,
}

impl View {
    /// The statement that an edit makes; `None` where it would change nothing.
    async fn statement_of(&self, actor: &Actor, edit: Edit) -> Result<Option<NewStatement>> {
        let asset = self.asset_to_state(&edit.namespace, &edit.name).await?;
        self.check_may_state(actor, &asset)?;
        let field = edit.change.field();
        let column = self.column_to_state(&asset, &edit.column, field).await?;
        let stated = self.stated.of(&asset.namespace, &asset.key);
        let in_force = stated.and_then(|stated| stated.get(&column, field));
        let (value, withdraws) = match edit.change {
            FieldChange::Set(value) => (Some(value.checked().map_err(CatalogError::BadQuestion)?), false),
            FieldChange::Withdraw(_) => (None, true),
        };
        let newest = stated.map_or(0, |stated| stated.newest(&column, field));
        let knows_newest = edit.seen.is_none_or(|seen| seen == newest);
        if knows_newest && in_force.map(|field| &field.value) == value.as_ref() {
            return Ok(None);
        }
        let statement = PersonStatement {
            id: 0,
            namespace: asset.namespace.to_string(),
            key: asset.key.to_string(),
            column,
            field: field.word().to_owned(),
            value: value.as_ref().and_then(StatedValue::to_json),
            withdraws,
            person: actor.name.clone(),
            at: now(),
            undoes: None,
            batch: None,
        };
        Ok(Some(NewStatement { statement, seen: edit.seen }))
    }

    /// The statement that takes another one back.
    async fn undoing(&self, actor: &Actor, statement: PersonStatement) -> Result<NewStatement> {
        let asset = self.asset_to_state(&statement.namespace, &statement.key).await?;
        self.check_may_state(actor, &asset)?;
        let is_same = |one: &PersonStatement| one.field == statement.field && one.column.eq_ignore_ascii_case(&statement.column);
        let mut of_field = self.store.person_statements(Some((&statement.namespace, &statement.key))).await?;
        of_field.retain(is_same);
        if of_field.last().is_none_or(|newest| newest.id != statement.id) {
            return Err(CatalogError::Overtaken(vec![self.overtaken(&statement)]));
        }
        let before = of_field.iter().rev().find(|one| one.id < statement.id);
        Ok(NewStatement {
            seen: Some(statement.id),
            statement: PersonStatement {
                value: before.and_then(|before| before.value.clone()),
                withdraws: before.is_none_or(|before| before.withdraws),
                person: actor.name.clone(),
                at: now(),
                undoes: Some(statement.id),
                id: 0,
                batch: None,
                ..statement
            },
        })
    }

    /// The change with the owners or tags that the asset has already.
    fn add_to(&self, asset: &AssetRow, change: &FieldChange) -> FieldChange {
        match change {
            FieldChange::Set(StatedValue::Owners(owners)) => {
                let there = self.facts.of(asset.id).owners.iter();
                let there = there.map(|owner| StatedOwner { name: owner.name.clone(), kind: owner.kind.unwrap_or_default() });
                FieldChange::Set(StatedValue::Owners(there.chain(owners.iter().cloned()).collect()))
            }
            FieldChange::Set(StatedValue::Tags(tags)) => {
                let stated = self.stated.of(&asset.namespace, &asset.key).and_then(|stated| stated.get("", StatedField::Tags));
                let there = match stated.map(|field| &field.value) {
                    Some(StatedValue::Tags(there)) => there.clone(),
                    _ => Vec::new(),
                };
                FieldChange::Set(StatedValue::Tags(there.into_iter().chain(tags.iter().cloned()).collect()))
            }
            other => other.clone(),
        }
    }

    fn check_may_state(&self, actor: &Actor, asset: &AssetRow) -> Result<()> {
        let may = actor.scope >= Scope::Write && (actor.role >= Role::Editor || self.owns(actor, asset.id));
        if may {
            return Ok(());
        }
        Err(CatalogError::Forbidden(format!("{} may be changed by its owners and by editors.", asset.name)))
    }

    /// The asset that something is stated of; one that is gone can be spoken of too.
    pub(super) async fn asset_to_state(&self, namespace: &str, name: &str) -> Result<AssetRow> {
        match self.find(namespace, name) {
            Some(asset) => Ok(asset.clone()),
            None => Ok(self.load_detail(namespace, name).await?.asset),
        }
    }

    async fn column_to_state(&self, asset: &AssetRow, column: &str, field: StatedField) -> Result<String> {
        if column.is_empty() {
            return Ok(String::new());
        }
        if !field.is_for_columns() {
            return Err(CatalogError::BadQuestion(format!("{} is stated of whole assets, not of columns", field.word())));
        }
        let found = self.find_column(asset, column).await?;
        found.ok_or_else(|| CatalogError::not_found(&asset.namespace, &format!("{}.{column}", asset.name)))
    }

    /// What holds now of the field that `statement` was about.
    fn overtaken(&self, statement: &PersonStatement) -> Overtaken {
        let field = StatedField::from_word(&statement.field).unwrap_or(StatedField::Description);
        let stated = self.stated.of(&statement.namespace, &statement.key);
        let in_force = stated.and_then(|stated| stated.get(&statement.column, field));
        let named = self.asset_with_key(&statement.namespace, &statement.key);
        Overtaken {
            asset: named.map_or_else(|| statement.key.clone(), |asset| asset.name.to_string()),
            column: statement.column.clone(),
            field,
            said: in_force.map_or_else(|| AS_FILES_SAY.to_owned(), |field| field.value.in_a_line()),
            by: in_force.map(|field| field.by.clone()),
            number: stated.map_or(0, |stated| stated.newest(&statement.column, field)),
        }
    }

    /// The asset of this run with that key.
    pub(super) fn asset_with_key(&self, namespace: &str, key: &str) -> Option<&AssetRow> {
        let called = self.names.called(key).iter().filter_map(|at| self.assets.get(*at as usize));
        called.into_iter().find(|asset| *asset.namespace == *namespace && *asset.key == *key)
    }
}

/// Seconds since 1970 UTC.
pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
